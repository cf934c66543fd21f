use crate::principal::{directions, products};
use crate::sif::zipf;
use crate::{Error, Result, Vectors};

/// The constant a of the weights a / (a + p).
const RARE: f64 = 1e-4;

/// Distils a larger encoder's vectors of words into a small table (Model2Vec; Tulkens and van
/// Dongen, 2024): the first `dim` principal components of the vectors, weighted.
///
/// Rarer words get longer vectors, so that the mean of a sentence's words represents the sentence.
/// The weights follow Zipf's law, as for [`crate::Sif`]: the words must be sorted by frequency, the
/// most frequent first.
///
/// # Errors
/// If `dim` is 0 or larger than the length of the vectors.
pub fn distil(encoded: &Vectors, dim: usize) -> Result<Vectors> {
    let d = encoded.dim();
    if !(1..=d).contains(&dim) {
        return Err(Error::Table(format!(
            "dim = {dim} must be from 1 to {d}, the dim of the encoded words"
        )));
    }
    let rows = || encoded.values().chunks_exact(d);
    let mut mean = vec![0.0; d];
    for row in rows() {
        mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x));
    }
    mean.iter_mut().for_each(|mean| *mean /= encoded.len() as f64);
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
