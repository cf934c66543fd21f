use std::collections::HashMap;
use std::f32::consts::PI;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_nn::{
    Adam, AdamConfig, Ema, Fresh, clip_factor, gradient_norm, gradient_squares, lift, parameters,
};
use kinora_tensor::{Random, Tensor, Var, grad};

use super::features::{Vocabulary, plain};
use super::net::{Inputs, Net, Sizes};
use super::{Tagger, inputs};
use crate::score::{Score, score};
use crate::treebank::{Sentence, Task};
use crate::{Error, Result};

/// How a tagger is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// How large it is.
    pub sizes: Sizes,
    /// How often each sentence is seen.
    pub epochs: usize,
    /// Sentences of a step.
    pub batch: usize,
    /// Adam's rate at its highest.
    pub rate: f32,
    /// The share of the numbers between layers that is dropped.
    pub dropout: f32,
    /// The share of sentences that are shown without capitals.
    pub lower: f32,
    /// How often a word has to be seen to have a vector of its own.
    pub least: usize,
    /// What all that is random comes from.
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            sizes: Sizes::default(),
            epochs: 16,
            batch: 24,
            rate: 2e-3,
            dropout: 0.35,
            lower: 0.25,
            least: 2,
            seed: 0,
        }
    }
}

/// Where a training stands.
pub struct Progress<'a> {
    /// Steps that are done, and all of them.
    pub step: usize,
    /// All steps.
    pub steps: usize,
    /// The loss of the last steps, per word: of parts of speech and of names.
    pub losses: [f32; 2],
    /// After each epoch, the tagger so far, and its scores on what is held out.
    pub epoch: Option<Epoch<'a>>,
}

/// What an epoch came to.
pub struct Epoch<'a> {
    /// How many are done.
    pub number: usize,
    /// The tagger so far.
    pub tagger: &'a Tagger,
    /// On the held out sentences: parts of speech, the same without capitals, and names.
    pub scores: [Score; 3],
}

/// Of the sentences to learn from, one block in so many is held out: it measures, and trains
/// nothing. Blocks, since sentences that stand together are of one text.
const HELD_OUT: usize = 20;

/// Sentences of such a block, or fewer where there are few blocks of them.
const BLOCK: usize = 50;

/// Streams of random numbers.
mod stream {
    pub const WEIGHTS: u64 = 1;
    pub const ORDER: u64 = 2;
    pub const STEP: u64 = 1 << 40;
}

/// The longest gradient that is followed as it is.
const CLIP: f32 = 2.0;

/// Of a rare word's uses, which share is shown as one of an unknown word: 1 / (1 + 4 n) for n uses.
const UNKNOWN: f32 = 0.25;

