//! GIF: one palette for the whole clip, lengths in hundredths of a second.

use std::borrow::Cow;
use std::num::NonZeroU64;

use gif::{
    ColorOutput, DecodeOptions, DisposalMethod, Encoder, Extension, Frame, MemoryLimit, Repeat,
};

use super::{assemble, changed, clear, cut, push_frame, starts};
use crate::Clip;
use crate::palette::{assign, count, reduce};

/// At most this many colours, so that one entry of 256 is left for transparency.
const MOST: usize = 255;

/// Shortest duration of a frame in 1/100 s; most browsers slow down faster films.
const SHORTEST: u64 = 2;

pub fn encode(clip: &Clip, copyright: &str) -> Result<Vec<u8>, String> {
    let [t, h, w, c] = clip.dims();
    let (Ok(height), Ok(width)) = (u16::try_from(h), u16::try_from(w)) else {
        return Err(format!("a GIF is at most 65535 pixels wide and high, not {w} x {h}"));
    };
    let colour = |p: &[u8]| if c == 1 { [p[0]; 3] } else { [p[0], p[1], p[2]] };
    let visible = |p: &[u8]| c < 4 || p[3] >= 128;
    let pixels = || clip.data().chunks_exact(c);
    let counts = count(pixels().filter(|p| visible(p)).map(colour));
    let colours = reduce(&counts, MOST);
    let indices = assign(&counts, &colours);
    let index_of = |colour: [u8; 3]| indices.get(&colour).map_or(0, |&index| index as u8);
    // The index after the colours is the transparent one.
    let empty = colours.len() as u8;
    let transparent = pixels().any(|p| !visible(p)).then_some(empty);
    debug_assert!(colours.len() <= MOST);
    let mut table = colours.concat();
    if transparent.is_some() {
        table.extend([0; 3]);
    }

    let error = |e: gif::EncodingError| e.to_string();
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, width, height, &table).map_err(error)?;
    encoder.set_repeat(Repeat::Infinite).map_err(error)?;
    if !copyright.is_empty() {
        let comment = [copyright.as_bytes()];
        encoder.write_raw_extension(Extension::Comment.into(), &comment).map_err(error)?;
    }
    let starts: Vec<u64> = starts(t, clip.fps(), 100.0).collect();
    let mut previous: Vec<u8> = Vec::new();
    for i in 0..t {
        // Most pixels have the colour of the one before them.
        let mut last = ([0; 3], index_of([0; 3]));
        let index = |p: &[u8]| {
            if visible(p) && colour(p) != last.0 {
                last = (colour(p), index_of(colour(p)));
            }
            if visible(p) { last.1 } else { empty }
        };
        let frame: Vec<u8> = clip.frame(i).chunks_exact(c).map(index).collect();
        // Without transparency, only the changed part is written. With it, every frame is cleared
        // before the next, so all visible pixels are written.
        let part = match transparent {
            Some(empty) => changed([h, w], |k| frame[k] != empty),
            None => changed([h, w], |k| previous.is_empty() || frame[k] != previous[k]),
        };
        let delay = (starts[i + 1] - starts[i]).clamp(SHORTEST, u64::from(u16::MAX)) as u16;
        let dispose = match transparent {
            Some(_) => DisposalMethod::Background,
            None => DisposalMethod::Keep,
        };
        let [top, left, height, width] = part.map(|v| v as u16);
        let buffer = cut(&frame, [w, 1], part).into();
        let image = Frame {
            delay,
            dispose,
            transparent,
            top,
            left,
            width,
            height,
            buffer,
            ..Frame::default()
        };
        encoder.write_frame(&image).map_err(error)?;
        previous = frame;
    }
    drop(encoder);
    Ok(out)
}

