//! Clips to files and back, and wrong files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use kinora_video::{Clip, Error, Format, SaveOptions};

/// `[t, h, w, c]` of at most `colours` colours, with a moving square; alpha is 0 or 255.
fn clip(dims: [usize; 4], colours: usize, fps: f32) -> Clip {
    let [t, h, w, c] = dims;
    let mut data = Vec::new();
    for (i, y, x) in (0..t).flat_map(|i| (0..h).flat_map(move |y| (0..w).map(move |x| (i, y, x)))) {
        let k = (x + y * w + i * 7) % colours;
        let colour = [(k * 37 % 256) as u8, (k * 101 % 253) as u8, (k / 5) as u8];
        let inside = x >= i % w && x < i % w + w / 2 + 1 && y > 0;
        match c {
            1 => data.push(k as u8),
            3 => data.extend(colour),
            _ if inside => data.extend([colour[0], colour[1], colour[2], 255]),
            _ => data.extend([0; 4]),
        }
    }
    Clip::new(dims, fps, data).unwrap()
}

fn round_trip(clip: &Clip, name: &str) -> Result<Clip> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(name);
    clip.save(&path, &SaveOptions::default())?;
    Ok(Clip::load(&path)?)
}

#[test]
fn lossless_formats_give_back_what_they_got() -> Result<()> {
    for dims in
        [[1, 1, 1, 1], [1, 5, 3, 4], [8, 16, 16, 3], [16, 9, 33, 4], [3, 1, 70, 1], [70, 40, 90, 4]]
    {
        for fps in [1.0, 8.0, 7.5, 12.0, 29.97, 30.0, 60.0] {
            let clip = clip(dims, 4000, fps);
            assert_eq!(round_trip(&clip, "a.apng")?, clip, "apng {dims:?} at {fps}");
            let sheet = round_trip(&clip, "a.sheet.png")?;
            assert_eq!(
                (sheet.dims(), sheet.data()),
                (dims, clip.data()),
                "sheet {dims:?} at {fps}"
            );
            let error = (sheet.fps() / fps - 1.0).abs();
            assert!(error <= 0.6e-3 * fps / dims[0] as f32, "{} for {fps}, {dims:?}", sheet.fps());
        }
    }
    Ok(())
}

#[test]
fn partial_alpha_survives() -> Result<()> {
    let data = (0..4 * 6 * 5 * 4).map(|i| (i * 29 % 256) as u8).collect();
    let clip = Clip::new([4, 6, 5, 4], 10.0, data)?;
    assert_eq!(round_trip(&clip, "a.apng")?, clip);
    assert_eq!(round_trip(&clip, "a.sheet.png")?, clip);
    Ok(())
}

#[test]
fn gif_is_exact_up_to_255_colours() -> Result<()> {
    for (dims, colours) in [
        ([8, 16, 16, 3], 255),
        ([8, 16, 16, 4], 200),
        ([5, 30, 20, 3], 1),
        ([4, 3, 9, 4], 2),
        ([1, 40, 40, 3], 255),
    ] {
        for fps in [8.0, 10.0, 25.0, 30.0] {
            let clip = clip(dims, colours, fps);
            let back = round_trip(&clip, "a.gif")?;
            assert_eq!(back.data(), clip.data(), "{dims:?} {colours} colours");
            let seconds = dims[0] as f32 * (1.0 / back.fps() - 1.0 / fps);
            assert!(seconds.abs() <= 0.0101, "{dims:?} at {fps} became {}", back.fps());
        }
    }
    let grey = clip([3, 8, 8, 1], 64, 8.0);
    assert_eq!(round_trip(&grey, "a.gif")?, grey.to_channels(3)?);
    Ok(())
}

#[test]
fn gif_of_many_colours_stays_near() -> Result<()> {
    let data = (0..6 * 64 * 64)
        .flat_map(|i| {
            let (t, y, x) = (i / 4096, i / 64 % 64, i % 64);
            // A third of the pixels has one flat colour, which must not change.
            if x < 20 { [255, 255, 255] } else { [x as u8 * 4, y as u8 * 4, (x + y + t * 9) as u8] }
        })
        .collect();
    let clip = Clip::new([6, 64, 64, 3], 8.0, data)?;
    let back = round_trip(&clip, "a.gif")?;
    assert_eq!(back.dims(), clip.dims());
    assert_eq!(back.data()[..3], [255; 3]);
    let error: f64 =
        clip.data().iter().zip(back.data()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    let rms = (error / clip.data().len() as f64).sqrt();
    println!("root of the mean squared error with 255 colours: {rms:.2} of 255");
    assert!(rms < 8.0, "{rms}");
    let mut colours: Vec<_> = back.data().chunks(3).collect();
    colours.sort_unstable();
    colours.dedup();
    assert!(colours.len() <= 255 && colours.len() > 200, "{}", colours.len());
    Ok(())
}

#[test]
fn frames_of_different_length_become_repeats() -> Result<()> {
    // 20, 10 and 50 hundredths: 2, 1 and 5 frames of 10.
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 1, 1, &[1, 2, 3, 4, 5, 6, 7, 8, 9])?;
    for (i, delay) in [20, 10, 50].into_iter().enumerate() {
        let buffer = vec![i as u8].into();
        let frame = gif::Frame { delay, width: 1, height: 1, buffer, ..gif::Frame::default() };
        encoder.write_frame(&frame)?;
    }
    drop(encoder);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.gif");
    fs::write(&path, bytes)?;
    let clip = Clip::load(&path)?;
    assert_eq!((clip.dims(), clip.fps()), ([8, 1, 1, 3], 10.0));
    let shown: Vec<u8> = clip.data().chunks(3).map(|p| p[0]).collect();
    assert_eq!(shown, [1, 1, 4, 7, 7, 7, 7, 7]);
    Ok(())
}