/// Trains a tagger on labelled sentences; `progress` may stop it, by `false`.
///
/// The same sentences, config and number of threads or another give the same bits.
///
/// # Errors
/// If the sizes make no tagger, there are no sentences for one of the tasks, or the loss is no number any more.
pub fn train(
    config: &TrainConfig,
    data: &[(Task, Vec<Sentence>)],
    progress: &mut dyn FnMut(&Progress) -> bool,
) -> Result<Tagger> {
    config.sizes.check()?;
    let sets = [Task::Pos, Task::Ner].map(|task| Set::new(task, data));
    for set in &sets {
        if set.train.is_empty() {
            return Err(Error::NoData(match set.task {
                Task::Pos => "parts of speech",
                Task::Ner => "names",
            }));
        }
    }
    let counts = counts(&sets);
    let vocabulary = vocabulary(&counts, config.least);
    let maker = Maker { config, vocabulary: &vocabulary, counts: &counts };
    let mut fresh = Fresh::new(&CpuDevice::new(), Random::new(config.seed, stream::WEIGHTS));
    let mut net: Net<CpuTensor> = Net::new(&mut fresh, config.sizes, vocabulary.len())?;
    let adam = AdamConfig { rate: config.rate, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };
    let mut adam = Adam::new(&net, adam)?;
    let mut average = Ema::new(&net, 0.999);
    let mut order = Random::new(config.seed, stream::ORDER);
    let per_epoch: usize = sets.iter().map(|set| set.train.len().div_ceil(config.batch)).sum();
    let steps = per_epoch * config.epochs;
    let mut losses = [0.0; 2];
    let mut step = 0;
    'all: for epoch in 1..=config.epochs {
        for (of, batch) in batches(&sets, config.batch, &mut order) {
            let random = Random::new(config.seed, stream::STEP + step as u64);
            let (loss, gradients) = maker.gradients(&net, sets[of].task, &batch, random)?;
            let norm = gradient_norm(&gradient_squares(&gradients)?.to_vec()?);
            if !(loss.is_finite() && norm.is_finite()) {
                return Err(Error::Diverged { step });
            }
            adam.config.rate = config.rate * schedule(step, steps);
            net = adam.step(net, &gradients, clip_factor(norm, CLIP))?;
            average.update(&net, step as u64)?;
            step += 1;
            losses[of] += (loss - losses[of]) * if losses[of] == 0.0 { 1.0 } else { 0.02 };
            if !progress(&Progress { step, steps, losses, epoch: None }) {
                break 'all;
            }
        }
        let tagger = tagger(config, &vocabulary, &average)?;
        let [pos, ner] = &sets;
        let lower: Vec<Sentence> = pos.held_out.iter().map(Sentence::lowered).collect();
        let scores = [
            score(&tagger, Task::Pos, &pos.held_out)?,
            score(&tagger, Task::Pos, &lower)?,
            score(&tagger, Task::Ner, &ner.held_out)?,
        ];
        let epoch = Some(Epoch { number: epoch, tagger: &tagger, scores });
        if !progress(&Progress { step, steps, losses, epoch }) {
            break;
        }
    }
    tagger(config, &vocabulary, &average)
}

fn tagger(
    config: &TrainConfig,
    vocabulary: &Vocabulary,
    average: &Ema<Net<CpuTensor>>,
) -> Result<Tagger> {
    let (sizes, net) = (config.sizes, average.module.clone());
    Ok(Tagger { sizes, vocabulary: vocabulary.clone(), net })
}

/// The sentences of a task.
struct Set {
    task: Task,
    train: Vec<Sentence>,
    held_out: Vec<Sentence>,
}

impl Set {
    fn new(task: Task, data: &[(Task, Vec<Sentence>)]) -> Self {
        let of_task = data.iter().filter(|(of, _)| *of == task).flat_map(|(_, all)| all);
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        let block = (of_task.clone().count() / HELD_OUT).clamp(1, BLOCK);
        for (i, sentence) in of_task.enumerate() {
            let held = i / block % HELD_OUT == HELD_OUT / 2;
            let to = if held { &mut held_out } else { &mut train };
            to.push(sentence.clone());
        }
        Self { task, train, held_out }
    }
}

/// How often each word stands in what is learnt from.
fn counts(sets: &[Set]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in sets.iter().flat_map(|set| &set.train).flat_map(|sentence| &sentence.words) {
        *counts.entry(plain(word)).or_default() += 1;
    }
    counts
}

/// The words that were seen `least` times.
fn vocabulary(counts: &HashMap<String, usize>, least: usize) -> Vocabulary {
    let frequent =
        counts.iter().filter(|(_, count)| **count >= least).map(|(word, _)| word.as_str());
    let mut words: Vec<&str> =
        frequent.filter(|word| !word.is_empty() && !word.contains(' ')).collect();
    words.sort_unstable();
    Vocabulary::new(&words.join(" ")).expect("they are in order, each once")
}

/// The batches of an epoch: each of one task, its sentences of similar length, in random order.
fn batches<'a>(
    sets: &'a [Set; 2],
    size: usize,
    random: &mut Random,
) -> Vec<(usize, Vec<&'a Sentence>)> {
    let mut batches = Vec::new();
    for (of, set) in sets.iter().enumerate() {
        let mut sentences: Vec<(usize, &Sentence)> =
            set.train.iter().map(|sentence| (sentence.words.len(), sentence)).collect();
        shuffle(&mut sentences, random);
        // By length and then as shuffled, so that batches differ from epoch to epoch.
        sentences.sort_by_key(|(length, _)| *length);
        let chunks = sentences.chunks(size);
        batches.extend(
            chunks.map(|chunk| (of, chunk.iter().map(|(_, sentence)| *sentence).collect())),
        );
    }
    shuffle(&mut batches, random);
    batches
}

