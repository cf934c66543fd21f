//! The convolution of an upsampled frame (`Op::ResizeConv`), computed from the original frame.
//!
//! Along an axis with taps a, b, c, output 2q reads x at q - 1, q, q, and output 2q + 1 reads x at
//! q, q, q + 1. With s = a + b + c and the steps e(q) = x(q) - x(q - 1), the outputs are
//! s x(q) - a e(q) and s x(q) + c e(q + 1): three products for two outputs. Both axes together take
//! nine products for four outputs: each of s, a, c along h with each of s, a, c along w. The
//! equivalent transposed convolution takes sixteen products, and the convolution of the upsampled
//! frame thirty-six.

use std::ops::Range;

use kinora_tensor::{Result, Shape, Tensor};

use super::tile::with_scratch;
use crate::CpuTensor;
use crate::kernel::{Block, Level, Row, Sweep};
use crate::parallel::{Shared, tasks};
use crate::vector::{Vector, lanes, load, store};

/// Products for each pixel, which give its four outputs.
const PRODUCTS: usize = 9;

/// The most pixels in a tile.
const PIXELS: usize = 64;

/// The pixels of a task: some whole pictures, some rows of one picture, or a part of a row.
#[derive(Clone, Debug, PartialEq)]
struct Tile {
    pictures: Range<usize>,
    rows: Range<usize>,
    columns: Range<usize>,
}

/// Pictures of h × w pixels, cut into tiles.
#[derive(Clone, Copy, Debug)]
struct Tiling {
    pictures: usize,
    size: [usize; 2],
    /// Pictures, rows and columns of a tile.
    tile: [usize; 3],
}

impl Tiling {
    fn new(pictures: usize, [h, w]: [usize; 2]) -> Self {
        // As many columns as fit, about the same number in each tile of a row.
        let columns = w.div_ceil(w.div_ceil(PIXELS).max(1)).max(1);
        let rows = (PIXELS / columns).clamp(1, h.max(1));
        let whole = [rows, columns] == [h, w];
        let together = if whole { (PIXELS / (h * w)).max(1) } else { 1 };
        Self { pictures, size: [h, w], tile: [together, rows, columns] }
    }

    fn parts(&self) -> [usize; 3] {
        let [h, w] = self.size;
        let whole = [self.pictures, h, w];
        std::array::from_fn(|axis| whole[axis].div_ceil(self.tile[axis]))
    }

    fn count(&self) -> usize {
        self.parts().iter().product()
    }

    fn tile(&self, index: usize) -> Tile {
        let [_, h, w] = self.parts();
        let at = [index / w / h, index / w % h, index % w];
        let whole = [self.pictures, self.size[0], self.size[1]];
        let [pictures, rows, columns] = std::array::from_fn(|axis| {
            let first = at[axis] * self.tile[axis];
            first..(first + self.tile[axis]).min(whole[axis])
        });
        Tile { pictures, rows, columns }
    }
}

pub(crate) fn resize_conv(
    level: Level,
    x: &CpuTensor,
    k: &CpuTensor,
    bias: &CpuTensor,
    shape: &Shape,
    out: &mut [f32],
) -> Result<()> {
    let &[n, t, h, w, c] = &x.shape()[..] else { unreachable!("checked by infer") };
    if out.is_empty() {
        return Ok(());
    }
    let columns = shape[4];
    let panels = level.panels(columns);
    let weights = k.prepared("resized", &[k.shape(), &[level.lanes()]], || {
        level.packed(k.device(), columns, PRODUCTS * c, |start, width, packed| {
            pack(k.data(), [c, columns], (start, width), packed);
        })
    })?;
    let tiling = Tiling::new(n * t, [h, w]);
    let work = n * t * h * w * PRODUCTS * c * columns / 8;
    let shared = Shared::new(out);
    tasks(tiling.count(), work, |index| {
        let tile = tiling.tile(index);
        with_scratch(|[steps, products]| {
            let source = Source { x: x.data(), size: [h, w], c, tile };
            let places = source.places();
            let pixels = places.len();
            let starts = source.steps(level, steps);
            let mut rows = source.rows(&places, starts);
            for &(start, width) in &panels {
                if products.len() < PRODUCTS * pixels * width {
                    products.resize(PRODUCTS * pixels * width, 0.0);
                }
                let to = Shared::new(products);
                for product in 0..PRODUCTS {
                    let (rows, offset) = source.operand(product, &mut rows);
                    for (i, row) in rows.iter_mut().enumerate() {
                        row.c = to.at((i * PRODUCTS + product) * width);
                    }
                    let block = Block {
                        a: if product == 0 { source.x } else { steps },
                        a_step: 1,
                        b: &weights[PRODUCTS * c * start + product * c * width..],
                        b_step: width,
                        segments: &[(offset, 0)],
                        len: c,
                        rows,
                        columns: width.min(columns - start),
                        add: false,
                    };
                    // SAFETY: rows of `c` floats lie in x or among the steps; a product has `c`
                    // rows of `width` in its part of the panel; each pixel has its own products.
                    unsafe { level.run(&block) };
                }
                let sum = ToOutputs {
                    source: &source,
                    places: &places,
                    products,
                    bias: &bias.data()[start..],
                    width,
                    columns,
                    start,
                    out: shared,
                };
                // SAFETY: all products exist, and no other task has the outputs of this tile.
                unsafe { level.sweep(sum) };
            }
        });
    });
    Ok(())
}

