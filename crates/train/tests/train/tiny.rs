//! A training small enough for a test: shapes of 8 by 8 pixels with four frames; two steps of
//! reading with three clips each, two of copying with sixteen, and three of playing with four.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_model::Lexicon;
use kinora_text::Tokenizer;
use kinora_train::{Config, Event, Fed, Outcome, Result, State, Training};
use kinora_video::{Batch, Dataset, Draw, Feed, FeedConfig, Shapes, Split};

const TINY: [&str; 44] = [
    "clip.frames=4",
    "clip.height=8",
    "clip.width=8",
    "tokenizer.vocab=220",
    "tokenizer.captions=60",
    "encoder.pieces=20",
    "encoder.word=12",
    "encoder.sentence=8",
    "encoder.vectors=none",
    "encoder.tags=16",
    "generator.noise=8",
    "generator.frame_noise=2",
    "generator.position=2",
    "generator.input=4",
    "generator.hidden=8",
    "generator.decoder=[8]",
    "generator.group=4",
    "generator.style=8",
    "generator.wide=8",
    "generator.palette=6",
    "generator.bypass=true",
    "generator.direct=true",
    "generator.cells=true",
    "generator.sketch=true",
    "generator.refine=true",
    "discriminator.clip=[8, 16]",
    "discriminator.frame=[8, 16]",
    "discriminator.features=16",
    "matcher.channels=[8, 8]",
    "matcher.features=8",
    "reading.steps=2",
    "reading.batch=3",
    "copying.steps=2",
    "copying.references=40",
    "copying.batch=16",
    "copying.likelihood=0.02",
    "train.batch=4",
    "train.wrong=2",
    "train.steps=7",
    "train.r1_every=3",
    "train.ema=0.9",
    "train.log_every=3",
    "train.sample_every=3",
    "train.save_every=100",
];

/// The tiny config with some keys changed.
pub fn config(set: &[&str]) -> Config {
    let set: Vec<String> = TINY.iter().chain(set).map(|item| item.to_string()).collect();
    Config::preset("shapes", &set).unwrap()
}

pub fn create(folder: &Path, config: &Config) -> Result<Training<CpuTensor>> {
    Training::create(
        &CpuDevice::default(),
        config.clone(),
        kinora_video::open,
        folder,
        None,
        "kinora train",
    )
}

pub fn resume(folder: &Path, set: &[&str]) -> Result<Training<CpuTensor>> {
    let set: Vec<String> = set.iter().map(|item| item.to_string()).collect();
    Training::resume(
        &CpuDevice::default(),
        kinora_video::open,
        folder,
        &set,
        "kinora train --resume",
    )
}

/// Runs to the end.
pub fn finish(training: Training<CpuTensor>) -> Result<Outcome> {
    training.run(&mut |_| ControlFlow::Continue(()))
}

/// Runs until `last` steps are done.
pub fn stop_after(training: Training<CpuTensor>, last: u64) -> Result<Outcome> {
    training.run(&mut |event| match event {
        Event::Step { step, .. } if step == last => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
}

/// The lexicon that a training makes from its captions.
pub fn lexicon(config: &Config) -> Lexicon {
    let shapes = Shapes::new();
    let caption = |index| shapes.caption(Split::Train, Draw { seed: config.seed, index }).unwrap();
    let captions: Vec<String> =
        (0..config.tokenizer.captions).map(|index| caption(index).text).collect();
    let texts = captions.iter().map(String::as_str);
    let tokenizer = Tokenizer::train(texts, config.tokenizer.vocab).unwrap();
    Lexicon::new(&config.encoder, tokenizer, &captions).unwrap()
}

/// The first batch of a training, of the batch size of playing.
pub fn batch(config: &Config) -> Batch {
    let dims = config.clip.dims();
    let shapes = Arc::new(Shapes::new());
    let (seed, batch, wrong) = (config.seed, config.train.batch, config.train.wrong);
    let copies = batch;
    let first = FeedConfig { split: Split::Train, seed, start: 0, batch, dims, wrong, copies };
    Feed::new(shapes, first, |batch| batch).next().unwrap()
}

/// The input of a step from a batch.
pub fn fed(lexicon: &Lexicon, batch: &Batch) -> Fed {
    Fed::new(lexicon, batch).unwrap()
}

pub fn state(config: &Config, lexicon: &Lexicon) -> State<CpuTensor> {
    State::new(&CpuDevice::default(), config, &lexicon.inputs(), None).unwrap()
}
