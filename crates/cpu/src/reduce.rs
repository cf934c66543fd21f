//! Sums over axes, and softmax. The order of every sum depends on the shape alone.

use kinora_tensor::{Result, Shape, Tensor};

use crate::parallel::{PIECE, map, rows};
use crate::simd::simd;
use crate::{CpuTensor, math};

/// Independent sums that a run is added up in, so that they fill vectors.
const LANES: usize = 32;

pub(crate) fn sum(x: &CpuTensor, axes: &[usize], out: &mut [f32]) -> Result<()> {
    // Neighbouring axes go together; each group is one pass over [outer, len, inner], innermost
    // first, since that leaves the least to do.
    let shape = x.shape();
    let mut passes = Vec::new();
    let mut end = shape.len();
    while let Some(last) = (0..end).rev().find(|axis| axes.contains(axis) && shape[*axis] != 1) {
        let kept = |axis: &usize| !axes.contains(axis) && shape[*axis] != 1;
        let first = (0..last).rev().find(kept).map_or(0, |axis| axis + 1);
        passes.push((first, last + 1));
        end = first;
    }
    let product = |dims: &[usize]| dims.iter().product::<usize>();
    let Some(((first, last), rest)) = passes.split_last() else {
        out.copy_from_slice(x.data());
        return Ok(());
    };
    let mut shape: Shape = *shape;
    let mut held = None;
    for &(first, last) in rest {
        let sizes =
            [product(&shape[..first]), product(&shape[first..last]), product(&shape[last..])];
        let mut next = x.device().take(sizes[0] * sizes[2])?;
        let from = held.as_deref().unwrap_or(x.data());
        sum_middle(from, sizes, &mut next[..sizes[0] * sizes[2]]);
        held = Some(next);
        (first..last).for_each(|axis| shape = shape.with(axis, 1));
    }
    let sizes =
        [product(&shape[..*first]), product(&shape[*first..*last]), product(&shape[*last..])];
    sum_middle(held.as_deref().unwrap_or(x.data()), sizes, out);
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
        crate::parallel::tasks_over(out, many * inner, outer * row, |i, out| {
            let rows = x[i * many * row..].chunks_exact(row);
            out.chunks_exact_mut(inner).zip(rows).for_each(|(out, x)| sum_outer(x, out));
        });
        return;
    }
    // Few and long: pieces of a row's sum are summed for themselves first.
    let step = (PIECE / inner).max(1) * inner;
    let parts = row.div_ceil(step);
    let partial = map(outer * parts, x.len(), |task| {
        let (row_index, part) = (task / parts, task % parts);
        let end = ((part + 1) * step).min(row);
        let mut partial = vec![0.0; inner];
        sum_outer(&x[row_index * row..][part * step..end], &mut partial);
        partial
    });
    for (out, partial) in out.chunks_exact_mut(inner).zip(partial.chunks_exact(parts)) {
        out.fill(0.0);
        for partial in partial {
            out.iter_mut().zip(partial).for_each(|(out, x)| *out += x);
        }
    }
}

/// The sum of the rows of x, each as long as `out`.
fn sum_outer(x: &[f32], out: &mut [f32]) {
    let inner = out.len();
    if inner >= LANES {
        return simd(
            #[inline(always)]
            || {
                out.fill(0.0);
                for row in x.chunks_exact(inner) {
                    out.iter_mut().zip(row).for_each(|(out, x)| *out += x);
                }
            },
        );
    }
    // Several short rows at once, which are added to one another at the end.
    let width = LANES.next_multiple_of(inner);
    let mut wide = [0.0; 2 * LANES];
    let wide = &mut wide[..width];
    let blocks = x.chunks_exact(width);
    let rest = blocks.remainder();
    simd(
        #[inline(always)]
        || {
            for block in blocks {
                wide.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
            }
        },
    );
    wide.iter_mut().zip(rest).for_each(|(sum, x)| *sum += x);
    out.fill(0.0);
    for row in wide.chunks_exact(inner) {
        out.iter_mut().zip(row).for_each(|(out, x)| *out += x);
    }
}

pub(crate) fn softmax(x: &CpuTensor, out: &mut [f32]) {
    let len = x.shape()[x.shape().len() - 1];
    let x = x.data();
    rows(out, len, |row, out| {
        let x = x[row * len..].chunks_exact(len);
        for (out, x) in out.chunks_exact_mut(len).zip(x) {
            let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            simd(
                #[inline(always)]
                || out.iter_mut().zip(x).for_each(|(out, &x)| *out = math::exp(x - max)),
            );
            let mut sum = [0.0];
            sum_outer(out, &mut sum);
            let factor = 1.0 / sum[0];
            out.iter_mut().for_each(|out| *out *= factor);
        }
    });
}
