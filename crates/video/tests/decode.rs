//! Files of other programs, written byte by byte: how they are decoded, and which are refused.

use std::fs;

use anyhow::Result;
use kinora_video::{Clip, Error, SaveOptions};

/// Left, pixels (0 is transparent), disposal.
type GifFrame<'a> = (u16, &'a [u8], gif::DisposalMethod);

/// The three disposal methods of a GIF, on a picture of 3 pixels.
#[test]
fn gif_disposal() -> Result<()> {
    use gif::DisposalMethod::{Background, Keep, Previous};
    // The frames as written, then the pixels that each shows.
    let rows: [(&[GifFrame], [[u8; 3]; 3]); 3] = [
        (
            &[(0, &[1, 2, 3], Keep), (1, &[0, 1], Keep), (0, &[3], Keep)],
            [[1, 2, 3], [1, 2, 1], [3, 2, 1]],
        ),
        (
            &[(0, &[1, 2, 3], Keep), (1, &[3], Background), (2, &[2], Keep)],
            [[1, 2, 3], [1, 3, 3], [1, 0, 2]],
        ),
        (
            &[(0, &[1, 2, 3], Keep), (0, &[3, 3], Previous), (2, &[2], Keep)],
            [[1, 2, 3], [3, 3, 3], [1, 2, 2]],
        ),
    ];
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.gif");
    for (frames, expected) in rows {
        let mut bytes = Vec::new();
        let palette = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3];
        let mut encoder = gif::Encoder::new(&mut bytes, 3, 1, &palette)?;
        for &(left, pixels, dispose) in frames {
            encoder.write_frame(&gif::Frame {
                delay: 10,
                dispose,
                transparent: Some(0),
                left,
                width: pixels.len() as u16,
                height: 1,
                buffer: pixels.into(),
                ..gif::Frame::default()
            })?;
        }
        drop(encoder);
        fs::write(&path, bytes)?;
        let clip = Clip::load(&path)?;
        let c = clip.dims()[3];
        let seen: Vec<u8> = clip.data().chunks(c).map(|p| p[0]).collect();
        assert_eq!(seen, expected.concat(), "{frames:?}");
    }
    Ok(())
}

/// The chunk of a lossless picture of `[1, w]` pixels in RGBA.
fn webp_picture(pixels: &[u8]) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let width = pixels.len() as u32 / 4;
    let colour = image_webp::ColorType::Rgba8;
    image_webp::WebPEncoder::new(&mut file).encode(pixels, width, 1, colour)?;
    let start = file.windows(4).position(|name| name == b"VP8L").expect("a lossless picture");
    Ok(file.split_off(start))
}

/// An animation of a picture of 2 pixels. A frame is its left edge in pixels (even), whether it is
/// blended, whether it is cleared, its milliseconds, and its pixels.
fn webp_animation(frames: &[(u32, bool, bool, u32, &[u8])]) -> Result<Vec<u8>> {
    let chunk = |name: &[u8], body: &[u8]| {
        let padding: &[u8] = if body.len() % 2 == 1 { &[0] } else { &[] };
        [name, &(body.len() as u32).to_le_bytes(), body, padding].concat()
    };
    let three = |number: u32| number.to_le_bytes()[..3].to_vec();
    let has_alpha_and_animation = [0b1_0010, 0, 0, 0];
    let size = [three(3), three(0)].concat();
    let mut body = chunk(b"VP8X", &[&has_alpha_and_animation, &size[..]].concat());
    // The colour of the background, which browsers ignore, and endless repetition.
    body.extend(chunk(b"ANIM", &[9, 9, 9, 255, 0, 0]));
    for &(left, blended, cleared, milliseconds, pixels) in frames {
        let flags = u8::from(!blended) << 1 | u8::from(cleared);
        let [left, top, w, h] = [left / 2, 0, pixels.len() as u32 / 4 - 1, 0].map(three);
        let head = [left, top, w, h, three(milliseconds), vec![flags]].concat();
        body.extend(chunk(b"ANMF", &[head, webp_picture(pixels)?].concat()));
    }
    Ok(chunk(b"RIFF", &[b"WEBP", &body[..]].concat()))
}

