//! Operations on clips: size, channels, time, grids.

use crate::clip::allocate;
use crate::{Clip, Error, Result};

/// The input pixels of one output pixel along an axis: the first index, and a weight for each.
struct Tap {
    start: usize,
    weights: Vec<f32>,
}

/// The taps of one axis: area averages to shrink, copies to grow by a whole number, else linear
/// interpolation.
fn taps(from: usize, to: usize) -> Vec<Tap> {
    let ratio = from as f64 / to as f64;
    let tap = |i: usize| {
        if to.is_multiple_of(from) {
            return Tap { start: i / (to / from), weights: vec![1.0] };
        }
        if to < from {
            let (low, high) = (i as f64 * ratio, (i + 1) as f64 * ratio);
            let start = low as usize;
            let end = (high.ceil() as usize).clamp(start + 1, from);
            let covered = |k: usize| (high.min((k + 1) as f64) - low.max(k as f64)).max(0.0);
            let weights = (start..end).map(|k| (covered(k) / ratio) as f32).collect();
            return Tap { start, weights };
        }
        let centre = ((i as f64 + 0.5) * ratio - 0.5).clamp(0.0, (from - 1) as f64);
        let start = (centre as usize).min(from.saturating_sub(2));
        let second = (centre - start as f64) as f32;
        let weights = if from == 1 { vec![1.0] } else { vec![1.0 - second, second] };
        Tap { start, weights }
    };
    (0..to).map(tap).collect()
}

/// `[h, w, c]` bytes as `f32`, with colours multiplied by alpha if there is alpha.
fn premultiplied(frame: &[u8], c: usize) -> Vec<f32> {
    let mut values: Vec<f32> = frame.iter().map(|&v| f32::from(v)).collect();
    if c == 4 {
        for p in values.chunks_exact_mut(4) {
            let alpha = p[3] / 255.0;
            p[..3].iter_mut().for_each(|v| *v *= alpha);
        }
    }
    values
}

/// The inverse of [`premultiplied`], rounded (halves to even, which keeps the mean). A fully
/// transparent pixel becomes black.
fn straight(values: &mut [f32], c: usize, out: &mut [u8]) {
    if c == 4 {
        for p in values.chunks_exact_mut(4) {
            let scale = if p[3] > 0.0 { 255.0 / p[3] } else { 0.0 };
            p[..3].iter_mut().for_each(|v| *v *= scale);
        }
    }
    for (out, v) in out.iter_mut().zip(values) {
        *out = v.round_ties_even() as u8;
    }
}

/// `a` over `b` with the opacity `alpha` / 255, rounded.
fn mix(a: u8, b: u8, alpha: u8) -> u8 {
    let (a, b, alpha) = (u32::from(a), u32::from(b), u32::from(alpha));
    ((a * alpha + b * (255 - alpha) + 127) / 255) as u8
}

impl Clip {
    /// The clip at `h` x `w` pixels. Each axis is resized by itself: by area averages to shrink, by
    /// repeated pixels to grow by a whole number, else by linear interpolation. Colours are
    /// weighted by their alpha.
    ///
    /// # Errors
    /// If `h` or `w` is 0, or the result would be larger than [`crate::MAX_PIXELS`].
    pub fn resize(&self, h: usize, w: usize) -> Result<Clip> {
        let [t, from_h, from_w, c] = self.dims();
        if (h, w) == (from_h, from_w) {
            return Ok(self.clone());
        }
        let dims = [t, h, w, c];
        let mut data = allocate(dims)?;
        if h.is_multiple_of(from_h) && w.is_multiple_of(from_w) {
            let (sy, sx) = (h / from_h, w / from_w);
            for (i, out) in data.chunks_exact_mut(w * c).enumerate() {
                let row = &self.data()[i / h * from_h * from_w * c..][i % h / sy * from_w * c..];
                for (x, out) in out.chunks_exact_mut(c).enumerate() {
                    out.copy_from_slice(&row[x / sx * c..][..c]);
                }
            }
            return Ok(Clip::from_parts(dims, self.fps(), data));
        }
        let (rows, columns) = (taps(from_h, h), taps(from_w, w));
        let mut narrow = vec![0f32; from_h * w * c];
        let mut values = vec![0f32; h * w * c];
        for (i, out) in data.chunks_exact_mut(h * w * c).enumerate() {
            let frame = premultiplied(self.frame(i), c);
            narrow.fill(0.0);
            for (out, row) in narrow.chunks_exact_mut(w * c).zip(frame.chunks_exact(from_w * c)) {
                for (out, tap) in out.chunks_exact_mut(c).zip(&columns) {
                    for (p, weight) in row[tap.start * c..].chunks_exact(c).zip(&tap.weights) {
                        out.iter_mut().zip(p).for_each(|(o, p)| *o += weight * p);
                    }
                }
            }
            values.fill(0.0);
            for (out, tap) in values.chunks_exact_mut(w * c).zip(&rows) {
                for (row, weight) in
                    narrow[tap.start * w * c..].chunks_exact(w * c).zip(&tap.weights)
                {
                    out.iter_mut().zip(row).for_each(|(o, p)| *o += weight * p);
                }
            }
            straight(&mut values, c, out);
        }
        Ok(Clip::from_parts(dims, self.fps(), data))
    }

