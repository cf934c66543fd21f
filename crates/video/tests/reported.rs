//! Inputs that users of similar programs reported: each folder stands for a kind of fault. The folder
//! `reported_inputs` is looked for in the folder `KINORA_DATA`. Other inputs of each kind are below.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use kinora_video::{Clip, Clips, Dataset, Format, SaveOptions, check};

/// The folder of reported inputs; `None`, with a message, if it is missing, which fails in CI.
fn reported() -> Option<PathBuf> {
    let data = std::env::var_os("KINORA_DATA").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = data.unwrap_or(root).join("reported_inputs");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    println!("skipped: {} is missing; set KINORA_DATA", folder.display());
    None
}

fn problems(folder: &Path) -> Vec<String> {
    check(&format!("clips:{}", folder.display())).iter().map(ToString::to_string).collect()
}

fn save(path: PathBuf, clip: &Clip) -> Result<()> {
    Ok(clip.save(path, &SaveOptions::default())?)
}

/// A clip of `t` frames of one colour each.
fn clip(t: usize) -> Clip {
    let data = (0..t).flat_map(|i| [10 * i as u8, 0, 0].repeat(16)).collect();
    Clip::new([t, 4, 4, 3], 8.0, data).unwrap()
}

#[test]
fn reported_clips_are_read() -> Result<()> {
    let Some(folder) = reported() else { return Ok(()) };
    // The file, its frames, height and width, and its rate.
    for (file, dims, fps) in [
        ("apng-interlaced-part/clips/a.apng", [2, 8, 8], None),
        ("apng-text-between-fdat/clips/a.apng", [2, 8, 8], None),
        ("atlas-bom/clips/a.sheet.png", [3, 8, 8], None),
        ("atlas-no-duration/clips/a.sheet.png", [3, 8, 8], Some(8.0)),
        ("gif-disposal-4/clips/a.gif", [3, 8, 8], None),
        ("gif-frame-outside/clips/a.gif", [2, 8, 8], None),
        ("gif-no-trailer/clips/a.gif", [2, 8, 8], None),
        ("gif-screen-0/clips/a.gif", [2, 8, 8], None),
        // 100 and 140 ms are 5 and 7 times 20 ms.
        ("gif-unequal-delays/clips/a.gif", [12, 8, 8], Some(50.0)),
        ("strip-with-own-atlas/clips/walk.png", [3, 12, 8], Some(10.0)),
    ] {
        let clip = Clip::load(folder.join(file)).map_err(|e| anyhow::anyhow!("{file}: {e}"))?;
        assert_eq!(clip.dims()[..3], dims, "{file}");
        assert!(fps.is_none_or(|fps| (clip.fps() - fps).abs() < 1e-3), "{file}: {}", clip.fps());
    }
    let frame = Clip::load(folder.join("apng-interlaced-part/clips/a.apng"))?;
    let wanted = Clip::load(folder.join("apng-interlaced-part/frame2-wanted.png"))?;
    let c = wanted.dims()[3];
    assert_eq!(frame.to_channels(c)?.frame(1), wanted.data());
    let clip = Clip::load(folder.join("gif-disposal-4/clips/a.gif"))?;
    let c = clip.dims()[3];
    // The patch of frame 2 is gone in frame 3: where frame 2 differs from frame 1, frame 3 does not
    // look like frame 2.
    let pixels = |i: usize| clip.frame(i).chunks(c);
    let patch: Vec<_> =
        pixels(0).zip(pixels(1)).zip(pixels(2)).filter(|((a, b), _)| a != b).collect();
    assert!(!patch.is_empty() && patch.iter().any(|((_, b), c)| b != c));
    Ok(())
}