fn shuffle<T>(all: &mut [T], random: &mut Random) {
    for i in (1..all.len()).rev() {
        all.swap(i, random.below(i + 1));
    }
}

/// A short rise, then a fall along a cosine.
fn schedule(step: usize, steps: usize) -> f32 {
    let rise = ((step + 1) as f32 / 100.0).min(1.0);
    rise * 0.5 * (1.0 + (PI * step as f32 / steps as f32).cos())
}

/// Makes the gradients of steps.
struct Maker<'a> {
    config: &'a TrainConfig,
    vocabulary: &'a Vocabulary,
    counts: &'a HashMap<String, usize>,
}

impl Maker<'_> {
    /// The loss per word, and what it asks of the parameters.
    fn gradients(
        &self,
        net: &Net<CpuTensor>,
        task: Task,
        batch: &[&Sentence],
        mut random: Random,
    ) -> Result<(f32, Vec<CpuTensor>)> {
        let Self { config, vocabulary, counts } = self;
        let device = net.device();
        let lower: Vec<Option<Sentence>> = batch
            .iter()
            .map(|sentence| (random.uniform() < config.lower).then(|| sentence.lowered()))
            .collect();
        let shown: Vec<Vec<&str>> = batch
            .iter()
            .zip(&lower)
            .map(|(sentence, lower)| lower.as_ref().unwrap_or(sentence))
            .map(|sentence| sentence.words.iter().map(String::as_str).collect())
            .collect();
        let shown: Vec<&[&str]> = shown.iter().map(Vec::as_slice).collect();
        let hide = |word: &str, row: u32| {
            let count = counts.get(word).copied().unwrap_or(0) as f32;
            if random.uniform() < UNKNOWN / (UNKNOWN + count) { 0 } else { row }
        };
        let Inputs { words, grams, shapes, mask, equal } =
            inputs::<CpuTensor>(device, vocabulary, config.sizes, &shown, hide)?;
        let [words, grams, shapes, mask] = [words, grams, shapes, mask].map(Var::constant);
        let inputs = Inputs { words, grams, shapes, mask, equal };
        let lifted = lift(net);
        let keep = 1.0 - config.dropout;
        let logits = lifted.forward(&inputs, |x: Var<CpuTensor>| {
            // The same numbers of all words of a sentence (Gal and Ghahramani, "A theoretically
            // grounded application of dropout in recurrent neural networks", 2016).
            let (n, width) = (x.shape()[0], x.shape()[2]);
            let mut kept = || if random.uniform() < keep { 1.0 / keep } else { 0.0 };
            let mask: Vec<f32> = (0..n * width).map(|_| kept()).collect();
            x.mul(&Var::constant(CpuTensor::from_slice(device, &mask, [n, 1, width])?))
        })?;
        let logits = match task {
            Task::Pos => logits.pos,
            Task::Ner => logits.ner,
        };
        let labels = task.labels().len();
        let places = logits.shape()[1];
        let mut gold = vec![0.0; batch.len() * places * labels];
        for (i, sentence) in batch.iter().enumerate() {
            for (place, label) in sentence.labels.iter().enumerate() {
                gold[(i * places + place) * labels + label] = 1.0;
            }
        }
        let gold = Var::constant(CpuTensor::from_slice(device, &gold, *logits.shape())?);
        let words: usize = batch.iter().map(|sentence| sentence.words.len()).sum();
        // −ln p of the right label; where there is no word, ln 1.
        let p = logits.softmax()?.mul(&gold)?.sum(&[2])?;
        let padding = inputs.mask.reshape([batch.len(), places, 1])?.affine(-1.0, 1.0 + 1e-6)?;
        let loss = p.add(&padding)?.log()?.sum_all()?.affine(-1.0 / words as f32, 0.0)?;
        let value = loss.value().to_vec()?[0];
        Ok((value, grad(loss, &parameters(&lifted))?))
    }
}