/// Packs taps `[3, 3, c, columns]` as the factors `[9, c, width]` of a panel.
fn pack(k: &[f32], [c, columns]: [usize; 2], (start, width): (usize, usize), out: &mut [f32]) {
    const FACTORS: [[f32; 3]; 3] = [[1.0, 1.0, 1.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
    let used = width.min(columns - start);
    if out.is_empty() {
        return;
    }
    out.fill(0.0);
    for (product, out) in out.chunks_exact_mut(c * width).enumerate() {
        for tap in 0..9 {
            let factor = FACTORS[product / 3][tap / 3] * FACTORS[product % 3][tap % 3];
            if factor == 0.0 {
                continue;
            }
            for (channel, out) in out.chunks_exact_mut(width).enumerate() {
                let k = &k[(tap * c + channel) * columns + start..][..used];
                out.iter_mut().zip(k).for_each(|(out, k)| *out += factor * k);
            }
        }
    }
}

/// The source, and the tile of it to compute.
struct Source<'a> {
    x: &'a [f32],
    size: [usize; 2],
    c: usize,
    tile: Tile,
}

/// A pixel of a tile: its picture, row and column, counted from the tile's first.
type Place = [usize; 3];

impl Source<'_> {
    fn extent(&self) -> [usize; 3] {
        let Tile { pictures, rows, columns } = &self.tile;
        [pictures.len(), rows.len(), columns.len()]
    }

    fn places(&self) -> Vec<Place> {
        let [n, h, w] = self.extent();
        (0..n * h * w).map(move |i| [i / w / h, i / w % h, i % w]).collect()
    }

    /// The offset in x of a pixel; `None` outside its picture. Here, row 0 and column 0 are one
    /// before the tile's first.
    fn pixel(&self, [n, row, column]: Place) -> Option<usize> {
        let [h, w] = self.size;
        let row = (self.tile.rows.start + row).checked_sub(1).filter(|&row| row < h)?;
        let column = (self.tile.columns.start + column).checked_sub(1).filter(|&at| at < w)?;
        Some((((self.tile.pictures.start + n) * h + row) * w + column) * self.c)
    }

    /// Computes the steps along h `[n, h + 1, w, c]`, along w `[n, h, w + 1, c]` and along both
    /// axes `[n, h + 1, w + 1, c]`, one after another in `out`. Returns their offsets.
    fn steps(&self, level: Level, out: &mut Vec<f32>) -> [usize; 3] {
        let [n, h, w] = self.extent();
        let ends = [n * (h + 1) * w * self.c, n * h * (w + 1) * self.c];
        let starts = [0, ends[0], ends[0] + ends[1]];
        let len = starts[2] + n * (h + 1) * (w + 1) * self.c;
        if out.len() < len {
            out.resize(len, 0.0);
        }
        // SAFETY: `out` has room for all three.
        unsafe { level.sweep(ToSteps { source: self, starts, out }) };
        starts
    }

    /// For each pixel, the offsets of its row in x, and of its first steps along w, along h and
    /// along both axes.
    fn rows(&self, places: &[Place], starts: [usize; 3]) -> [Vec<Row>; 4] {
        let [_, h, w] = self.extent();
        let place = |kind: usize, [n, row, column]: Place| match kind {
            0 => self.pixel([n, row + 1, column + 1]).expect("a tile lies in its pictures"),
            1 => starts[1] + ((n * h + row) * (w + 1) + column) * self.c,
            2 => starts[0] + ((n * (h + 1) + row) * w + column) * self.c,
            _ => starts[2] + ((n * (h + 1) + row) * (w + 1) + column) * self.c,
        };
        let row = |kind, at| Row { a: place(kind, at), c: std::ptr::null_mut() };
        [0, 1, 2, 3].map(|kind| places.iter().map(|&at| row(kind, at)).collect())
    }

    /// The rows that a product multiplies, and an offset to add: tap a multiplies the step to a
    /// pixel, tap c the step after it.
    fn operand<'b>(&self, product: usize, rows: &'b mut [Vec<Row>; 4]) -> (&'b mut [Row], usize) {
        let w = self.tile.columns.len();
        let (by_h, by_w) = (product / 3, product % 3);
        let line = if by_w == 0 { w } else { w + 1 };
        let offset = (by_h.saturating_sub(1) * line + by_w.saturating_sub(1)) * self.c;
        (&mut rows[2 * by_h.min(1) + by_w.min(1)], offset)
    }
}