#[test]
fn reported_folders_are_read() -> Result<()> {
    let Some(folder) = reported() else { return Ok(()) };
    for (name, clips) in [
        ("apple-double", 2),
        ("captions-jsonl-bom", 2),
        ("captions-jsonl-dot-slash", 2),
        ("subfolder-left-out", 3),
        ("upper-case-ending", 2),
    ] {
        let path = folder.join(name).join("clips");
        assert_eq!(problems(&path), [""; 0], "{name}");
        let data = Clips::open(&path)?;
        let mut captions: Vec<String> = Vec::new();
        for index in 0..100 {
            let draw = kinora_video::Draw { seed: 0, index };
            captions.push(data.caption(kinora_video::Split::Train, draw)?.text);
        }
        captions.sort();
        captions.dedup();
        assert_eq!(captions.len(), clips, "{name}: {captions:?}");
        assert!(captions.iter().all(|text| !text.contains('\u{feff}')), "{name}: {captions:?}");
    }
    for (name, wanted) in [
        ("caption-only-bom", "has no caption"),
        ("captions-same-words", "all clips have the same captions"),
    ] {
        let found = problems(&folder.join(name).join("clips"));
        assert!(found.iter().any(|problem| problem.contains(wanted)), "{name}: {found:?}");
    }
    Ok(())
}

/// Numbered PNGs in a sub-folder are one clip, as `Clip::save` writes them.
#[test]
fn a_folder_of_frames_is_a_clip() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    save(path("walk/"), &clip(3))?;
    fs::create_dir(path("more"))?;
    save(path("more/run/"), &clip(2))?;
    fs::write(path("walk.txt"), "a walk")?;
    fs::write(path("more/captions.jsonl"), "{\"file\": \"run\", \"caption\": \"a run\"}")?;
    // Neither a frame nor a clip.
    fs::write(path("walk/notes.md"), "")?;
    assert_eq!(problems(folder.path()), [""; 0]);
    assert_eq!(Clip::load(path("walk"))?, clip(3));
    let image = clip(1).scale(2)?;
    fs::copy(path("more/run/0000.png"), path("more/0.png"))?;
    save(path("big/"), &image)?;
    fs::copy(path("big/0000.png"), path("walk/0003.png"))?;
    let reason = Clip::load(path("walk")).unwrap_err().to_string();
    assert!(reason.contains("0003.png") && reason.contains("8 x 8"), "{reason}");
    let reason = Clip::load(folder.path().join("more")).map(|clip| clip.dims());
    assert_eq!(reason?, [1, 4, 4, 3]);
    assert!(Clip::load(folder.path()).unwrap_err().to_string().contains("0000.png"));
    // A missing frame is an error, but a step of 10 is none.
    save(path("gap/"), &clip(5))?;
    fs::remove_file(path("gap/0002.png"))?;
    let reason = Clip::load(path("gap")).unwrap_err().to_string();
    assert!(reason.contains("a frame is missing between 0001.png and 0003.png"), "{reason}");
    fs::rename(path("gap/0003.png"), path("gap/002.png"))?;
    fs::rename(path("gap/0004.png"), path("gap/02.png"))?;
    let reason = Clip::load(path("gap")).unwrap_err().to_string();
    assert!(reason.contains("002.png and 02.png have the same number"), "{reason}");
    save(path("tens/"), &clip(3))?;
    fs::rename(path("tens/0001.png"), path("tens/10.png"))?;
    fs::rename(path("tens/0002.png"), path("tens/20.png"))?;
    assert_eq!(Clip::load(path("tens"))?, clip(3));
    ["gap", "tens"].iter().try_for_each(|name| fs::remove_dir_all(path(name)))?;
    // As `ffmpeg` numbers frames without zeros.
    fs::create_dir(path("long"))?;
    save(path("all/"), &clip(12))?;
    for i in 0..12 {
        fs::rename(path(&format!("all/{i:04}.png")), path(&format!("long/{}.png", i + 1)))?;
    }
    assert_eq!(Clip::load(path("long"))?, clip(12));
    // With captions of their own, numbered PNGs are clips.
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    save(path("s/"), &clip(2))?;
    fs::write(path("s/0000.txt"), "one")?;
    fs::write(path("s/0001.txt"), "two")?;
    assert_eq!(problems(folder.path()), [""; 0]);
    Ok(())
}