/// The disposals and blends of an animated WebP, on a picture of 4 pixels.
#[test]
fn webp_disposal_and_blending() -> Result<()> {
    let (red, blue, half) = ([255, 0, 0, 255], [0, 0, 255, 255], [0, 0, 255, 128]);
    let nothing = [0; 4];
    let first = [red, red, red, red].concat();
    for (blended, cleared, second, seen, third_seen) in [
        (false, false, half, half, half),
        (true, false, blue, blue, blue),
        (true, false, nothing, red, red),
        (false, true, blue, blue, nothing),
    ] {
        let frames: [(u32, bool, bool, u32, &[u8]); 3] = [
            (0, false, false, 125, &first),
            (2, blended, cleared, 125, &second),
            (0, true, false, 125, &blue),
        ];
        let clip = Clip::decode(&webp_animation(&frames)?)?;
        assert_eq!((clip.dims(), clip.fps()), ([3, 1, 4, 4], 8.0));
        assert_eq!(clip.frame(1), [red, red, seen, red].concat());
        assert_eq!(clip.frame(2), [blue, red, third_seen, red].concat());
    }
    // Browsers show a frame of at most 10 ms for 100 ms.
    for (milliseconds, fps) in [(0, 10.0), (10, 10.0), (11, 1000.0 / 11.0), (20, 50.0)] {
        let clip = Clip::decode(&webp_animation(&[(0, false, false, milliseconds, &first)])?)?;
        assert!((clip.fps() - fps).abs() < 1e-3, "{milliseconds} ms: {}", clip.fps());
    }
    Ok(())
}

/// The disposals and blends of an APNG, on a picture of 2 pixels.
#[test]
fn apng_disposal_and_blending() -> Result<()> {
    use png::{BlendOp, DisposeOp};
    let (red, blue, half) = ([255, 0, 0, 255], [0, 0, 255, 255], [0, 0, 255, 128]);
    let (nothing, mixed) = ([0; 4], [127, 0, 128, 255]);
    for (dispose, blend, second, seen, third_seen) in [
        (DisposeOp::None, BlendOp::Source, half, half, half),
        (DisposeOp::None, BlendOp::Over, half, mixed, mixed),
        (DisposeOp::Background, BlendOp::Over, half, mixed, nothing),
        (DisposeOp::Previous, BlendOp::Source, blue, blue, red),
    ] {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_animated(3, 0)?;
        encoder.set_frame_delay(1, 8)?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&[red, red].concat())?;
        writer.set_frame_dimension(1, 1)?;
        writer.set_blend_op(blend)?;
        writer.set_dispose_op(dispose)?;
        writer.write_image_data(&second)?;
        writer.set_frame_position(1, 0)?;
        writer.write_image_data(&blue)?;
        writer.finish()?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.png");
        fs::write(&path, bytes)?;
        let expected = [red, red, seen, red, third_seen, blue].concat();
        assert_eq!(Clip::load(&path)?.data(), expected, "{dispose} {blend}");
    }
    Ok(())
}

