//! Convolution, and its partial by the input: each output gathers the elements that it sums.

use std::ops::Range;
use std::sync::Arc;

use kinora_tensor::{Geometry, Result, Seen, Shape, Tensor};

use super::tile::{Tile, Tiling, with_scratch};
use super::{dots, winograd};
use crate::CpuTensor;
use crate::buffer::Buffer;
use crate::kernel::{Block, Level, Row};
use crate::parallel::{Shared, tasks};

/// A set of outputs that sum over the same taps: position q of the grid writes the output
/// `q · stride + at`.
///
/// A convolution has one phase. Its partial by the input has one phase for each remainder modulo
/// the stride, with every stride-th tap of the kernel, so that no zeros are inserted between the
/// elements of g.
pub(super) struct Phase {
    pub at: [usize; 3],
    /// The index of its first tap within the tiling's `reach`.
    pub first: [usize; 3],
    /// The number of taps along t, h, w.
    pub taps: [usize; 3],
    /// The panels of columns, each `[taps, channels, width]`; for `dots`, one
    /// `[columns, taps, channels]`.
    pub weights: Arc<Buffer>,
}

/// The least number of positions in a tile, if there are as many. Each tile reads all weights once.
const PLACES: usize = 64;

pub(super) struct Gather {
    pub tiling: Tiling,
    pub phases: Vec<Phase>,
    pub stride: [usize; 3],
    /// `[t, h, w]` and channels of the output.
    pub target: [usize; 3],
    pub columns: usize,
    pub level: Level,
}

fn inner(shape: &Shape) -> [usize; 3] {
    [shape[1], shape[2], shape[3]]
}

pub(crate) fn conv(
    level: Level,
    geometry: Geometry,
    x: &CpuTensor,
    k: &CpuTensor,
    shape: &Shape,
    out: &mut [f32],
) -> Result<()> {
    let &[kt, kh, kw, ci, co] = &k.shape()[..] else { unreachable!("checked by infer") };
    let taps = [kt, kh, kw];
    if let Some(pass) = winograd::pass(geometry, x.shape(), taps, shape) {
        return winograd::conv(level, pass, x, k, co, out);
    }
    let source = |tap: [usize; 3], c: usize| (((tap[0] * kh + tap[1]) * kw + tap[2]) * ci + c) * co;
    let weights = k.prepared("taps", &[k.shape(), &[level.lanes()]], || {
        pack(level, k, taps, ci, co, |tap, c, columns, out| {
            out.copy_from_slice(&k.data()[source(tap, c) + columns.start..][..columns.len()]);
        })
    })?;
    let phase = Phase { at: [0; 3], first: [0; 3], taps, weights };
    let placing = [geometry.stride, geometry.padding, taps];
    Gather {
        tiling: Tiling::new(x.shape()[0], inner(shape), placing, inner(x.shape()), ci, PLACES),
        phases: vec![phase],
        stride: [1; 3],
        target: inner(shape),
        columns: co,
        level,
    }
    .run(x, out);
    Ok(())
}

pub(crate) fn conv_input(
    level: Level,
    geometry: Geometry,
    g: &CpuTensor,
    k: &CpuTensor,
    shape: &Shape,
    out: &mut [f32],
) -> Result<()> {
    let &[kt, kh, kw, ci, co] = &k.shape()[..] else { unreachable!("checked by infer") };
    let kernel = [kt, kh, kw];
    let Geometry { stride, padding } = geometry;
    if winograd::conv_input(level, geometry, g, k, shape, out)? {
        return Ok(());
    }
    let target = inner(shape);
    let along = |axis: usize, at: usize| geometry.seen(axis, kernel[axis], at);
    let (mut before, mut reach) = ([0; 3], [0; 3]);
    for axis in 0..3 {
        let phases = (0..stride[axis].min(target[axis])).map(|at| along(axis, at));
        let (mut low, mut high) = (0, 0);
        for Seen { taps, first, .. } in phases {
            low = low.min(first);
            high = high.max(first + taps as isize);
        }
        before[axis] = low.unsigned_abs();
        reach[axis] = (high - low) as usize;
    }
    let mut phases = Vec::new();
    for at in geometry.phases(target) {
        let seen: [_; 3] = std::array::from_fn(|axis| along(axis, at[axis]));
        let taps = seen.map(|seen| seen.taps);
        let tap = |i: [usize; 3], axis: usize| seen[axis].tap(i[axis]);
        let sizes = [&k.shape()[..], &stride, &padding, &at, &[level.lanes()]];
        let weights = k.prepared("taps turned", &sizes, || {
            pack(level, k, taps, co, ci, |i, c, columns, out| {
                let line = ((tap(i, 0) * kh + tap(i, 1)) * kw + tap(i, 2)) * ci;
                let column = k.data()[(line + columns.start) * co + c..].iter().step_by(co);
                out.iter_mut().zip(column).for_each(|(out, x)| *out = *x);
            })
        })?;
        let first = std::array::from_fn(|axis| {
            seen[axis].first.saturating_add_unsigned(before[axis]) as usize
        });
        phases.push(Phase { at, first, taps, weights });
    }
    let grid = std::array::from_fn(|axis| target[axis].div_ceil(stride[axis]));
    Gather {
        tiling: Tiling::new(
            g.shape()[0],
            grid,
            [[1; 3], before, reach],
            inner(g.shape()),
            co,
            PLACES,
        ),
        phases,
        stride,
        target,
        columns: ci,
        level,
    }
    .run(g, out);
    Ok(())
}

