//! Principal components by Jacobi's eigenvalue algorithm.

/// The `count` eigenvectors of a symmetric matrix `[d, d]` with the largest eigenvalues, each of
/// length 1, by Jacobi's rotations (Golub and Van Loan, Matrix Computations, §8.5).
///
/// Each is signed so that its number of largest magnitude is positive, which makes the result
/// unique.
pub fn directions(mut matrix: Vec<f64>, d: usize, count: usize) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> =
        (0..d).map(|i| (0..d).map(|j| f64::from(i == j)).collect()).collect();
    let all: f64 = matrix.iter().map(|x| x * x).sum();
    for _ in 0..50 {
        let rest: f64 = (0..d * d).filter(|at| at / d != at % d).map(|at| matrix[at].powi(2)).sum();
        if rest <= all * 1e-24 {
            break;
        }
        for p in 0..d {
            for q in p + 1..d {
                rotate(&mut matrix, &mut rows, d, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|&i, &j| matrix[j * d + j].total_cmp(&matrix[i * d + i]));
    order.truncate(count);
    let largest = |row: &[f64]| row.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
    let directions = order.into_iter().map(|i| std::mem::take(&mut rows[i]));
    let signed = directions.map(|mut row| {
        if largest(&row).is_some_and(|x| x < 0.0) {
            row.iter_mut().for_each(|x| *x = -*x);
        }
        row
    });
    signed.collect()
}

/// Rotates the axes p and q of the matrix so that its entry (p, q) becomes 0, and rotates the
/// eigenvectors in `rows` with them.
fn rotate(matrix: &mut [f64], rows: &mut [Vec<f64>], d: usize, p: usize, q: usize) {
    let between = matrix[p * d + q];
    if between == 0.0 {
        return;
    }
    let half = (matrix[q * d + q] - matrix[p * d + p]) / (2.0 * between);
    let t = half.signum() / (half.abs() + half.hypot(1.0));
    let (c, s) = (1.0 / t.hypot(1.0), t / t.hypot(1.0));
    let turn = |x: &mut f64, y: &mut f64| (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    let (above, below) = matrix.split_at_mut(q * d);
    for (x, y) in above[p * d..][..d].iter_mut().zip(&mut below[..d]) {
        turn(x, y);
    }
    for row in matrix.chunks_exact_mut(d) {
        let (left, right) = row.split_at_mut(q);
        turn(&mut left[p], &mut right[0]);
    }
    let (above, below) = rows.split_at_mut(q);
    for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
        turn(x, y);
    }
}

/// Σ x xᵀ of rows `[n, d]`, as `[d, d]`.
pub fn products(rows: impl Iterator<Item = Vec<f64>>, d: usize) -> Vec<f64> {
    let mut sums = vec![0.0; d * d];
    for row in rows {
        for (i, &x) in row.iter().enumerate() {
            // Only the lower half; the matrix is symmetric.
            let sums = &mut sums[i * d..=i * d + i];
            sums.iter_mut().zip(&row).for_each(|(sum, y)| *sum += x * y);
        }
    }
    for i in 0..d {
        for j in 0..i {
            sums[j * d + i] = sums[i * d + j];
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_of_a_cloud() {
        // Along (0.6, 0.8, 0) by ten, along (0.8, -0.6, 0) by three, along the third axis by one.
        let axes = [[0.6, 0.8, 0.0], [0.8, -0.6, 0.0], [0.0, 0.0, 1.0]];
        let mut random = fastrand::Rng::with_seed(1);
        let mut cloud = Vec::new();
        for _ in 0..200 {
            let along = [10.0, 3.0, 1.0].map(|far| far * (random.f64() - 0.5));
            for signs in 0..8 {
                // All combinations of signs, so that no two axes are correlated.
                let of =
                    |axis: usize| if signs >> axis & 1 == 0 { along[axis] } else { -along[axis] };
                let at = |k: usize| (0..3).map(|axis| of(axis) * axes[axis][k]).sum();
                cloud.push((0..3).map(at).collect::<Vec<f64>>());
            }
        }
        let found = directions(products(cloud.into_iter(), 3), 3, 2);
        assert_eq!(found.len(), 2);
        for (found, axis) in found.iter().flatten().zip(axes.iter().flatten()) {
            assert!((found - axis).abs() < 1e-9, "{found} {axis}");
        }
        assert_eq!(directions(vec![0.0; 4], 2, 2), [[1.0, 0.0], [0.0, 1.0]]);
        assert_eq!(directions(vec![-3.0], 1, 5), [[1.0]]);
    }
}
