//! The transforms of patches, outputs and gradients.

// Loops by index follow the formulas, and the compiler unrolls them.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use super::{Pass, apart};
use crate::kernel::{Level, Sweep};
use crate::parallel::Shared;
use crate::vector::Vector;

/// Bᵀ d for N elements.
#[inline(always)]
unsafe fn patch<V: Vector, const N: usize>(d: [V; N]) -> [V; N] {
    let mut y = d;
    // SAFETY: the caller compiles for the vectors.
    unsafe {
        if N == 3 {
            y[0] = d[0].sub(d[1]);
            y[2] = d[1].sub(d[2]);
        } else {
            y[0] = d[0].sub(d[2]);
            y[1] = d[1].add(d[2]);
            y[2] = d[2].sub(d[1]);
            y[3] = d[1].sub(d[3]);
        }
    }
    y
}

/// Aᵀ m for N elements.
#[inline(always)]
unsafe fn outputs<V: Vector, const N: usize>(m: [V; N]) -> [V; 2] {
    // SAFETY: the caller compiles for the vectors.
    unsafe {
        if N == 3 {
            [m[0].add(m[1]), m[1].sub(m[2])]
        } else {
            [m[0].add(m[1]).add(m[2]), m[1].sub(m[2]).sub(m[3])]
        }
    }
}

/// A y, the adjoint of [`outputs`].
#[inline(always)]
unsafe fn inputs<V: Vector, const N: usize>(y: [V; 2]) -> [V; N] {
    // SAFETY: the caller compiles for the vectors.
    unsafe {
        let mut m = [y[0]; N];
        m[1] = y[0].add(y[1]);
        if N == 4 {
            m[2] = y[0].sub(y[1]);
        }
        m[N - 1] = V::splat(0.0).sub(y[1]);
        m
    }
}

/// Applies `row` to each row of x, then `column` to each column of the result. (Plain loops: a
/// closure that `map` calls is not always compiled for the vectors.)
#[inline(always)]
fn both<V: Vector, const R: usize, const C: usize, const S: usize>(
    x: [[V; C]; R],
    row: impl Fn([V; C]) -> [V; S],
    column: impl Fn([V; R]) -> [V; S],
) -> [[V; S]; S] {
    let mut rows = [row(x[0]); R];
    for i in 1..R {
        rows[i] = row(x[i]);
    }
    let mut y = [row(x[0]); S];
    for j in 0..S {
        let mut line = [rows[0][j]; R];
        for i in 1..R {
            line[i] = rows[i][j];
        }
        let line = column(line);
        for i in 0..S {
            y[i][j] = line[i];
        }
    }
    y
}

/// Calls `f` with the offset of each vector of `len` floats; the last vector may overlap the one
/// before. `len` must be at least the vector width.
#[inline(always)]
fn vectors<V: Vector>(len: usize, mut f: impl FnMut(usize)) {
    assert!(len >= V::LANES);
    let mut at = 0;
    loop {
        f(at);
        if at + V::LANES >= len {
            return;
        }
        at = (at + V::LANES).min(len - V::LANES);
    }
}

/// The patches of a range of tiles.
pub(crate) struct Patches<'a> {
    pub pass: &'a Pass,
    pub range: Range<usize>,
}

impl Patches<'_> {
    /// Writes Bᵀ d B of each patch to the beginning of `out`: `[size², tiles, depth]`, with the
    /// elements [`apart`].
    pub fn transform(&self, level: Level, x: &[f32], out: &mut Vec<f32>) {
        let size = self.pass.size();
        let len = size * size * apart(self.range.len(), self.pass.depth());
        if out.len() < len {
            out.resize(len, 0.0);
        }
        // SAFETY: `out` has room for all patches; x is the whole source of the pass.
        unsafe {
            match size {
                3 => level.sweep(ToPatches::<3> { patches: self, x, out }),
                _ => level.sweep(ToPatches::<4> { patches: self, x, out }),
            }
        }
    }
}