    /// The clip enlarged: each pixel becomes a square of `n` x `n` pixels.
    ///
    /// # Errors
    /// If `n` is 0, or the result would be larger than [`crate::MAX_PIXELS`].
    pub fn scale(&self, n: usize) -> Result<Clip> {
        let [_, h, w, _] = self.dims();
        self.resize(h.saturating_mul(n), w.saturating_mul(n))
    }

    /// The clip in three channels, laid over `background`.
    pub fn over(&self, background: [u8; 3]) -> Clip {
        let [t, h, w, c] = self.dims();
        let pixel = |p: &[u8]| match *p {
            [v] => [v; 3],
            [r, g, b] => [r, g, b],
            [r, g, b, a] => {
                let [x, y, z] = background;
                [mix(r, x, a), mix(g, y, a), mix(b, z, a)]
            }
            _ => unreachable!("a clip has 1, 3 or 4 channels"),
        };
        let data = self.data().chunks_exact(c).flat_map(pixel).collect();
        Clip::from_parts([t, h, w, 3], self.fps(), data)
    }

    /// The clip in `c` channels. Grey becomes RGB of three equal parts; RGB becomes grey by its luma
    /// (BT.601). Added alpha is opaque; alpha is removed over white (use [`Clip::over`] for another
    /// background).
    ///
    /// # Errors
    /// If `c` is not 1, 3 or 4.
    pub fn to_channels(&self, c: usize) -> Result<Clip> {
        let [t, h, w, from] = self.dims();
        let dims = [t, h, w, c];
        if from == c {
            return Ok(self.clone());
        }
        let rgb = self.over([255; 3]);
        let data = match c {
            3 => return Ok(rgb),
            1 => {
                let luma = |p: &[u8]| {
                    let [r, g, b] = [p[0], p[1], p[2]].map(u32::from);
                    ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
                };
                rgb.data().chunks_exact(3).map(luma).collect()
            }
            4 => rgb.data().chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect(),
            _ => return Err(Error::Clip { dims, bytes: self.data().len() }),
        };
        Ok(Clip::from_parts(dims, self.fps(), data))
    }

    /// The clip in `frames` frames with the same total duration: frames are repeated or left out,
    /// never blended.
    ///
    /// # Errors
    /// If `frames` is 0, or the result would be larger than [`crate::MAX_PIXELS`].
    pub fn resample(&self, frames: usize) -> Result<Clip> {
        let [t, h, w, c] = self.dims();
        let mut data = allocate([frames, h, w, c])?;
        for (i, out) in data.chunks_exact_mut(h * w * c).enumerate() {
            out.copy_from_slice(self.frame((2 * i + 1) * t / (2 * frames)));
        }
        let fps = self.fps() * frames as f32 / t as f32;
        Ok(Clip::from_parts([frames, h, w, c], fps, data))
    }

