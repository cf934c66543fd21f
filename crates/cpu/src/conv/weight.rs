//! The partial of a convolution by its weights.

use kinora_tensor::{Geometry, Result, Shape, Tensor};

use super::tile::{Tile, Tiling, with_scratch};
use super::winograd;
use crate::CpuTensor;
use crate::kernel::{Block, Level, Row};
use crate::parallel::{PIECE, Shared, pieces, tasks};

/// The intended number of tasks.
const TASKS: usize = 32;
/// The most floats in the separate sums of all parts.
const FLOATS: usize = 16 << 20;

/// Floats of sums that stay in the L2 cache.
const CACHED: usize = 64 << 10;

/// The least number of positions in a tile, if there are as many. Each tile reads and writes the
/// sums once.
const PLACES: usize = 256;

/// A block of the sums: `[rows, width]`.
#[derive(Clone, Copy)]
struct Panel {
    /// The offset of the block in the sums.
    at: usize,
    rows: usize,
    width: usize,
    /// If swapped, the index t · kh + h of its tap along t and h.
    tap: usize,
    /// The first column.
    start: usize,
}

struct Weight<'a> {
    x: &'a CpuTensor,
    g: &'a CpuTensor,
    tiling: Tiling,
    stride: [usize; 3],
    /// `[kt, kh, kw, ci, co]`.
    shape: [usize; 5],
    /// If true, the columns are `[kw, ci]` of x, for each tap along t and h, and the rows are co of
    /// g. Otherwise the rows are `[kt, kh, kw, ci]` and the columns are co.
    swapped: bool,
    panels: Vec<Panel>,
    level: Level,
}

pub(crate) fn conv_weight(
    level: Level,
    geometry: Geometry,
    x: &CpuTensor,
    g: &CpuTensor,
    shape: &Shape,
    out: &mut [f32],
) -> Result<()> {
    if out.is_empty() || g.data().is_empty() {
        out.fill(0.0);
        return Ok(());
    }
    let &[kt, kh, kw, ci, co] = &shape[..] else { unreachable!("checked by infer") };
    let &[n, gt, gh, gw, _] = &g.shape()[..] else { unreachable!("checked by infer") };
    if let Some(pass) = winograd::pass(geometry, x.shape(), [kt, kh, kw], g.shape()) {
        return winograd::conv_weight(level, pass, x, g, co, out);
    }
    let Geometry { stride, padding } = geometry;
    let source = [x.shape()[1], x.shape()[2], x.shape()[3]];
    let placing = [stride, padding, [kt, kh, kw]];
    let (depth, line) = (kt * kh * kw * ci, kw * ci);
    // Choose the orientation with fewer vectors to compute.
    let vectors = |columns: usize| columns.div_ceil(level.lanes());
    let swapped = kt * kh * co.next_multiple_of(4) * vectors(line) < depth * vectors(co);
    let mut panels = Vec::new();
    let mut len = 0;
    let (taps, rows, columns) = if swapped { (kt * kh, co, line) } else { (1, depth, co) };
    for tap in 0..taps {
        for (start, width) in level.panels(columns) {
            panels.push(Panel { at: len, rows, width, tap, start });
            len += rows * width;
        }
    }
    let weight = Weight {
        x,
        g,
        tiling: Tiling::new(n, [gt, gh, gw], placing, source, ci, PLACES),
        stride,
        shape: [kt, kh, kw, ci, co],
        swapped,
        panels,
        level,
    };
    let groups: Vec<&[Panel]> = weight
        .panels
        .chunk_by(|a, b| a.at / CACHED == (b.at + b.rows * b.width - 1) / CACHED)
        .collect();
    let tiles = weight.tiling.count();
    let parts = TASKS.div_ceil(groups.len()).min(tiles).min((FLOATS / len).max(1));
    let mut sums = x.device().take(parts * len)?;
    let shared = Shared::new(&mut sums);
    tasks(parts * groups.len(), g.data().len() * depth / 8, |task| {
        let (part, group) = (task / groups.len(), groups[task % groups.len()]);
        let range = part * tiles / parts..(part + 1) * tiles / parts;
        for index in range.clone() {
            weight.tile(
                &weight.tiling.tile(index),
                group,
                shared,
                part * len,
                index != range.start,
            );
        }
    });
    let (sum, others) = sums[..parts * len].split_at_mut(len);
    pieces(sum, PIECE, |i, sum| {
        for other in others.chunks_exact(len) {
            sum.iter_mut().zip(&other[i * PIECE..]).for_each(|(sum, x)| *sum += x);
        }
    });
    for panel in &weight.panels {
        let columns = panel.width.min(columns - panel.start);
        for (row, sum) in sum[panel.at..].chunks_exact(panel.width).take(panel.rows).enumerate() {
            if swapped {
                let first = (panel.tap * line + panel.start) * co + row;
                let places = out[first..].iter_mut().step_by(co);
                places.zip(&sum[..columns]).for_each(|(out, x)| *out = *x);
            } else {
                out[row * co + panel.start..][..columns].copy_from_slice(&sum[..columns]);
            }
        }
    }
    Ok(())
}

