//! Convolutions with few output channels and many input channels: a vector holds input channels,
//! and each output is the sum of the vector's lanes.

use super::gather::{Gather, Phase};
use crate::kernel::{Level, Row, Sweep};
use crate::vector::Vector;

/// The largest number of output channels for which `dots` is faster.
pub(super) const COLUMNS: usize = 4;

/// Pixels computed at a time.
const PIXELS: usize = 4;

/// The widest vectors that divide the channels; `None` if there are too many columns or no such
/// vectors.
pub(super) fn level(level: Level, channels: usize, columns: usize) -> Option<Level> {
    let filled = |level: &Level| columns <= COLUMNS && channels.is_multiple_of(level.lanes());
    level.or_narrower().find(filled)
}

/// c[i, j] = Σ over segments and k of a[rows[i] + segment.a + k] · b[j · depth + segment.b + k]
struct Dots<'a> {
    a: &'a [f32],
    b: &'a [f32],
    depth: usize,
    segments: &'a [(usize, usize)],
    len: usize,
    rows: &'a [Row],
    columns: usize,
}

impl Gather {
    pub(super) fn dots(
        &self,
        level: Level,
        phase: &Phase,
        scratch: &[f32],
        segments: &[(usize, usize)],
        rows: &[Row],
    ) {
        let len = phase.taps[2] * self.tiling.channels;
        let depth = phase.taps[0] * phase.taps[1] * len;
        let (b, columns) = (&phase.weights[..self.columns * depth], self.columns);
        let dots = Dots { a: scratch, b, depth, segments, len, rows, columns };
        // SAFETY: the taps of every position lie in the scratch, which `extent` sizes for them;
        // `len` is a multiple of the channels, and so of a vector; no other task has these rows.
        unsafe { level.sweep(dots) }
    }
}

impl Sweep for Dots<'_> {
    /// # Safety
    /// Every element that the formula names exists, nobody else accesses those of c, and `len` is a
    /// multiple of the vector width.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's.
        unsafe {
            match self.columns {
                1 => self.columns::<V, 1>(),
                2 => self.columns::<V, 2>(),
                3 => self.columns::<V, 3>(),
                4 => self.columns::<V, 4>(),
                _ => unreachable!("at most {COLUMNS}"),
            }
        }
    }
}

impl Dots<'_> {
    #[inline(always)]
    unsafe fn columns<V: Vector, const N: usize>(self) {
        for rows in self.rows.chunks(PIXELS) {
            // A short last group repeats its last pixel; the repeated sums are not stored.
            let row = |i: usize| rows[i.min(rows.len() - 1)];
            // SAFETY: the caller's.
            unsafe {
                let mut sums = [[V::splat(0.0); N]; PIXELS];
                for &(a_start, b_start) in self.segments {
                    let mut a = [self.a.as_ptr(); PIXELS];
                    for (i, a) in a.iter_mut().enumerate() {
                        *a = a.add(row(i).a + a_start);
                    }
                    let b = self.b.as_ptr().add(b_start);
                    for k in (0..self.len).step_by(V::LANES) {
                        let mut weights = [V::splat(0.0); N];
                        for (j, weights) in weights.iter_mut().enumerate() {
                            *weights = V::load(b.add(j * self.depth + k));
                        }
                        for (a, sums) in a.iter().zip(&mut sums) {
                            let x = V::load(a.add(k));
                            for (sum, weights) in sums.iter_mut().zip(weights) {
                                *sum = x.mul_add(weights, *sum);
                            }
                        }
                    }
                }
                for (row, sums) in rows.iter().zip(sums) {
                    for (j, sum) in sums.into_iter().enumerate() {
                        *row.c.add(j) = sum.sum();
                    }
                }
            }
        }
    }
}
