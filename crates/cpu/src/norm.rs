//! Normalisation over groups of channels, and its gradient, each in as few sweeps as there can be.

use kinora_tensor::{NormSpec, Shape, Tensor};

use crate::CpuTensor;
use crate::parallel::{PIECE, Shared, map};
use crate::simd::simd;

/// How `[n, s, c]` is cut: a piece is some of the s of one n.
struct Cut {
    n: usize,
    s: usize,
    c: usize,
    groups: usize,
    /// Elements in a piece, a multiple of c.
    piece: usize,
    /// Pieces in one n.
    parts: usize,
}

impl Cut {
    fn new(shape: &Shape, groups: usize) -> Self {
        let (n, c) = (shape[0], shape[shape.len() - 1]);
        let s = shape[1..shape.len() - 1].iter().product();
        let lines = (PIECE / c.max(1)).clamp(1, usize::max(s, 1));
        Self { n, s, c, groups, piece: lines * c, parts: s.div_ceil(lines) }
    }

    fn elements(&self) -> usize {
        self.n * self.s * self.c
    }

    /// Elements in a group of one n.
    fn count(&self) -> f64 {
        (self.s * self.c / self.groups) as f64
    }

    /// Where piece `part` of `n` lies.
    fn range(&self, n: usize, part: usize) -> std::ops::Range<usize> {
        let start = n * self.s * self.c;
        start + part * self.piece..start + ((part + 1) * self.piece).min(self.s * self.c)
    }

    /// One value a channel from one value a group.
    fn spread(&self, by_group: impl Iterator<Item = f32>) -> Vec<f32> {
        by_group.flat_map(|value| std::iter::repeat_n(value, self.c / self.groups)).collect()
    }
}

/// Mean and 1 / √(variance + ε) of each group of each n, both `[n, groups]`.
fn statistics(x: &[f32], cut: &Cut, epsilon: f32) -> Vec<(f32, f32)> {
    let width = cut.c / cut.groups;
    let parts = map(cut.n * cut.parts, cut.elements(), |task| {
        let x = &x[cut.range(task / cut.parts, task % cut.parts)];
        let count = (x.len() / cut.groups) as f64;
        let mut sums = vec![0.0; cut.c];
        simd(
            #[inline(always)]
            || {
                for x in x.chunks_exact(cut.c) {
                    sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
                }
            },
        );
        let fold = |sums: &[f32]| -> Vec<f64> {
            sums.chunks_exact(width).map(|sums| sums.iter().map(|&x| f64::from(x)).sum()).collect()
        };
        let sums_by_group = fold(&sums);
        // The squares are taken about the mean of this piece, so that nothing cancels.
        let means = cut.spread(sums_by_group.iter().map(|sum| (sum / count) as f32));
        sums.fill(0.0);
        simd(
            #[inline(always)]
            || {
                for x in x.chunks_exact(cut.c) {
                    for ((sum, x), mean) in sums.iter_mut().zip(x).zip(&means) {
                        *sum += (x - mean) * (x - mean);
                    }
                }
            },
        );
        (count, sums_by_group, fold(&sums))
    });
    let group = |(n, group): (usize, usize)| {
        // Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm" (1979).
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for (more, sums, around) in &parts[n * cut.parts..][..cut.parts] {
            let apart = sums[group] / more - mean;
            squares += around[group] + apart * apart * count * more / (count + more);
            mean += apart * more / (count + more);
            count += more;
        }
        (mean as f32, (squares / count + f64::from(epsilon)).sqrt().recip() as f32)
    };
    (0..cut.n).flat_map(|n| (0..cut.groups).map(move |g| (n, g))).map(group).collect()
}

/// Mean and 1 / √(variance + ε) of n, one value a channel.
fn channels(cut: &Cut, statistics: &[(f32, f32)], n: usize) -> (Vec<f32>, Vec<f32>) {
    let groups = &statistics[n * cut.groups..][..cut.groups];
    (cut.spread(groups.iter().map(|s| s.0)), cut.spread(groups.iter().map(|s| s.1)))
}

/// The row for n of scale or shift, `[n | 1, c]`.
fn row(x: &CpuTensor, n: usize, c: usize) -> &[f32] {
    let n = if x.shape()[0] == 1 { 0 } else { n };
    &x.data()[n * c..][..c]
}

pub(crate) fn norm(
    spec: &NormSpec,
    x: &CpuTensor,
    scale: &CpuTensor,
    shift: &CpuTensor,
    out: &mut [f32],
) {
    if out.is_empty() {
        return;
    }
    let cut = Cut::new(x.shape(), spec.groups);
    let statistics = statistics(x.data(), &cut, spec.epsilon);
    let shared = Shared::new(out);
    let x = x.data();
    crate::parallel::tasks(cut.n * cut.parts, cut.elements(), |task| {
        let n = task / cut.parts;
        let range = cut.range(n, task % cut.parts);
        let (mean, inverse) = channels(&cut, &statistics, n);
        let (scale, shift) = (row(scale, n, cut.c), row(shift, n, cut.c));
        let factor: Vec<f32> = inverse.iter().zip(scale).map(|(i, s)| i * s).collect();
        // SAFETY: the ranges of the tasks are disjoint and lie in the output, which is as x.
        let out = unsafe { shared.slice(range.clone()) };
        simd(
            #[inline(always)]
            || {
                let (mean, factor, shift) = (&mean[..cut.c], &factor[..cut.c], &shift[..cut.c]);
                for (out, x) in out.chunks_exact_mut(cut.c).zip(x[range].chunks_exact(cut.c)) {
                    for c in 0..cut.c {
                        let y = (x[c] - mean[c]) * factor[c] + shift[c];
                        out[c] = if y > 0.0 { y } else { spec.slope * y };
                    }
                }
            },
        );
    });
}

