//! GloVe (Pennington et al., "GloVe: global vectors for word representation", 2014): vectors whose
//! products are the logarithms of how often words stand near each other, by weighted least squares.

use std::collections::HashMap;

use kinora_tensor::Random;
use rayon::prelude::*;

use crate::corpus::{Corpus, SENTENCE};
use crate::vectors::dot;
use crate::{Error, Result, Vectors, WordProgress};

/// How word vectors are trained by GloVe.
///
/// Whatever the number of threads, the same corpus and seed give the same bits.
#[derive(Clone, Debug, PartialEq)]
pub struct Glove {
    /// Numbers of a vector.
    pub dim: usize,
    /// Words to each side that count as near; one at a distance d counts 1 / d.
    pub window: usize,
    /// How often the counts are gone through.
    pub epochs: usize,
    /// How often a word has to be there to have a vector.
    pub least: u64,
    /// AdaGrad's rate.
    pub rate: f32,
    /// Counts from here on weigh alike, x_max of the paper.
    pub most: f32,
    /// What all that is random comes from.
    pub seed: u64,
}

impl Default for Glove {
    fn default() -> Self {
        Self { dim: 100, window: 10, epochs: 25, least: 5, rate: 0.05, most: 100.0, seed: 0 }
    }
}

/// The power of a count by which it weighs, α of the paper.
const POWER: f32 = 0.75;

/// Words fall into so many parts, number by number. Of the pairs, those of one part of first words and
/// one of second words are gone through by one thread, while others have all other parts.
const PARTS: usize = 16;

/// Streams of random numbers.
mod stream {
    pub const WEIGHTS: u64 = 1;
    pub const ORDER: u64 = 2;
}

/// Two words, as their places in their parts, and how often they are near each other.
#[derive(Clone, Copy)]
struct Pair {
    first: u32,
    second: u32,
    count: f32,
}

/// Of each word of a part: the vector and what is added to it, then the sums of AdaGrad for each.
type Part = Vec<f32>;

impl Glove {
    /// Trains vectors on a corpus; `progress` may stop it, by `false`, with what there is by then. Its
    /// words are those of pairs.
    ///
    /// # Errors
    /// If a size is 0, the corpus cannot be read, or has no two words that are frequent enough.
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
            let reason = format!("no two words that are there {least} times are near each other");
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
                // Part i of the first words meets part i + turn of the second.
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
            // The sum of both vectors of a word, as the paper has it.
            values.extend(row(&firsts).iter().zip(row(&seconds)).map(|(a, b)| a + b));
        }
        Vectors::new(&vocabulary.words, self.dim, values)
    }

    /// How often words are near each other, by the parts of both.
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
