//! GloVe (Pennington et al., "GloVe: global vectors for word representation", 2014): vectors whose
//! dot products approximate the logarithms of co-occurrence counts, by weighted least squares.

use std::collections::HashMap;

use kinora_tensor::Random;
use rayon::prelude::*;

use crate::corpus::{Corpus, SENTENCE};
use crate::vectors::dot;
use crate::{Error, Result, Vectors, WordProgress};

/// The configuration of GloVe.
///
/// The same corpus, config and seed give the same bits on any number of threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Glove {
    /// The length of a vector.
    pub dim: usize,
    /// Neighbours on each side that co-occur with a word; a neighbour at distance d counts 1 / d.
    pub window: usize,
    /// Passes over the co-occurrence counts.
    pub epochs: usize,
    /// A word has a vector if it occurs at least this often.
    pub least: u64,
    /// AdaGrad's learning rate.
    pub rate: f32,
    /// The count from which on pairs have the full weight, x_max of the paper.
    pub most: f32,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl Default for Glove {
    fn default() -> Self {
        Self { dim: 100, window: 10, epochs: 25, least: 5, rate: 0.05, most: 100.0, seed: 0 }
    }
}

/// The exponent of a count in its weight, α of the paper.
const POWER: f32 = 0.75;

/// Word i belongs to part i % PARTS. A thread processes the pairs of one part of first words and
/// one part of second words, while the other threads work on other parts, so no two threads share a
/// vector.
const PARTS: usize = 16;

/// Streams of random numbers.
mod stream {
    pub const WEIGHTS: u64 = 1;
    pub const ORDER: u64 = 2;
}

/// Two words, as indices within their parts, and their co-occurrence count.
#[derive(Clone, Copy)]
struct Pair {
    first: u32,
    second: u32,
    count: f32,
}

/// For each word of a part: the vector and the bias, then AdaGrad's sums of squares for each of
/// them.
type Part = Vec<f32>;