struct ToSteps<'a> {
    source: &'a Source<'a>,
    starts: [usize; 3],
    out: &'a mut [f32],
}

impl Sweep for ToSteps<'_> {
    /// # Safety
    /// `out` has room for all steps.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (source, c) = (self.source, self.source.c);
        let [n, h, w] = source.extent();
        let zeros = vec![0.0f32; c];
        let pixel = |place: Place| match source.pixel(place) {
            Some(at) => source.x[at..][..c].as_ptr(),
            None => zeros.as_ptr(),
        };
        let out = self.out.as_mut_ptr();
        let [by_h, by_w, by_both] = self.starts;
        for n in 0..n {
            for row in 0..=h {
                // The pixels above and below the step, one column before.
                let mut before = [pixel([n, row, 0]), pixel([n, row + 1, 0])];
                for column in 0..=w {
                    let here = [pixel([n, row, column + 1]), pixel([n, row + 1, column + 1])];
                    let line = n * (h + 1) + row;
                    let to_h = by_h + (line * w + column) * c;
                    let to_w = by_w + ((n * h + row) * (w + 1) + column) * c;
                    let to_both = by_both + (line * (w + 1) + column) * c;
                    lanes::<V>(
                        c,
                        #[inline(always)]
                        |at, count| {
                            // SAFETY: a pixel, the zeros and each step have c floats; there are
                            // steps along h for w columns, and along w for h rows.
                            unsafe {
                                let x = |from: *const f32| load::<V>(from.add(at), count);
                                let (above, below) = (x(here[0]), x(here[1]));
                                let step = below.sub(above);
                                let step_before = x(before[1]).sub(x(before[0]));
                                if column < w {
                                    store(step, out.add(to_h + at), count);
                                }
                                if row < h {
                                    let along = below.sub(x(before[1]));
                                    store(along, out.add(to_w + at), count);
                                }
                                store(step.sub(step_before), out.add(to_both + at), count);
                            }
                        },
                    );
                    before = here;
                }
            }
        }
    }
}

struct ToOutputs<'a> {
    source: &'a Source<'a>,
    places: &'a [Place],
    /// `[pixels, 9, width]`
    products: &'a [f32],
    /// The bias, from the panel's first column on.
    bias: &'a [f32],
    width: usize,
    columns: usize,
    start: usize,
    out: Shared,
}

impl Sweep for ToOutputs<'_> {
    /// # Safety
    /// All products exist, and nobody else accesses the outputs.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { source, places, products, bias, width, columns, start, out } = self;
        let [h, w] = source.size;
        let pixels = places.len();
        let used = width.min(columns - start);
        assert!(products.len() >= PRODUCTS * pixels * width && bias.len() >= used);
        for (i, &[n, row, column]) in places.iter().enumerate() {
            let row = 2 * (source.tile.rows.start + row);
            let column = 2 * (source.tile.columns.start + column);
            let line = (source.tile.pictures.start + n) * 2 * h + row;
            let to = [0, 1].map(|below| ((line + below) * 2 * w + column) * columns + start);
            lanes::<V>(
                used,
                #[inline(always)]
                |at, count| {
                    // SAFETY: the caller's; a row of products has `width` floats, whole vectors.
                    unsafe {
                        let p = |product: usize| {
                            V::load(products.as_ptr().add((i * PRODUCTS + product) * width + at))
                        };
                        let middle = p(0).add(load(bias.as_ptr().add(at), count));
                        let (left, right) = (p(1), p(2));
                        for (below, to) in to.into_iter().enumerate() {
                            let first = 3 * (1 + below);
                            let middle = middle.add(p(first));
                            let y = middle.add(left).add(p(first + 1));
                            store(y, out.at(to + at), count);
                            let y = middle.add(right).add(p(first + 2));
                            store(y, out.at(to + columns + at), count);
                        }
                    }
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_each_pixel_once() {
        for (pictures, size) in [
            (1, [1, 1]),
            (5, [3, 4]),
            (20, [2, 3]),
            (2, [8, 8]),
            (1, [9, 16]),
            (2, [3, 150]),
            (3, [70, 1]),
        ] {
            let tiling = Tiling::new(pictures, size);
            let mut seen = vec![0; pictures * size[0] * size[1]];
            for index in 0..tiling.count() {
                let Tile { pictures, rows, columns } = tiling.tile(index);
                assert!((1..=PIXELS).contains(&(pictures.len() * rows.len() * columns.len())));
                for n in pictures {
                    for row in rows.clone() {
                        for column in columns.clone() {
                            seen[(n * size[0] + row) * size[1] + column] += 1;
                        }
                    }
                }
            }
            assert!(seen.iter().all(|&times| times == 1), "{pictures} of {size:?}");
        }
    }
}
