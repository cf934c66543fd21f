//! PNG, animated or with frames in a row: lossless, with alpha, lengths as fractions of a second.

use std::io::Cursor;

use png::{BitDepth, BlendOp, ColorType, DisposeOp, Transformations};

use super::{assemble, blend, changed, cut, push_frame, strip};
use crate::{Clip, MAX_PIXELS};

fn colour_type(channels: usize) -> ColorType {
    match channels {
        1 => ColorType::Grayscale,
        3 => ColorType::Rgb,
        _ => ColorType::Rgba,
    }
}

fn sides(h: usize, w: usize) -> Result<(u32, u32), String> {
    let side = |v: usize| u32::try_from(v).map_err(|_| format!("{w} x {h} is too large for a PNG"));
    Ok((side(h)?, side(w)?))
}

/// One image of `[h, w, c]` as a PNG.
pub fn encode_image([h, w, c]: [usize; 3], image: &[u8]) -> Result<Vec<u8>, String> {
    let (height, width) = sides(h, w)?;
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(colour_type(c));
    encoder.set_depth(BitDepth::Eight);
    let write = |mut writer: png::Writer<_>| {
        writer.write_image_data(image)?;
        writer.finish()
    };
    encoder.write_header().and_then(write).map_err(|e| e.to_string())?;
    Ok(out)
}

pub fn encode(clip: &Clip) -> Result<Vec<u8>, String> {
    let [t, h, w, c] = clip.dims();
    let (height, width) = sides(h, w)?;
    let count = u32::try_from(t).map_err(|_| format!("{t} frames are too many for a PNG"))?;
    let (numerator, denominator) = fraction(clip.fps());
    let mut out = Vec::new();
    let mut write = || {
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(colour_type(c));
        encoder.set_depth(BitDepth::Eight);
        encoder.set_animated(count, 0)?;
        encoder.set_frame_delay(numerator, denominator)?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(clip.frame(0))?;
        for i in 1..t {
            let (a, b) = (clip.frame(i - 1), clip.frame(i));
            let part = changed([h, w], |k| a[k * c..][..c] != b[k * c..][..c]);
            let [top, left, height, width] = part.map(|v| v as u32);
            writer.reset_frame_position()?;
            writer.set_frame_dimension(width, height)?;
            writer.set_frame_position(left, top)?;
            writer.write_image_data(&cut(b, [w, c], part))?;
        }
        writer.finish()
    };
    write().map_err(|e: png::EncodingError| e.to_string())?;
    Ok(out)
}

/// The duration of a frame at `fps` as a fraction of a second: the simplest fraction that gives `fps`
/// back, or the nearest with 16 bits in numerator and denominator.
fn fraction(fps: f32) -> (u16, u16) {
    let (mut a, mut b) = ((0u64, 1u64), (1u64, 0u64));
    let mut rest = 1.0 / f64::from(fps);
    for _ in 0..32 {
        let whole = rest.floor();
        if whole > f64::from(u16::MAX) {
            break;
        }
        let next = (whole as u64 * b.0 + a.0, whole as u64 * b.1 + a.1);
        if next.0 > u64::from(u16::MAX) || next.1 > u64::from(u16::MAX) {
            break;
        }
        (a, b) = (b, next);
        if (b.1 as f64 / b.0 as f64) as f32 == fps {
            break;
        }
        rest = 1.0 / (rest - whole);
    }
    match b {
        (_, 0) => (u16::MAX, 1),
        (0, _) => (1, u16::MAX),
        (numerator, denominator) => (numerator as u16, denominator as u16),
    }
}

