use crate::principal::{directions, products};
use crate::sif::zipf;
use crate::{Error, Result, Vectors};

/// a, of the weights.
const RARE: f64 = 1e-4;

/// A small table of what a larger encoder says of words (Model2Vec; Tulkens and van Dongen, 2024): the
/// first `dim` principal components of its vectors, each word weighted by how rare it is, so that the
/// mean of a sentence's words stands for the sentence. The order of the words says how frequent they
/// are, as for [`crate::Sif`].
///
/// # Errors
/// If `dim` is 0 or more than what the vectors have.
pub fn distil(encoded: &Vectors, dim: usize) -> Result<Vectors> {
    let d = encoded.dim();
    if !(1..=d).contains(&dim) {
        return Err(Error::Table(format!("{dim} components of vectors of {d} numbers")));
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
