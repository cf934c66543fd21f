//! From a sentence to a file.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Stdio;

use common::{command, files, folder, run, succeed};
use kinora_video::{Clip, Palette};
use serde_json::Value;

const PROMPT: &str = "a woman with red hair walks to the left";

fn sample(folder: &std::path::Path, more: &[&str]) -> common::Ended {
    succeed(folder, &[&["sample", PROMPT], more].concat())
}

#[test]
fn every_format_is_written() {
    let folder = folder();
    let path = folder.path();
    let model = succeed(path, &["inspect", "lpc", "--json"]).stdout;
    let model: Value = serde_json::from_str(&model).unwrap();
    let size = |key: &str| model["config"]["clip"][key].as_u64().unwrap() as usize;
    let [t, h, w] = [size("frames"), size("height"), size("width")];

    for (out, visible) in [("f.gif", true), ("f.apng", true), ("f.sheet.png", false)] {
        sample(path, &["--out", out]);
        let clip = Clip::load(path.join(out)).unwrap();
        let scale = if visible { 128usize.div_ceil(w.max(h)) } else { 1 };
        assert_eq!(clip.dims()[..3], [t, h * scale, w * scale], "{out}");
    }
    assert!(path.join("f.sheet.json").exists());

    sample(path, &["--out", "f.mp4", "--background", "204080"]);
    assert_eq!(&fs::read(path.join("f.mp4")).unwrap()[4..8], b"ftyp");

    sample(path, &["--out", "frames/"]);
    let frames: Vec<_> = (0..t).map(|k| path.join(format!("frames/{k:04}.png"))).collect();
    assert!(frames.iter().all(|frame| frame.exists()), "{frames:?}");
    assert_eq!(fs::read_dir(path.join("frames")).unwrap().count(), t);

    let ended = sample(path, &["--out", "g.gif", "--scale", "3", "--fps", "12.5"]);
    assert!(ended.stderr.contains("licence: CC-BY-SA 3.0"), "{}", ended.stderr);
    let stated = String::from_utf8_lossy(&fs::read(path.join("g.gif")).unwrap()).into_owned();
    assert!(stated.contains("licence: CC-BY-SA 3.0; credit: "), "the file states no licence");
    assert!(ended.stderr.starts_with("understood: "), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
    let clip = Clip::load(path.join("g.gif")).unwrap();
    assert_eq!(clip.dims()[..3], [t, 3 * h, 3 * w]);
    assert!((clip.fps() - 12.5).abs() < 0.1, "{}", clip.fps());

    // Without --out.
    sample(path, &["--model", "shapes"]);
    assert!(path.join("film.gif").exists());
    assert!(!files(path).keys().any(|name| name.to_string_lossy().contains(".tmp")));
}

#[test]
fn same_seed_same_bytes() {
    let folder = folder();
    let path = folder.path();
    let read = |name: &str| fs::read(path.join(name)).unwrap();
    sample(path, &["--out", "a.apng", "--seed", "7"]);
    sample(path, &["--out", "b.apng", "--seed", "7"]);
    sample(path, &["--out", "c.apng", "--seed", "8"]);
    assert_eq!(read("a.apng"), read("b.apng"));
    assert_ne!(read("a.apng"), read("c.apng"));
    // The number of threads changes nothing.
    let args = ["sample", PROMPT, "--out", "d.apng", "--seed", "7"];
    let status = command(path, &args).env("RAYON_NUM_THREADS", "1").output().unwrap().status;
    assert!(status.success());
    assert_eq!(read("a.apng"), read("d.apng"));
    // A film among several is the same as that film alone.
    sample(path, &["--out", "n.apng", "--seed", "6", "--count", "3"]);
    assert_eq!(read("n-001.apng"), read("a.apng"));
    assert_eq!(read("n-002.apng"), read("c.apng"));
    sample(path, &["--out", "many/", "--seed", "6", "--count", "2"]);
    assert!(path.join("many/000/0000.png").exists() && path.join("many/001/0000.png").exists());
}

#[test]
fn a_grid_shows_all_films_in_one_file() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("p.txt"), "an orc walks to the left\na skeleton casts a spell\n").unwrap();
    let args = ["sample", "--prompts", "p.txt", "--count", "2", "--out", "grid.apng"];
    succeed(path, &[&args[..], &["--grid", "--scale", "1"]].concat());
    let film = sample_of(path, "an orc walks to the left");
    let grid = Clip::load(path.join("grid.apng")).unwrap();
    let [t, h, w, _] = film.dims();
    // Four films side by side, with gaps of 8 pixels, and the prompts below them.
    assert_eq!(grid.dims()[..3], [t, h + 5 * 9, 4 * w + 3 * 8]);
    let film = film.over([255; 3]);
    for y in 0..h {
        let row = |clip: &Clip| {
            let [_, _, width, c] = clip.dims();
            clip.frame(3)[y * width * c..][..w * c].chunks(c).map(|p| p[..3].to_vec()).collect()
        };
        let rows: [Vec<Vec<u8>>; 2] = [row(&film), row(&grid)];
        assert_eq!(rows[0], rows[1], "row {y}");
    }
    assert!(!path.join("grid-000.apng").exists());
    let ended = run(path, &["sample", PROMPT, "--grid", "--count", "300"]);
    assert!(ended.stderr.contains("--grid takes at most 256 films"), "{}", ended.stderr);
}

