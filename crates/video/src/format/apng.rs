//! PNG, animated or with frames in a row: lossless, with alpha, lengths as fractions of a second.

use std::io::Cursor;

use png::{BitDepth, BlendOp, ColorType, DisposeOp, Transformations};

use super::{assemble, changed, clear, cut, draw, push_frame, strip};
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
pub fn encode_image(
    [h, w, c]: [usize; 3],
    image: &[u8],
    copyright: &str,
) -> Result<Vec<u8>, String> {
    let (height, width) = sides(h, w)?;
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(colour_type(c));
    encoder.set_depth(BitDepth::Eight);
    state(&mut encoder, copyright).map_err(|e| e.to_string())?;
    let write = |mut writer: png::Writer<_>| {
        writer.write_image_data(image)?;
        writer.finish()
    };
    encoder.write_header().and_then(write).map_err(|e| e.to_string())?;
    Ok(out)
}

/// Adds a text about the copyright, if there is one.
fn state(
    encoder: &mut png::Encoder<'_, &mut Vec<u8>>,
    copyright: &str,
) -> Result<(), png::EncodingError> {
    match copyright {
        "" => Ok(()),
        text => encoder.add_itxt_chunk("Copyright".into(), text.into()),
    }
}

pub fn encode(clip: &Clip, copyright: &str) -> Result<Vec<u8>, String> {
    let [t, h, w, c] = clip.dims();
    let (height, width) = sides(h, w)?;
    let count = u32::try_from(t).map_err(|_| format!("{t} frames are too many for a PNG"))?;
    let (numerator, denominator) = fraction(clip.fps());
    let mut out = Vec::new();
    let mut write = || {
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(colour_type(c));
        encoder.set_depth(BitDepth::Eight);
        state(&mut encoder, copyright)?;
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
        let header =
            decoder.read_header_info().map_err(|e| format!("not a PNG, or damaged: {e}"))?;
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

/// The bytes at the start of every PNG.
pub const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// A frame of an animation: its control chunk and its compressed pixels.
struct Frame {
    /// `[top, left, height, width]`
    part: [usize; 4],
    /// The duration in seconds, as numerator and denominator.
    length: (u64, u64),
    dispose: DisposeOp,
    blend: BlendOp,
    data: Vec<u8>,
}

/// An animation, with the chunks that all its pictures share.
struct Animation {
    /// The chunk `IHDR`.
    header: Vec<u8>,
    /// The palette and its transparency.
    shared: Vec<u8>,
    frames: Vec<Frame>,
}

impl Animation {
    /// Splits a file into its frames.
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let Some(mut rest) = bytes.strip_prefix(SIGNATURE) else {
            return Err("the file does not begin as a PNG".into());
        };
        let mut found = Self { header: Vec::new(), shared: Vec::new(), frames: Vec::new() };
        let (mut are_pixels, mut order) = (false, 0);
        while let Some((name, body, whole)) = chunk(&mut rest)? {
            match &name {
                b"IHDR" => found.header = body.to_vec(),
                b"fcTL" => {
                    in_order(body, &mut order)?;
                    found.frames.push(Frame::of(body)?);
                }
                // Pixels before the first control chunk are a still for viewers without animation.
                b"IDAT" => {
                    are_pixels = true;
                    if let Some(frame) = found.frames.last_mut() {
                        frame.data.extend_from_slice(body);
                    }
                }
                b"fdAT" => {
                    in_order(body, &mut order)?;
                    let frame = found.frames.last_mut().ok_or("fdAT comes before fcTL")?;
                    frame.data.extend_from_slice(&body[4..]);
                }
                b"IEND" => break,
                b"PLTE" | b"tRNS" if !are_pixels => found.shared.extend_from_slice(whole),
                _ => {}
            }
        }
        Ok(found)
    }

    /// A picture of `[h, w]` as a PNG of its own.
    fn still(&self, [h, w]: [usize; 2], data: &[u8]) -> Result<Vec<u8>, String> {
        let sides = [w, h].map(|side| (side as u32).to_be_bytes()).concat();
        let kind = self.header.get(8..).ok_or("the header is cut off")?;
        let mut file = SIGNATURE.to_vec();
        push_chunk(&mut file, b"IHDR", &[&sides, kind].concat());
        file.extend_from_slice(&self.shared);
        push_chunk(&mut file, b"IDAT", data);
        push_chunk(&mut file, b"IEND", &[]);
        Ok(file)
    }
}

impl Frame {
    /// The frame of an `fcTL` chunk.
    fn of(body: &[u8]) -> Result<Self, String> {
        if body.len() < 26 {
            return Err("a frame control is cut off".into());
        }
        let four = |i: usize| u32::from_be_bytes([body[i], body[i + 1], body[i + 2], body[i + 3]]);
        let two = |i: usize| u64::from(u16::from_be_bytes([body[i], body[i + 1]]));
        let [width, height, left, top] = [4, 8, 12, 16].map(|i| four(i) as usize);
        let unknown = |what: &str| format!("a frame has an unknown {what}");
        Ok(Self {
            part: [top, left, height, width],
            length: (two(20), if two(22) == 0 { 100 } else { two(22) }),
            dispose: DisposeOp::from_u8(body[24]).ok_or_else(|| unknown("disposal"))?,
            blend: BlendOp::from_u8(body[25]).ok_or_else(|| unknown("blend"))?,
            data: Vec::new(),
        })
    }
}

/// The name and the body of a chunk, and the whole chunk.
type Chunk<'a> = ([u8; 4], &'a [u8], &'a [u8]);

/// The next chunk; `None` at the end.
fn chunk<'a>(rest: &mut &'a [u8]) -> Result<Option<Chunk<'a>>, String> {
    let Some((&[a, b, c, d, name @ ..], _)) = rest.split_first_chunk::<8>() else {
        return Ok(None);
    };
    let size = u32::from_be_bytes([a, b, c, d]) as usize;
    let Some((whole, after)) = size.checked_add(12).and_then(|all| rest.split_at_checked(all))
    else {
        return Err(format!("the chunk {} is cut off", name.escape_ascii()));
    };
    let (body, sum) = whole[8..].split_at(size);
    let is_critical =
        name[0].is_ascii_uppercase() || [*b"acTL", *b"fcTL", *b"fdAT"].contains(&name);
    if is_critical && checksum(&whole[4..8 + size]) != sum {
        return Err(format!("the chunk {} has a wrong checksum", name.escape_ascii()));
    }
    *rest = after;
    Ok(Some((name, body, whole)))
}

