//! The work to measure: the networks of a preset, and a batch for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_embed::Pieces;
use kinora_gan::{Discriminator, Noise};
use kinora_model::Lexicon;
use kinora_nn::{Module, Outline, Precision};
use kinora_tensor::{Random, Tensor, Var, grad_from};
use kinora_text::Tokenizer;
use kinora_train::{Config, Fed, Measured, State, frames_judged};
use kinora_video::{Batch, Dataset, Draw, Feed, FeedConfig, Shapes, Split};

/// Number of captions that the tokenizer is trained on.
const CAPTIONS: u64 = 2000;

/// A preset, and a batch for it.
///
/// The clips are from the built-in dataset `shapes`, at the size of the preset: the time of a step does
/// not depend on their contents, so no other data is needed.
pub struct Workload {
    pub preset: String,
    pub config: Config,
    pub lexicon: Lexicon,
    pub fed: Fed,
}

impl Workload {
    pub fn new(preset: &str, set: &[String]) -> Result<Self> {
        let mut config = Config::preset(preset, set)?;
        // Only steps of playing are measured, which are most steps of a training.
        (config.reading.steps, config.copying.steps) = (0, 0);
        let (dataset, split) = (Shapes::new(), Split::Train);
        let draw = |index| Draw { seed: config.seed, index };
        let captions = (0..CAPTIONS)
            .map(|index| Ok(dataset.caption(split, draw(index))?.text))
            .collect::<Result<Vec<String>>>()?;
        let texts = captions.iter().map(String::as_str);
        let tokenizer = Tokenizer::train(texts, config.tokenizer.vocab)?;
        let lexicon = Lexicon::new(&config.encoder, tokenizer, &captions)?;
        let Config { seed, clip, train, .. } = &config;
        let (seed, batch, wrong) = (*seed, train.batch, train.wrong);
        let dims = clip.dims();
        let first = FeedConfig { split, seed, start: 0, batch, dims, wrong, copies: 0 };
        let batch: Batch = Feed::new(Arc::new(dataset), first, |batch| batch).next()?;
        let fed = Fed::new(&lexicon, &batch)?;
        Ok(Self { preset: preset.into(), config, lexicon, fed })
    }

    /// The config of steps that always (`r1`) or never have the penalty R1.
    pub fn config_with(&self, r1: bool) -> Config {
        let mut config = self.config.clone();
        config.train.r1_every = 1;
        if !r1 {
            config.train.r1 = 0.0;
        }
        config
    }

    pub fn state<T: Tensor>(&self, device: &T::Device) -> Result<State<T>> {
        Ok(State::new(device, &self.config, &self.lexicon.inputs(), None)?)
    }

    pub fn step<T: Tensor>(
        &self,
        state: State<T>,
        device: &T::Device,
        config: &Config,
    ) -> Result<(State<T>, Measured<T>)> {
        Ok(state.step(device, config, &self.fed)?)
    }

    /// The pieces of `n` captions: those of the batch, then the false ones, then again from the start.
    pub fn pieces_of(&self, n: usize) -> Pieces {
        let all = self.fed.captions.clone();
        let cycle = |x: &[f32]| {
            let each = x.len() / all.sentences;
            x.iter().copied().cycle().take(n * each).collect::<Vec<f32>>()
        };
        let (rows, mask) = (cycle(&all.rows), cycle(&all.mask));
        let (tags, entities) = (cycle(&all.tags), cycle(&all.entities));
        let (vectors, given) = (cycle(&all.vectors), cycle(&all.given));
        Pieces { sentences: n, rows, mask, vectors, tags, entities, given, ..all }
    }

    /// The weights and the inputs as a safetensors file.
    pub fn inputs(&self, state: &State<CpuTensor>) -> Result<Vec<(String, CpuTensor)>> {
        let device = CpuDevice::new();
        let tensor = |data: &[f32], shape: &[usize]| CpuTensor::from_slice(&device, data, shape);
        let Fed { clips, values, captions: pieces, .. } = &self.fed;
        let shape = [pieces.sentences, pieces.places];
        let vectors = [pieces.sentences, pieces.places, self.lexicon.inputs().vectors];
        let [t, h, w, c] = self.config.clip.dims();
        let mut tensors: Vec<(String, CpuTensor)> = state
            .named()
            .into_iter()
            .filter(|(name, _)| ["net.", "critic."].iter().any(|part| name.starts_with(part)))
            .map(|(name, tensor)| (name, tensor.clone()))
            .collect();
        if vectors[2] > 0 {
            tensors.push(("input.vectors".into(), tensor(&pieces.vectors, &vectors)?));
        }
        tensors.extend([
            ("input.rows".into(), tensor(&pieces.rows, &shape)?),
            ("input.mask".into(), tensor(&pieces.mask, &shape)?),
            ("input.tags".into(), tensor(&pieces.tags, &shape)?),
            ("input.entities".into(), tensor(&pieces.entities, &shape)?),
            ("input.real".into(), tensor(values, &[*clips, t, h, w, c])?),
        ]);
        Ok(tensors)
    }

