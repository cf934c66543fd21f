//! From a sentence to a file.

mod common;

use std::fs;
use std::io::Write;
use std::process::Stdio;

use common::{command, files, folder, run, succeed};
use kinora_video::Clip;
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
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
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
    // A film among others is the film by itself.
    sample(path, &["--out", "n.apng", "--seed", "6", "--count", "3"]);
    assert_eq!(read("n-001.apng"), read("a.apng"));
    assert_eq!(read("n-002.apng"), read("c.apng"));
    sample(path, &["--out", "many/", "--seed", "6", "--count", "2"]);
    assert!(path.join("many/000/0000.png").exists() && path.join("many/001/0000.png").exists());
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
        assert_eq!(film["seed"], 5 + k as u64);
        let file = film["file"].as_str().unwrap();
        assert_eq!(file, format!("f-{k:03}.gif"));
        let dims = Clip::load(path.join(file)).unwrap().dims();
        let number = |key: &str| film[key].as_f64().unwrap();
        let said = ["frames", "height", "width"].map(|key| number(key) as usize);
        assert_eq!(said, dims[..3]);
        assert_eq!(number("seconds"), number("frames") / number("fps"));
        let mut keys: Vec<&String> = film.as_object().unwrap().keys().collect();
        keys.sort();
        let all = ["file", "fps", "frames", "height", "prompt", "seconds", "seed", "width"];
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

#[test]
fn long_prompts_are_cut_and_strange_ones_drawn() {
    let folder = folder();
    let long = format!("{PROMPT} {}", "and then waves a hand ".repeat(500));
    let ended = run(folder.path(), &["sample", &long]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("warning: the prompt is too long"), "{}", ended.stderr);
    for prompt in ["🐒", "--", "$(ls) %s \\n", "女人向左走", &"x".repeat(5000)] {
        succeed(folder.path(), &["sample", "--out", "s.gif", "--", prompt]);
    }
}

/// Who reads the output may go away; the films are made all the same.
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
    assert!(stderr.starts_with("licence: ") && stderr.lines().count() == 1, "{stderr}");
    assert_eq!(files(folder.path()).len(), 4);
}