/// The film of a prompt with seed 0.
fn sample_of(path: &std::path::Path, prompt: &str) -> Clip {
    succeed(path, &["sample", prompt, "--out", "one.apng", "--scale", "1"]);
    Clip::load(path.join("one.apng")).unwrap()
}

#[test]
fn films_come_out_as_sprites() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("two.hex"), "102030\nf0e0d0\n").unwrap();
    let film = |model: &str, more: &str| {
        let args = ["--out", "f.apng", "--scale", "1", "--seed", "18", "--model", model];
        sample(path, &[&args[..], &common::words(more)].concat());
        Clip::load(path.join("f.apng")).unwrap()
    };
    let colours = |clip: &Clip| {
        let visible = clip.data().chunks(4).filter(|pixel| pixel[3] > 0);
        visible.map(|pixel| pixel[..3].to_vec()).collect::<BTreeSet<_>>()
    };
    let is_hard = |clip: &Clip| clip.data().chunks(4).all(|pixel| matches!(pixel[3], 0 | 255));
    let raw = film("lpc", "--raw");
    assert!(colours(&raw).len() > 1000 && !is_hard(&raw));
    let clean = film("lpc", "");
    assert!(clean == raw.clean(&Palette::Auto));
    assert!((16..=32).contains(&colours(&clean).len()) && is_hard(&clean));
    let few = film("lpc", "--palette 5");
    assert!(colours(&few).len() <= 5 && is_hard(&few));
    let given = film("lpc", "--palette two.hex");
    assert_eq!(colours(&given), BTreeSet::from([vec![16, 32, 48], vec![240, 224, 208]]));
    // Shapes have smooth edges and no alpha.
    let raw = film("shapes", "--raw");
    assert!(film("shapes", "") == raw);
    assert!(film("shapes", "--palette 5") == raw.clean(&Palette::Most(5)));
}

#[test]
fn every_prompt_has_the_same_seeds() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("p.txt"), "a man walks up\na knight, slashing\n").unwrap();
    let args = "sample --prompts p.txt --json --seed 5 --count 2 --out f.apng";
    let lines = succeed(path, &common::words(args)).stdout;
    let films: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let said: Vec<(&str, u64)> = films
        .iter()
        .map(|film| (film["prompt"].as_str().unwrap(), film["seed"].as_u64().unwrap()))
        .collect();
    let [walk, slash] = ["a man walks up", "a knight, slashing"];
    assert_eq!(said, [(walk, 5), (walk, 6), (slash, 5), (slash, 6)]);
    succeed(path, &["sample", slash, "--seed", "6", "--out", "alone.apng"]);
    let read = |name: &str| fs::read(path.join(name)).unwrap();
    assert!(read("f-003.apng") == read("alone.apng"));
}

