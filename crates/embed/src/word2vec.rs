//! word2vec: skip-gram and CBOW with negative sampling (Mikolov et al., "Distributed
//! representations of words and phrases and their compositionality", 2013).

mod draws;
mod rows;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use kinora_tensor::Random;

use crate::corpus::{Corpus, SENTENCE, Vocabulary};
use crate::vectors::{dot, ngrams};
use crate::{Error, Result, Vectors};
use draws::Draws;
use rows::Rows;

/// The configuration of word2vec.
#[derive(Clone, Debug, PartialEq)]
pub struct Word2Vec {
    /// The length of a vector.
    pub dim: usize,
    /// Neighbours on each side at most. For each occurrence of a word the number is drawn from 1 to
    /// `window`.
    pub window: usize,
    /// Negative samples per positive word. In skip-gram, up to four neighbours of a word share
    /// them.
    pub negative: usize,
    /// Passes over the corpus.
    pub epochs: usize,
    /// A word has a vector if it occurs at least this often.
    pub least: u64,
    /// The subsampling threshold: occurrences of words with a larger share of the corpus are
    /// randomly left out; 0 leaves none out.
    pub sample: f64,
    /// The initial learning rate; it falls linearly to a ten-thousandth.
    pub rate: f32,
    /// Whether the mean of a word's neighbours predicts the word (CBOW), or each neighbour by
    /// itself does (skip-gram).
    pub cbow: bool,
    /// The number of vectors that letter n-grams share by hashing; 0 for no n-grams. With n-grams,
    /// the vector of a word is the mean of its own and those of its n-grams of 3 to 6 letters, so
    /// that a word that the corpus lacks has a vector too (fastText; Bojanowski et al., "Enriching
    /// word vectors with subword information", 2017).
    pub buckets: usize,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The number of threads. Only with 1 does the same seed give the same bits.
    pub threads: usize,
}

impl Default for Word2Vec {
    fn default() -> Self {
        Self {
            dim: 100,
            window: 5,
            negative: 5,
            epochs: 5,
            least: 5,
            sample: 1e-3,
            rate: 0.025,
            cbow: false,
            buckets: 0,
            seed: 0,
            threads: 1,
        }
    }
}

/// The progress of a training of word vectors.
#[derive(Clone, Copy, Debug)]
pub struct WordProgress {
    /// Processed words; for GloVe, processed pairs of words.
    pub words: u64,
    /// Words or pairs of all epochs together.
    pub total: u64,
}

/// Streams of random numbers.
mod stream {
    pub const WEIGHTS: u64 = 1;
    pub const BLOCK: u64 = 1 << 40;
}

/// Negative samples are drawn in proportion to count^POWER.
const POWER: f64 = 0.75;

/// Neighbours of a word that share its negative samples in skip-gram. More of them are faster, but
/// make the pairs' updates less independent (`docs/rejected.md` has the figures).
const TOGETHER: usize = 4;

impl Word2Vec {
    /// Trains vectors on a corpus. If `progress` returns `false`, training stops and the vectors so
    /// far are returned.
    ///
    /// # Errors
    /// [`Error::Table`] if a size is 0 or too large or no word is frequent enough, and an error
    /// with the path if the corpus cannot be read.
    pub fn train(
        &self,
        corpus: &Corpus,
        progress: &mut dyn FnMut(WordProgress) -> bool,
    ) -> Result<Vectors> {
        for (what, size) in [
            ("dim", self.dim),
            ("window", self.window),
            ("negative", self.negative),
            ("epochs", self.epochs),
            ("threads", self.threads),
        ] {
            if size == 0 {
                return Err(Error::Table(format!("{what} = 0 must be at least 1")));
            }
        }
        if self.buckets > u32::MAX as usize / 2 {
            let reason = format!("buckets = {} must be less than 2 to the 31st", self.buckets);
            return Err(Error::Table(reason));
        }
        let vocabulary = corpus.vocabulary(self.least)?;
        if vocabulary.words.is_empty() {
            let least = self.least;
            return Err(Error::Table(format!(
                "no word occurs at least {least} times in the corpus; lower the minimum count or use \
                 more text"
            )));
        }
        let work = Work::new(self, &vocabulary);
        let total = vocabulary.total * self.epochs as u64;
        let stop = AtomicBool::new(false);
        let (send, receive) = sync_channel::<(u64, String)>(2 * self.threads);
        let receive = Mutex::new(receive);
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| {
                    let mut scratch = Scratch::new(self);
                    loop {
                        // The lock is held only to take a block.
                        let next = receive.lock().expect("no thread panics here").recv();
                        let Ok((number, block)) = next else { break };
                        let random = Random::new(self.seed, stream::BLOCK + number);
                        work.block(&block, total, random, &mut scratch);
                    }
                });
            }
            let mut number = 0;
            let mut read = || -> Result<()> {
                for _ in 0..self.epochs {
                    corpus.blocks(&mut |block| {
                        let words = work.done.load(Ordering::Relaxed);
                        if !progress(WordProgress { words, total }) {
                            stop.store(true, Ordering::Relaxed);
                        }
                        number += 1;
                        !stop.load(Ordering::Relaxed) && send.send((number, block)).is_ok()
                    })?;
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                Ok(())
            };
            let read = read();
            // Without a sender, the threads end when no block is left.
            drop(send);
            read
        })?;
        let Work { input, parts, .. } = work;
        let mut values = input.all();
        if self.buckets == 0 {
            return Vectors::new(&vocabulary.words, self.dim, values);
        }
        let ngrams = values.split_off(vocabulary.words.len() * self.dim);
        for (row, parts) in values.chunks_exact_mut(self.dim).zip(&parts) {
            for &part in &parts[1..] {
                add(
                    row,
                    1.0,
                    &ngrams[(part as usize - vocabulary.words.len()) * self.dim..][..self.dim],
                );
            }
            row.iter_mut().for_each(|x| *x /= parts.len() as f32);
        }
        Ok(Vectors::new(&vocabulary.words, self.dim, values)?.with_ngrams(ngrams))
    }
}

/// The state that the threads share.
struct Work<'a> {
    config: &'a Word2Vec,
    vocabulary: &'a Vocabulary,
    /// The input vectors: a row for each word, then a row for each bucket of n-grams. The words'
    /// rows become the result.
    input: Rows,
    /// For each word, its rows in `input`: its own and those of its n-grams.
    parts: Vec<Vec<u32>>,
    /// The output vectors, a row for each word: the classifier of the word.
    output: Rows,
    /// For each word, the probability with which an occurrence is kept.
    kept: Vec<f32>,
    /// The distribution of negative samples.
    draws: Draws,
    /// Words read so far.
    done: AtomicU64,
    arch: pulp::Arch,
}

/// The buffers of a thread.
struct Scratch {
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
    fn new(config: &Word2Vec) -> Self {
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
    fn new(config: &'a Word2Vec, vocabulary: &'a Vocabulary) -> Self {
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

    fn block(&self, block: &str, total: u64, mut random: Random, scratch: &mut Scratch) {
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
fn add(y: &mut [f32], a: f32, x: &[f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}
