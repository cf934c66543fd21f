//! Winograd's convolution along h and w (Lavin and Gray, "Fast algorithms for convolutional neural
//! networks", 2016). Along an axis with r taps, 2 outputs take r + 1 products instead of 2 r. So a
//! tile of four outputs takes 16 products instead of 36 for r = 3, and 9 instead of 16 for r = 2.
//!
//! A tile of 2×2 outputs is Y = Aᵀ [(G k Gᵀ) ⊙ (Bᵀ d B)] A, with a patch d of the source and a
//! kernel k. Over all tiles, each of the (r + 1)² elements in the brackets is a matrix product
//! `[tiles, depth] · [depth, columns]`. A kernel of stride 2 is the sum of four kernels with half
//! its taps along each axis, one for each remainder of the position modulo 2; the four add to the
//! depth. The partial by the input has one phase for each remainder modulo the stride, and each
//! phase is a convolution of stride 1. The partial by k is Gᵀ [Σ (A g Aᵀ) ⊙ (Bᵀ d B)] G.

mod kernel;
mod transform;
mod weight;

use std::ops::Range;
use std::sync::Arc;

use kinora_tensor::{Geometry, Result, Shape, Tensor};

use self::transform::{Outputs, Patches};
use super::tile::with_scratch;
use crate::buffer::Buffer;
use crate::kernel::{Block, Level, Row};
use crate::parallel::{Shared, tasks};
use crate::{CpuDevice, CpuTensor};

pub(super) use weight::conv_weight;

/// Floats of the patches of a block of tiles, so that they stay in the L2 cache. A block has at
/// least 32 tiles, even if they take more floats, so that reading the weights pays.
const CACHED: usize = 64 << 10;

/// The stride in floats from one element of the transformed tiles to the next; an element has
/// `each` floats per tile. The stride has one extra cache line: at a power of two, the elements of
/// a tile would share a few sets of the cache.
fn apart(tiles: usize, each: usize) -> usize {
    tiles * each + 16
}

/// The least number of channels on each side: they fill the widest vector.
const LEAST: usize = 16;

/// The least number of tasks, if the work allows.
const TASKS: usize = 16;

/// One Winograd convolution: a grid of outputs, a source, and `taps` along h and w for each
/// remainder modulo `step`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    /// Taps along h and along w for each remainder: 2 or 3.
    pub taps: usize,
    /// Taps along t: any number.
    pub taps_t: usize,
    /// The stride on the source: along t, and along h and w. Along h and w, taps of one remainder
    /// are this far apart too, and each remainder adds to the depth.
    pub step: [usize; 2],
    /// The source position of the first output's first tap, along t, h and w.
    pub first: [isize; 3],
    /// n, and `[t, h, w]` of the outputs.
    pub images: usize,
    pub grid: [usize; 3],
    /// `[t, h, w, c]` of the source.
    pub source: [usize; 4],
}

impl Pass {
    /// The number of elements of a transformed tile along an axis.
    fn size(&self) -> usize {
        self.taps + 1
    }

    fn tiles_in_frame(&self) -> [usize; 2] {
        [self.grid[1].div_ceil(2), self.grid[2].div_ceil(2)]
    }

    fn tiles(&self) -> usize {
        let [h, w] = self.tiles_in_frame();
        self.images * self.grid[0] * h * w
    }

    /// n, t, and the tile's indices along h and w.
    fn tile(&self, index: usize) -> [usize; 4] {
        let [h, w] = self.tiles_in_frame();
        let frame = index / w / h;
        [frame / self.grid[0], frame % self.grid[0], index / w % h, index % w]
    }

    /// The number of terms in each sum.
    fn depth(&self) -> usize {
        self.taps_t * self.step[1] * self.step[1] * self.source[3]
    }

    /// The tap along t and the remainders along h and w of a group of c channels of the depth.
    fn group(&self, index: usize) -> [usize; 3] {
        let step = self.step[1];
        [index / step / step, index / step % step, index % step]
    }

    /// Whether the saved products outweigh the transforms.
    fn pays(&self, columns: usize) -> bool {
        let c = self.source[3];
        let [h, w] = self.tiles_in_frame();
        let products = self.size() * self.size() * h * w;
        let plain = self.taps * self.taps * self.grid[1] * self.grid[2];
        (2..=3).contains(&self.taps)
            && c.min(columns) >= LEAST
            && self.depth() >= 2 * LEAST
            && 4 * products <= 3 * plain
    }
}