/// A decoder of PNG with 8 bits per channel.
struct Reader<'a> {
    inner: png::Reader<Cursor<&'a [u8]>>,
    /// Bytes of one whole picture.
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let limits = png::Limits { bytes: MAX_PIXELS };
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
        decoder.set_transformations(Transformations::normalize_to_color8());
        let header = decoder.read_header_info().map_err(|e| e.to_string())?;
        let (w, h) = header.size();
        if u64::from(w) * u64::from(h) > MAX_PIXELS as u64 {
            return Err(format!("{w} x {h} is more than {MAX_PIXELS} pixels"));
        }
        let inner = decoder.read_info().map_err(|e| e.to_string())?;
        let size = inner.output_buffer_size().ok_or("the size of the picture overflows")?;
        Ok(Self { inner, buffer: vec![0; size] })
    }

    /// `[h, w]` of the whole picture.
    fn size(&self) -> [usize; 2] {
        let (w, h) = self.inner.info().size();
        [h as usize, w as usize]
    }

    /// The next picture, or part of one, as RGBA.
    fn next(&mut self) -> Result<Vec<u8>, String> {
        let info = self.inner.next_frame(&mut self.buffer).map_err(|e| e.to_string())?;
        let pixels = &self.buffer[..info.buffer_size()];
        Ok(match info.color_type {
            ColorType::Grayscale => pixels.iter().flat_map(|&v| [v, v, v, 255]).collect(),
            ColorType::GrayscaleAlpha => {
                pixels.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect()
            }
            ColorType::Rgb => {
                pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect()
            }
            ColorType::Rgba => pixels.to_vec(),
            ColorType::Indexed => return Err("the palette was not expanded".into()),
        })
    }

    fn channels(&self) -> usize {
        match self.inner.output_color_type().0 {
            ColorType::Grayscale => 1,
            ColorType::Rgb => 3,
            _ => 4,
        }
    }
}

/// One picture: `[h, w]`, its channels (1, 3 or 4) and its pixels as RGBA.
pub fn decode_image(bytes: &[u8]) -> Result<([usize; 2], usize, Vec<u8>), String> {
    let mut reader = Reader::new(bytes)?;
    let pixels = reader.next()?;
    Ok((reader.size(), reader.channels(), pixels))
}

/// An animated PNG, or square frames in a row.
pub fn decode(bytes: &[u8]) -> Result<Clip, String> {
    let mut reader = Reader::new(bytes)?;
    let [h, w] = reader.size();
    let Some(animation) = reader.inner.info().animation_control().copied() else {
        return strip(&reader.next()?, [h, w], reader.channels());
    };
    if reader.inner.info().frame_control().is_none() {
        // The first picture is a still for viewers without animation, not a frame.
        reader.next()?;
    }
    let mut canvas = vec![0; h * w * 4];
    let (mut frames, mut lengths) = (Vec::new(), Vec::new());
    for i in 0..animation.num_frames {
        let part = reader.next()?;
        let Some(&control) = reader.inner.info().frame_control() else {
            return Err(format!("frame {i} has no frame control"));
        };
        let (width, left) = (control.width as usize, control.x_offset as usize);
        let top = control.y_offset as usize;
        let rows = top..top.saturating_add(control.height as usize);
        let inside = left.saturating_add(width) <= w && rows.end <= h;
        if width == 0 || !inside || part.len() != width * rows.len() * 4 {
            return Err(format!("frame {i} does not lie inside the picture"));
        }
        let before = (control.dispose_op == DisposeOp::Previous).then(|| canvas.clone());
        for (y, row) in rows.clone().zip(part.chunks_exact(width * 4)) {
            let out = &mut canvas[(y * w + left) * 4..][..width * 4];
            match control.blend_op {
                BlendOp::Source => out.copy_from_slice(row),
                BlendOp::Over => out.chunks_exact_mut(4).zip(row.chunks_exact(4)).for_each(blend),
            }
        }
        push_frame(&mut frames, &canvas)?;
        let denominator = if control.delay_den == 0 { 100 } else { control.delay_den };
        lengths.push((u64::from(control.delay_num), u64::from(denominator)));
        match (control.dispose_op, before) {
            // For the first frame, "previous" is the empty picture.
            (DisposeOp::Background, _) => {
                for y in rows {
                    canvas[(y * w + left) * 4..][..width * 4].fill(0);
                }
            }
            (DisposeOp::Previous, Some(before)) => canvas = before,
            _ => {}
        }
    }
    if lengths.is_empty() {
        return Err("the file has no frames".into());
    }
    let c = reader.channels();
    let first = lengths[0];
    if first.0 > 0 && lengths.iter().all(|&length| length == first) {
        let rate = first.1 as f64 / first.0 as f64;
        return assemble(frames, [h, w], c, &vec![1; lengths.len()], rate);
    }
    // Different durations, in milliseconds; browsers show 0 ("as fast as possible") for 100.
    let milliseconds = |&(n, d): &(u64, u64)| if n == 0 { 100 } else { (1000 * n / d).max(1) };
    let lengths: Vec<u64> = lengths.iter().map(milliseconds).collect();
    assemble(frames, [h, w], c, &lengths, 1000.0)
}
