//! Folders of clips, specs, and feeds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;
use kinora_video::{
    Caption, Clip, Clips, Dataset, Draw, Error, Example, Info, SaveOptions, Split, check, open,
};

fn flat([t, h, w]: [usize; 3], pixel: &[u8]) -> Clip {
    Clip::new([t, h, w, pixel.len()], 8.0, pixel.repeat(t * h * w)).unwrap()
}

/// A folder of ten or more clips, each with one caption.
fn folder(count: usize) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let mut list = String::new();
    for i in 0..count {
        let file = format!("{i}.gif");
        flat([4, 6, 6], &[(10 * i) as u8, 0, 0])
            .save(folder.path().join(&file), &SaveOptions::default())?;
        list +=
            &serde_json::json!({"file": file, "caption": format!("clip number {i}")}).to_string();
        list += "\n";
    }
    fs::write(folder.path().join("captions.jsonl"), list)?;
    Ok(folder)
}

fn draws(data: &dyn Dataset, split: Split, count: u64) -> Result<Vec<Example>> {
    (0..count).map(|index| Ok(data.example(split, Draw { seed: 3, index })?)).collect()
}

#[test]
fn a_folder_of_clips_is_a_dataset() -> Result<()> {
    let folder = folder(25)?;
    fs::write(folder.path().join("LICENCE"), "CC0 1.0\nall of it\n")?;
    let spec = format!("clips:{}", folder.path().display());
    assert!(check(&spec).is_empty());
    let data = open(&spec)?;
    let Info { dims, fps, licence, .. } = data.info().clone();
    assert_eq!((dims, fps, licence.as_str()), ([4, 6, 6, 3], 8.0, "CC0 1.0"));
    let texts = |split| -> Result<Vec<String>> {
        let mut texts: Vec<_> =
            draws(&*data, split, 400)?.into_iter().map(|e| e.caption.text).collect();
        texts.sort();
        texts.dedup();
        Ok(texts)
    };
    let (train, held_out) = (texts(Split::Train)?, texts(Split::HeldOut)?);
    assert_eq!((train.len(), held_out.len()), (23, 2));
    assert!(held_out.iter().all(|text| !train.contains(text)));
    for (index, example) in (0..).zip(draws(&*data, Split::Train, 60)?) {
        let draw = Draw { seed: 3, index };
        assert_eq!(data.caption(Split::Train, draw)?, example.caption);
        assert_eq!(data.example(Split::Train, draw)?, example);
        let number: u8 = example.caption.text.rsplit(' ').next().unwrap().parse()?;
        assert_eq!(example.clip.data()[0], number * 10, "the caption of the clip");
        let wrong = data.wrong_captions(Split::Train, &example.caption, draw, 1)?.remove(0);
        assert!(wrong != example.caption.text && train.contains(&wrong), "{wrong}");
    }
    Ok(())
}

#[test]
fn few_captions_are_all_trained_on() -> Result<()> {
    let folder = folder(9)?;
    let data = Clips::open(folder.path())?;
    let mut held = draws(&data, Split::HeldOut, 200)?;
    held.sort_by(|a, b| a.caption.text.cmp(&b.caption.text));
    held.dedup();
    assert_eq!(held.len(), 9);
    Ok(())
}

/// A text belongs to the clip of the same name, in any format, with an ending in any case.
#[test]
fn a_text_belongs_to_the_clip_of_its_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let clip = flat([2, 4, 4], &[200, 0, 0]);
    let mut webp = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut webp);
    encoder.encode(&[9; 4 * 4 * 3], 4, 4, image_webp::ColorType::Rgb8)?;
    fs::write(path("run.webp"), webp)?;
    fs::write(path("WALK.GIF"), clip.encode(kinora_video::Format::Gif, &Default::default())?)?;
    for (name, saved) in [("a", "a.gif"), ("a.b", "a.b.apng"), ("a-b", "a-b.sheet.png")] {
        clip.save(path(saved), &SaveOptions::default())?;
        fs::write(path(&format!("{name}.txt")), format!("{name} jumps"))?;
    }
    fs::write(path("run.txt"), "run jumps")?;
    fs::write(path("WALK.txt"), "WALK jumps")?;
    let spec = format!("clips:{}", folder.path().display());
    assert!(check(&spec).is_empty(), "{:?}", check(&spec));
    let texts = draws(&*open(&spec)?, Split::Train, 200)?;
    let texts: BTreeSet<String> = texts.into_iter().map(|example| example.caption.text).collect();
    let wanted = ["WALK jumps", "a jumps", "a-b jumps", "a.b jumps", "run jumps"];
    assert_eq!(texts.into_iter().collect::<Vec<_>>(), wanted);
    Ok(())
}