/// Checks the number at the start of a chunk of an animation.
fn in_order(body: &[u8], order: &mut u32) -> Result<(), String> {
    let number = body.first_chunk().map(|number| u32::from_be_bytes(*number));
    if number != Some(*order) {
        return Err(format!("the chunks of the animation are not in order at number {order}"));
    }
    *order += 1;
    Ok(())
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

fn push_chunk(file: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    file.extend_from_slice(&(body.len() as u32).to_be_bytes());
    let named = [name, body].concat();
    file.extend_from_slice(&named);
    file.extend_from_slice(&checksum(&named));
}

/// An animated PNG, or square frames in a row.
///
/// Each frame is decoded as a PNG of its own: the crate `png` scatters the pixels of a part that is
/// interlaced, and refuses a text between the chunks of a frame.
pub fn decode(bytes: &[u8]) -> Result<Clip, String> {
    let mut reader = Reader::new(bytes)?;
    let ([h, w], c) = (reader.size(), reader.channels());
    let Some(control) = reader.inner.info().animation_control().copied() else {
        return strip(&reader.next()?, [h, w], c);
    };
    drop(reader);
    let (animation, promised) = (Animation::read(bytes)?, control.num_frames as usize);
    if animation.frames.len() < promised {
        let found = animation.frames.len();
        return Err(format!("the file has {found} of its {promised} frames"));
    }
    let mut canvas = vec![0; h * w * 4];
    let (mut frames, mut lengths) = (Vec::new(), Vec::new());
    for (i, frame) in animation.frames.iter().enumerate().take(promised) {
        let [top, left, height, width] = frame.part;
        let inside = left.saturating_add(width) <= w && top.saturating_add(height) <= h;
        if width == 0 || height == 0 || !inside {
            return Err(format!("frame {i} does not lie inside the picture"));
        }
        let still = animation.still([height, width], &frame.data)?;
        let part = decode_image(&still).map_err(|e| format!("frame {i}: {e}"))?.2;
        let before = (frame.dispose == DisposeOp::Previous).then(|| canvas.clone());
        draw(&mut canvas, w, frame.part, &part, frame.blend == BlendOp::Over);
        push_frame(&mut frames, &canvas)?;
        lengths.push(frame.length);
        match (frame.dispose, before) {
            // For the first frame, "previous" is the empty picture.
            (DisposeOp::Background, _) => clear(&mut canvas, w, frame.part),
            (DisposeOp::Previous, Some(before)) => canvas = before,
            _ => {}
        }
    }
    if lengths.is_empty() {
        return Err("the file has no frames".into());
    }
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
