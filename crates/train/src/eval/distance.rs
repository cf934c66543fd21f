//! Distances between two sets of clips, in the features of the judge.

use rayon::prelude::*;

use super::film::Set;
use super::interval::{Figure, PARTS, is_kept, jackknife};

/// The largest number of films, since the sums over pairs take quadratic time.
const MOST: usize = 4000;

/// The features of films with their prompts, one film per prompt.
type Features<'a> = Vec<(usize, &'a [f32])>;

/// The features of the first film of each prompt.
fn features(set: &Set) -> Features<'_> {
    let mut features: Features = Vec::new();
    for film in &set.films {
        if features.len() < MOST && features.last().is_none_or(|(last, _)| *last != film.prompt) {
            features.push((film.prompt, &film.verdict.features));
        }
    }
    features
}

/// The Fréchet distance ‖μ₁ - μ₂‖² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½) of the normal distributions that fit
/// the features of two sets (Heusel et al., "GANs trained by a two time-scale update rule", 2017).
/// Only the first film of each prompt is used. The distance is biased upward, and more so for small
/// sets: compare it with the distance between sets of as many real clips.
pub fn frechet(a: &Set, b: &Set) -> Option<Figure> {
    let (a, b) = (features(a), features(b));
    jackknife(a.len(), |left_out| {
        let [(mean_a, cov_a), (mean_b, cov_b)] = [moments(&a, left_out), moments(&b, left_out)];
        let d = mean_a.len();
        let means: f64 = mean_a.iter().zip(&mean_b).map(|(a, b)| (a - b).powi(2)).sum();
        let trace = |m: &[f64]| (0..d).map(|i| m[i * d + i]).sum::<f64>();
        // tr (Σ₁ Σ₂)^½ = tr (Σ₁^½ Σ₂ Σ₁^½)^½, of a symmetric matrix.
        let root = root(&cov_a, d);
        let product = product(&product(&root, &cov_b, d), &root, d);
        let (values, _) = eigen(product, d);
        let cross: f64 = values.iter().map(|value| value.max(0.0).sqrt()).sum();
        means + trace(&cov_a) + trace(&cov_b) - 2.0 * cross
    })
}

/// The unbiased squared maximum mean discrepancy with the kernel (xᵀy / d + 1)³ (Bińkowski et al.,
/// "Demystifying MMD GANs", 2018: KID), of the same clips as in [`frechet`]. It is about 0 for two
/// sets from the same distribution, whatever their sizes.
pub fn mmd(a: &Set, b: &Set) -> Option<Figure> {
    let (a, b) = (features(a), features(b));
    let (aa, bb, ab) = (kernels(&a, &a), kernels(&b, &b), kernels(&a, &b));
    let mean = |sums: &[(f64, f64)], left_out: Option<usize>| {
        let is = |k: usize| is_kept(k, left_out);
        let kept = sums.iter().enumerate().filter(|(k, _)| is(k / PARTS) && is(k % PARTS));
        let (sum, pairs) = kept.fold((0.0, 0.0), |all, (_, one)| (all.0 + one.0, all.1 + one.1));
        sum / pairs
    };
    jackknife(a.len(), |out| mean(&aa, out) + mean(&bb, out) - 2.0 * mean(&ab, out))
}

/// The sum of the kernel over pairs of clips and the number of pairs, for each pair of parts,
/// `[part of a, part of b]`. A clip makes no pair with itself.
fn kernels(a: &Features, b: &Features) -> Vec<(f64, f64)> {
    let is_same = std::ptr::eq(a, b);
    let of = |x: &[f32], y: &[f32]| {
        let dot: f32 = x.iter().zip(y).map(|(x, y)| x * y).sum();
        f64::from(dot / x.len() as f32 + 1.0).powi(3)
    };
    let rows: Vec<Vec<(f64, f64)>> = (0..PARTS)
        .into_par_iter()
        .map(|part| {
            let mut row = vec![(0.0, 0.0); PARTS];
            for (i, (prompt, x)) in a.iter().enumerate().filter(|(_, x)| x.0 % PARTS == part) {
                debug_assert_eq!(prompt % PARTS, part);
                for (j, (prompt, y)) in b.iter().enumerate() {
                    if !(is_same && i == j) {
                        let cell = &mut row[prompt % PARTS];
                        *cell = (cell.0 + of(x, y), cell.1 + 1.0);
                    }
                }
            }
            row
        })
        .collect();
    rows.concat()
}

/// The mean `[d]` and the covariance `[d, d]` of the features, without the part `left_out`.
fn moments(features: &Features, left_out: Option<usize>) -> (Vec<f64>, Vec<f64>) {
    let kept: Vec<&[f32]> =
        features.iter().filter(|(prompt, _)| is_kept(*prompt, left_out)).map(|f| f.1).collect();
    let (n, d) = (kept.len() as f64, kept.first().map_or(0, |x| x.len()));
    let mut mean = vec![0.0; d];
    for x in &kept {
        mean.iter_mut().zip(*x).for_each(|(mean, x)| *mean += f64::from(*x) / n);
    }
    let mut covariance = vec![0.0; d * d];
    let mut centred = vec![0.0; d];
    for x in &kept {
        centred.iter_mut().zip(*x).zip(&mean).for_each(|((c, x), m)| *c = f64::from(*x) - m);
        for (row, a) in covariance.chunks_mut(d).zip(&centred) {
            row.iter_mut().zip(&centred).for_each(|(sum, b)| *sum += a * b / (n - 1.0));
        }
    }
    (mean, covariance)
}