#[test]
fn the_atlas_says_where_and_how_long() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("walk.sheet.png");
    // 4096 pixels hold 6 frames of 600; 12 frames per second are 83.3 ms per frame.
    let clip = clip([7, 10, 600, 4], 50, 12.0);
    clip.save(&path, &SaveOptions::default())?;
    let atlas: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("walk.sheet.json"))?)?;
    let frames = atlas["frames"].as_array().context("frames")?;
    assert_eq!(frames.len(), 7);
    let last = &frames[6];
    assert_eq!(last["frame"], serde_json::json!({"x": 0, "y": 10, "w": 600, "h": 10}));
    assert_eq!(last["filename"], "walk 6");
    assert_eq!(last["sourceSize"], serde_json::json!({"w": 600, "h": 10}));
    let durations: Vec<u64> = frames.iter().filter_map(|f| f["duration"].as_u64()).collect();
    assert_eq!(durations.iter().sum::<u64>(), 583);
    assert!(durations.iter().all(|d| [83, 84].contains(d)), "{durations:?}");
    assert_eq!(atlas["meta"]["image"], "walk.sheet.png");
    assert_eq!(atlas["meta"]["size"], serde_json::json!({"w": 3600, "h": 20}));
    assert_eq!(Clip::load(&path)?, clip);
    Ok(())
}

#[test]
fn a_folder_gets_one_png_a_frame() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (new, long) = (clip([3, 4, 4, 3], 9, 8.0), clip([5, 4, 4, 3], 9, 8.0));
    let names = |path: &Path| -> Result<Vec<String>> {
        let names = fs::read_dir(path)?.map(|f| Ok(f?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    };
    let path = folder.path().join("frames/");
    new.save(&path, &SaveOptions::default())?;
    assert_eq!(names(&path)?, ["0000.png", "0001.png", "0002.png"]);
    assert_eq!(Clip::load(path.join("0001.png"))?.data(), new.frame(1));
    // An existing folder is written to, unless it would then hold frames of two films.
    long.save(folder.path().join("frames"), &SaveOptions::default())?;
    assert_eq!(names(&path)?.len(), 5);
    let error = new.save(&path, &SaveOptions::default()).unwrap_err().to_string();
    assert!(error.contains("0003.png"), "{error}");
    assert_eq!(names(folder.path())?, ["frames"]);
    Ok(())
}

/// The boxes of an MP4 at the top level, in order.
#[cfg(feature = "mp4")]
fn boxes(mut bytes: &[u8]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    while !bytes.is_empty() {
        let head = bytes.get(..8).context("a box is cut off")?;
        let size = u32::from_be_bytes(head[..4].try_into()?) as usize;
        names.push(String::from_utf8_lossy(&head[4..]).into_owned());
        bytes = bytes.get(size.max(8)..).context("a box is longer than the file")?;
    }
    Ok(names)
}

#[cfg(feature = "mp4")]
#[test]
fn mp4_of_any_size_has_its_index_first() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.mp4");
    for dims in [[1, 1, 1, 1], [8, 64, 64, 4], [5, 33, 47, 3], [3, 16, 300, 3]] {
        let clip = clip(dims, 60, 8.0);
        clip.save(&path, &SaveOptions { background: [10, 20, 30], ..Default::default() })?;
        let names = boxes(&fs::read(&path)?)?;
        let place = |name| names.iter().position(|n| n == name).context(name);
        anyhow::ensure!(place("ftyp")? == 0 && place("moov")? < place("mdat")?, "{names:?}");
        let first = fs::read(&path)?;
        let after = |name: &[u8], offset: usize| {
            let place = first.windows(4).position(|word| word == name)? + 4 + offset;
            Some(u32::from_be_bytes(first.get(place..place + 4)?.try_into().ok()?))
        };
        // A single frame is written twice, for half its time each.
        let (t, rate) = if dims[0] == 1 { (2, 16) } else { (dims[0] as u32, 8) };
        assert_eq!(after(b"stsz", 8), Some(t), "frames of {dims:?}");
        assert_eq!(after(b"stts", 8), Some(t), "frames of one length, {dims:?}");
        assert_eq!(after(b"stts", 12), Some(90_000 / rate), "that length, {dims:?}");
        clip.save(&path, &SaveOptions { background: [10, 20, 30], ..Default::default() })?;
        assert_eq!(first, fs::read(&path)?, "the same clip, the same bytes");
    }
    let error = clip([1, 4000, 16, 1], 60, 8.0).save(&path, &SaveOptions::default());
    assert!(error.unwrap_err().to_string().contains("3840 x 2160"));
    Ok(())
}

