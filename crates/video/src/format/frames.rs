//! Frames of files: their durations, and how a clip is put together from them.

use super::DEFAULT_FPS;
use crate::{Clip, Result};

/// The start of each of `t` frames, and the end of the last, in rounded units of
/// 1 / `units_a_second` s. Durations of frames differ by at most one unit; their sum is exact.
pub(super) fn starts(t: usize, fps: f32, units_a_second: f64) -> impl Iterator<Item = u64> {
    (0..=t).map(move |i| (i as f64 * units_a_second / f64::from(fps)).round() as u64)
}

/// Frames of equal duration from frames with durations in units: the order of frames, with repeats,
/// and the frame rate. Durations that differ by at most one unit are taken for equal, rounded ones.
pub(super) fn even(lengths: &[u64], units_a_second: f64) -> (Vec<usize>, f32) {
    let total: u64 = lengths.iter().sum();
    let (shortest, longest) = (lengths.iter().min(), lengths.iter().max());
    let (Some(&shortest), Some(&longest)) = (shortest, longest) else {
        return (Vec::new(), DEFAULT_FPS);
    };
    let seconds = total as f64 / units_a_second;
    if longest - shortest <= 1 || shortest == 0 {
        let n = lengths.len() as f64;
        // A whole frame rate, if rounding its durations gives these lengths.
        let whole = (n / seconds).round();
        let is_whole =
            longest > shortest && (n / whole - seconds).abs() * units_a_second <= 0.5 + 1e-6;
        let fps = if is_whole { whole } else { n / seconds };
        return ((0..lengths.len()).collect(), fps as f32);
    }
    let gcd = lengths.iter().fold(0, |mut a, &b| {
        let mut b = b;
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    });
    // If exact repeats would make too many frames, repeat by the shortest length.
    let unit = if total / gcd <= 10 * lengths.len() as u64 { gcd } else { shortest };
    // Enough for any real film; a limit against files that are made to fill the memory.
    let most = (100_000 / lengths.len()).clamp(1, 1000);
    let repeats = |length: u64| ((length as f64 / unit as f64).round() as usize).clamp(1, most);
    let order: Vec<usize> =
        lengths.iter().enumerate().flat_map(|(i, &l)| vec![i; repeats(l)]).collect();
    let fps = order.len() as f64 / seconds;
    (order, fps as f32)
}

/// A clip from RGBA frames and their durations in units; `channels` channels if no pixel needs alpha.
pub(super) fn assemble(
    rgba: Vec<u8>,
    [h, w]: [usize; 2],
    channels: usize,
    lengths: &[u64],
    units_a_second: f64,
) -> Result<Clip, String> {
    let c = if channels == 4 || rgba.chunks_exact(4).any(|p| p[3] < 255) { 4 } else { channels };
    let (order, fps) = even(lengths, units_a_second);
    let dims = [order.len(), h, w, c];
    let mut data = crate::clip::allocate(dims).map_err(|e| e.to_string())?;
    for (out, i) in data.chunks_exact_mut(h * w * c).zip(order) {
        let frame = &rgba[i * h * w * 4..][..h * w * 4];
        for (out, p) in out.chunks_exact_mut(c).zip(frame.chunks_exact(4)) {
            out.copy_from_slice(&p[..c]);
        }
    }
    Clip::new(dims, fps, data).map_err(|e| e.to_string())
}

/// A clip from a picture in RGBA with square frames in a row, at [`DEFAULT_FPS`].
pub(super) fn strip(rgba: &[u8], [h, w]: [usize; 2], channels: usize) -> Result<Clip, String> {
    if !w.is_multiple_of(h) {
        return Err(format!(
            "{w} x {h} pixels are not a row of square frames (the width is not a multiple of the \
             height); use an animation, or put an atlas NAME.json beside NAME.png"
        ));
    }
    let parts = (0..w / h).flat_map(|i| cut(rgba, [w, 4], [0, i * h, h, h])).collect();
    assemble(parts, [h, h], channels, &vec![1; w / h], f64::from(DEFAULT_FPS))
}

/// Appends a frame of RGBA, if all frames together stay within [`crate::MAX_PIXELS`].
pub(super) fn push_frame(frames: &mut Vec<u8>, canvas: &[u8]) -> Result<(), String> {
    if (frames.len() + canvas.len()) / 4 > crate::MAX_PIXELS {
        return Err(format!(
            "the frames have more than {} pixels in all; make the film smaller or shorter",
            crate::MAX_PIXELS
        ));
    }
    frames.extend_from_slice(canvas);
    Ok(())
}

/// The smallest rectangle around the pixels where `differs(pixel index)`:
/// `[top, left, height, width]`, at least one pixel.
pub(super) fn changed([h, w]: [usize; 2], differs: impl Fn(usize) -> bool) -> [usize; 4] {
    let (mut top, mut left, mut bottom, mut right) = (h, w, 0, 0);
    for i in (0..h * w).filter(|&i| differs(i)) {
        (top, bottom) = (top.min(i / w), bottom.max(i / w + 1));
        (left, right) = (left.min(i % w), right.max(i % w + 1));
    }
    if bottom == 0 { [0, 0, 1, 1] } else { [top, left, bottom - top, right - left] }
}

/// The rectangle `[top, left, height, width]` of an image of `[h, w, c]`.
pub(super) fn cut(
    image: &[u8],
    [w, c]: [usize; 2],
    [top, left, height, width]: [usize; 4],
) -> Vec<u8> {
    let row = |y: usize| &image[((top + y) * w + left) * c..][..width * c];
    (0..height).flat_map(row).copied().collect()
}

/// Draws the pixels of the part `[top, left, height, width]` on a canvas that is `w` pixels wide, over
/// what is there or in its place. Both are RGBA.
pub(super) fn draw(
    canvas: &mut [u8],
    w: usize,
    [top, left, _, width]: [usize; 4],
    pixels: &[u8],
    is_over: bool,
) {
    for (y, row) in (top..).zip(pixels.chunks_exact(4 * width)) {
        let out = &mut canvas[(y * w + left) * 4..][..4 * width];
        match is_over {
            true => out.chunks_exact_mut(4).zip(row.chunks_exact(4)).for_each(blend),
            false => out.copy_from_slice(row),
        }
    }
}

/// Makes the part `[top, left, height, width]` of a canvas of RGBA empty.
pub(super) fn clear(canvas: &mut [u8], w: usize, [top, left, height, width]: [usize; 4]) {
    for y in top..top + height {
        canvas[(y * w + left) * 4..][..4 * width].fill(0);
    }
}

/// Puts `p` over `out`, both with straight alpha.
fn blend((out, p): (&mut [u8], &[u8])) {
    let (a, b) = (u32::from(p[3]), u32::from(out[3]));
    if a == 255 || b == 0 {
        return out.copy_from_slice(p);
    }
    // Alpha of the result, times 255.
    let alpha = a * 255 + b * (255 - a);
    if a > 0 {
        for (out, p) in out[..3].iter_mut().zip(p) {
            let sum = u32::from(*p) * a * 255 + u32::from(*out) * b * (255 - a);
            *out = ((sum + alpha / 2) / alpha) as u8;
        }
        out[3] = ((alpha + 127) / 255) as u8;
    }
}