#[test]
fn the_best_films_are_kept() {
    let folder = common::tiny_folder();
    let path = folder.path();
    succeed(path, &common::words("train --config tiny.toml --steps 2 --out run"));
    let args = ["sample", "a red circle", "--model", "run", "--out", "f.apng", "--json"];
    let films = |more: &str| -> Vec<Value> {
        let lines = succeed(path, &[&args[..], &common::words(more)].concat()).stdout;
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let matches = |film: &Value| film["match"].as_f64().unwrap();
    let all = films("--seed 3 --count 20 --keep 20");
    assert!(all.is_sorted_by(|a, b| matches(a) >= matches(b)), "{all:?}");
    let mut seeds: Vec<u64> = all.iter().map(|film| film["seed"].as_u64().unwrap()).collect();
    // A kept film is the film of its seed.
    let best = fs::read(path.join("f-000.apng")).unwrap();
    let kept = films(&format!("--seed {}", seeds[0]));
    assert!(kept[0]["match"].is_null());
    assert!(fs::read(path.join("f.apng")).unwrap() == best);
    // Without --count, 4 films are made for each that is kept.
    let kept = films("--seed 3 --keep 5");
    assert_eq!(kept.len(), 5);
    assert!(
        kept.iter().zip(&all).all(|(a, b)| (&a["seed"], &a["match"]) == (&b["seed"], &b["match"]))
    );
    seeds.sort_unstable();
    assert_eq!(seeds, (3..23).collect::<Vec<_>>());
}

#[test]
fn a_prompt_needs_no_quotes() {
    let folder = folder();
    let prompt = |words: &[&str]| {
        let line = succeed(folder.path(), &[&["sample", "--json"], words].concat()).stdout;
        let film: Value = serde_json::from_str(&line).unwrap();
        film["prompt"].as_str().unwrap().to_owned()
    };
    assert_eq!(prompt(&["an", "orc", "walks", "--seed", "3"]), "an orc walks");
    assert_eq!(prompt(&["an orc walks"]), "an orc walks");
}

#[test]
fn prompts_come_from_files_and_pipes() {
    let folder = folder();
    let path = folder.path();
    let prompts =
        "# people\na man walks up\n\n  a knight, slashing  \r\nein Äffchen 🐒 \"läuft\"\n";
    fs::write(path.join("p.txt"), prompts).unwrap();
    let args = ["sample", "--prompts", "p.txt", "--json", "--seed", "5", "--out", "f.gif"];
    let lines = succeed(path, &args).stdout;
    let films: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let wanted = ["a man walks up", "a knight, slashing", "ein Äffchen 🐒 \"läuft\""];
    assert_eq!(films.len(), 3);
    for (k, (film, prompt)) in films.iter().zip(wanted).enumerate() {
        assert_eq!(film["prompt"], prompt);
        assert_eq!(film["seed"], 5);
        let file = film["file"].as_str().unwrap();
        assert_eq!(file, format!("f-{k:03}.gif"));
        let dims = Clip::load(path.join(file)).unwrap().dims();
        let number = |key: &str| film[key].as_f64().unwrap();
        let said = ["frames", "height", "width"].map(|key| number(key) as usize);
        assert_eq!(said, dims[..3]);
        assert_eq!(number("seconds"), number("frames") / number("fps"));
        let mut keys: Vec<&String> = film.as_object().unwrap().keys().collect();
        keys.sort();
        let all = [
            "file",
            "fps",
            "frames",
            "height",
            "match",
            "not_understood",
            "prompt",
            "read_as",
            "seconds",
            "seed",
            "understood",
            "width",
        ];
        assert_eq!(keys, all);
    }

    let args = ["sample", "--prompts", "-", "--out", "piped.gif"];
    let mut child = command(path, &args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"a man walks up\n").unwrap();
    assert!(child.wait().unwrap().success());
    sample(path, &["--out", "other.gif"]);
    assert_ne!(
        fs::read(path.join("piped.gif")).unwrap(),
        fs::read(path.join("other.gif")).unwrap()
    );
}

/// The prompts on which models are judged, and the table of the attributes that they ask for.
#[test]
fn the_prompts_of_the_judges_are_what_they_say() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../train/docs");
    let read = |name: &str| fs::read_to_string(docs.join(name)).unwrap();
    let (prompts, table) = (read("prompts.txt"), read("prompts.tsv"));
    let prompts: Vec<&str> = prompts.lines().filter(|line| !line.starts_with('#')).collect();
    let mut rows = table.lines().map(|row| row.split('\t').collect::<Vec<_>>());
    let head = ["prompt", "action", "direction", "hair", "clothes", "kind"];
    assert_eq!(rows.next().unwrap(), head);
    let mut counts = [0; 6];
    for (row, prompt) in rows.by_ref().zip(&prompts) {
        assert_eq!((row.len(), &row[0]), (6, prompt));
        row.iter().zip(&mut counts).for_each(|(cell, count)| *count += u32::from(*cell != "-"));
    }
    assert_eq!((rows.next(), prompts.len()), (None, 30));
    assert_eq!(counts, [30, 30, 23, 15, 9, 23]);
}

#[test]
fn long_prompts_are_cut_and_strange_ones_drawn() {
    let folder = folder();
    let long = format!("{PROMPT} {}", "and then waves a hand ".repeat(440));
    let ended = run(folder.path(), &["sample", &long]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("warning: the prompt is too long"), "{}", ended.stderr);
    for prompt in ["🐒", "--", "$(ls) %s \\n", "女人向左走", &"x".repeat(5000)] {
        succeed(folder.path(), &["sample", "--out", "s.gif", "--", prompt]);
    }
}

/// The reader of stdout may close the pipe; the films are made all the same.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_quiet() {
    let folder = folder();
    let args = ["sample", PROMPT, "--count", "4", "--json"];
    let mut child = command(folder.path(), &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("understood: ") && stderr.lines().count() == 2, "{stderr}");
    assert_eq!(files(folder.path()).len(), 4);
}
