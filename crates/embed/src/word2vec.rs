//! word2vec: skip-gram and CBOW with negative sampling (Mikolov et al., "Distributed representations
//! of words and phrases and their compositionality", 2013).

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

/// How word vectors are trained by word2vec.
#[derive(Clone, Debug, PartialEq)]
pub struct Word2Vec {
    /// Numbers of a vector.
    pub dim: usize,
    /// Words to each side that a word is to predict; of each use, a random part of them.
    pub window: usize,
    /// Words beside the right one that are drawn at random, to be told from it; in skip-gram, up to
    /// four neighbours of a word share them.
    pub negative: usize,
    /// How often the corpus is read.
    pub epochs: usize,
    /// How often a word has to be there to have a vector.
    pub least: u64,
    /// Above this share of the corpus uses of a word are left out; 0 leaves none out.
    pub sample: f64,
    /// The rate at the beginning; it falls to a ten-thousandth.
    pub rate: f32,
    /// Whether the mean of a word's neighbours predicts it (CBOW), not each by itself (skip-gram).
    pub cbow: bool,
    /// If not 0, a word's vector is the mean of its own and of those of its parts of 3 to 6 letters,
    /// which share this many vectors, so that a word that the corpus lacks has one too (fastText;
    /// Bojanowski et al., "Enriching word vectors with subword information", 2017).
    pub buckets: usize,
    /// What all that is random comes from.
    pub seed: u64,
    /// How many threads work; one gives the same bits each time.
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

/// Where a training of word vectors stands.
#[derive(Clone, Copy, Debug)]
pub struct WordProgress {
    /// Words that are read; of GloVe, pairs of words.
    pub words: u64,
    /// All of them, over all epochs.
    pub total: u64,
}

/// Streams of random numbers.
mod stream {
    pub const WEIGHTS: u64 = 1;
    pub const BLOCK: u64 = 1 << 40;
}

/// The power of a word's count by which it is drawn.
const POWER: f64 = 0.75;

/// Neighbours of a word that share what is drawn for it: with more of them skip-gram is quicker, but
/// a pair learns from what others did too (`docs/rejected.md` has the figures).
const TOGETHER: usize = 4;

impl Word2Vec {
    /// Trains vectors on a corpus; `progress` may stop it, by `false`, with what there is by then.
    ///
    /// # Errors
    /// If a size is 0, the corpus cannot be read, or has no word that is frequent enough.
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
            let reason = format!("buckets = {} must be 2 to the power of 31 at most", self.buckets);
            return Err(Error::Table(reason));
        }
        let vocabulary = corpus.vocabulary(self.least)?;
        if vocabulary.words.is_empty() {
            let least = self.least;
            return Err(Error::Table(format!(
                "no word is in the corpus {least} times or more; want fewer"
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
                        // Only the taking of a block is under the lock.
                        let next = receive.lock().expect("nobody panics with it").recv();
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
            // The threads end when no block is left.
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

/// What the threads share.
struct Work<'a> {
    config: &'a Word2Vec,
    vocabulary: &'a Vocabulary,
    /// Of each word, and of each bucket of parts of words, the vector that is asked for.
    input: Rows,
    /// Of each word, its row of these and those of its parts.
    parts: Vec<Vec<u32>>,
    /// And the one that it is told from others by.
    output: Rows,
    /// Of each word, the share of its uses that is kept.
    kept: Vec<f32>,
    /// The words that are drawn.
    draws: Draws,
    /// Words that are read.
    done: AtomicU64,
    arch: pulp::Arch,
}

/// What a thread needs to itself.
struct Scratch {
    /// The right word and those that were drawn.
    targets: Vec<u32>,
    /// Of skip-gram, their vectors as they were and as they become.
    before: Vec<f32>,
    after: Vec<f32>,
    /// Of CBOW, the rows of the input that predict together.
    rows: Vec<u32>,
    /// What predicts, and how it is to change.
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

    /// The right word, and those that it is to be told from.
    #[inline(always)]
    fn draw(&self, word: u32, random: &mut Random, targets: &mut Vec<u32>) {
        targets.clear();
        targets.push(word);
        while targets.len() <= self.config.negative {
            let drawn = self.draws.draw(random);
            // Where there is one word alone there is nothing else to draw.
            if drawn != word || self.vocabulary.words.len() == 1 {
                targets.push(drawn);
            }
        }
    }

    /// Each of the words near predicts the targets by itself, whose vectors are fetched once (Ji et al.,
    /// "Parallelizing word2vec in shared and distributed memory", 2016).
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

    /// The words near predict the targets by their mean.
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

    /// The mean of rows of the input.
    #[inline(always)]
    fn mean(&self, rows: &[u32], hidden: &mut [f32]) {
        hidden.fill(0.0);
        let share = 1.0 / rows.len() as f32;
        for &row in rows {
            add(hidden, share, &self.input.row(row));
        }
    }

    /// Adds a change to each of some rows of the input.
    #[inline(always)]
    fn change(&self, rows: &[u32], change: &[f32]) {
        for &row in rows {
            add(&mut self.input.row(row), 1.0, change);
        }
    }
}

/// A sentence to learn from, with the widest vectors that the machine has, for which all of it has to be
/// inlined; a closure in this place is not. Nothing but speed depends on them: the compiler reorders no
/// sum and fuses nothing.
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

/// One step of logistic regression: whether `row` is the right one, of `hidden`; adds to `change` what
/// would have made that better.
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