    /// Two steps: their random inputs and their outputs, for the comparison with the twin.
    pub fn outputs(&self, state: State<CpuTensor>) -> Result<Vec<(String, CpuTensor)>> {
        let device = CpuDevice::new();
        let n = self.fed.clips;
        let mut tensors = self.judged(&state)?;
        tensors.extend(enlarged(&device)?);
        let mut config = self.config.clone();
        config.train.r1_every = 2;
        let mut state = Some(state);
        for number in 1..=2 {
            let which = frames_judged(&config, number);
            let noise: Noise<CpuTensor> = kinora_train::noise(&device, &config, number, n)?;
            let numbers: Vec<f32> = which.iter().map(|&frame| frame as f32).collect();
            let numbers = CpuTensor::from_slice(&device, &numbers, [which.len()])?;
            let (next, measured) =
                self.step(state.take().context("the state is back")?, &device, &config)?;
            state = Some(next);
            tensors.extend([
                (format!("input.which.{number}"), numbers),
                (format!("input.film.{number}"), noise.film),
                (format!("input.frames.{number}"), noise.frames),
            ]);
            let metrics = Measured::read(&[measured])?.remove(0);
            // Not accuracies: rounding can change the sign of a logit near zero.
            for (name, value) in metrics.iter().filter(|(name, _)| !name.starts_with("accuracy")) {
                let value = CpuTensor::from_slice(&device, &[*value], [])?;
                tensors.push((format!("output.{name}.{number}"), value));
            }
        }
        Ok(tensors)
    }

    /// The films of the first step, and the logits of real clips.
    fn judged(&self, state: &State<CpuTensor>) -> Result<Vec<(String, CpuTensor)>> {
        let device = CpuDevice::new();
        let n = self.fed.clips;
        let own = self.pieces_of(n);
        let noise = kinora_train::noise(&device, &self.config, 1, n)?;
        let films = state.net.forward(&own, &noise)?;

        // The parts of the critic are private, so the discriminators are loaded from its file.
        let file = save(&self.inputs(state)?)?;
        let Config { encoder, discriminator, clip, .. } = &self.config;
        let (film, sentence) = (clip.shape(), encoder.sentence);
        let outline = Discriminator::of_clips(&mut Outline, discriminator, film, sentence)?;
        let of_clips = kinora_nn::load::<CpuTensor, _>(&outline, &device, &file, "critic.clips")?;
        let outline = Discriminator::of_frames(&mut Outline, discriminator, film, sentence)?;
        let of_frames = kinora_nn::load::<CpuTensor, _>(&outline, &device, &file, "critic.frames")?;

        let inputs = self.inputs(state)?;
        let real = &inputs.last().context("the inputs end with the clips")?.1;
        let sentence = state.net.encoder.forward(&own)?.sentence;
        let mut cuts = Vec::new();
        for frame in frames_judged(&self.config, 1) {
            let shown = real.slice(1, frame, 1)?;
            cuts.push(of_frames.logits(&of_frames.features(&shown)?, &sentence)?);
        }
        let frames = CpuTensor::concat(&cuts.iter().collect::<Vec<_>>(), 0)?;
        let clips = of_clips.logits(&of_clips.features(real)?, &sentence)?;
        Ok(vec![
            ("output.films".into(), films),
            ("output.logits_clips".into(), clips),
            ("output.logits_frames".into(), frames),
        ])
    }
}

/// A small convolution of an enlarged picture, and its gradients.
fn enlarged(device: &CpuDevice) -> Result<Vec<(String, CpuTensor)>> {
    let mut random = Random::new(0, 0);
    let mut randn = |shape: [usize; 5]| CpuTensor::randn(device, &mut random, shape);
    let (x, k, g) = (randn([2, 1, 5, 7, 4])?, randn([1, 3, 3, 4, 6])?, randn([2, 1, 10, 14, 6])?);
    let [of_x, of_k] = [&x, &k].map(|value| Var::leaf(value.clone()));
    let y = of_x.resize_conv(&of_k, &Var::constant(CpuTensor::full(device, 0.0, [6])?))?;
    let forward = y.value().clone();
    let [input, weight] = &grad_from(y, g.clone(), &[&of_x, &of_k])?[..] else {
        unreachable!("a gradient for each")
    };
    let named = |name: &str, tensor: &CpuTensor| (name.to_string(), tensor.clone());
    Ok(vec![
        named("input.enlarged.x", &x),
        named("input.enlarged.k", &k),
        named("input.enlarged.g", &g),
        named("output.enlarged.forward", &forward),
        named("output.enlarged.input", input),
        named("output.enlarged.weight", weight),
    ])
}

/// Tensors as a safetensors file.
pub fn save(tensors: &[(String, CpuTensor)]) -> Result<Vec<u8>> {
    let named: Vec<(String, &CpuTensor)> =
        tensors.iter().map(|(name, tensor)| (name.clone(), tensor)).collect();
    Ok(kinora_nn::save(&named, &BTreeMap::new(), Precision::F32)?)
}