/// As Aseprite, Blender and Godot number frames: a text before the number.
#[test]
fn frames_may_have_a_text_before_the_number() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    save(path("plain/"), &clip(12))?;
    for (text, first) in [("frame_", 0), ("walk", 1), ("my hero 2-", 8)] {
        fs::create_dir(path("walk"))?;
        for i in 0..12 {
            let to = path(&format!("walk/{text}{}.png", first + i));
            fs::copy(path(&format!("plain/{i:04}.png")), to)?;
        }
        assert_eq!(Clip::load(path("walk"))?, clip(12), "{text}");
        fs::remove_file(path(&format!("walk/{text}{}.png", first + 1)))?;
        let reason = Clip::load(path("walk")).unwrap_err().to_string();
        assert!(reason.contains("a frame is missing between"), "{reason}");
        // A Mac's file of the same name with dots is no frame; so the gap is the only problem.
        fs::write(path(&format!("walk/._{text}{first}.png")), "")?;
        let reason = Clip::load(path("walk")).unwrap_err().to_string();
        assert!(reason.contains("a frame is missing between"), "{reason}");
        // With other PNGs beside them, they may be clips of their own.
        fs::copy(path("plain/0000.png"), path("walk/shadow.png"))?;
        let reason = Clip::load(path("walk")).unwrap_err().to_string();
        assert!(reason.contains("no numbered PNGs"), "{reason}");
        fs::remove_dir_all(path("walk"))?;
    }
    // A list may name them one by one.
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("s"))?;
    for i in [1, 2] {
        save(path("0/"), &clip(1))?;
        fs::rename(path("0/0000.png"), path(&format!("s/hero{i}.png")))?;
        fs::remove_dir_all(path("0"))?;
    }
    fs::write(path("captions.csv"), "file,caption\ns/hero1.png,one\ns/hero2.png,two\n")?;
    assert_eq!(problems(folder.path()), [""; 0]);
    // Then each file needs a caption.
    fs::write(path("captions.csv"), "file,caption\ns/hero1.png,one\n")?;
    let found = problems(folder.path());
    assert!(found.iter().any(|it| it.contains("hero2.png: the clip has no caption")), "{found:?}");
    fs::write(path("s/jump.mp4"), "a film")?;
    let found = problems(folder.path());
    assert!(found.iter().any(|it| it.contains("jump.mp4: this format")), "{found:?}");
    fs::remove_file(path("s/jump.mp4"))?;
    // As in Hugging Face's folders, the list may be beside them.
    fs::remove_file(path("captions.csv"))?;
    let list = "file_name,text\nhero1.png,one\nhero2.png,two\n";
    fs::write(path("s/metadata.csv"), list)?;
    assert_eq!(problems(folder.path()), [""; 0]);
    fs::remove_file(path("s/metadata.csv"))?;
    // Or it names the folder.
    fs::write(path("captions.csv"), "file,caption\ns,one\n")?;
    save(path("b.gif"), &clip(2))?;
    fs::write(path("b.txt"), "two")?;
    assert_eq!(problems(folder.path()), [""; 0]);
    Ok(())
}

/// A clip in a format that is not read is a problem, unless it is the source of a clip beside it.
#[test]
fn clips_of_other_formats_are_problems() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    for (i, name) in ["walk", "run"].iter().enumerate() {
        save(path(&format!("{name}.gif")), &clip(i + 2))?;
        fs::write(path(&format!("{name}.txt")), *name)?;
        fs::write(path(&format!("{name}.aseprite")), "source")?;
    }
    assert_eq!(problems(folder.path()), [""; 0]);
    // One source, two clips.
    for tag in ["hero-walk", "hero-run"] {
        save(path(&format!("{tag}.gif")), &clip(4))?;
        fs::write(path(&format!("{tag}.txt")), tag)?;
    }
    fs::write(path("hero.aseprite"), "source")?;
    assert_eq!(problems(folder.path()), [""; 0]);
    // Its name only begins like that of a clip.
    fs::write(path("her.aseprite"), "source")?;
    let found = problems(folder.path());
    assert!(found.len() == 1 && found[0].contains("her.aseprite: this format"), "{found:?}");
    fs::remove_file(path("her.aseprite"))?;
    fs::write(path("jump.MP4"), "a film")?;
    fs::write(path("jump.txt"), "a jump")?;
    let found = problems(folder.path());
    assert!(
        found.len() == 1 && found[0].contains("jump.MP4: this format cannot be read"),
        "{found:?}"
    );
    Ok(())
}