impl Weight<'_> {
    /// Adds the products of a tile to some panels of the sums from `base` on; without `add`, sets
    /// the panels to them.
    fn tile(&self, tile: &Tile, panels: &[Panel], sums: Shared, base: usize, add: bool) {
        let [et, eh, ew] = self.tiling.extent(tile.len);
        let [kt, kh, kw, ci, co] = self.shape;
        let &[_, gt, gh, gw, _] = &self.g.shape()[..] else { unreachable!("checked by infer") };
        with_scratch(|[scratch, padded]| {
            self.tiling.load(tile, self.x, scratch);
            // The offsets of the tile's lines in the scratch and in g.
            let mut lines = Vec::new();
            for n in 0..tile.len[0] {
                for t in 0..tile.len[1] {
                    for h in 0..tile.len[2] {
                        let from = (n * et + t * self.stride[0]) * eh + h * self.stride[1];
                        let image = (tile.first[0] + n) * gt + tile.first[1] + t;
                        let to = (image * gh + tile.first[2] + h) * gw;
                        lines.push((from * ew * ci, to * co));
                    }
                }
            }
            let mut g = self.g.data();
            let mut g_step = co;
            if !self.swapped && co % self.level.lanes() != 0 {
                // Pad the columns of g to whole vectors.
                g_step = co.next_multiple_of(self.level.lanes());
                padded.clear();
                for (_, line) in &mut lines {
                    let pixels = &g[*line..][..gw * co];
                    *line = padded.len();
                    for pixel in pixels.chunks_exact(co) {
                        padded.extend_from_slice(pixel);
                        padded.resize(padded.len() + g_step - co, 0.0);
                    }
                }
                g = padded;
            }
            let x_step = self.stride[2] * ci;
            for panel in panels {
                let place = |row: usize| sums.at(base + panel.at + row * panel.width);
                if self.swapped {
                    let tap = (panel.tap / kh * eh + panel.tap % kh) * ew * ci + panel.start;
                    let segments: Vec<_> =
                        lines.iter().map(|&(scratch, g)| (g, scratch + tap)).collect();
                    let rows: Vec<Row> = (0..co).map(|a| Row { a, c: place(a) }).collect();
                    let block = Block {
                        a: g,
                        a_step: co,
                        b: scratch,
                        b_step: x_step,
                        segments: &segments,
                        len: gw,
                        rows: &rows,
                        columns: panel.width,
                        add,
                    };
                    // SAFETY: lines of g have gw pixels of co; the taps of the tile's positions lie
                    // in the scratch, which `extent` sizes for them and which has a margin for the
                    // rest of a vector; the panel has co rows, and no other task has it.
                    unsafe { self.level.run(&block) };
                    continue;
                }
                let mut rows = Vec::with_capacity(panel.rows);
                for t in 0..kt {
                    for h in 0..kh {
                        let from = (t * eh + h) * ew * ci;
                        rows.extend((0..kw * ci).map(|i| Row { a: from + i, c: place(0) }));
                    }
                }
                rows.iter_mut().enumerate().for_each(|(i, row)| row.c = place(i));
                let block = Block {
                    a: scratch,
                    a_step: x_step,
                    b: &g[panel.start..],
                    b_step: g_step,
                    segments: &lines,
                    len: gw,
                    rows: &rows,
                    columns: panel.width,
                    add,
                };
                // SAFETY: the taps of the tile's positions lie in the scratch, which `extent` sizes
                // for them; lines of g have gw pixels of g_step, whole vectors; the panel has all
                // these rows, and no other task has it.
                unsafe { self.level.run(&block) };
            }
        });
    }
}
