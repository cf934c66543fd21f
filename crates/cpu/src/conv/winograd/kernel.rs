//! The transform of a kernel, and its adjoint for the gradient.

use super::Pass;
use crate::kernel::Level;
use crate::parallel::Shared;
use crate::simd::simd;

/// Columns of the kernel that are transformed at a time.
const CHUNK: usize = 16;

type Chunk = [f32; CHUNK];

#[inline(always)]
fn mixed(a: Chunk, b: Chunk, f: impl Fn(f32, f32) -> f32) -> Chunk {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// G k: 2 or 3 taps to 3 or 4 elements.
#[inline(always)]
fn kernel(k: &[Chunk]) -> [Chunk; 4] {
    match k {
        [a, b] => [*a, mixed(*a, *b, |a, b| a + b), *b, [0.0; CHUNK]],
        [a, b, c] => {
            let outer = mixed(*a, *c, |a, c| 0.5 * (a + c));
            [*a, mixed(outer, *b, |x, b| x + 0.5 * b), mixed(outer, *b, |x, b| x - 0.5 * b), *c]
        }
        _ => unreachable!("2 or 3 taps"),
    }
}

/// Gᵀ m: 3 or 4 elements to 2 or 3 taps.
#[inline(always)]
fn taps(m: &[Chunk]) -> [Chunk; 3] {
    let add = |a: Chunk, b: Chunk| mixed(a, b, |a, b| a + b);
    match m {
        [a, b, c] => [add(*a, *b), add(*b, *c), [0.0; CHUNK]],
        [a, b, c, d] => {
            let even = mixed(*b, *c, |b, c| 0.5 * (b + c));
            [add(*a, even), mixed(*b, *c, |b, c| 0.5 * (b - c)), add(even, *d)]
        }
        _ => unreachable!("3 or 4 elements"),
    }
}

/// Writes G k Gᵀ to a panel, for the part of the kernel with one tap along t and one remainder
/// along h and w.
pub(super) fn weights(
    level: Level,
    pass: &Pass,
    k: &[f32],
    columns: usize,
    (start, width): (usize, usize),
    group: usize,
    out: Shared,
) {
    let (step, size, c, depth) = (pass.step[1], pass.size(), pass.source[3], pass.depth());
    let [tap_t, by_h, by_w] = pass.group(group);
    let line = step * pass.taps;
    let lanes = level.lanes();
    simd(
        #[inline(always)]
        || {
            for channel in 0..c {
                for at in (0..width).step_by(lanes) {
                    let used = lanes.min(columns - start - at);
                    let mut rows = [[[0.0; CHUNK]; 3]; 4];
                    for j in 0..pass.taps {
                        let mut column = [[0.0; CHUNK]; 3];
                        for (i, tap) in column[..pass.taps].iter_mut().enumerate() {
                            let (h, w) = (i * step + by_h, j * step + by_w);
                            let from = ((tap_t * line + h) * line + w) * c + channel;
                            tap[..used].copy_from_slice(&k[from * columns + start + at..][..used]);
                        }
                        let column = kernel(&column[..pass.taps]);
                        for (row, value) in rows.iter_mut().zip(column) {
                            row[j] = value;
                        }
                    }
                    for (i, row) in rows[..size].iter().enumerate() {
                        let row = kernel(&row[..pass.taps]);
                        for (j, value) in row[..size].iter().enumerate() {
                            let place = (i * size + j) * depth + group * c + channel;
                            let to = size * size * depth * start + place * width + at;
                            // SAFETY: no other task has this panel's rows of this group.
                            let to = unsafe { out.slice(to..to + lanes) };
                            to.copy_from_slice(&value[..lanes]);
                        }
                    }
                }
            }
        },
    );
}

/// Gᵀ m G, `[taps, taps]`; `element` returns the elements of m.
#[inline(always)]
pub(super) fn kernel_of(size: usize, element: impl Fn(usize) -> Chunk) -> [[Chunk; 3]; 3] {
    let mut rows = [[[0.0; CHUNK]; 3]; 4];
    for (i, row) in rows[..size].iter_mut().enumerate() {
        let mut line = [[0.0; CHUNK]; 4];
        for (j, value) in line[..size].iter_mut().enumerate() {
            *value = element(i * size + j);
        }
        *row = taps(&line[..size]);
    }
    let mut out = [[[0.0; CHUNK]; 3]; 3];
    for j in 0..size - 1 {
        let mut column = [[0.0; CHUNK]; 4];
        for (value, row) in column[..size].iter_mut().zip(&rows) {
            *value = row[j];
        }
        let column = taps(&column[..size]);
        for (out, value) in out.iter_mut().zip(column) {
            out[j] = value;
        }
    }
    out
}
