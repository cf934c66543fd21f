//! The partial of a convolution by its weights.

use kinora_tensor::{Geometry, Result, Shape, Tensor};

use super::tile::{Tiling, with_scratch};
use crate::CpuTensor;
use crate::buffer::Buffer;
use crate::kernel::{Block, Level, Row};
use crate::parallel::{PIECE, Shared, map, pieces};

/// Sums that run for themselves before they are added up, at most, and the floats in all of them.
const PARTS: usize = 16;
const PARTS_FLOATS: usize = 16 << 20;

pub(crate) fn conv_weight(
    geometry: Geometry,
    x: &CpuTensor,
    g: &CpuTensor,
    shape: &Shape,
    out: &mut [f32],
) -> Result<()> {
    let &[kt, kh, kw, ci, co] = &shape[..] else { unreachable!("checked by infer") };
    let &[n, gt, gh, gw, _] = &g.shape()[..] else { unreachable!("checked by infer") };
    let level = Level::detect();
    let placing = [geometry.stride, geometry.padding, [kt, kh, kw]];
    let source = [x.shape()[1], x.shape()[2], x.shape()[3]];
    let tiling = Tiling::new(n, [gt, gh, gw], placing, source, ci);
    let panels = level.panels(co);
    let width: usize = panels.iter().map(|panel| panel.1).sum();
    let depth = kt * kh * kw * ci;
    if out.is_empty() {
        return Ok(());
    }
    let tiles = if g.data().is_empty() { 0 } else { tiling.count() };
    let parts = tiles.min(PARTS).min((PARTS_FLOATS / (depth * width)).max(1));
    let work = g.data().len() * depth / 8;
    let sums = map(parts, work, |part| -> Result<Buffer> {
        let mut sum = x.device().take(depth * width)?;
        let shared = Shared::new(&mut sum);
        let range = part * tiles / parts..(part + 1) * tiles / parts;
        for index in range.clone() {
            let tile = tiling.tile(index);
            let [et, eh, ew] = tiling.extent(tile.len);
            with_scratch(|[scratch, padded]| {
                tiling.load(&tile, x, scratch);
                let mut segments = Vec::new();
                for i in 0..tile.len[0] {
                    for t in 0..tile.len[1] {
                        for h in 0..tile.len[2] {
                            let from = (i * et + t * geometry.stride[0]) * eh;
                            let from = (from + h * geometry.stride[1]) * ew * ci;
                            let image = (tile.first[0] + i) * gt + tile.first[1] + t;
                            segments.push((from, (image * gh + tile.first[2] + h) * gw * co));
                        }
                    }
                }
                // Columns up to whole vectors.
                let g = if width == co {
                    g.data()
                } else {
                    padded.clear();
                    for (_, line) in &mut segments {
                        let pixels = &g.data()[*line..][..gw * co];
                        *line = padded.len();
                        for pixel in pixels.chunks_exact(co) {
                            padded.extend_from_slice(pixel);
                            padded.resize(padded.len() + width - co, 0.0);
                        }
                    }
                    &padded[..]
                };
                for &(start, panel) in &panels {
                    let mut rows = Vec::with_capacity(depth);
                    for t in 0..kt {
                        for h in 0..kh {
                            let from = (t * eh + h) * ew * ci;
                            for i in 0..kw * ci {
                                let to = rows.len() * width + start;
                                rows.push(Row { a: from + i, c: shared.at(to) });
                            }
                        }
                    }
                    let block = Block {
                        a: scratch,
                        a_step: geometry.stride[2] * ci,
                        b: &g[start..],
                        b_step: width,
                        segments: &segments,
                        len: gw,
                        rows: &rows,
                        columns: panel,
                        add: index != range.start,
                    };
                    // SAFETY: the taps of the tile's places lie in the scratch, which `extent`
                    // sizes for all of them; lines of g have gw pixels of `width`; the sum is this
                    // part's own and has depth rows of `width`.
                    unsafe { level.run(&block) };
                }
            });
        }
        Ok(sum)
    });
    let sums = sums.into_iter().collect::<Result<Vec<Buffer>>>()?;
    let piece = (PIECE / co).max(1);
    pieces(out, piece * co, |i, out| {
        out.fill(0.0);
        for sum in &sums {
            let rows = sum[i * piece * width..].chunks_exact(width);
            for (out, sum) in out.chunks_exact_mut(co).zip(rows) {
                out.iter_mut().zip(sum).for_each(|(out, x)| *out += x);
            }
        }
    });
    Ok(())
}