/// An APNG with a palette, which may stand before the first frame control or after it, and with a
/// picture before the animation that may be a frame or a still for other viewers.
#[test]
fn apng_with_a_palette() -> Result<()> {
    let packed = |pixels: [u8; 2]| -> Result<Vec<u8>> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &[0, pixels[0], pixels[1]])?;
        Ok(encoder.finish()?)
    };
    let header = chunk(b"IHDR", &[0, 0, 0, 2, 0, 0, 0, 1, 8, 3, 0, 0, 0]);
    let animation = chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    let palette = [chunk(b"PLTE", &[9, 9, 9, 200, 0, 0]), chunk(b"tRNS", &[0, 255])].concat();
    let control = |number: u8| {
        let sides = [0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        chunk(b"fcTL", &[&[0, 0, 0, number][..], &sides, &[0, 1, 0, 8, 0, 0]].concat())
    };
    let still = |pixels| anyhow::Ok(chunk(b"IDAT", &packed(pixels)?));
    let frame = |number: u8, pixels| {
        anyhow::Ok(chunk(b"fdAT", &[&[0, 0, 0, number][..], &packed(pixels)?].concat()))
    };
    let (empty, red) = ([9, 9, 9, 0], [200, 0, 0, 255]);
    let last = [control(1), frame(2, [1, 1])?, chunk(b"IEND", &[])].concat();
    let shown = [empty, red, red, red].concat();
    for (name, parts) in [
        ("before", [&palette, &control(0), &still([0, 1])?, &last]),
        ("after", [&control(0), &palette, &still([0, 1])?, &last]),
        (
            "still",
            [
                &palette,
                &still([1, 0])?,
                &[control(0), frame(1, [0, 1])?].concat(),
                &[control(2), frame(3, [1, 1])?, chunk(b"IEND", &[])].concat(),
            ],
        ),
    ] {
        let file =
            [&b"\x89PNG\r\n\x1a\n"[..], &header, &animation, &parts.map(|p| &p[..]).concat()];
        let clip = Clip::decode(&file.concat())?;
        assert_eq!((clip.dims(), clip.fps()), ([2, 1, 2, 4], 8.0), "{name}");
        assert_eq!(clip.data(), shown, "{name}");
    }
    Ok(())
}

#[test]
fn a_plain_png_is_a_row_of_squares() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (w, h, frames) in [(12, 4, Some(3)), (4, 4, Some(1)), (10, 4, None), (3, 4, None)] {
        let path = folder.path().join("strip.png");
        let mut encoder = png::Encoder::new(fs::File::create(&path)?, w, h);
        encoder.set_color(png::ColorType::Grayscale);
        let data: Vec<u8> = (0..w * h).map(|i| (i % w / h) as u8).collect();
        encoder.write_header()?.write_image_data(&data)?;
        match (Clip::load(&path), frames) {
            (Ok(clip), Some(t)) => {
                assert_eq!(clip.dims(), [t, 4, 4, 1]);
                (0..t).for_each(|i| assert_eq!(clip.frame(i), [i as u8; 16]));
            }
            (Err(Error::Data { reason, .. }), None) => {
                assert!(reason.contains("not a row of square frames"), "{reason}");
            }
            (other, _) => panic!("{w} x {h}: {other:?}"),
        }
    }
    Ok(())
}

/// A PNG chunk with its checksum, so that only the contents of the chunk are wrong.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(name);
    crc.update(data);
    let size = (data.len() as u32).to_be_bytes();
    [&size[..], name, data, &crc.sum().to_be_bytes()].concat()
}