/// Packs the weights of a phase into panels, or for `dots`. `read` copies a range of columns for a
/// tap and a channel.
fn pack(
    level: Level,
    k: &CpuTensor,
    taps: [usize; 3],
    channels: usize,
    columns: usize,
    read: impl Fn([usize; 3], usize, Range<usize>, &mut [f32]) + Sync + Send,
) -> Result<Buffer> {
    let depth = taps.iter().product::<usize>() * channels;
    let of = |row: usize| {
        let (tap, c) = (row / channels, row % channels);
        ([tap / taps[2] / taps[1], tap / taps[2] % taps[1], tap % taps[2]], c)
    };
    if dots::level(level, channels, columns).is_some() {
        let mut packed = k.device().take(depth * columns)?;
        let mut values = [0.0; dots::COLUMNS];
        for row in 0..depth {
            let (tap, c) = of(row);
            read(tap, c, 0..columns, &mut values[..columns]);
            for (column, value) in values[..columns].iter().enumerate() {
                packed[column * depth + row] = *value;
            }
        }
        return Ok(packed);
    }
    level.packed(k.device(), columns, depth, |start, width, packed| {
        let used = start..(start + width).min(columns);
        for (row, out) in packed.chunks_exact_mut(width).enumerate() {
            let (tap, c) = of(row);
            let (out, rest) = out.split_at_mut(used.len());
            rest.fill(0.0);
            read(tap, c, used.clone(), out);
        }
    })
}

impl Gather {
    fn run(&self, x: &CpuTensor, out: &mut [f32]) {
        if out.is_empty() {
            return;
        }
        let shared = Shared::new(out);
        let work =
            self.phases.iter().map(|phase| phase.taps.iter().product::<usize>()).sum::<usize>();
        let places = self.tiling.images * self.tiling.grid.iter().product::<usize>();
        let work = places * work * self.tiling.channels * self.columns / 8;
        tasks(self.tiling.count(), work, |index| {
            let tile = self.tiling.tile(index);
            with_scratch(|[scratch, _]| {
                self.tiling.load(&tile, x, scratch);
                let mut rows = Vec::new();
                for phase in &self.phases {
                    rows.clear();
                    self.rows(&tile, phase, shared, &mut rows);
                    self.phase(&tile, phase, scratch, &mut rows);
                }
            });
        });
    }

    /// The output index along an axis of position q in a phase; `None` beyond the output.
    fn to(&self, phase: &Phase, axis: usize, q: usize) -> Option<usize> {
        let index = q * self.stride[axis] + phase.at[axis];
        (index < self.target[axis]).then_some(index)
    }

    /// The positions of a tile whose outputs in this phase exist, as rows.
    fn rows(&self, tile: &Tile, phase: &Phase, out: Shared, rows: &mut Vec<Row>) {
        let [et, eh, ew] = self.tiling.extent(tile.len);
        let step = self.tiling.step;
        let to = |axis: usize, q: usize| self.to(phase, axis, q);
        for n in 0..tile.len[0] {
            for qt in 0..tile.len[1] {
                let Some(t) = to(0, tile.first[1] + qt) else { continue };
                let image = (tile.first[0] + n) * self.target[0] + t;
                for qh in 0..tile.len[2] {
                    let Some(h) = to(1, tile.first[2] + qh) else { continue };
                    let from = ((n * et + qt * step[0]) * eh + qh * step[1]) * ew;
                    let line = (image * self.target[1] + h) * self.target[2];
                    for qw in 0..self.tiling.grid[2] {
                        let Some(w) = to(2, qw) else { continue };
                        let a = (from + qw * step[2]) * self.tiling.channels;
                        rows.push(Row { a, c: out.at((line + w) * self.columns) });
                    }
                }
            }
        }
    }

    fn phase(&self, tile: &Tile, phase: &Phase, scratch: &[f32], rows: &mut [Row]) {
        let [_, eh, ew] = self.tiling.extent(tile.len);
        let c = self.tiling.channels;
        let len = phase.taps[2] * c;
        let depth = phase.taps[0] * phase.taps[1] * len;
        let segments = |width: usize| {
            let mut segments = Vec::with_capacity(phase.taps[0] * phase.taps[1]);
            for t in 0..phase.taps[0] {
                for h in 0..phase.taps[1] {
                    let line = (phase.first[0] + t) * eh + phase.first[1] + h;
                    let from = (line * ew + phase.first[2]) * c;
                    segments.push((from, segments.len() * len * width));
                }
            }
            segments
        };
        if let Some(level) = dots::level(self.level, c, self.columns) {
            self.dots(level, phase, scratch, &segments(1), rows);
            return;
        }
        for (start, width) in self.level.panels(self.columns) {
            let segments = segments(width);
            let block = Block {
                a: scratch,
                a_step: 1,
                b: &phase.weights[depth * start..],
                b_step: width,
                segments: &segments,
                len,
                rows,
                columns: width.min(self.columns - start),
                add: false,
            };
            // SAFETY: the taps of every position lie in the scratch, which `extent` sizes for them;
            // a panel has `depth` rows of `width`; the rows are outputs of this tile alone, and
            // point to the columns from `start` on.
            unsafe { self.level.run(&block) };
            rows.iter_mut().for_each(|row| row.c = row.c.wrapping_add(width));
        }
    }
}