/// What an editor, a Mac and other systems do to a folder.
#[test]
fn paths_and_texts_as_people_write_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("s"))?;
    fs::create_dir(path(".git"))?;
    for (i, name) in
        ["a.gif", "s/b.gif", "s/c.gif", "caf\u{e9}.gif", ".git/x.gif"].iter().enumerate()
    {
        save(path(name), &clip(i + 1))?;
    }
    fs::write(path("._a.gif"), "not a clip")?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), path("s/loop"))?;
    let list = "\u{feff}{\"file\": \"./a.gif\", \"caption\": \"one\"}\r\n\
                {\"file\": \"s\\\\b.gif\", \"caption\": \"two  Words\"}\n\n\
                {\"file\": \"./s/./c.gif\", \"caption\": \" Two words\"}\n\
                {\"file\": \"cafe\u{301}.gif\", \"caption\": \"three\"}\n";
    fs::write(path("captions.jsonl"), list)?;
    assert_eq!(problems(folder.path()), [""; 0]);
    for bad in ["../a.gif", "/a.gif", "s/../a.gif", "none.gif"] {
        let line = format!("{list}{{\"file\": \"{bad}\", \"caption\": \"four\"}}\n");
        fs::write(path("captions.jsonl"), line)?;
        let found = problems(folder.path());
        assert!(found.len() == 1 && found[0].contains(bad), "{found:?}");
    }
    Ok(())
}

/// Faults of a GIF that browsers forgive, in files of our own.
#[test]
fn gifs_are_mended() -> Result<()> {
    for t in 1..5 {
        // Hundredths of a second can express this rate.
        let clip = clip(t).with_fps(10.0)?;
        let whole = clip.encode(Format::Gif, &SaveOptions::default())?;
        assert_eq!(Clip::decode(&whole)?, clip);
        let cut = &whole[..whole.len() - 1];
        assert_eq!(Clip::decode(cut)?, clip);
        let mut empty = whole.clone();
        empty[6..10].fill(0);
        assert_eq!(Clip::decode(&empty)?, clip);
        // Only a whole last frame is taken.
        Clip::decode(&whole[..whole.len() - 2]).unwrap_err();
    }
    // Disposal 4 means 3. The flags of a frame follow the start of its control block.
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 2, 1, &[0, 0, 0, 9, 9, 9])?;
    for (pixels, dispose) in [
        (&[0, 0][..], gif::DisposalMethod::Keep),
        (&[1, 1], gif::DisposalMethod::Previous),
        // One pixel, so that the other shows what the disposal left.
        (&[0], gif::DisposalMethod::Keep),
    ] {
        let (width, buffer) = (pixels.len() as u16, pixels.to_vec().into());
        let frame =
            gif::Frame { delay: 10, dispose, width, height: 1, buffer, ..Default::default() };
        encoder.write_frame(&frame)?;
    }
    drop(encoder);
    let wanted = Clip::decode(&bytes)?;
    let flags: Vec<usize> =
        (3..bytes.len()).filter(|&i| bytes[i - 3..i] == [0x21, 0xf9, 4]).collect();
    assert_eq!(flags.len(), 3);
    bytes[flags[1]] = bytes[flags[1]] & !(7 << 2) | 4 << 2;
    assert_eq!(Clip::decode(&bytes)?, wanted);
    Ok(())
}

/// A link stays, and its target is written, whether it exists or not.
#[cfg(unix)]
#[test]
fn links_stay() -> Result<()> {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("far"))?;
    for ending in ["gif", "apng", "sheet.png"] {
        for (exists, real) in [(true, "real"), (false, "far/real")] {
            let (real, link) =
                (format!("{real}.{ending}"), path(&format!("link{exists}.{ending}")));
            if exists {
                fs::write(path(&real), "")?;
            }
            symlink(&real, &link)?;
            clip(2).save(&link, &SaveOptions::default())?;
            assert!(link.is_symlink() && fs::metadata(path(&real))?.len() > 0, "{link:?}");
        }
    }
    // A circle of links is replaced by the file.
    symlink("one.gif", path("two.gif"))?;
    symlink("two.gif", path("one.gif"))?;
    clip(1).save(path("one.gif"), &SaveOptions::default())?;
    assert_eq!(Clip::load(path("two.gif"))?.data(), clip(1).data());
    Ok(())
}