/// The pass of a convolution, if Winograd's algorithm applies and pays.
pub(super) fn pass(
    Geometry { stride, padding }: Geometry,
    x: &Shape,
    kernel: [usize; 3],
    out: &Shape,
) -> Option<Pass> {
    let step = stride[1];
    if kernel[1] != kernel[2] || stride[2] != step || !kernel[1].is_multiple_of(step) {
        return None;
    }
    let pass = Pass {
        taps: kernel[1] / step,
        taps_t: kernel[0],
        step: [stride[0], step],
        first: padding.map(|padding| -(padding as isize)),
        images: out[0],
        grid: [out[1], out[2], out[3]],
        source: [x[1], x[2], x[3], x[4]],
    };
    pass.pays(out[4]).then_some(pass)
}

/// The convolution of a [`pass`].
pub(super) fn conv(
    level: Level,
    pass: Pass,
    x: &CpuTensor,
    k: &CpuTensor,
    columns: usize,
    out: &mut [f32],
) -> Result<()> {
    let sizes = [k.shape(), &[pass.step[1], level.lanes()][..]];
    let weights =
        k.prepared("winograd", &sizes, || weights(level, k.device(), &pass, k.data(), columns))?;
    let outputs = Outputs { at: [0; 3], step: [1; 3], target: pass.grid, columns };
    run(level, &[Job { pass, weights, outputs }], x, Shared::new(out));
    Ok(())
}

/// The transformed weights of a pass: for each panel of columns, `[size², depth, width]`. `k` is
/// `[taps_t, step · taps, step · taps, c, columns]`.
fn weights(
    level: Level,
    device: &CpuDevice,
    pass: &Pass,
    k: &[f32],
    columns: usize,
) -> Result<Buffer> {
    let (depth, squared) = (pass.depth(), pass.size() * pass.size());
    let panels = level.panels(columns);
    let width: usize = panels.iter().map(|panel| panel.1).sum();
    let mut packed = device.take(squared * depth * width)?;
    let shared = Shared::new(&mut packed);
    let groups = depth / pass.source[3];
    tasks(panels.len() * groups, squared * depth * width, |task| {
        let (start, width) = panels[task / groups];
        kernel::weights(level, pass, k, columns, (start, width), task % groups, shared);
    });
    Ok(packed)
}

/// A pass with its weights and the target of its outputs.
struct Job {
    pass: Pass,
    weights: Arc<Buffer>,
    outputs: Outputs,
}

/// Computes the outputs of all jobs, which must have the same number of columns.
fn run(level: Level, jobs: &[Job], x: &CpuTensor, out: Shared) {
    let columns = jobs.first().map_or(0, |job| job.outputs.columns);
    let panels = level.panels(columns);
    let blocks: Vec<(&Job, Range<usize>)> =
        jobs.iter().flat_map(|job| job.blocks().map(move |tiles| (job, tiles))).collect();
    // If there are few tiles, several tasks share a block, each with some of the columns.
    let groups = TASKS.div_ceil(blocks.len().max(1)).min(panels.len());
    let products = |job: &Job| {
        let pass = &job.pass;
        pass.tiles() * pass.size() * pass.size() * pass.depth()
    };
    let work = jobs.iter().map(products).sum::<usize>() * columns / 8;
    tasks(blocks.len() * groups, work, |task| {
        let ((job, tiles), group) = (&blocks[task / groups], task % groups);
        let panels = &panels[group * panels.len() / groups..(group + 1) * panels.len() / groups];
        job.run(level, tiles.clone(), panels, x, out);
    });
}

