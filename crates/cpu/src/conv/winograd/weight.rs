//! The partial of a Winograd convolution by its weights.

use kinora_tensor::{Result, Tensor};

use super::kernel::kernel_of;
use super::transform::{Gradients, Patches};
use super::{CACHED, Pass, apart};
use crate::CpuTensor;
use crate::conv::tile::with_scratch;
use crate::kernel::{Block, Level, Row};
use crate::parallel::{Shared, tasks};
use crate::simd::simd;

/// The most floats in the sums of a task, so that they stay in the L2 cache.
const SUMS: usize = 160 << 10;

/// The intended number of tasks.
const TASKS: usize = 16;
/// The tiles are split into parts with separate sums only if a part has about this many tiles.
const PART: usize = 256;

/// The most floats in all sums, if there is more than one part.
const FLOATS: usize = 16 << 20;

pub(crate) fn conv_weight(
    level: Level,
    pass: Pass,
    x: &CpuTensor,
    g: &CpuTensor,
    columns: usize,
    out: &mut [f32],
) -> Result<()> {
    let (size, depth, tiles) = (pass.size(), pass.depth(), pass.tiles());
    let squared = size * size;
    let panels = level.panels(columns);
    let width: usize = panels.iter().map(|panel| panel.1).sum();
    // Groups of panels whose sums stay in the cache. A task has one group and all tiles of a part.
    let each = (SUMS / (squared * depth * panels[0].1)).clamp(1, panels.len());
    let groups: Vec<&[(usize, usize)]> = panels.chunks(each).collect();
    let block = (2 * CACHED / (squared * depth)).clamp(32, 64).next_multiple_of(8);
    let len = squared * depth * width;
    let parts = TASKS.div_ceil(groups.len()).min(tiles.div_ceil(PART)).min(FLOATS / len).max(1);
    let mut sums = x.device().take(parts * len)?;
    let shared = Shared::new(&mut sums);
    let work = tiles * squared * depth * columns / 8;
    tasks(parts * groups.len(), work, |task| {
        let (part, group) = (task / groups.len(), groups[task % groups.len()]);
        let end = (part + 1) * tiles / parts;
        let mut first = part * tiles / parts;
        let mut add = false;
        with_scratch(|[patches, gradients]| {
            while first < end {
                let range = first..(first + block).min(end);
                let count = range.len();
                Patches { pass: &pass, range: range.clone() }.transform(level, x.data(), patches);
                for &(start, width) in group {
                    let of = Gradients { pass: &pass, range: range.clone(), columns };
                    of.transform(level, g.data(), (start, width), gradients);
                    for element in 0..squared {
                        let to = part * len + squared * depth * start + element * depth * width;
                        let rows: Vec<Row> =
                            (0..depth).map(|a| Row { a, c: shared.at(to + a * width) }).collect();
                        let block = Block {
                            a: &patches[element * apart(count, depth)..],
                            a_step: depth,
                            b: &gradients[element * apart(count, width)..],
                            b_step: width,
                            segments: &[(0, 0)],
                            len: count,
                            rows: &rows,
                            columns: width,
                            add,
                        };
                        // SAFETY: each element has `count` rows of `depth` and of `width`; no other
                        // task has the sums of this part and panel.
                        unsafe { level.run(&block) };
                    }
                }
                add = true;
                first += count;
            }
        });
    });
    let step = pass.step[1];
    let (c, line) = (pass.source[3], step * pass.taps);
    let to = Shared::new(out);
    tasks(panels.len() * depth / c, parts * len, |task| {
        let ((start, width), group) = (panels[task / (depth / c)], task % (depth / c));
        let [tap_t, by_h, by_w] = pass.group(group);
        let lanes = level.lanes();
        simd(
            #[inline(always)]
            || {
                for channel in 0..c {
                    for at in (0..width.min(columns - start)).step_by(lanes) {
                        let kernel = kernel_of(
                            size,
                            #[inline(always)]
                            |element| {
                                let mut chunk = [0.0; 16];
                                let row = element * depth + group * c + channel;
                                let from = squared * depth * start + row * width + at;
                                for part in 0..parts {
                                    let sums = &sums[part * len + from..][..lanes];
                                    chunk.iter_mut().zip(sums).for_each(|(sum, x)| *sum += x);
                                }
                                chunk
                            },
                        );
                        let used = lanes.min(columns - start - at);
                        for (i, row) in kernel[..pass.taps].iter().enumerate() {
                            for (j, value) in row[..pass.taps].iter().enumerate() {
                                let (h, w) = (i * step + by_h, j * step + by_w);
                                let place = ((tap_t * line + h) * line + w) * c + channel;
                                let at = place * columns + start + at;
                                // SAFETY: no other task has this panel of these taps.
                                let to = unsafe { to.slice(at..at + used) };
                                to.copy_from_slice(&value[..used]);
                            }
                        }
                    }
                }
            },
        );
    });
    Ok(())
}
