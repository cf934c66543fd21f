//! word2vec: skip-gram and CBOW with negative sampling (Mikolov et al., "Distributed representations
//! of words and phrases and their compositionality", 2013).

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use kinora_tensor::Random;

use crate::corpus::{Corpus, Lexicon, SENTENCE};
use crate::vectors::dot;
use crate::{Error, Result, Vectors};

/// How word vectors are trained by word2vec.
#[derive(Clone, Debug, PartialEq)]
pub struct Word2Vec {
    /// Numbers of a vector.
    pub dim: usize,
    /// Words to each side that a word is to predict; of each use, a random part of them.
    pub window: usize,
    /// Words beside the right one that are drawn at random, to be told from it.
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

/// Entries of the table that negative words are drawn from.
const DRAWS: usize = 1 << 20;

/// The power of a word's count by which it is drawn.
const POWER: f64 = 0.75;

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
        let lexicon = corpus.lexicon(self.least)?;
        if lexicon.words.is_empty() {
            let least = self.least;
            return Err(Error::Table(format!("no word is in the corpus {least} times or more")));
        }
        let work = Work::new(self, &lexicon);
        let total = lexicon.total * self.epochs as u64;
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
        Vectors::new(&lexicon.words, self.dim, work.input.all())
    }
}

/// Rows of numbers that several threads read and change at once, each row copied whole: two numbers
/// go as one, so that none is ever half written; of two changes at the same time one may be lost
/// (Recht et al., "Hogwild", 2011).
struct Rows {
    dim: usize,
    pairs: Vec<AtomicU64>,
}

impl Rows {
    fn new(rows: usize, dim: usize, mut value: impl FnMut() -> f32) -> Self {
        let stride = dim.div_ceil(2);
        let mut pairs = Vec::with_capacity(rows * stride);
        for _ in 0..rows {
            for i in 0..stride {
                let (a, b) = (value(), if 2 * i + 1 < dim { value() } else { 0.0 });
                pairs.push(AtomicU64::new(join(a, b)));
            }
        }
        Self { dim, pairs }
    }

    fn row(&self, index: u32) -> &[AtomicU64] {
        let stride = self.dim.div_ceil(2);
        &self.pairs[index as usize * stride..][..stride]
    }

    fn load(&self, index: u32, to: &mut [f32]) {
        for (pair, to) in self.row(index).iter().zip(to.as_chunks_mut::<2>().0) {
            *to = split(pair.load(Ordering::Relaxed));
        }
    }

    fn store(&self, index: u32, from: &[f32]) {
        for (pair, [a, b]) in self.row(index).iter().zip(from.as_chunks::<2>().0) {
            pair.store(join(*a, *b), Ordering::Relaxed);
        }
    }

    /// Adds to a row as it is now.
    fn add(&self, index: u32, change: &[f32]) {
        for (pair, [a, b]) in self.row(index).iter().zip(change.as_chunks::<2>().0) {
            let [x, y] = split(pair.load(Ordering::Relaxed));
            pair.store(join(x + a, y + b), Ordering::Relaxed);
        }
    }

    fn all(self) -> Vec<f32> {
        let stride = self.dim.div_ceil(2);
        let rows = self.pairs.chunks_exact(stride);
        rows.flat_map(|row| {
            row.iter().flat_map(|p| split(p.load(Ordering::Relaxed))).take(self.dim)
        })
        .collect()
    }
}

fn join(a: f32, b: f32) -> u64 {
    u64::from(a.to_bits()) | u64::from(b.to_bits()) << 32
}

fn split(pair: u64) -> [f32; 2] {
    [f32::from_bits(pair as u32), f32::from_bits((pair >> 32) as u32)]
}

/// What the threads share.
struct Work<'a> {
    config: &'a Word2Vec,
    lexicon: &'a Lexicon,
    /// Of each word, the vector that is asked for.
    input: Rows,
    /// And the one that it is told from others by.
    output: Rows,
    /// Of each word, the share of its uses that is kept.
    kept: Vec<f32>,
    /// Words, each as often as it is to be drawn.
    draws: Vec<u32>,
    /// Words that are read.
    done: AtomicU64,
}

/// What a thread needs to itself.
struct Scratch {
    sentence: Vec<u32>,
    /// The right word and those that were drawn.
    targets: Vec<u32>,
    /// Their vectors, as they were and as they become.
    before: Vec<f32>,
    after: Vec<f32>,
    hidden: Vec<f32>,
    change: Vec<f32>,
}

impl Scratch {
    fn new(config: &Word2Vec) -> Self {
        let wide = config.dim.next_multiple_of(2);
        Self {
            sentence: Vec::new(),
            targets: Vec::new(),
            before: vec![0.0; (1 + config.negative) * wide],
            after: vec![0.0; (1 + config.negative) * wide],
            hidden: vec![0.0; wide],
            change: vec![0.0; wide],
        }
    }
}