impl Job {
    /// The tiles of the pass in blocks of at most 64.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (size, tiles) = (self.pass.size(), self.pass.tiles());
        let block = (CACHED / (size * size * self.pass.depth())).clamp(32, 64).next_multiple_of(8);
        (0..tiles).step_by(block).map(move |first| first..(first + block).min(tiles))
    }

    /// Computes some columns of the outputs of some tiles.
    fn run(
        &self,
        level: Level,
        tiles: Range<usize>,
        panels: &[(usize, usize)],
        x: &CpuTensor,
        out: Shared,
    ) {
        let Self { pass, weights, outputs } = self;
        let (depth, squared) = (pass.depth(), pass.size() * pass.size());
        let count = tiles.len();
        with_scratch(|[patches, products]| {
            Patches { pass, range: tiles.clone() }.transform(level, x.data(), patches);
            for &(start, width) in panels {
                let len = squared * apart(count, width);
                if products.len() < len {
                    products.resize(len, 0.0);
                }
                let shared = Shared::new(products);
                for element in 0..squared {
                    let rows: [Row; 64] = std::array::from_fn(|tile| Row {
                        a: tile * depth,
                        c: shared.at(element * apart(count, width) + tile * width),
                    });
                    let block = Block {
                        a: &patches[element * apart(count, depth)..],
                        a_step: 1,
                        b: &weights[squared * depth * start + element * depth * width..],
                        b_step: width,
                        segments: &[(0, 0)],
                        len: depth,
                        rows: &rows[..count],
                        columns: width.min(outputs.columns - start),
                        add: false,
                    };
                    // SAFETY: each element has `count` ≤ 64 patches of `depth` floats, `depth` rows
                    // of `width` in its part of the panel, and `count` products of `width`.
                    unsafe { level.run(&block) };
                }
                outputs.store(level, pass, tiles.clone(), products, (start, width), out);
            }
        });
    }
}

/// The partial by the input, with one pass for each phase. Returns `false`, and computes nothing,
/// if Winograd's algorithm does not pay.
pub(super) fn conv_input(
    level: Level,
    geometry: Geometry,
    g: &CpuTensor,
    k: &CpuTensor,
    shape: &Shape,
    out: &mut [f32],
) -> Result<bool> {
    let &[kt, kh, kw, ci, co] = &k.shape()[..] else { unreachable!("checked by infer") };
    let Geometry { stride, padding } = geometry;
    let target = [shape[1], shape[2], shape[3]];
    let kernel = [kt, kh, kw];
    let mut passes = Vec::new();
    for at in geometry.phases(target) {
        let seen: [_; 3] = std::array::from_fn(|axis| geometry.seen(axis, kernel[axis], at[axis]));
        if seen[1].taps != seen[2].taps {
            return Ok(false);
        }
        let pass = Pass {
            taps: seen[1].taps,
            taps_t: seen[0].taps,
            step: [1, 1],
            first: seen.map(|seen| seen.first),
            images: shape[0],
            grid: std::array::from_fn(|axis| (target[axis] - at[axis]).div_ceil(stride[axis])),
            source: [g.shape()[1], g.shape()[2], g.shape()[3], co],
        };
        if !pass.pays(ci) {
            return Ok(false);
        }
        passes.push((at, seen, pass));
    }
    let mut jobs = Vec::new();
    for (at, seen, pass) in passes {
        // The taps of the phase, in the order of g, as a kernel from co to ci channels.
        let sizes = [&k.shape()[..], &stride, &padding, &at, &[level.lanes()]];
        let weights = k.prepared("winograd turned", &sizes, || {
            let taps = pass.taps;
            let mut turned = k.device().take(pass.taps_t * taps * taps * co * ci)?;
            let shared = Shared::new(&mut turned);
            tasks(pass.taps_t * taps * taps, pass.taps_t * taps * taps * co * ci, |index| {
                let places = [index / taps / taps, index / taps % taps, index % taps];
                let tap = |axis: usize| seen[axis].tap(places[axis]);
                let from = &k.data()[((tap(0) * kh + tap(1)) * kw + tap(2)) * ci * co..][..ci * co];
                // SAFETY: no other task has the part of this tap.
                let to = unsafe { shared.slice(index * ci * co..(index + 1) * ci * co) };
                turn(from, [ci, co], to);
            });
            weights(level, k.device(), &pass, &turned, ci)
        })?;
        let outputs = Outputs { at, step: stride, target, columns: ci };
        jobs.push(Job { pass, weights, outputs });
    }
    run(level, &jobs, g, Shared::new(out));
    Ok(true)
}

/// Transposes `[rows, columns]` to `[columns, rows]`, in blocks for the cache.
fn turn(from: &[f32], [rows, columns]: [usize; 2], to: &mut [f32]) {
    const SIDE: usize = 16;
    for row in (0..rows).step_by(SIDE) {
        for column in (0..columns).step_by(SIDE) {
            for j in column..(column + SIDE).min(columns) {
                let line = &mut to[j * rows..][row..(row + SIDE).min(rows)];
                for (i, x) in line.iter_mut().enumerate() {
                    *x = from[(row + i) * columns + j];
                }
            }
        }
    }
}