#[test]
fn captions_of_one_clip_stay_together() -> Result<()> {
    let folder = folder(30)?;
    // Clips 0 to 9 share a sentence, so they are on the same side.
    let lines: String =
        (0..10).map(|i| format!("{{\"file\": \"{i}.gif\", \"caption\": \"shared\"}}\n")).collect();
    let list = folder.path().join("captions.jsonl");
    fs::write(&list, fs::read_to_string(&list)? + &lines)?;
    let data = Clips::open(folder.path())?;
    let shared: Vec<String> =
        (0..10).map(|i| format!("clip number {i}")).chain(["shared".into()]).collect();
    let of = |split| -> Result<Vec<bool>> {
        Ok(draws(&data, split, 600)?.iter().map(|e| shared.contains(&e.caption.text)).collect())
    };
    let (train, held) = (of(Split::Train)?, of(Split::HeldOut)?);
    assert_ne!(train.contains(&true), held.contains(&true));
    // None of the sentences of a clip is false of it.
    let caption =
        Caption { text: "shared".into(), attributes: Default::default(), said: Default::default() };
    for index in 0..200 {
        let wrong = &data.wrong_captions(Split::Train, &caption, Draw { seed: 0, index }, 1)?[0];
        assert!(!shared.contains(wrong), "{wrong}");
    }
    Ok(())
}

#[test]
fn false_captions_of_clips_differ_and_half_have_other_colours() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let texts =
        ["a red bird, flying", "an orange fish", "a tall tree", "a green frog", "a blue cup"];
    for (i, text) in texts.iter().enumerate() {
        let file = folder.path().join(format!("{i}.gif"));
        flat([2, 4, 4], &[40 * i as u8, 0, 0]).save(&file, &SaveOptions::default())?;
        fs::write(file.with_extension("txt"), text)?;
    }
    let data = Clips::open(folder.path())?;
    let mut seen = BTreeSet::new();
    for index in 0..200 {
        let draw = Draw { seed: 1, index };
        let caption = data.caption(Split::Train, draw)?;
        let wrong = data.wrong_captions(Split::Train, &caption, draw, 4)?;
        assert!(!wrong.contains(&caption.text));
        assert_eq!(wrong.iter().collect::<BTreeSet<_>>().len(), 4, "{wrong:?}");
        let own = |text: &String| !texts.contains(&text.as_str());
        assert_eq!(
            wrong.iter().filter(|text| own(text)).count(),
            match caption.text.as_str() {
                "a tall tree" => 0,
                _ => 2,
            }
        );
        seen.extend(wrong.into_iter().filter(own));
    }
    let birds = ["an orange bird, flying", "a green bird, flying", "a blue bird, flying"];
    assert!(birds.iter().all(|bird| seen.contains(*bird)), "{seen:?}");
    assert_eq!(seen.len(), 4 * 3, "{seen:?}");
    Ok(())
}

#[test]
fn clips_of_any_size_come_to_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, clip: Clip, text: &str| -> Result<()> {
        clip.save(folder.path().join(name), &SaveOptions::default())?;
        Ok(fs::write(folder.path().join(name).with_extension("txt"), text)?)
    };
    write("a.gif", flat([4, 8, 8], &[250, 0, 0]), "red\n\na red square\n")?;
    write("b.gif", flat([4, 8, 8], &[0, 250, 0]), "green")?;
    write("c.apng", flat([6, 4, 8], &[0, 0, 250, 200]).with_fps(12.0)?, "blue")?;
    write("d.sheet.png", flat([2, 16, 16], &[77]), "grey")?;
    fs::write(folder.path().join("README.txt"), "no caption of anything")?;
    let data = Clips::open(folder.path())?;
    assert_eq!(data.info().dims, [4, 8, 8, 4]);
    assert_eq!(data.info().licence, "as its owner says");
    let mut seen = Vec::new();
    for Example { clip, caption } in draws(&data, Split::Train, 100)? {
        assert_eq!((clip.dims(), clip.fps()), ([4, 8, 8, 4], 8.0));
        let middle = clip.frame(3)[(4 * 8 + 4) * 4..][..4].to_vec();
        let expected = match caption.text.as_str() {
            "red" | "a red square" => [250, 0, 0, 255],
            "green" => [0, 250, 0, 255],
            "blue" => [0, 0, 250, 200],
            "grey" => [77, 77, 77, 255],
            other => panic!("{other}"),
        };
        assert_eq!(middle, expected, "{}", caption.text);
        seen.push(caption.text);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    Ok(())
}

