//! A phase with few output channels: instead of leaving most of a vector empty, the products of
//! each source pixel with the weights of all taps along h and w are columns of one block, and an
//! output is the sum of those that the pixels around it have for it.

use super::gather::{Gather, Phase};
use super::tile::Tile;
use crate::kernel::{Block, Row};
use crate::parallel::Shared;

impl Gather {
    pub(super) fn spread(
        &self,
        tile: &Tile,
        phase: &Phase,
        scratch: &[f32],
        products: &mut Vec<f32>,
        out: Shared,
    ) {
        let [et, eh, ew] = self.tiling.extent(tile.len);
        let [taps_t, taps_h, taps_w] = phase.taps;
        let [images, places_t, places_h] = tile.len;
        let places_w = self.tiling.grid[2];
        let c = self.tiling.channels;
        // The pixels that the places see, a border of taps - 1 with them.
        let (h, w) = (places_h + taps_h - 1, places_w + taps_w - 1);
        let panels = self.level.panels(taps_h * taps_w * self.columns);
        let width: usize = panels.iter().map(|panel| panel.1).sum();
        let len = images * places_t * h * w * width;
        if products.len() < len {
            products.resize(len, 0.0);
        }
        let shared = Shared::new(products);
        let mut rows = Vec::with_capacity(len / width);
        for n in 0..images {
            for qt in 0..places_t {
                for y in 0..h {
                    let line = (n * et + qt * self.tiling.step[0]) * eh + phase.first[1] + y;
                    for x in 0..w {
                        let a = (line * ew + phase.first[2] + x) * c;
                        rows.push(Row { a, c: shared.at(rows.len() * width) });
                    }
                }
            }
        }
        for (start, panel) in panels {
            let segments: Vec<_> =
                (0..taps_t).map(|t| ((phase.first[0] + t) * eh * ew * c, t * c * panel)).collect();
            let block = Block {
                a: scratch,
                a_step: 1,
                b: &phase.weights[taps_t * c * start..],
                b_step: panel,
                segments: &segments,
                len: c,
                rows: &rows,
                columns: panel,
                add: false,
            };
            // SAFETY: the pixels and their neighbours along t lie in the scratch, which `extent`
            // sizes for them; a panel has taps_t c rows of its width; the products have a row of
            // `width` for each pixel, of which the columns from `start` on are left.
            unsafe { self.level.run(&block) };
            rows.iter_mut().for_each(|row| row.c = row.c.wrapping_add(panel));
        }
        for n in 0..images {
            for qt in 0..places_t {
                let Some(t) = self.to(phase, 0, tile.first[1] + qt) else { continue };
                let image = (tile.first[0] + n) * self.target[0] + t;
                for qh in 0..places_h {
                    let Some(y) = self.to(phase, 1, tile.first[2] + qh) else { continue };
                    let line = (image * self.target[1] + y) * self.target[2] * self.columns;
                    // SAFETY: a line of this tile, and so of no other task.
                    let out = unsafe { out.slice(line..line + self.target[2] * self.columns) };
                    for tap in 0..taps_h * taps_w {
                        let from = ((n * places_t + qt) * h + qh + tap / taps_w) * w + tap % taps_w;
                        let products = products[from * width..].chunks_exact(width);
                        let pixels = out.chunks_exact_mut(self.columns).skip(phase.at[2]);
                        let pixels = pixels.step_by(self.stride[2]);
                        let pairs = pixels.zip(products.map(|p| &p[tap * self.columns..]));
                        match self.columns {
                            // RGBA is common, and a known length makes a vector.
                            4 => add_up(pairs.map(|(out, x)| (&mut out[..4], &x[..4])), tap == 0),
                            _ => add_up(pairs, tap == 0),
                        }
                    }
                }
            }
        }
    }
}

/// Adds to each out its x, or sets it to it.
#[inline(always)]
fn add_up<'a>(pairs: impl Iterator<Item = (&'a mut [f32], &'a [f32])>, set: bool) {
    for (out, x) in pairs {
        for (out, x) in out.iter_mut().zip(x) {
            *out = if set { *x } else { *out + x };
        }
    }
}
