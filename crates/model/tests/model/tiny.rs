//! A model small enough to be created in every test.

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_embed::EncoderConfig;
use kinora_gan::{GeneratorConfig, MatcherConfig};
use kinora_model::{Card, ClipConfig, Lexicon, Model, ModelConfig, Net};
use kinora_nn::Fresh;
use kinora_tensor::Random;
use kinora_text::Tokenizer;

pub fn config() -> ModelConfig {
    ModelConfig {
        clip: ClipConfig { frames: 3, height: 4, width: 6, channels: 4, fps: 8.0 },
        encoder: EncoderConfig {
            pieces: 8,
            word: 6,
            sentence: 5,
            unit: true,
            ..EncoderConfig::default()
        },
        generator: GeneratorConfig {
            style: 5,
            wide: 6,
            palette: 3,
            bypass: true,
            direct: true,
            cells: true,
            sketch: true,
            refine: true,
            ..plain()
        },
        matcher: Some(MatcherConfig { channels: vec![8], features: 4 }),
        references: 7,
    }
}

/// A config that a file of format 2 can hold.
pub fn earlier() -> ModelConfig {
    let config = config();
    let encoder = EncoderConfig { unit: false, ..config.encoder };
    ModelConfig { encoder, generator: plain(), matcher: None, references: 0, ..config }
}

/// A generator without the parts that came later.
fn plain() -> GeneratorConfig {
    GeneratorConfig {
        noise: 5,
        frame_noise: 2,
        position: 2,
        input: 3,
        hidden: 4,
        decoder: vec![4],
        group: 2,
        ..GeneratorConfig::default()
    }
}

pub fn model() -> Model<CpuTensor> {
    of(config())
}

pub fn of(config: ModelConfig) -> Model<CpuTensor> {
    let captions = ["a knight walks to the left", "a woman in a red robe walks to the right"];
    let tokenizer = Tokenizer::train(captions.into_iter(), 240).unwrap();
    let captions = captions.map(String::from);
    let lexicon = Lexicon::new(&config.encoder, tokenizer, &captions).unwrap();
    let device = CpuDevice::default();
    let mut init = Fresh::<CpuTensor>::new(&device, Random::new(1, 0));
    let net = Net::new(&mut init, &config, &lexicon.inputs()).unwrap();
    let card = Card {
        name: "tiny".into(),
        licence: "CC0".into(),
        notes: "it has learnt \"nothing\"\n".into(),
        steps: 3,
        ..Card::default()
    };
    Model { config, card, lexicon, net }
}
