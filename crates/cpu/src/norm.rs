//! Normalisation over groups of channels, and its gradient. Each of the n samples is one task, so
//! that its elements mostly stay in the cache between the passes over them.

use std::ops::Range;

use kinora_tensor::{NormSpec, Tensor};

use crate::CpuTensor;
use crate::parallel::{Shared, map, tasks};
use crate::simd::{side, simd};

/// Elements in a piece of a sample; each piece has its own sums.
const PIECE: usize = 8 << 10;

/// From this many elements on, the pieces of one sample are worth several threads.
const LARGE: usize = 1 << 18;

/// Elements of a row if c is smaller, about: loops over few channels vectorise badly.
const WIDE: usize = 256;

/// The loops over the elements `[s, c]` of one sample. A row is a multiple of c elements, and a
/// piece is a multiple of a row. Values of a channel are repeated to fill a row.
#[derive(Clone, Copy)]
struct Walk {
    len: usize,
    c: usize,
    groups: usize,
    piece: usize,
    row: usize,
}

impl Walk {
    fn new(x: &CpuTensor, groups: usize) -> Self {
        let c = x.shape()[x.shape().len() - 1];
        let row = (WIDE / c).max(1) * c;
        let piece = (PIECE / row).max(1) * row;
        Self { len: x.data().len() / x.shape()[0], c, groups, piece, row }
    }

    fn range(&self, piece: usize) -> Range<usize> {
        piece * self.piece..((piece + 1) * self.piece).min(self.len)
    }

    fn pieces(&self) -> usize {
        self.len.div_ceil(self.piece)
    }

    /// The work of all pieces, as [`tasks`] takes it; 0 keeps a small sample on one thread.
    fn work(&self) -> usize {
        if self.len < LARGE { 0 } else { self.len }
    }

    /// The scale or shift of sample n, from `[n, c]` or `[1, c]`, repeated to fill a row.
    fn repeat(&self, x: &CpuTensor, n: usize) -> Vec<f32> {
        let n = if x.shape()[0] == 1 { 0 } else { n };
        x.data()[n * self.c..][..self.c].repeat(self.row / self.c)
    }

    /// One value for each element of a row, from one value for each group.
    fn spread(&self, groups: impl Iterator<Item = f32>) -> Vec<f32> {
        let width = self.c / self.groups;
        let channels: Vec<f32> = groups.flat_map(|x| std::iter::repeat_n(x, width)).collect();
        channels.repeat(self.row / self.c)
    }

    /// One sum for each channel, from one sum for each element of a row.
    fn by_channel(&self, mut row: Vec<f32>) -> Vec<f32> {
        let (channels, others) = row.split_at_mut(self.c);
        others.chunks_exact(self.c).for_each(|other| add(channels, other));
        row.truncate(self.c);
        row
    }

    /// One sum for each group, from one sum for each channel.
    fn by_group(&self, channels: &[f32]) -> Vec<f64> {
        let groups = channels.chunks_exact(self.c / self.groups);
        groups.map(|group| group.iter().map(|&x| f64::from(x)).sum()).collect()
    }
}

#[inline(always)]
fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(a, b)| *a += b);
}

/// The mean and 1 / √(variance + ε) of one sample, for each element of a row.
fn statistics(x: &[f32], walk: &Walk, epsilon: f32) -> (Vec<f32>, Vec<f32>) {
    let pieces = map(walk.pieces(), walk.work(), |piece| {
        let x = &x[walk.range(piece)];
        let count = (x.len() / walk.groups) as f64;
        let mut sums = vec![0.0; walk.row];
        simd(
            #[inline(always)]
            || {
                for x in x.chunks(walk.row) {
                    add(&mut sums, x);
                }
            },
        );
        let sums = walk.by_group(&walk.by_channel(sums));
        // Sum the squares around the mean of this piece, to avoid cancellation.
        let means = walk.spread(sums.iter().map(|sum| (sum / count) as f32));
        let mut squares = vec![0.0; walk.row];
        simd(
            #[inline(always)]
            || {
                for x in x.chunks(walk.row) {
                    for ((sum, x), mean) in squares.iter_mut().zip(x).zip(&means) {
                        *sum += (x - mean) * (x - mean);
                    }
                }
            },
        );
        (count, sums, walk.by_group(&walk.by_channel(squares)))
    });
    let group = |group: usize| {
        // Combine the pieces: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
        // for computing sample variances" (1979).
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for (more, sums, around) in &pieces {
            let apart = sums[group] / more - mean;
            squares += around[group] + apart * apart * count * more / (count + more);
            mean += apart * more / (count + more);
            count += more;
        }
        (mean as f32, (squares / count + f64::from(epsilon)).sqrt().recip() as f32)
    };
    let groups: Vec<(f32, f32)> = (0..walk.groups).map(group).collect();
    (walk.spread(groups.iter().map(|g| g.0)), walk.spread(groups.iter().map(|g| g.1)))
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
    let walk = Walk::new(x, spec.groups);
    let shared = Shared::new(out);
    tasks(x.shape()[0], x.data().len(), |n| {
        let at = n * walk.len;
        let x = &x.data()[at..][..walk.len];
        let (mean, inverse) = statistics(x, &walk, spec.epsilon);
        let (scale, shift) = (walk.repeat(scale, n), walk.repeat(shift, n));
        tasks(walk.pieces(), walk.work(), |piece| {
            let range = walk.range(piece);
            let rows = x[range.clone()].chunks(walk.row);
            // SAFETY: the ranges of the tasks are disjoint and lie in the output, which has the
            // shape of x.
            let out = unsafe { shared.slice(at + range.start..at + range.end) };
            simd(
                #[inline(always)]
                || {
                    let of_channel = [&mean[..], &inverse, &scale, &shift];
                    for (out, x) in out.chunks_mut(walk.row).zip(rows) {
                        norm_row(spec.slope, x, of_channel, out);
                    }
                },
            );
        });
    });
}