/// Headers with sizes far larger than the file.
#[test]
fn hostile_headers_are_errors() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let png = |w: u32, h: u32, chunks: &[Vec<u8>]| {
        let header = [&w.to_be_bytes()[..], &h.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
        [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunks.concat()].concat()
    };
    let gif = |w: u16, h: u16, rest: &[u8]| {
        [
            b"GIF89a",
            &w.to_le_bytes()[..],
            &h.to_le_bytes(),
            &[0x80, 0, 0, 0, 0, 0, 255, 255, 255],
            rest,
        ]
        .concat()
    };
    let actl = |n: u32| chunk(b"acTL", &[n.to_be_bytes(), [0; 4]].concat());
    // A picture of 4 x 4 pixels with a frame of this size at the top left.
    let webp = |w: u32, h: u32, size: u32, rest: &[u8]| {
        let three = |n: u32| n.to_le_bytes()[..3].to_vec();
        let sides = [three(w - 1), three(h - 1)].concat();
        let frame = [&[0; 6][..], &sides, &three(125), &[0], rest].concat();
        let of =
            |name: &[u8], body: &[u8]| [name, &(body.len() as u32).to_le_bytes(), body].concat();
        let head = [&[0b1_0010, 0, 0, 0][..], &three(3), &three(3)].concat();
        let body = [of(b"VP8X", &head), of(b"ANIM", &[0; 6]), of(b"ANMF", &frame)].concat();
        [b"RIFF", &size.to_le_bytes()[..], b"WEBP", &body].concat()
    };
    let rows: [(&str, Vec<u8>); 14] = [
        ("huge.webp", webp(1 << 24, 1 << 24, 1000, &[])),
        ("empty.webp", webp(4, 4, 70, &[])),
        ("size.webp", webp(4, 4, u32::MAX, &[])),
        ("large.webp", webp(4, 4, 90, b"VP8L\xff\xff\xff\x7f\x2f\xff\xff\xff\xff")),
        ("short.webp", b"RIFF\0\0\0\0WEBP".to_vec()),
        ("huge.png", png(u32::MAX, u32::MAX, &[])),
        ("wide.png", png(2_000_000_000, 1, &[])),
        ("large.png", png(60_000, 60_000, &[chunk(b"IDAT", &[])])),
        ("none.png", png(0, 0, &[])),
        ("many.apng", png(4, 4, &[actl(u32::MAX), chunk(b"IDAT", &[]), chunk(b"IEND", &[])])),
        ("huge.gif", gif(u16::MAX, u16::MAX, &[])),
        ("none.gif", gif(0, 0, b";")),
        ("empty.gif", gif(4, 4, b";")),
        // A frame of 60000 x 60000 on a picture of 4 x 4.
        ("frame.gif", gif(4, 4, &[0x2c, 0, 0, 0, 0, 0x60, 0xea, 0x60, 0xea, 0, 2, 1, 0, 0, 0x3b])),
    ];
    for (name, bytes) in rows {
        let path = folder.path().join(name);
        fs::write(&path, bytes)?;
        match Clip::load(&path) {
            Err(Error::Data { .. }) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    // An atlas that points outside, and one that repeats a frame without end.
    let clip = Clip::new([2, 4, 4, 3], 8.0, (0..2 * 4 * 4 * 3).collect())?;
    let path = folder.path().join("a.sheet.png");
    clip.save(&path, &SaveOptions::default())?;
    let cell = |x: u64, w: u64| serde_json::json!({"frame": {"x": x, "y": 0, "w": w, "h": 4}, "duration": 1});
    for frames in [
        serde_json::json!([cell(5, 4)]),
        serde_json::json!([cell(u64::MAX, 4)]),
        serde_json::json!([cell(0, u64::MAX)]),
        serde_json::json!([cell(0, 0)]),
        serde_json::json!([cell(0, 4), cell(4, 2)]),
        serde_json::json!([{"frame": {"x": -1, "y": 0, "w": 4, "h": 4}, "duration": 1}]),
        serde_json::json!([]),
        serde_json::json!({}),
        serde_json::json!(3),
    ] {
        let atlas = serde_json::json!({ "frames": frames });
        fs::write(folder.path().join("a.sheet.json"), atlas.to_string())?;
        assert!(matches!(Clip::load(&path), Err(Error::Data { .. })), "{atlas}");
    }
    // Frames by name, as TexturePacker lists them, and long after short.
    let frames = serde_json::json!({"frames": {
        "b": {"frame": {"x": 0, "y": 0, "w": 4, "h": 4}, "duration": 1},
        "a": {"frame": {"x": 4, "y": 0, "w": 4, "h": 4}, "duration": u64::MAX},
    }});
    fs::write(folder.path().join("a.sheet.json"), frames.to_string())?;
    let dims = Clip::load(&path)?.dims();
    assert_eq!(dims, [1001, 4, 4, 3]);
    Ok(())
}
