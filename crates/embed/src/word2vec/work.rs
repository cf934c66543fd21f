//! The training on blocks of text, by several threads at once.

use std::sync::atomic::{AtomicU64, Ordering};

use kinora_tensor::Random;

use super::Word2Vec;
use super::draws::Draws;
use super::rows::Rows;
use crate::corpus::{SENTENCE, Vocabulary};
use crate::vectors::{dot, ngrams};

/// Streams of random numbers.
pub(super) mod stream {
    pub const WEIGHTS: u64 = 1;
    pub const BLOCK: u64 = 1 << 40;
}

/// Negative samples are drawn in proportion to count^POWER.
const POWER: f64 = 0.75;

/// Neighbours of a word that share its negative samples in skip-gram. More of them are faster, but
/// make the pairs' updates less independent (`docs/rejected.md` has the figures).
const TOGETHER: usize = 4;

/// The state that the threads share.
pub(super) struct Work<'a> {
    config: &'a Word2Vec,
    vocabulary: &'a Vocabulary,
    /// The input vectors: a row for each word, then a row for each bucket of n-grams. The words'
    /// rows become the result.
    pub input: Rows,
    /// For each word, its rows in `input`: its own and those of its n-grams.
    pub parts: Vec<Vec<u32>>,
    /// The output vectors, a row for each word: the classifier of the word.
    output: Rows,
    /// For each word, the probability with which an occurrence is kept.
    kept: Vec<f32>,
    /// The distribution of negative samples.
    draws: Draws,
    /// Words read so far.
    pub done: AtomicU64,
    arch: pulp::Arch,
}

/// The buffers of a thread.
pub(super) struct Scratch {
    /// The positive word, then the negative samples.
    targets: Vec<u32>,
    /// In skip-gram, the output vectors of the targets before and after the update.
    before: Vec<f32>,
    after: Vec<f32>,
    /// In CBOW, the input rows of all neighbours.
    rows: Vec<u32>,
    /// The mean input vector that predicts, and its update.
    hidden: Vec<f32>,
    change: Vec<f32>,
}

impl Scratch {
    pub fn new(config: &Word2Vec) -> Self {
        let zeros = |rows: usize| vec![0.0; rows * config.dim];
        Self {
            targets: Vec::new(),
            before: zeros(1 + config.negative),
            after: zeros(1 + config.negative),
            rows: Vec::new(),
            hidden: zeros(1),
            change: zeros(1),
        }
    }
}

impl<'a> Work<'a> {
    pub fn new(config: &'a Word2Vec, vocabulary: &'a Vocabulary) -> Self {
        let (words, dim) = (vocabulary.words.len(), config.dim);
        let mut random = Random::new(config.seed, stream::WEIGHTS);
        let total = vocabulary.total as f64;
        let kept = vocabulary.counts.iter().map(|&count| {
            let share = config.sample * total / count as f64;
            if config.sample == 0.0 { 1.0 } else { (share.sqrt() + share) as f32 }
        });
        let powers: Vec<f64> = vocabulary.counts.iter().map(|&c| (c as f64).powf(POWER)).collect();
        let parts = |(word, id): (&String, u32)| {
            let parts = ngrams(word, config.buckets).into_iter().map(|part| (words + part) as u32);
            [id].into_iter().chain(parts).collect()
        };
        Self {
            config,
            vocabulary,
            input: Rows::new(words + config.buckets, dim, || {
                (2.0 * random.uniform() - 1.0) / dim as f32
            }),
            parts: vocabulary.words.iter().zip(0..).map(parts).collect(),
            output: Rows::new(words, dim, || 0.0),
            kept: kept.collect(),
            draws: Draws::new(&powers),
            done: AtomicU64::new(0),
            arch: pulp::Arch::new(),
        }
    }

    pub fn block(&self, block: &str, total: u64, mut random: Random, scratch: &mut Scratch) {
        let mut sentence = Vec::new();
        for line in block.lines() {
            let mut words = line.split_whitespace().peekable();
            while words.peek().is_some() {
                let mut read = 0;
                sentence.clear();
                for word in words.by_ref() {
                    let Some(id) = self.vocabulary.id(word) else { continue };
                    read += 1;
                    if random.uniform() < self.kept[id as usize] {
                        sentence.push(id);
                    }
                    if sentence.len() == SENTENCE {
                        break;
                    }
                }
                let done = self.done.fetch_add(read, Ordering::Relaxed);
                let left = 1.0 - done as f32 / total as f32;
                let rate = self.config.rate * left.max(1e-4);
                let (work, random) = (self, &mut random);
                self.arch.dispatch(Sentence { work, words: &sentence, rate, random, scratch });
            }
        }
    }