/// The square root of a symmetric positive semidefinite matrix `[d, d]`.
fn root(m: &[f64], d: usize) -> Vec<f64> {
    let (values, vectors) = eigen(m.to_vec(), d);
    let mut scaled = vectors.clone();
    for (row, value) in scaled.chunks_mut(d).zip(&values) {
        row.iter_mut().for_each(|x| *x *= value.max(0.0).sqrt());
    }
    // The rows of V are the eigenvectors: Vᵀ diag(√λ) V.
    let mut root = vec![0.0; d * d];
    for (vector, scaled) in vectors.chunks(d).zip(scaled.chunks(d)) {
        for (row, a) in root.chunks_mut(d).zip(vector) {
            row.iter_mut().zip(scaled).for_each(|(sum, b)| *sum += a * b);
        }
    }
    root
}

fn product(a: &[f64], b: &[f64], d: usize) -> Vec<f64> {
    let mut c = vec![0.0; d * d];
    for (row, a) in c.chunks_mut(d).zip(a.chunks(d)) {
        for (a, b) in a.iter().zip(b.chunks(d)) {
            row.iter_mut().zip(b).for_each(|(sum, b)| *sum += a * b);
        }
    }
    c
}

/// Eigenvalues and eigenvectors (as rows) of a symmetric matrix, by Jacobi rotations.
fn eigen(mut m: Vec<f64>, d: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; d * d];
    (0..d).for_each(|i| vectors[i * d + i] = 1.0);
    let scale = m.iter().map(|x| x * x).sum::<f64>();
    for _ in 0..30 {
        let off: f64 = (0..d)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| m[i * d + j].powi(2))
            .sum();
        if off <= 1e-20 * scale {
            break;
        }
        for p in 0..d {
            for q in p + 1..d {
                let apq = m[p * d + q];
                if apq.abs() < 1e-300 {
                    continue;
                }
                let theta = (m[q * d + q] - m[p * d + p]) / (2.0 * apq);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                // Rotating the rows, then the same columns, keeps the matrix symmetric.
                rotate(&mut m, d, p, q, c, s);
                for k in 0..d {
                    let (a, b) = (m[k * d + p], m[k * d + q]);
                    (m[k * d + p], m[k * d + q]) = (c * a - s * b, s * a + c * b);
                }
                rotate(&mut vectors, d, p, q, c, s);
            }
        }
    }
    ((0..d).map(|i| m[i * d + i]).collect(), vectors)
}

/// Rotates rows p and q, p < q.
fn rotate(m: &mut [f64], d: usize, p: usize, q: usize, c: f64, s: f64) {
    let (upper, lower) = m.split_at_mut(q * d);
    let rows = upper[p * d..(p + 1) * d].iter_mut().zip(&mut lower[..d]);
    rows.for_each(|(a, b)| (*a, *b) = (c * *a - s * *b, s * *a + c * *b));
}

#[cfg(test)]
mod tests {
    use kinora_tensor::Random;

    use super::*;
    use crate::eval::{Film, Verdict};

    /// `n` films with normal features of mean `shift` and standard deviation `scale`.
    fn set(n: usize, d: usize, seed: u64, shift: f32, scale: f32) -> Set {
        let mut random = Random::new(seed, 0);
        let films = (0..n).map(|prompt| {
            let features = random.normals(d).into_iter().map(|x| scale * x + shift).collect();
            let probabilities = [Vec::new(), Vec::new()];
            let verdict = Verdict { probabilities, in_order: [1.0; 2], features };
            Film::of(prompt, verdict)
        });
        Set { films: films.collect(), ..Set::default() }
    }

    #[test]
    fn the_root_of_a_matrix_is_its_root() {
        let d = 12;
        let x: Vec<f64> = Random::new(0, 0).normals(d * d).into_iter().map(f64::from).collect();
        let transposed: Vec<f64> = (0..d * d).map(|k| x[k % d * d + k / d]).collect();
        let m = product(&x, &transposed, d);
        let root = root(&m, d);
        for (a, b) in product(&root, &root, d).iter().zip(&m) {
            assert!((a - b).abs() < 1e-8, "{a} {b}");
        }
    }

    #[test]
    fn distances_of_normal_sets() {
        let (n, d) = (2000, 4);
        let base = set(n, d, 1, 0.0, 1.0);
        // d (shift² + (scale - 1)²)
        for (shift, scale, expected) in [(0.0, 1.0, 0.0), (1.0, 1.0, 4.0), (0.0, 3.0, 16.0)] {
            let figure = frechet(&set(n, d, 2, shift, scale), &base).unwrap();
            assert!((figure.value - expected).abs() < 0.05 + 0.06 * expected, "{figure:?}");
        }
        let same = mmd(&set(n, d, 2, 0.0, 1.0), &base).unwrap();
        assert!(same.low < 0.0 && 0.0 < same.high, "{same:?}");
        let other = mmd(&set(n, d, 2, 0.3, 1.0), &base).unwrap();
        assert!(other.low > 0.0, "{other:?}");
    }
}
