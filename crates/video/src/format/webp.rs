//! WebP, for reading: animations, and still pictures with square frames in a row.
//!
//! Each frame is decoded as a picture of its own. The crate `image-webp` would also put the frames
//! onto each other, but changes an opaque 255 into 254.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::{assemble, clear, draw, push_frame, strip};
use crate::{Clip, MAX_PIXELS};

/// Whether the bytes are those of a WebP file.
pub fn is_webp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
}

pub fn decode(bytes: &[u8]) -> Result<Clip, String> {
    let decoder = open(bytes)?;
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let (w, h) = decoder.dimensions();
    let size = [h as usize, w as usize];
    if !decoder.is_animated() {
        return strip(&picture(decoder)?, size, channels);
    }
    let mut canvas = crate::clip::allocate([1, size[0], size[1], 4]).map_err(|e| e.to_string())?;
    let (mut frames, mut lengths) = (Vec::new(), Vec::new());
    let size_of_file = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
    let whole = size_of_file.checked_add(8).and_then(|end| bytes.get(12..end));
    let mut rest = whole.ok_or("the file is cut off")?;
    while let Some((name, body)) = chunk(&mut rest)? {
        if name == *b"ANMF" {
            let frame =
                Frame::of(body, size).map_err(|e| format!("frame {}: {e}", lengths.len()))?;
            draw(&mut canvas, size[1], frame.part, &frame.pixels, frame.blended);
            push_frame(&mut frames, &canvas)?;
            if frame.cleared {
                clear(&mut canvas, size[1], frame.part);
            }
            // Browsers show a frame of at most 10 ms for 100 ms.
            let milliseconds = u64::from(frame.milliseconds);
            lengths.push(if milliseconds <= 10 { 100 } else { milliseconds });
        }
    }
    if lengths.is_empty() {
        return Err("the file has no frames".into());
    }
    assemble(frames, size, channels, &lengths, 1000.0)
}

/// A frame of an animation: a part of the picture.
struct Frame {
    /// `[top, left, height, width]`
    part: [usize; 4],
    milliseconds: u32,
    /// Whether the frame is drawn over the frame before it, rather than in its place.
    blended: bool,
    /// Whether the part is empty after this frame.
    cleared: bool,
    /// RGBA
    pixels: Vec<u8>,
}

impl Frame {
    /// The frame of an `ANMF` chunk, in a picture of `[h, w]`.
    fn of(body: &[u8], [h, w]: [usize; 2]) -> Result<Self, String> {
        const HEAD: usize = 16;
        if body.len() < HEAD {
            return Err("the header is cut off".into());
        }
        let three = |i: usize| u32::from_le_bytes([body[i], body[i + 1], body[i + 2], 0]);
        let [left, top] = [0, 3].map(|i| 2 * three(i) as usize);
        let [width, height] = [6, 9].map(|i| three(i) as usize + 1);
        if left + width > w || top + height > h {
            return Err("a frame does not lie inside the picture".into());
        }
        let still = still(&body[HEAD..], &body[6..12]);
        let decoder = open(&still)?;
        if decoder.dimensions() != (width as u32, height as u32) {
            return Err("picture and frame differ in size".into());
        }
        Ok(Self {
            part: [top, left, height, width],
            milliseconds: three(12),
            blended: body[15] & 2 == 0,
            cleared: body[15] & 1 == 1,
            pixels: picture(decoder)?,
        })
    }
}

/// The name and the body of a chunk.
type Chunk<'a> = ([u8; 4], &'a [u8]);

/// The next chunk; `None` at the end.
fn chunk<'a>(rest: &mut &'a [u8]) -> Result<Option<Chunk<'a>>, String> {
    let Some((head, after)) = rest.split_first_chunk::<8>() else { return Ok(None) };
    let [name @ .., a, b, c, d] = *head;
    let size = u32::from_le_bytes([a, b, c, d]) as usize;
    let body = after.get(..size);
    let body = body.ok_or_else(|| format!("the chunk {} is cut off", name.escape_ascii()))?;
    *rest = after.get(size.next_multiple_of(2)..).unwrap_or_default();
    Ok(Some((name, body)))
}

/// The chunks of a frame as the file of a still picture. `size` is the width and the height, each
/// less 1, in three bytes.
fn still(chunks: &[u8], size: &[u8]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    // Alpha in a chunk of its own needs a head that announces it.
    if chunks.starts_with(b"ALPH") {
        body.extend_from_slice(b"VP8X\x0a\0\0\0\x10\0\0\0");
        body.extend_from_slice(size);
    }
    body.extend_from_slice(chunks);
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

fn open(bytes: &[u8]) -> Result<WebPDecoder<Cursor<&[u8]>>, String> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
    decoder.set_memory_limit(16 * MAX_PIXELS);
    Ok(decoder)
}

/// The pixels of a still picture in RGBA.
fn picture(mut decoder: WebPDecoder<Cursor<&[u8]>>) -> Result<Vec<u8>, String> {
    let (w, h) = decoder.dimensions();
    let c = if decoder.has_alpha() { 4 } else { 3 };
    let pixels = crate::clip::allocate([1, h as usize, w as usize, c]);
    let mut pixels = pixels.map_err(|e| e.to_string())?;
    decoder.read_image(&mut pixels).map_err(|e| e.to_string())?;
    let rgba = |p: &[u8]| [p[0], p[1], p[2], p.get(3).copied().unwrap_or(255)];
    Ok(pixels.chunks_exact(c).flat_map(rgba).collect())
}