struct ToPatches<'a, const N: usize> {
    patches: &'a Patches<'a>,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl<const N: usize> Sweep for ToPatches<'_, N> {
    /// # Safety
    /// `out` has room for all patches; x is the whole source of the pass.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let pass = self.patches.pass;
        let [t, h, w, c] = pass.source;
        let [step_t, step] = pass.step;
        let depth = pass.depth();
        let apart = apart(self.patches.range.len(), depth);
        let zeros = vec![0.0f32; c];
        let place = |first: isize, by: usize, len: usize| -> Option<usize> {
            first
                .checked_add_unsigned(by)
                .and_then(|at| usize::try_from(at).ok())
                .filter(|&at| at < len)
        };
        for (tile, index) in self.patches.range.clone().enumerate() {
            let [n, q_t, q_h, q_w] = pass.tile(index);
            let mut to = tile * depth;
            for tap in 0..pass.taps_t {
                let frame = place(pass.first[0], q_t * step_t + tap, t).map(|at| n * t + at);
                for remainder in 0..step * step {
                    let (by_h, by_w) = (remainder / step, remainder % step);
                    // Pointers to the pixels of the patch; to zeros in the padding.
                    let mut pixels = [[zeros.as_ptr(); N]; N];
                    for (i, line) in pixels.iter_mut().enumerate() {
                        let at_h = place(pass.first[1], (2 * q_h + i) * step + by_h, h);
                        let (Some(frame), Some(at_h)) = (frame, at_h) else { continue };
                        for (j, pixel) in line.iter_mut().enumerate() {
                            let at_w = place(pass.first[2], (2 * q_w + j) * step + by_w, w);
                            if let Some(at_w) = at_w {
                                *pixel = self.x[((frame * h + at_h) * w + at_w) * c..].as_ptr();
                            }
                        }
                    }
                    vectors::<V>(
                        c,
                        #[inline(always)]
                        |at| {
                            // SAFETY: a pixel, the zeros, and this part of a tile's depth have c
                            // floats each, and `vectors` stays within c.
                            unsafe {
                                let mut d = [[V::splat(0.0); N]; N];
                                for i in 0..N {
                                    for j in 0..N {
                                        d[i][j] = V::load(pixels[i][j].add(at));
                                    }
                                }
                                let y = both(
                                    d,
                                    #[inline(always)]
                                    |d| patch::<V, N>(d),
                                    #[inline(always)]
                                    |d| patch::<V, N>(d),
                                );
                                for i in 0..N {
                                    for j in 0..N {
                                        let to = (i * N + j) * apart + to + at;
                                        y[i][j].store(self.out.as_mut_ptr().add(to));
                                    }
                                }
                            }
                        },
                    );
                    to += c;
                }
            }
        }
    }
}

/// The target of a pass's outputs: output q of the pass goes to position `q · step + at`.
pub(crate) struct Outputs {
    pub at: [usize; 3],
    pub step: [usize; 3],
    /// `[t, h, w]` of the target.
    pub target: [usize; 3],
    /// The channels of the target.
    pub columns: usize,
}

impl Outputs {
    /// Stores Aᵀ m A of a range of tiles, for a panel with the products m `[size², tiles, width]`.
    pub fn store(
        &self,
        level: Level,
        pass: &Pass,
        range: Range<usize>,
        products: &[f32],
        panel: (usize, usize),
        out: Shared,
    ) {
        let size = pass.size();
        assert!(products.len() >= size * size * apart(range.len(), panel.1));
        // SAFETY: all products exist; no other task has these tiles and this panel, and their
        // positions lie in the output.
        unsafe {
            match size {
                3 => level.sweep(ToOutputs::<3> { to: self, pass, range, products, panel, out }),
                _ => level.sweep(ToOutputs::<4> { to: self, pass, range, products, panel, out }),
            }
        }
    }
}

struct ToOutputs<'a, const N: usize> {
    to: &'a Outputs,
    pass: &'a Pass,
    range: Range<usize>,
    products: &'a [f32],
    panel: (usize, usize),
    out: Shared,
}