impl Glove {
    /// Trains vectors on a corpus. If `progress` returns `false`, training stops and the vectors so
    /// far are returned. The progress counts pairs of words.
    ///
    /// # Errors
    /// [`Error::Table`] if a size is 0 or no two frequent words co-occur, and an error with the
    /// path if the corpus cannot be read.
    pub fn train(
        &self,
        corpus: &Corpus,
        progress: &mut dyn FnMut(WordProgress) -> bool,
    ) -> Result<Vectors> {
        for (what, size) in [("dim", self.dim), ("window", self.window), ("epochs", self.epochs)] {
            if size == 0 {
                return Err(Error::Table(format!("{what} = 0 must be at least 1")));
            }
        }
        let vocabulary = corpus.vocabulary(self.least)?;
        let mut pairs = self.pairs(corpus, |word| vocabulary.id(word))?;
        let number: u64 = pairs.iter().map(|pairs| pairs.len() as u64).sum();
        if number == 0 {
            let least = self.least;
            let reason = format!(
                "no window has two words that each occur at least {least} times; lower the minimum count"
            );
            return Err(Error::Table(reason));
        }
        let mut order = Random::new(self.seed, stream::ORDER);
        pairs.iter_mut().for_each(|pairs| order.shuffle(pairs));
        let words = vocabulary.words.len();
        let mut random = Random::new(self.seed, stream::WEIGHTS);
        let wide = self.dim + 1;
        let mut part = |part: usize| -> Part {
            let rows = (part..words).step_by(PARTS).len();
            let row = |_| {
                let weights = (0..wide).map(|_| (random.uniform() - 0.5) / wide as f32);
                let weights: Vec<f32> = weights.collect();
                weights.into_iter().chain(std::iter::repeat_n(1.0, wide))
            };
            (0..rows).flat_map(row).collect()
        };
        let mut firsts: Vec<Part> = (0..PARTS).map(&mut part).collect();
        let mut seconds: Vec<Part> = (0..PARTS).map(&mut part).collect();
        let total = number * self.epochs as u64;
        let mut done = 0;
        'all: for _ in 0..self.epochs {
            for turn in 0..PARTS {
                // Part i of the first words is paired with part i + turn of the second words.
                seconds.rotate_left(usize::from(turn > 0));
                let each = firsts.par_iter_mut().zip(&mut seconds).enumerate();
                each.for_each(|(i, (first, second))| {
                    let pairs = &pairs[i * PARTS + (i + turn) % PARTS];
                    pairs.iter().for_each(|pair| self.step(first, second, *pair));
                });
                done +=
                    (0..PARTS).map(|i| pairs[i * PARTS + (i + turn) % PARTS].len()).sum::<usize>();
                if !progress(WordProgress { words: done as u64, total }) {
                    seconds.rotate_right(turn);
                    break 'all;
                }
            }
            seconds.rotate_left(1);
        }
        let mut values = Vec::with_capacity(words * self.dim);
        for word in 0..words {
            let row = |parts: &[Part]| {
                let start = word / PARTS * 2 * wide;
                parts[word % PARTS][start..start + self.dim].to_vec()
            };
            // A word's vector is the sum of its two vectors, as in the paper.
            values.extend(row(&firsts).iter().zip(row(&seconds)).map(|(a, b)| a + b));
        }
        Vectors::new(&vocabulary.words, self.dim, values)
    }

    /// The co-occurrence counts, grouped by the parts of both words.
    fn pairs(
        &self,
        corpus: &Corpus,
        id: impl Fn(&str) -> Option<u32> + Sync,
    ) -> Result<Vec<Vec<Pair>>> {
        let mut counts: HashMap<u64, f32> = HashMap::new();
        let mut sentence: Vec<u32> = Vec::new();
        corpus.blocks(&mut |block| {
            for line in block.lines() {
                sentence.clear();
                for word in line.split_whitespace().filter_map(&id) {
                    let from = sentence.len().saturating_sub(self.window);
                    for (distance, &before) in (1..).zip(sentence[from..].iter().rev()) {
                        let near = 1.0 / distance as f32;
                        for (a, b) in [(word, before), (before, word)] {
                            *counts.entry(u64::from(a) << 32 | u64::from(b)).or_default() += near;
                        }
                    }
                    sentence.push(word);
                    if sentence.len() == SENTENCE {
                        sentence.clear();
                    }
                }
            }
            true
        })?;
        let mut all: Vec<(u64, f32)> = counts.into_iter().collect();
        all.par_sort_unstable_by_key(|(pair, _)| *pair);
        let mut pairs = vec![Vec::new(); PARTS * PARTS];
        for (pair, count) in all {
            let [first, second] = [(pair >> 32) as usize, pair as u32 as usize];
            let place = |word: usize| (word / PARTS) as u32;
            let part = first % PARTS * PARTS + second % PARTS;
            pairs[part].push(Pair { first: place(first), second: place(second), count });
        }
        Ok(pairs)
    }

    fn step(&self, first: &mut Part, second: &mut Part, Pair { first: i, second: j, count }: Pair) {
        let wide = self.dim + 1;
        let row = |i: u32| i as usize * 2 * wide..(i as usize + 1) * 2 * wide;
        let (w, sums_w) = first[row(i)].split_at_mut(wide);
        let (c, sums_c) = second[row(j)].split_at_mut(wide);
        let product = dot(&w[..self.dim], &c[..self.dim]) + w[self.dim] + c[self.dim];
        let weight = if count < self.most { (count / self.most).powf(POWER) } else { 1.0 };
        let error = self.rate * weight * (product - count.ln());
        for k in 0..self.dim {
            let (by_w, by_c) = (error * c[k], error * w[k]);
            w[k] -= by_w / sums_w[k].sqrt();
            c[k] -= by_c / sums_c[k].sqrt();
            sums_w[k] += by_w * by_w;
            sums_c[k] += by_c * by_c;
        }
        for (x, sums) in [(w, sums_w), (c, sums_c)] {
            x[self.dim] -= error / sums[self.dim].sqrt();
            sums[self.dim] += error * error;
        }
    }
}