pub fn decode(bytes: &[u8]) -> Result<Clip, String> {
    let error = |e: gif::DecodingError| match e {
        gif::DecodingError::OutOfMemory => {
            format!("a frame of more than {} pixels", crate::MAX_PIXELS)
        }
        e => format!("not a GIF, or damaged: {e}"),
    };
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let most = NonZeroU64::new(4 * crate::MAX_PIXELS as u64).expect("it is not 0");
    options.set_memory_limit(MemoryLimit::Bytes(most));
    let bytes = mended(bytes);
    let mut decoder = options.read_info(&*bytes).map_err(error)?;
    let (h, w) = (usize::from(decoder.height()), usize::from(decoder.width()));
    let mut canvas = crate::clip::allocate([1, h, w, 4]).map_err(|e| e.to_string())?;
    let (mut frames, mut lengths, mut area) = (Vec::new(), Vec::new(), 0);
    while let Some(frame) = decoder.read_next_frame().map_err(error)? {
        let before = (frame.dispose == DisposalMethod::Previous).then(|| canvas.clone());
        let [left, top, width, height] =
            [frame.left, frame.top, frame.width, frame.height].map(usize::from);
        // A frame may be larger than the picture.
        area += width * height;
        if area > crate::MAX_PIXELS {
            return Err(format!(
                "the frames have more than {} pixels in all; make the film smaller or shorter",
                crate::MAX_PIXELS
            ));
        }
        if frame.buffer.len() != width * height * 4 {
            return Err(format!("frame {} is cut off", lengths.len()));
        }
        // As in browsers, the part of a frame outside of the picture is cut off.
        let shown = width.min(w.saturating_sub(left));
        let rows = if shown > 0 { top.min(h)..h.min(top + height) } else { 0..0 };
        for (y, row) in rows.clone().zip(frame.buffer.chunks_exact(width * 4)) {
            let out = &mut canvas[(y * w + left) * 4..][..shown * 4];
            for (out, p) in out.chunks_exact_mut(4).zip(row.chunks_exact(4)) {
                if p[3] > 0 {
                    out.copy_from_slice(p);
                }
            }
        }
        push_frame(&mut frames, &canvas)?;
        // Browsers show a frame of less than 2/100 s for 10/100 s.
        lengths.push(if frame.delay < 2 { 10 } else { u64::from(frame.delay) });
        match (frame.dispose, before) {
            (DisposalMethod::Background, _) => {
                clear(&mut canvas, w, [rows.start, left, rows.len(), shown]);
            }
            (DisposalMethod::Previous, Some(before)) => canvas = before,
            _ => {}
        }
    }
    if lengths.is_empty() {
        return Err("the file has no frames".into());
    }
    assemble(frames, [h, w], 3, &lengths, 100.0)
}

/// The file with the faults mended that browsers forgive: a missing last byte, a picture of width or
/// height 0, which gets that of the first frame, and disposal 4, which means 3.
fn mended(bytes: &[u8]) -> Cow<'_, [u8]> {
    // The first byte of each kind of block.
    const IMAGE: u8 = b',';
    const EXTENSION: u8 = b'!';
    const END: u8 = b';';
    let mut file = Cow::Borrowed(bytes);
    let byte = |at: usize| bytes.get(at).copied();
    // The length of a table of colours, from a byte of flags.
    let table = |flags: u8| if flags & 0x80 > 0 { 6 << (flags & 7) } else { 0 };
    let mut at = 13 + byte(10).map_or(0, table);
    loop {
        let parts = match byte(at) {
            Some(EXTENSION) => {
                let flags = at + 3;
                if byte(at + 1) == Some(0xf9) && byte(flags).is_some_and(|f| f >> 2 & 7 == 4) {
                    file.to_mut()[flags] ^= 7 << 2; // 4 becomes 3
                }
                at + 2
            }
            Some(IMAGE) => {
                let Some(flags) = byte(at + 9) else { return file };
                for side in [6, 8] {
                    if file[side..side + 2] == [0; 2] {
                        let of_frame = at + side - 1;
                        file.to_mut()[side..side + 2]
                            .copy_from_slice(&bytes[of_frame..of_frame + 2]);
                    }
                }
                at + 11 + table(flags)
            }
            None if at == bytes.len() && at > 13 => {
                file.to_mut().push(END);
                return file;
            }
            _ => return file,
        };
        // The data of a block comes in parts, each after its length, up to a part of length 0.
        at = parts;
        loop {
            match byte(at) {
                Some(0) => break at += 1,
                Some(length) => at += 1 + usize::from(length),
                None => return file,
            }
        }
    }
}