// The output is an argument of its own: from that the compiler knows that it overlaps no input.
#[inline(always)]
fn norm_row(slope: f32, x: &[f32], of_channel: [&[f32]; 4], out: &mut [f32]) {
    for ((out, x), [mean, inverse, scale, shift]) in out.iter_mut().zip(x).zip(side(of_channel)) {
        let x_hat = (x - mean) * inverse;
        let y = x_hat * scale + shift;
        *out = if y > 0.0 { y } else { slope * y };
    }
}

/// With ĝ the gradient before the activation and m the mean over a group:
/// ∂shift = Σ ĝ, ∂scale = Σ ĝ x̂, ∂x = inverse · (ĝ scale - m(ĝ scale) - x̂ m(ĝ scale x̂)).
pub(crate) fn norm_grad(spec: &NormSpec, [x, scale, shift, g]: [&CpuTensor; 4], out: &mut [f32]) {
    let (by_x, by_rest) = out.split_at_mut(x.data().len());
    let (by_scale, by_shift) = by_rest.split_at_mut(by_rest.len() / 2);
    by_scale.fill(0.0);
    by_shift.fill(0.0);
    if by_x.is_empty() {
        return;
    }
    let walk = Walk::new(x, spec.groups);
    let shared = Shared::new(by_x);
    let totals = map(x.shape()[0], x.data().len(), |n| {
        let at = n * walk.len;
        let (x, g) = (&x.data()[at..][..walk.len], &g.data()[at..][..walk.len]);
        let (mean, inverse) = statistics(x, &walk, spec.epsilon);
        let (scale, shift) = (walk.repeat(scale, n), walk.repeat(shift, n));
        let of_channel = [&mean[..], &inverse, &scale, &shift];
        let totals = sums(spec.slope, [x, g], &walk, of_channel);
        let count = (walk.len / walk.groups) as f64;
        let group_means = |sums: &[f32]| {
            let weighted: Vec<f32> = sums.iter().zip(&scale).map(|(sum, s)| sum * s).collect();
            walk.spread(walk.by_group(&weighted).into_iter().map(|sum| (sum / count) as f32))
        };
        let means = [&group_means(&totals.0)[..], &group_means(&totals.1)];
        tasks(walk.pieces(), walk.work(), |piece| {
            let range = walk.range(piece);
            let rows = x[range.clone()].chunks(walk.row).zip(g[range.clone()].chunks(walk.row));
            // SAFETY: the ranges of the tasks are disjoint and lie in ∂x, which has the shape of x.
            let out = unsafe { shared.slice(at + range.start..at + range.end) };
            simd(
                #[inline(always)]
                || {
                    for (out, (x, g)) in out.chunks_mut(walk.row).zip(rows) {
                        grad_row(spec.slope, [x, g], of_channel, means, out);
                    }
                },
            );
        });
        totals
    });
    for (n, (plain, along)) in totals.iter().enumerate() {
        let at = if scale.shape()[0] == 1 { 0 } else { n * walk.c };
        add(&mut by_shift[at..], plain);
        add(&mut by_scale[at..], along);
    }
}

/// The gradient before the activation: g times the slope at y.
#[inline(always)]
fn before(slope: f32, y: f32, g: f32) -> f32 {
    if y > 0.0 { g } else { slope * g }
}

#[inline(always)]
fn grad_row(
    slope: f32,
    [x, g]: [&[f32]; 2],
    of_channel: [&[f32]; 4],
    [plain, along]: [&[f32]; 2],
    out: &mut [f32],
) {
    let inputs = side([x, g, plain, along]).zip(side(of_channel));
    for (out, ([x, g, plain, along], [mean, inverse, scale, shift])) in out.iter_mut().zip(inputs) {
        let x_hat = (x - mean) * inverse;
        let g = before(slope, x_hat * scale + shift, g);
        *out = inverse * (g * scale - plain - x_hat * along);
    }
}

/// Σ ĝ and Σ ĝ x̂ of one sample, each with one value for each channel.
fn sums(
    slope: f32,
    [x, g]: [&[f32]; 2],
    walk: &Walk,
    of_channel: [&[f32]; 4],
) -> (Vec<f32>, Vec<f32>) {
    let pieces = map(walk.pieces(), walk.work(), |piece| {
        let range = walk.range(piece);
        let rows = x[range.clone()].chunks(walk.row).zip(g[range].chunks(walk.row));
        let (mut plain, mut along) = (vec![0.0; walk.row], vec![0.0; walk.row]);
        simd(
            #[inline(always)]
            || {
                for (x, g) in rows {
                    sum_row(slope, [x, g], of_channel, &mut plain, &mut along);
                }
            },
        );
        (walk.by_channel(plain), walk.by_channel(along))
    });
    let mut total = (vec![0.0; walk.c], vec![0.0; walk.c]);
    for (plain, along) in &pieces {
        add(&mut total.0, plain);
        add(&mut total.1, along);
    }
    total
}

#[inline(always)]
fn sum_row(
    slope: f32,
    [x, g]: [&[f32]; 2],
    of_channel: [&[f32]; 4],
    plain: &mut [f32],
    along: &mut [f32],
) {
    let inputs = x.iter().zip(g).zip(side(of_channel));
    let sums = plain.iter_mut().zip(along);
    for (((x, g), [mean, inverse, scale, shift]), (plain, along)) in inputs.zip(sums) {
        let x_hat = (x - mean) * inverse;
        let g = before(slope, x_hat * scale + shift, *g);
        *plain += g;
        *along += g * x_hat;
    }
}
