//! Sums over axes, and softmax. The order of every sum depends on the shape alone.

use kinora_tensor::strided::sum_passes;
use kinora_tensor::{Result, Tensor};

use crate::parallel::{PIECE, Shared, map, rows, tasks, tasks_over};
use crate::simd::simd;
use crate::{CpuTensor, math};

/// The number of independent partial sums of a row, so that they fill vectors.
const LANES: usize = 32;

/// From this many columns on, a sum over rows is split by columns into several tasks.
const WIDE: usize = 2 << 10;

pub(crate) fn sum(x: &CpuTensor, axes: &[usize], out: &mut [f32]) -> Result<()> {
    let passes = sum_passes(x.shape(), axes);
    let Some((&last, rest)) = passes.split_last() else {
        out.copy_from_slice(x.data());
        return Ok(());
    };
    let mut held = None;
    for &sizes in rest {
        let mut next = x.device().take(sizes[0] * sizes[2])?;
        let from = held.as_deref().unwrap_or(x.data());
        sum_middle(from, sizes, &mut next[..sizes[0] * sizes[2]]);
        held = Some(next);
    }
    sum_middle(held.as_deref().unwrap_or(x.data()), last, out);
    Ok(())
}

/// The sum over the middle axis of `[outer, len, inner]`.
pub(crate) fn sum_middle(x: &[f32], [outer, len, inner]: [usize; 3], out: &mut [f32]) {
    if len * inner == 0 {
        return out.fill(0.0);
    }
    let row = len * inner;
    if row <= 2 * PIECE {
        let many = (2 * PIECE / row).max(1);
        tasks_over(out, many * inner, outer * row, |i, out| {
            let rows = x[i * many * row..].chunks_exact(row);
            simd(
                #[inline(always)]
                || out.chunks_exact_mut(inner).zip(rows).for_each(|(out, x)| sum_outer(x, out)),
            );
        });
        return;
    }
    if inner >= WIDE {
        let blocks = inner.div_ceil(WIDE);
        let shared = Shared::new(out);
        tasks(outer * blocks, x.len(), |task| {
            let (at, start) = (task / blocks, task % blocks * WIDE);
            let width = WIDE.min(inner - start);
            // SAFETY: each task has its own block of columns of one row of the output.
            let out = unsafe { shared.slice(at * inner + start..at * inner + start + width) };
            out.fill(0.0);
            for row in x[at * row..][..row].chunks_exact(inner) {
                out.iter_mut().zip(&row[start..]).for_each(|(out, x)| *out += x);
            }
        });
        return;
    }
    // Few long sums: split each into parts, and add up the partial sums at the end.
    let step = (PIECE / inner).max(1) * inner;
    let parts = row.div_ceil(step);
    let partial = map(outer * parts, x.len(), |task| {
        let (row_index, part) = (task / parts, task % parts);
        let end = ((part + 1) * step).min(row);
        let mut partial = vec![0.0; inner];
        let x = &x[row_index * row..][part * step..end];
        simd(
            #[inline(always)]
            || sum_outer(x, &mut partial),
        );
        partial
    });
    for (out, partial) in out.chunks_exact_mut(inner).zip(partial.chunks_exact(parts)) {
        out.fill(0.0);
        for partial in partial {
            out.iter_mut().zip(partial).for_each(|(out, x)| *out += x);
        }
    }
}

/// Sums the rows of x into `out`; each row has the length of `out`.
#[inline(always)]
fn sum_outer(x: &[f32], out: &mut [f32]) {
    let inner = out.len();
    if inner == 1 {
        out[0] = total(x);
        return;
    }
    if inner >= LANES {
        out.fill(0.0);
        for row in x.chunks_exact(inner) {
            out.iter_mut().zip(row).for_each(|(out, x)| *out += x);
        }
        return;
    }
    // Sum several short rows side by side, and add these sums at the end.
    let width = LANES.next_multiple_of(inner);
    let mut wide = [0.0; 2 * LANES];
    let wide = &mut wide[..width];
    let blocks = x.chunks_exact(width);
    let rest = blocks.remainder();
    for block in blocks {
        wide.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
    }
    wide.iter_mut().zip(rest).for_each(|(sum, x)| *sum += x);
    out.fill(0.0);
    for row in wide.chunks_exact(inner) {
        out.iter_mut().zip(row).for_each(|(out, x)| *out += x);
    }
}

/// The sum of x: [`LANES`] partial sums, added pairwise by halves.
#[inline(always)]
fn total(x: &[f32]) -> f32 {
    folded(x, 0.0, |sum, x| sum + x)
}

/// The largest number of x, or -∞ if there is none; NaN does not count.
#[inline(always)]
fn largest(x: &[f32]) -> f32 {
    folded(x, f32::NEG_INFINITY, |max, x| if x > max { x } else { max })
}

/// Joins the numbers of x by `f`: [`LANES`] partial results, joined pairwise by halves. `start` is
/// neutral: f(start, x) = x.
#[inline(always)]
fn folded(x: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for block in blocks {
        (0..LANES).for_each(|i| lanes[i] = f(lanes[i], block[i]));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = f(*lane, x));
    let mut half = LANES / 2;
    while half > 0 {
        (0..half).for_each(|i| lanes[i] = f(lanes[i], lanes[i + half]));
        half /= 2;
    }
    lanes[0]
}

pub(crate) fn softmax(x: &CpuTensor, out: &mut [f32]) {
    let len = x.shape()[x.shape().len() - 1];
    let x = x.data();
    rows(out, len, |row, out| {
        let x = x[row * len..].chunks_exact(len);
        simd(
            #[inline(always)]
            || {
                for (out, x) in out.chunks_exact_mut(len).zip(x) {
                    let max = largest(x);
                    out.iter_mut().zip(x).for_each(|(out, &x)| *out = math::exp(x - max));
                    let factor = 1.0 / total(out);
                    out.iter_mut().for_each(|out| *out *= factor);
                }
            },
        );
    });
}