    /// The clip on a canvas of `h` x `w` pixels, with its upper left corner at (`top`, `left`). Pixels
    /// outside the canvas are cut off; new pixels have the first `c` values of `fill`.
    ///
    /// # Errors
    /// If `h` or `w` is 0, or the result would be larger than [`crate::MAX_PIXELS`].
    pub fn place(
        &self,
        h: usize,
        w: usize,
        top: isize,
        left: isize,
        fill: [u8; 4],
    ) -> Result<Clip> {
        let [t, from_h, from_w, c] = self.dims();
        let mut data = allocate([t, h, w, c])?;
        data.chunks_exact_mut(c).for_each(|p| p.copy_from_slice(&fill[..c]));
        let columns = left.clamp(0, w as isize) as usize
            ..left.saturating_add_unsigned(from_w).clamp(0, w as isize) as usize;
        let rows = top.clamp(0, h as isize) as usize
            ..top.saturating_add_unsigned(from_h).clamp(0, h as isize) as usize;
        if !columns.is_empty() {
            for (i, out) in data.chunks_exact_mut(h * w * c).enumerate() {
                for y in rows.clone() {
                    let source = y.wrapping_sub_signed(top) * from_w;
                    let source = source + columns.start.wrapping_sub_signed(left);
                    let row = &self.frame(i)[source * c..][..columns.len() * c];
                    out[(y * w + columns.start) * c..][..row.len()].copy_from_slice(row);
                }
            }
        }
        Ok(Clip::from_parts([t, h, w, c], self.fps(), data))
    }

    /// The clip scaled to fit into `h` x `w` pixels with its proportions kept, and centred. The margins
    /// are transparent if the clip has alpha, else they have the colour of its first pixel.
    ///
    /// # Errors
    /// If `h` or `w` is 0, or the result would be larger than [`crate::MAX_PIXELS`].
    pub fn fit(&self, h: usize, w: usize) -> Result<Clip> {
        let [t, from_h, from_w, c] = self.dims();
        if h == 0 || w == 0 {
            return Err(Error::Clip { dims: [t, h, w, c], bytes: 0 });
        }
        let factor = (h as f64 / from_h as f64).min(w as f64 / from_w as f64);
        let side =
            |from: usize, most: usize| ((from as f64 * factor).round() as usize).clamp(1, most);
        let (inner_h, inner_w) = (side(from_h, h), side(from_w, w));
        let mut fill = [0; 4];
        if c < 4 {
            fill[..c].copy_from_slice(&self.data()[..c]);
        }
        let (top, left) = ((h - inner_h) / 2, (w - inner_w) / 2);
        self.resize(inner_h, inner_w)?.place(h, w, top as isize, left as isize, fill)
    }

    /// The clip brought to `dims = [t, h, w, c]` by [`Clip::resample`], [`Clip::resize`] and
    /// [`Clip::to_channels`].
    ///
    /// # Errors
    /// As for these three methods.
    pub fn to_dims(&self, dims: [usize; 4]) -> Result<Clip> {
        if self.dims() == dims {
            return Ok(self.clone());
        }
        let [t, h, w, c] = dims;
        self.resample(t)?.resize(h, w)?.to_channels(c)
    }
}

/// Joins clips of equal dims into one clip: row by row in `columns` columns, with `gap` white pixels
/// between them. Empty places in the last row are white. The frame rate is that of the first clip.
///
/// # Errors
/// If there is no clip, the clips differ in dims, `columns` is 0, or the result would be larger
/// than [`crate::MAX_PIXELS`].
pub fn grid(clips: &[Clip], columns: usize, gap: usize) -> Result<Clip> {
    let Some(first) = clips.first() else {
        return Err(Error::Clip { dims: [0; 4], bytes: 0 });
    };
    let [t, h, w, c] = first.dims();
    if let Some(other) = clips.iter().find(|other| other.dims() != first.dims()) {
        return Err(Error::Dims { what: "a grid of clips", a: first.dims(), b: other.dims() });
    }
    let columns = columns.min(clips.len());
    let rows = if columns == 0 { 0 } else { clips.len().div_ceil(columns) };
    let side = |n: usize, size: usize| {
        let gaps = n.saturating_sub(1).checked_mul(gap);
        n.checked_mul(size).zip(gaps).and_then(|(a, b)| a.checked_add(b)).unwrap_or(usize::MAX)
    };
    let dims = [t, side(rows, h), side(columns, w), c];
    let mut data = allocate(dims)?;
    data.fill(255);
    let row_bytes = dims[2] * c;
    for (i, clip) in clips.iter().enumerate() {
        let (top, left) = (i / columns * (h + gap), i % columns * (w + gap) * c);
        for (frame, out) in data.chunks_exact_mut(dims[1] * row_bytes).enumerate() {
            for (y, row) in clip.frame(frame).chunks_exact(w * c).enumerate() {
                out[(top + y) * row_bytes + left..][..w * c].copy_from_slice(row);
            }
        }
    }
    Ok(Clip::from_parts(dims, first.fps(), data))
}