/// Damages a correct folder.
type Damage = fn(&Path) -> std::io::Result<()>;

#[test]
fn every_fault_of_a_folder_is_named() -> Result<()> {
    fn add(folder: &Path, line: &str) -> std::io::Result<()> {
        let list = folder.join("captions.jsonl");
        fs::write(&list, fs::read_to_string(&list)? + line + "\n")
    }
    let rows: [(Damage, &str); 16] = [
        (
            |f| fs::remove_file(f.join("1.gif")),
            "captions.jsonl: line 2: there is no file \"1.gif\"",
        ),
        (
            |f| fs::copy(f.join("0.gif"), f.join("new.gif")).map(drop),
            "new.gif: the clip has no caption",
        ),
        (
            |f| add(f, "{\"file\": \"0.gif\", \"caption\": \" \"}"),
            "captions.jsonl: line 4: the caption is empty",
        ),
        (
            |f| add(f, "{\"file\": \"0.gif\", \"caption\""),
            "captions.jsonl: line 4: EOF while parsing",
        ),
        (|f| add(f, "{\"file\": \"0.gif\"}"), "captions.jsonl: line 4: missing field `caption`"),
        (|f| add(f, "[]"), "captions.jsonl: line 4: "),
        (
            |f| add(f, "{\"file\": \"../0.gif\", \"caption\": \"out\"}"),
            "there is no file \"../0.gif\"",
        ),
        (|f| add(f, "{\"file\": \"/etc/passwd\", \"caption\": \"out\"}"), "there is no file"),
        (|f| add(f, "{\"file\": \"captions.jsonl\", \"caption\": \"me\"}"), "not a clip"),
        (|f| fs::write(f.join("2.gif"), "GIF89a"), "2.gif: "),
        (|f| fs::write(f.join("2.gif"), ""), "2.gif: "),
        (|f| fs::write(f.join("9.txt"), "a caption"), "9.txt: there is no clip of the same name"),
        (|f| fs::write(f.join("2.txt"), " \n"), "2.txt: the file has no caption"),
        (
            |f| fs::write(f.join("captions.jsonl"), b"\n\xff\xfe"),
            "captions.jsonl: line 2: the text is not UTF-8",
        ),
        (|f| fs::write(f.join("2.txt"), b"a cat\n\xff"), "2.txt: line 2: the text is not UTF-8"),
        (
            |f| fs::write(f.join("2.txt"), format!("a cat\n{}\n", "a dog ".repeat(2000))),
            "2.txt: line 2: a caption of 11999 bytes; at most 10000",
        ),
    ];
    for (damage, expected) in rows {
        let folder = folder(3)?;
        damage(folder.path())?;
        let spec = format!("clips:{}", folder.path().display());
        let error = open(&spec).err().map(|e| e.to_string()).unwrap_or_default();
        let all: Vec<String> = check(&spec).iter().map(ToString::to_string).collect();
        assert!(error.starts_with(&*folder.path().to_string_lossy()), "{expected}: {error}");
        assert!(all.iter().any(|e| e.contains(expected)), "{expected}: {all:?}");
        assert!(all.contains(&error));
        if expected.contains("UTF-8") {
            assert_eq!(all.len(), 1, "{all:?}");
        }
    }
    // All problems are listed at once.
    let folder = folder(3)?;
    rows[..6].iter().try_for_each(|(damage, _)| damage(folder.path()))?;
    assert_eq!(check(&format!("clips:{}", folder.path().display())).len(), 6);
    let empty = tempfile::tempdir()?;
    let error = Clips::open(empty.path()).unwrap_err().to_string();
    assert!(error.contains("the folder has no clips"), "{error}");
    Ok(())
}

