use crate::principal::{directions, products};
use crate::vectors::dot;
use crate::{Result, Vectors};

/// Sentences by smooth inverse frequency (Arora, Liang and Ma, "A simple but tough-to-beat baseline for
/// sentence embeddings", 2017, algorithm 1): the mean of words weighted by a / (a + p), less what all
/// sentences have in common.
///
/// Tables do not say how frequent a word is, p, but their order does: the i-th of n words is taken to be
/// so by Zipf's law, 1 / (i (1 + 1/2 + … + 1/n)).
#[derive(Debug)]
pub struct Sif<'a> {
    vectors: &'a Vectors,
    common: Vec<f32>,
}

/// a, of SIF.
const SMOOTH: f64 = 1e-3;

impl<'a> Sif<'a> {
    /// Learns what these sentences have in common: the first principal direction of their vectors.
    pub fn new<S: AsRef<str>>(vectors: &'a Vectors, sentences: &[S]) -> Self {
        let mut sif = Self { vectors, common: vec![0.0; vectors.dim()] };
        let rows = sentences.iter().map(|sentence| {
            let vector = sif.sentence(sentence.as_ref());
            vector.into_iter().map(f64::from).collect()
        });
        let products = products(rows, vectors.dim());
        if let Some(common) = directions(products, vectors.dim(), 1).into_iter().next() {
            sif.common = common.into_iter().map(|x| x as f32).collect();
        }
        sif
    }

    /// The vector of a sentence; zeros if the table has none of its words.
    pub fn sentence(&self, sentence: &str) -> Vec<f32> {
        let weights = zipf(self.vectors.len(), SMOOTH);
        let mut vector = self.vectors.weighted_mean(sentence, weights).0;
        let along = dot(&vector, &self.common);
        vector.iter_mut().zip(&self.common).for_each(|(x, common)| *x -= along * common);
        vector
    }
}

/// a / (a + p) of the words of a table, by their number from 0.
pub fn zipf(words: usize, a: f64) -> impl Fn(usize) -> f32 {
    // 1 + 1/2 + … + 1/n is ln n + γ + 1/2n.
    let n = words.max(1) as f64;
    let harmonic = n.ln() + 0.577_215_664_901_532_9 + 0.5 / n;
    move |index| {
        let p = 1.0 / ((index + 1) as f64 * harmonic);
        (a / (a + p)) as f32
    }
}

/// A small table of what a larger encoder says of words (Model2Vec; Tulkens and van Dongen, 2024): the
/// first `dim` principal components of its vectors, each word weighted by how rare it is, so that the
/// mean of a sentence's words stands for the sentence. The order of the words says how frequent they
/// are, as for [`Sif`].
///
/// # Errors
/// If `dim` is 0 or more than what the vectors have.
pub fn distil(encoded: &Vectors, dim: usize) -> Result<Vectors> {
    let d = encoded.dim();
    if !(1..=d).contains(&dim) {
        return Err(crate::Error::Table(format!("{dim} components of vectors of {d} numbers")));
    }
    let rows = || encoded.values().chunks_exact(d);
    let mut mean = vec![0.0; d];
    for row in rows() {
        mean.iter_mut()
            .zip(row)
            .for_each(|(mean, &x)| *mean += f64::from(x) / encoded.len() as f64);
    }
    let centred = |row: &[f32]| -> Vec<f64> {
        row.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean).collect()
    };
    let directions = directions(products(rows().map(centred), d), d, dim);
    let weights = zipf(encoded.len(), RARE);
    let values = rows().enumerate().flat_map(|(index, row)| {
        let (row, weight) = (centred(row), weights(index));
        let along =
            |direction: &Vec<f64>| -> f64 { direction.iter().zip(&row).map(|(a, b)| a * b).sum() };
        directions.iter().map(|direction| along(direction) as f32 * weight).collect::<Vec<f32>>()
    });
    Vectors::new(&encoded.words().collect::<Vec<_>>(), dim, values.collect())
}

/// a, of the weights of [`distil`].
const RARE: f64 = 1e-4;
