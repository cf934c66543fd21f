use std::collections::HashMap;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_nn::{Adam, AdamConfig, Ema, Fresh, clip_factor, gradient_norm, lift, parameters};
use kinora_tensor::{Random, Tensor, Var, grad};

use super::features::{Vocabulary, plain};
use super::net::{Inputs, Net, Sizes};
use super::{Tagger, inputs};
use crate::learn::{Epoch, Progress, Set, batches, held_out, note, schedule, sets};
use crate::treebank::{Sentence, Task};
use crate::{Error, Result};

/// The configuration of a tagger's training.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// The sizes of the network.
    pub sizes: Sizes,
    /// Passes over the sentences.
    pub epochs: usize,
    /// Sentences per step.
    pub batch: usize,
    /// Adam's learning rate at its peak.
    pub rate: f32,
    /// The probability with which an input of a layer or head is dropped.
    pub dropout: f32,
    /// The share of sentences that are shown in lower case.
    pub lower: f32,
    /// A word has an embedding of its own if it occurs at least this often.
    pub least: usize,
    /// The seed of all random numbers.
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

/// Streams of random numbers.
mod stream {
    pub const WEIGHTS: u64 = 1;
    pub const ORDER: u64 = 2;
    pub const STEP: u64 = 1 << 40;
}

/// Gradients with a larger norm are scaled down to this norm.
const CLIP: f32 = 2.0;

/// Sets how often a word is shown as an unknown word: with probability 1 / (1 + 4 n) if it occurs n
/// times.
const UNKNOWN: f32 = 0.25;

/// Trains a tagger on labelled sentences.
///
/// `progress` is called after each step and each epoch; if it returns `false`, training stops and
/// the tagger so far is returned. The same sentences and config give the same bits on any number of
/// threads.
///
/// # Errors
/// If a size is out of bounds, a task has no sentences, a sentence has a label that its task lacks,
/// or the loss or the gradient is NaN or infinite.
pub fn train(
    config: &TrainConfig,
    data: &[(Task, Vec<Sentence>)],
    progress: &mut dyn FnMut(&Progress) -> bool,
) -> Result<Tagger> {
    config.sizes.check()?;
    let sets = sets(data, config.batch, config.epochs)?;
    let counts = counts(&sets);
    let vocabulary = vocabulary(&counts, config.least);
    let maker = Maker { config, vocabulary: &vocabulary, counts: &counts };
    let mut fresh = Fresh::new(&CpuDevice::new(), Random::new(config.seed, stream::WEIGHTS));
    let mut net: Net<CpuTensor> = Net::new(&mut fresh, config.sizes, vocabulary.len())?;
    let adam = AdamConfig { rate: config.rate, beta1: 0.9, beta2: 0.99, ..AdamConfig::default() };
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
            let norm = gradient_norm(&gradients)?;
            if !(loss.is_finite() && norm.to_vec()?[0].is_finite()) {
                return Err(Error::Diverged { step });
            }
            adam.config.rate = config.rate * schedule(step, steps);
            net = adam.step(net, &gradients, &clip_factor(&norm, CLIP)?)?;
            average.update(&net, step as u64)?;
            step += 1;
            note(&mut losses[of], loss);
            if !progress(&Progress { step, steps, losses, epoch: None }) {
                break 'all;
            }
        }
        let tagger = tagger(config, &vocabulary, &average)?;
        let epoch =
            Some(Epoch { number: epoch, scores: held_out(&tagger, &sets)?, tagger: &tagger });
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

/// How often each word occurs in the training sentences.
fn counts(sets: &[Set]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in sets.iter().flat_map(|set| &set.train).flat_map(|sentence| &sentence.words) {
        *counts.entry(plain(word)).or_default() += 1;
    }
    counts
}

/// The words that occur at least `least` times.
fn vocabulary(counts: &HashMap<String, usize>, least: usize) -> Vocabulary {
    let frequent =
        counts.iter().filter(|(_, count)| **count >= least).map(|(word, _)| word.as_str());
    let mut words: Vec<&str> =
        frequent.filter(|word| !word.is_empty() && !word.contains(' ')).collect();
    words.sort_unstable();
    Vocabulary::new(&words.join(" ")).expect("the words are sorted and distinct")
}

/// Computes the loss and the gradients of a step.
struct Maker<'a> {
    config: &'a TrainConfig,
    vocabulary: &'a Vocabulary,
    counts: &'a HashMap<String, usize>,
}

impl Maker<'_> {
    /// The loss per word of a batch, and its gradients.
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
            // All words of a sentence share one dropout mask (Gal and Ghahramani, "A theoretically
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
        // −ln p of the right label; padding has p = 1 and adds nothing.
        let p = logits.softmax()?.mul(&gold)?.sum(&[2])?;
        let padding = inputs.mask.reshape([batch.len(), places, 1])?.affine(-1.0, 1.0 + 1e-6)?;
        let loss = p.add(&padding)?.log()?.sum_all()?.affine(-1.0 / words as f32, 0.0)?;
        let value = loss.value().to_vec()?[0];
        Ok((value, grad(loss, &parameters(&lifted))?))
    }
}