#[test]
fn formats_are_told_by_the_ending() {
    for (path, format) in [
        ("a.gif", Some(Format::Gif)),
        ("A.GIF", Some(Format::Gif)),
        ("a.b.apng", Some(Format::Apng)),
        ("a.mp4", Some(Format::Mp4)),
        ("a.sheet.png", Some(Format::Sheet)),
        ("dir/", Some(Format::Sequence)),
        (".", Some(Format::Sequence)),
        ("a.png", None),
        ("a", None),
        ("a.avi", None),
        ("", None),
    ] {
        match Format::of(Path::new(path)) {
            Ok(found) => assert_eq!(Some(found), format, "{path}"),
            Err(error) => {
                assert_eq!(None, format, "{path}: {error}");
                let text = error.to_string();
                assert!(text.contains(".gif, .apng, .mp4, .sheet.png, or a folder"), "{text}");
            }
        }
    }
}

#[test]
fn what_cannot_be_written_leaves_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clip = clip([2, 4, 4, 3], 9, 8.0);
    for name in ["no/a.gif", "no/a.apng", "no/a.mp4", "no/a.sheet.png", "no/dir/"] {
        let error = clip.save(folder.path().join(name), &SaveOptions::default()).unwrap_err();
        assert!(matches!(&error, Error::Write { .. }), "{error}");
        assert!(error.to_string().contains("there is no folder"), "{error}");
    }
    // A folder has the name of the atlas; the sheet must not be written without its atlas.
    fs::create_dir(folder.path().join("b.sheet.json"))?;
    assert!(clip.save(folder.path().join("b.sheet.png"), &SaveOptions::default()).is_err());
    // A film wider than a GIF can be.
    let wide = Clip::new([1, 1, 70_000, 1], 8.0, vec![0; 70_000])?;
    assert!(wide.save(folder.path().join("c.gif"), &SaveOptions::default()).is_err());
    let left: Vec<_> = fs::read_dir(folder.path())?.collect::<std::io::Result<_>>()?;
    assert_eq!(left.len(), 1, "{left:?}");
    Ok(())
}

/// Bytes are what a file of the format holds, and a clip comes back from them.
#[test]
fn bytes_of_a_clip_are_those_of_its_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clip = clip([4, 9, 7, 4], 20, 8.0);
    let options = SaveOptions::default();
    for (name, format) in [("a.gif", Format::Gif), ("a.apng", Format::Apng)] {
        let path = folder.path().join(name);
        clip.save(&path, &options)?;
        let bytes = clip.encode(format, &options)?;
        assert!(fs::read(&path)? == bytes, "{name}");
        assert_eq!(Clip::decode(&bytes)?, Clip::load(&path)?, "{name}");
    }
    for format in [Format::Sheet, Format::Sequence] {
        let error = clip.encode(format, &options).unwrap_err().to_string();
        assert!(error.contains("more than one file"), "{error}");
    }
    for bytes in [&b""[..], b"GIF", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF....WEBP", b"{}"] {
        let error = Clip::decode(bytes).unwrap_err();
        assert!(matches!(error, Error::Data { .. }), "{error}");
    }
    Ok(())
}

/// The text may be long, and have letters of any language.
#[test]
fn files_state_their_copyright() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clip = Clip::new([2, 3, 3, 3], 8.0, (0..54).collect())?;
    let copyright = format!("CC0; by Johannes Sj\u{f6}lund{}", ", and others".repeat(40));
    let options = SaveOptions { copyright: copyright.clone(), ..Default::default() };
    for (name, file) in [
        ("a.gif", "a.gif"),
        ("a.apng", "a.apng"),
        ("a.sheet.png", "a.sheet.json"),
        ("a/", "a/0001.png"),
    ] {
        clip.save(folder.path().join(name), &options)?;
        assert_eq!(Clip::load(folder.path().join(name))?, clip, "{name}");
        let bytes = fs::read(folder.path().join(file))?;
        // A GIF has a length before each 255 bytes.
        let start = &copyright.as_bytes()[..200];
        assert!(bytes.windows(200).any(|part| part == start), "{file}");
    }
    let plain = clip.encode(Format::Gif, &Default::default())?;
    let bytes = clip.encode(Format::Gif, &options)?;
    assert_eq!(bytes.len() - plain.len(), 2 + copyright.len() + copyright.len().div_ceil(255) + 1);
    Ok(())
}