/// A link might lead to a file that its owner does not want in the card of a model.
#[cfg(unix)]
#[test]
fn notes_are_no_links() -> Result<()> {
    let folder = folder(3)?;
    let secret = tempfile::NamedTempFile::new()?;
    fs::write(secret.path(), "the secret")?;
    for name in ["CREDITS", "LICENCE.txt"] {
        std::os::unix::fs::symlink(secret.path(), folder.path().join(name))?;
    }
    let all: Vec<String> = Clips::problems(folder.path()).iter().map(Error::to_string).collect();
    assert!(
        all.len() == 2 && all.iter().all(|problem| problem.contains("this is a link")),
        "{all:?}"
    );
    assert!(Clips::open(folder.path()).unwrap_err().to_string().contains("this is a link"));
    // The clips of a list are inside its folder too.
    let folder = self::folder(3)?;
    std::os::unix::fs::symlink(secret.path().parent().unwrap(), folder.path().join("out"))?;
    let name = secret.path().file_name().unwrap().to_string_lossy().into_owned();
    let line =
        serde_json::json!({"file": format!("out/{name}"), "caption": "a secret"}).to_string();
    fs::write(folder.path().join("captions.jsonl"), line)?;
    let all: Vec<String> = Clips::problems(folder.path()).iter().map(Error::to_string).collect();
    assert!(all.iter().any(|problem| problem.contains("there is no file")), "{all:?}");
    Ok(())
}

/// The time grows with the number of captions, not with its square, which would take minutes here.
#[test]
fn many_captions() -> Result<()> {
    let start = std::time::Instant::now();
    let folder = tempfile::tempdir()?;
    let mut lines = String::new();
    for (name, from) in [("a", 0), ("b", 20_000), ("c", 39_999)] {
        flat([1, 2, 2], &[1])
            .save(folder.path().join(format!("{name}.gif")), &SaveOptions::default())?;
        for k in from..from + 20_000 {
            lines += &format!(
                "{{\"file\": \"{name}.gif\", \"caption\": \"caption {k} of a red cat\"}}\n"
            );
        }
    }
    fs::write(folder.path().join("captions.jsonl"), lines)?;
    assert!(Clips::problems(folder.path()).is_empty());
    let data = Clips::open(folder.path())?;
    for index in 0..20 {
        let draw = Draw { seed: 0, index };
        let caption = data.caption(Split::Train, draw)?;
        let wrong = data.wrong_captions(Split::Train, &caption, draw, 4)?;
        assert_eq!(wrong.len(), 4);
    }
    let seconds = start.elapsed().as_secs();
    assert!(seconds < 60, "{seconds} seconds");
    Ok(())
}

#[test]
fn one_caption_for_all_has_no_false_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    flat([2, 4, 4], &[1, 2, 3]).save(folder.path().join("a.gif"), &SaveOptions::default())?;
    fs::write(folder.path().join("a.txt"), "one\ntwo\n")?;
    let data = Clips::open(folder.path())?;
    let draw = Draw { seed: 0, index: 0 };
    let caption = data.caption(Split::Train, draw)?;
    let error = data.wrong_captions(Split::Train, &caption, draw, 1).unwrap_err().to_string();
    assert!(error.contains("give at least two clips different captions"), "{error}");
    let problems = Clips::problems(folder.path());
    assert_eq!(problems.iter().map(Error::to_string).collect::<Vec<_>>(), [error]);
    Ok(())
}

#[test]
fn specs_that_are_none() {
    for (spec, expected) in [
        ("", "the nearest is lpc:PATH"),
        ("shape", "the nearest is shapes"),
        ("digit:x", "the nearest is digits:PATH"),
        ("cilps:x", "the nearest is clips:PATH"),
        ("lpc", "a path is missing: lpc:PATH"),
        ("clips:", "a path is missing: clips:PATH"),
        ("shapes:x", "shapes takes no path"),
        ("/a/b", "one of shapes, digits:PATH, lpc:PATH, clips:PATH"),
    ] {
        let all = check(spec);
        assert!(matches!(all.as_slice(), [Error::Spec { .. }]), "{spec}: {all:?}");
        let error = open(spec).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{spec}: {error}");
    }
    for name in ["digits", "lpc", "clips"] {
        let spec = format!("{name}:/no/such/folder");
        assert!(!check(&spec).is_empty(), "{spec}");
        let error = open(&spec).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("/no/such/folder"), "{error}");
    }
    assert!(check("shapes").is_empty());
}