/// The gradient before the activation: g times the slope at y.
#[inline(always)]
fn before(slope: f32, y: f32, g: f32) -> f32 {
    if y > 0.0 { g } else { slope * g }
}

/// With ĝ the gradient before the activation and m the mean over a group:
/// ∂shift = Σ ĝ, ∂scale = Σ ĝ x̂, ∂x = inverse · (ĝ scale - m(ĝ scale) - x̂ m(ĝ scale x̂)).
pub(crate) fn norm_grad(spec: &NormSpec, [x, scale, shift, g]: [&CpuTensor; 4], out: &mut [f32]) {
    let cut = Cut::new(x.shape(), spec.groups);
    let (by_x, by_rest) = out.split_at_mut(cut.elements());
    let (by_scale, by_shift) = by_rest.split_at_mut(by_rest.len() / 2);
    by_scale.fill(0.0);
    by_shift.fill(0.0);
    if by_x.is_empty() {
        return;
    }
    let statistics = statistics(x.data(), &cut, spec.epsilon);
    let (x, g) = (x.data(), g.data());
    // Σ ĝ and Σ ĝ x̂ a channel, of each piece.
    let sums = map(cut.n * cut.parts, cut.elements(), |task| {
        let n = task / cut.parts;
        let range = cut.range(n, task % cut.parts);
        let (mean, inverse) = channels(&cut, &statistics, n);
        let (scale, shift) = (row(scale, n, cut.c), row(shift, n, cut.c));
        let mut sums = (vec![0.0; cut.c], vec![0.0; cut.c]);
        simd(
            #[inline(always)]
            || {
                let c = cut.c;
                let (mean, inverse) = (&mean[..c], &inverse[..c]);
                let (scale, shift) = (&scale[..c], &shift[..c]);
                let (plain, along) = (&mut sums.0[..c], &mut sums.1[..c]);
                for (x, g) in x[range.clone()].chunks_exact(c).zip(g[range].chunks_exact(c)) {
                    for c in 0..c {
                        let x_hat = (x[c] - mean[c]) * inverse[c];
                        let g = before(spec.slope, x_hat * scale[c] + shift[c], g[c]);
                        plain[c] += g;
                        along[c] += g * x_hat;
                    }
                }
            },
        );
        sums
    });
    // Of each n, then what is repeated over n.
    let add = |to: &mut [f32], from: &[f32]| to.iter_mut().zip(from).for_each(|(a, b)| *a += b);
    let totals: Vec<(Vec<f32>, Vec<f32>)> = sums
        .chunks_exact(cut.parts)
        .map(|parts| {
            let mut total = (vec![0.0; cut.c], vec![0.0; cut.c]);
            for (plain, along) in parts {
                add(&mut total.0, plain);
                add(&mut total.1, along);
            }
            total
        })
        .collect();
    for (n, (plain, along)) in totals.iter().enumerate() {
        let at = if scale.shape()[0] == 1 { 0 } else { n * cut.c };
        add(&mut by_shift[at..][..cut.c], plain);
        add(&mut by_scale[at..][..cut.c], along);
    }
    let group_means = |sums: &[f32], scale: &[f32]| {
        let weighted: Vec<f64> = sums
            .iter()
            .zip(scale)
            .map(|(&sum, &scale)| f64::from(sum) * f64::from(scale))
            .collect();
        let groups = weighted.chunks_exact(cut.c / cut.groups);
        cut.spread(groups.map(|sums| (sums.iter().sum::<f64>() / cut.count()) as f32))
    };
    let shared = Shared::new(by_x);
    crate::parallel::tasks(cut.n * cut.parts, cut.elements(), |task| {
        let n = task / cut.parts;
        let range = cut.range(n, task % cut.parts);
        let (mean, inverse) = channels(&cut, &statistics, n);
        let (scale, shift) = (row(scale, n, cut.c), row(shift, n, cut.c));
        let plain = group_means(&totals[n].0, scale);
        let along = group_means(&totals[n].1, scale);
        // SAFETY: the ranges of the tasks are disjoint and lie in ∂x, which is as x.
        let out = unsafe { shared.slice(range.clone()) };
        simd(
            #[inline(always)]
            || {
                let c = cut.c;
                let (mean, inverse) = (&mean[..c], &inverse[..c]);
                let (scale, shift) = (&scale[..c], &shift[..c]);
                let (plain, along) = (&plain[..c], &along[..c]);
                let inputs = x[range.clone()].chunks_exact(c).zip(g[range].chunks_exact(c));
                for (out, (x, g)) in out.chunks_exact_mut(c).zip(inputs) {
                    for c in 0..c {
                        let x_hat = (x[c] - mean[c]) * inverse[c];
                        let g = before(spec.slope, x_hat * scale[c] + shift[c], g[c]);
                        out[c] = inverse[c] * (g * scale[c] - plain[c] - x_hat * along[c]);
                    }
                }
            },
        );
    });
}
