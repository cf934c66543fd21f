use std::ops::Deref;

use crate::Vectors;
use crate::principal::{directions, products};
use crate::vectors::dot;

/// Sentence vectors by smooth inverse frequency (Arora, Liang and Ma, "A simple but tough-to-beat
/// baseline for sentence embeddings", 2017, algorithm 1): the mean of word vectors weighted by
/// a / (a + p), without the direction that all sentences have in common.
///
/// A table does not give the frequency p of a word, but its order suggests it: by Zipf's law the
/// i-th of n words has p = 1 / (i (1 + 1/2 + … + 1/n)).
#[derive(Clone, Debug)]
pub struct Sif<V> {
    vectors: V,
    common: Vec<f32>,
}

/// The constant a of the weights a / (a + p).
const SMOOTH: f64 = 1e-3;

impl<V: Deref<Target = Vectors>> Sif<V> {
    /// Learns the common direction of these sentences: the first principal direction of their
    /// vectors.
    pub fn new<S: AsRef<str>>(vectors: V, sentences: &[S]) -> Self {
        let common = vec![0.0; vectors.dim()];
        let mut sif = Self { vectors, common };
        let rows = sentences.iter().map(|sentence| {
            let vector = sif.sentence(sentence.as_ref());
            vector.into_iter().map(f64::from).collect()
        });
        let dim = sif.vectors.dim();
        let products = products(rows, dim);
        if let Some(common) = directions(products, dim, 1).into_iter().next() {
            sif.common = common.into_iter().map(|x| x as f32).collect();
        }
        sif
    }

    /// Restores a `Sif` from the direction that [`Sif::common`] gave.
    ///
    /// # Panics
    /// If the direction and the vectors differ in length.
    pub fn with(vectors: V, common: Vec<f32>) -> Self {
        assert_eq!(common.len(), vectors.dim(), "the length of the common direction");
        Self { vectors, common }
    }

    /// The common direction of the sentences, a vector of length 1.
    pub fn common(&self) -> &[f32] {
        &self.common
    }

    /// The vector of a sentence; zeros if the table has a vector for none of its words.
    pub fn sentence(&self, sentence: &str) -> Vec<f32> {
        let weights = zipf(self.vectors.len(), SMOOTH);
        let mut vector = self.vectors.weighted_mean(sentence, weights).0;
        let along = dot(&vector, &self.common);
        vector.iter_mut().zip(&self.common).for_each(|(x, common)| *x -= along * common);
        vector
    }
}

/// The weight a / (a + p) of each word of a table, by the word's index from 0.
pub fn zipf(words: usize, a: f64) -> impl Fn(usize) -> f32 {
    // 1 + 1/2 + … + 1/n is about ln n + γ + 1/2n.
    let n = words.max(1) as f64;
    let harmonic = n.ln() + 0.577_215_664_901_532_9 + 0.5 / n;
    move |index| {
        let p = 1.0 / ((index + 1) as f64 * harmonic);
        (a / (a + p)) as f32
    }
}