    #[inline(always)]
    fn sentence(&self, sentence: &[u32], rate: f32, random: &mut Random, scratch: &mut Scratch) {
        let mut near = Vec::new();
        for (at, &word) in sentence.iter().enumerate() {
            let reach = 1 + random.below(self.config.window);
            near.clear();
            near.extend_from_slice(&sentence[at.saturating_sub(reach)..at]);
            near.extend(sentence[at + 1..].iter().take(reach));
            if !self.config.cbow {
                for some in near.chunks(TOGETHER) {
                    self.draw(word, random, &mut scratch.targets);
                    self.skip_gram(some, rate, scratch);
                }
            } else if !near.is_empty() {
                self.draw(word, random, &mut scratch.targets);
                self.cbow(&near, rate, scratch);
            }
        }
    }

    /// Fills `targets` with the positive word and the negative samples.
    #[inline(always)]
    fn draw(&self, word: u32, random: &mut Random, targets: &mut Vec<u32>) {
        targets.clear();
        targets.push(word);
        while targets.len() <= self.config.negative {
            let drawn = self.draws.draw(random);
            // With a vocabulary of one word there is nothing else to draw.
            if drawn != word || self.vocabulary.words.len() == 1 {
                targets.push(drawn);
            }
        }
    }

    /// A step of skip-gram: each neighbour predicts the targets by itself. The targets' vectors are
    /// read once for all neighbours (Ji et al., "Parallelizing word2vec in shared and distributed
    /// memory", 2016).
    #[inline(always)]
    fn skip_gram(&self, near: &[u32], rate: f32, scratch: &mut Scratch) {
        let Scratch { targets, before, after, hidden, change, .. } = scratch;
        let dim = self.config.dim;
        for (row, &target) in before.chunks_exact_mut(dim).zip(&*targets) {
            row.copy_from_slice(&self.output.row(target));
        }
        after.copy_from_slice(before);
        for &id in near {
            let rows = &self.parts[id as usize];
            self.mean(rows, hidden);
            change.fill(0.0);
            for (i, row) in after.chunks_exact_mut(dim).enumerate() {
                learn(row, i == 0, rate, hidden, change);
            }
            self.change(rows, change);
        }
        let rows = after.chunks_exact(dim).zip(before.chunks_exact(dim));
        for ((new, old), &target) in rows.zip(&*targets) {
            let mut row = self.output.row(target);
            row.iter_mut().zip(new).zip(old).for_each(|((x, new), old)| *x += new - old);
        }
    }

    /// A step of CBOW: the mean of the neighbours predicts the targets.
    #[inline(always)]
    fn cbow(&self, near: &[u32], rate: f32, scratch: &mut Scratch) {
        let Scratch { targets, rows, hidden, change, .. } = scratch;
        rows.clear();
        for &id in near {
            rows.extend_from_slice(&self.parts[id as usize]);
        }
        self.mean(rows, hidden);
        change.fill(0.0);
        for (i, &target) in targets.iter().enumerate() {
            learn(&mut self.output.row(target), i == 0, rate, hidden, change);
        }
        self.change(rows, change);
    }

    /// Writes the mean of some input rows to `hidden`.
    #[inline(always)]
    fn mean(&self, rows: &[u32], hidden: &mut [f32]) {
        hidden.fill(0.0);
        let share = 1.0 / rows.len() as f32;
        for &row in rows {
            add(hidden, share, &self.input.row(row));
        }
    }

    /// Adds an update to each of some input rows.
    #[inline(always)]
    fn change(&self, rows: &[u32], change: &[f32]) {
        for &row in rows {
            add(&mut self.input.row(row), 1.0, change);
        }
    }
}

/// The training on a sentence, compiled for the widest SIMD vectors of the machine. For this, all
/// its code must be inlined; a closure would not be. The SIMD vectors change the speed alone: the
/// compiler neither reorders sums nor fuses operations.
struct Sentence<'a> {
    work: &'a Work<'a>,
    words: &'a [u32],
    rate: f32,
    random: &'a mut Random,
    scratch: &'a mut Scratch,
}

impl pulp::WithSimd for Sentence<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        self.work.sentence(self.words, self.rate, self.random, self.scratch);
    }
}

/// One step of logistic regression: `row` learns to classify `hidden` as positive (`right`) or
/// negative, and the update of `hidden` is added to `change`.
#[inline(always)]
fn learn(row: &mut [f32], right: bool, rate: f32, hidden: &[f32], change: &mut [f32]) {
    let p = 1.0 / (1.0 + (-dot(hidden, row)).exp());
    let g = rate * (if right { 1.0 } else { 0.0 } - p);
    add(change, g, row);
    add(row, g, hidden);
}

/// y += a x
#[inline(always)]
pub(super) fn add(y: &mut [f32], a: f32, x: &[f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}