impl<const N: usize> Sweep for ToOutputs<'_, N> {
    /// # Safety
    /// All products exist, and nobody else accesses the outputs.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (start, width) = self.panel;
        let Outputs { at, step, target, columns } = *self.to;
        let apart = apart(self.range.len(), width);
        let to = |axis: usize, q: usize| q * step[axis] + at[axis];
        for (tile, index) in self.range.clone().enumerate() {
            let [n, q_t, q_h, q_w] = self.pass.tile(index);
            let frame = n * target[0] + to(0, q_t);
            let mut places = [[None; 2]; 2];
            for (i, line) in places.iter_mut().enumerate() {
                for (j, place) in line.iter_mut().enumerate() {
                    let (h, w) = (to(1, 2 * q_h + i), to(2, 2 * q_w + j));
                    if h < target[1] && w < target[2] {
                        *place = Some(((frame * target[1] + h) * target[2] + w) * columns + start);
                    }
                }
            }
            vectors::<V>(
                width.min(columns - start),
                #[inline(always)]
                |at| {
                    // SAFETY: the caller's.
                    unsafe {
                        let mut m = [[V::splat(0.0); N]; N];
                        for i in 0..N {
                            for j in 0..N {
                                let from = (i * N + j) * apart + tile * width + at;
                                m[i][j] = V::load(self.products.as_ptr().add(from));
                            }
                        }
                        let y = both(
                            m,
                            #[inline(always)]
                            |m| outputs::<V, N>(m),
                            #[inline(always)]
                            |m| outputs::<V, N>(m),
                        );
                        for i in 0..2 {
                            for j in 0..2 {
                                if let Some(place) = places[i][j] {
                                    y[i][j].store(self.out.at(place + at));
                                }
                            }
                        }
                    }
                },
            );
        }
    }
}

/// The gradients of the outputs of a range of tiles.
pub(crate) struct Gradients<'a> {
    pub pass: &'a Pass,
    pub range: Range<usize>,
    pub columns: usize,
}

impl Gradients<'_> {
    /// Writes A g Aᵀ of each tile, for the columns of a panel, to the beginning of `out`:
    /// `[size², tiles, width]`, with the elements [`apart`].
    pub fn transform(&self, level: Level, g: &[f32], panel: (usize, usize), out: &mut Vec<f32>) {
        let size = self.pass.size();
        let len = size * size * apart(self.range.len(), panel.1);
        if out.len() < len {
            out.resize(len, 0.0);
        }
        // SAFETY: `out` has room for all gradients; g is the whole gradient of the pass's outputs.
        unsafe {
            match size {
                3 => level.sweep(ToGradients::<3> { of: self, g, panel, out }),
                _ => level.sweep(ToGradients::<4> { of: self, g, panel, out }),
            }
        }
    }
}

struct ToGradients<'a, const N: usize> {
    of: &'a Gradients<'a>,
    g: &'a [f32],
    panel: (usize, usize),
    out: &'a mut [f32],
}

impl<const N: usize> Sweep for ToGradients<'_, N> {
    /// # Safety
    /// `out` has room for all gradients; g is the whole gradient of the pass's outputs.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Gradients { pass, ref range, columns } = *self.of;
        let (start, width) = self.panel;
        let used = width.min(columns - start);
        let [t, h, w] = pass.grid;
        let apart = apart(range.len(), width);
        for (tile, index) in range.clone().enumerate() {
            let [n, q_t, q_h, q_w] = pass.tile(index);
            let frame = n * t + q_t;
            let mut places = [[None; 2]; 2];
            for (i, line) in places.iter_mut().enumerate() {
                for (j, place) in line.iter_mut().enumerate() {
                    let (at_h, at_w) = (2 * q_h + i, 2 * q_w + j);
                    if at_h < h && at_w < w {
                        *place = Some(((frame * h + at_h) * w + at_w) * columns + start);
                    }
                }
            }
            vectors::<V>(
                used,
                #[inline(always)]
                |at| {
                    // SAFETY: a pixel has the panel's used columns, and `vectors` stays within
                    // them; a row of `out` has `width` floats.
                    unsafe {
                        let mut y = [[V::splat(0.0); 2]; 2];
                        for i in 0..2 {
                            for j in 0..2 {
                                if let Some(place) = places[i][j] {
                                    y[i][j] = V::load(self.g.as_ptr().add(place + at));
                                }
                            }
                        }
                        let m: [[V; N]; N] = both(
                            y,
                            #[inline(always)]
                            |y| inputs::<V, N>(y),
                            #[inline(always)]
                            |y| inputs::<V, N>(y),
                        );
                        for i in 0..N {
                            for j in 0..N {
                                let to = (i * N + j) * apart + tile * width + at;
                                m[i][j].store(self.out.as_mut_ptr().add(to));
                            }
                        }
                    }
                },
            );
            // A vector may read the rest of a row, so it must be initialised; it is not used.
            for row in 0..N * N {
                self.out[row * apart + tile * width..][used..width].fill(0.0);
            }
        }
    }
}