impl<'a> Work<'a> {
    fn new(config: &'a Word2Vec, lexicon: &'a Lexicon) -> Self {
        let (words, dim) = (lexicon.words.len(), config.dim);
        let mut random = Random::new(config.seed, stream::WEIGHTS);
        let total = lexicon.total as f64;
        let kept = lexicon.counts.iter().map(|&count| {
            let share = config.sample * total / count as f64;
            if config.sample == 0.0 { 1.0 } else { (share.sqrt() + share) as f32 }
        });
        let powers: Vec<f64> = lexicon.counts.iter().map(|&c| (c as f64).powf(POWER)).collect();
        let (all, mut sum) = (powers.iter().sum::<f64>(), 0.0);
        let mut draws = Vec::with_capacity(DRAWS);
        for (word, power) in (0..).zip(&powers) {
            sum += power / all;
            draws.resize((sum * DRAWS as f64).round() as usize, word);
        }
        Self {
            config,
            lexicon,
            input: Rows::new(words, dim, || (random.uniform() - 0.5) / dim as f32),
            output: Rows::new(words, dim, || 0.0),
            kept: kept.collect(),
            draws,
            done: AtomicU64::new(0),
        }
    }

    fn block(&self, block: &str, total: u64, mut random: Random, scratch: &mut Scratch) {
        for line in block.lines() {
            let mut words = line.split_whitespace().peekable();
            while words.peek().is_some() {
                let mut read = 0;
                scratch.sentence.clear();
                for word in words.by_ref() {
                    let Some(id) = self.lexicon.id(word) else { continue };
                    read += 1;
                    if random.uniform() < self.kept[id as usize] {
                        scratch.sentence.push(id);
                    }
                    if scratch.sentence.len() == SENTENCE {
                        break;
                    }
                }
                let done = self.done.fetch_add(read, Ordering::Relaxed);
                let left = 1.0 - done as f32 / total as f32;
                self.sentence(self.config.rate * left.max(1e-4), &mut random, scratch);
            }
        }
    }

    fn sentence(&self, rate: f32, random: &mut Random, scratch: &mut Scratch) {
        let sentence = std::mem::take(&mut scratch.sentence);
        let wide = scratch.hidden.len();
        for (at, &word) in sentence.iter().enumerate() {
            let reach = 1 + random.below(self.config.window);
            let from = at.saturating_sub(reach);
            let near = &sentence[from..(at + reach + 1).min(sentence.len())];
            let others =
                || near.iter().enumerate().filter(move |(i, _)| from + i != at).map(|(_, &id)| id);
            let count = near.len() - 1;
            if count == 0 {
                continue;
            }
            // The same drawn words for all neighbours of a word: their vectors are fetched once (Ji et
            // al., "Parallelizing word2vec in shared and distributed memory", 2016).
            scratch.targets.clear();
            scratch.targets.push(word);
            while scratch.targets.len() <= self.config.negative {
                let drawn = self.draws[random.below(self.draws.len())];
                // Where there is one word alone there is nothing else to draw.
                if drawn != word || self.lexicon.words.len() == 1 {
                    scratch.targets.push(drawn);
                }
            }
            for (row, &target) in scratch.before.chunks_exact_mut(wide).zip(&scratch.targets) {
                self.output.load(target, row);
            }
            scratch.after.copy_from_slice(&scratch.before);
            if self.config.cbow {
                scratch.hidden.fill(0.0);
                for id in others() {
                    self.input.load(id, &mut scratch.change);
                    add(&mut scratch.hidden, 1.0 / count as f32, &scratch.change);
                }
                step(rate, scratch);
                scratch.change.iter_mut().for_each(|x| *x /= count as f32);
                others().for_each(|id| self.input.add(id, &scratch.change));
            } else {
                for id in others() {
                    self.input.load(id, &mut scratch.hidden);
                    step(rate, scratch);
                    add(&mut scratch.hidden, 1.0, &scratch.change);
                    self.input.store(id, &scratch.hidden);
                }
            }
            for (row, old) in
                scratch.after.chunks_exact_mut(wide).zip(scratch.before.chunks_exact(wide))
            {
                row.iter_mut().zip(old).for_each(|(new, old)| *new -= old);
            }
            for (row, &target) in scratch.after.chunks_exact(wide).zip(&scratch.targets) {
                self.output.add(target, row);
            }
        }
        scratch.sentence = sentence;
    }
}

/// One prediction of the first target, and none of the others, from `hidden`: what is to be added to
/// it comes into `change`, and the targets' vectors change at once.
fn step(rate: f32, scratch: &mut Scratch) {
    let Scratch { after, hidden, change, .. } = scratch;
    change.fill(0.0);
    for (i, row) in after.chunks_exact_mut(hidden.len()).enumerate() {
        let p = 1.0 / (1.0 + (-dot(hidden, row)).exp());
        let g = rate * (if i == 0 { 1.0 } else { 0.0 } - p);
        add(change, g, row);
        add(row, g, hidden);
    }
}

/// y += a x
fn add(y: &mut [f32], a: f32, x: &[f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}
