//! An error is one line on stderr, has the exit code of its kind, and changes no file.

mod common;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use common::{files, folder, run, tiny_folder, words};
use serde_json::Value;

/// Runs the program in a folder: it must end with `code`, print `wanted` and change no file.
fn fails(folder: &Path, args: &[impl AsRef<OsStr>], code: i32, wanted: &str) {
    let before = files(folder);
    let ended = run(folder, args);
    let line: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
    assert_eq!(ended.code, Some(code), "{line:?}: {ended:?}");
    assert!(ended.stderr.contains(wanted), "{line:?}: {wanted:?} is not in {}", ended.stderr);
    let errors = ended.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{line:?}: {}", ended.stderr);
    assert!(!ended.stderr.contains("backtrace"), "{line:?}: {}", ended.stderr);
    let after = files(folder);
    assert!(after == before, "{line:?} left {:?}", after.keys().collect::<Vec<_>>());
}

#[test]
fn config() {
    let folder = tiny_folder();
    let path = folder.path();
    fs::write(path.join("key.toml"), "[train]\nbatsh = 3\n").unwrap();
    fs::write(path.join("type.toml"), "[train]\n\nbatch = \"many\"\n").unwrap();
    fs::write(path.join("syntax.toml"), "[train]\nbatch = = 3\n").unwrap();
    fs::write(path.join("name.toml"), "[train]\nloss = \"gan\"\n").unwrap();
    fs::write(path.join("value.toml"), "seed = 1\n[clip]\nchannels = 2\n").unwrap();
    fs::write(path.join("bytes.toml"), b"seed = 3 # \xff\n").unwrap();
    for (line, wanted) in [
        (
            "--preset shape",
            "there is no preset \"shape\"; the presets are shapes, digits, lpc; did you mean \"shapes\"?",
        ),
        ("--config nowhere.toml", "nowhere.toml"),
        ("--config key.toml", "key.toml:2: there is no key \"train.batsh\"; did you mean"),
        ("--config type.toml", "type.toml:3: train.batch must be of type integer"),
        ("--config syntax.toml", "syntax.toml:2: "),
        (
            "--config name.toml",
            "name.toml:2: train.loss = \"gan\": unknown variant `gan`, expected",
        ),
        ("--config value.toml", "value.toml:3: clip.channels = 2 must be"),
        ("--config value.toml --set seed=2", "value.toml:3: clip.channels = 2 must be"),
        ("--config bytes.toml", "bytes.toml"),
        ("--config .", ".: "),
        ("--set train.batch", "--set train.batch: write it as key=value"),
        ("--set train.batch=0", "train.batch = 0 must be from 1 to 4096"),
        ("--set train.batch=-1", "train.batch = -1 must not be negative"),
        ("--set train.r1=nan", "train.r1 = NaN must be at least 0"),
        ("--set train.loss=hing", "--set train.loss=hing: train.loss = \"hing\": unknown variant"),
        ("--seed 9223372036854775808", "'--seed <N>'"),
        ("--set clip.height=30", "multiples of 4"),
        ("--set clip.width=99999999", "clip.width = 99999999 must be from 1 to 1024"),
        ("--set generator.decoder=[7]", "no multiple of generator.group"),
        ("--set generator.hidden=100000000000", "generator.hidden"),
        ("--set tokenizer.vocab=5", "tokenizer.vocab: 5 pieces are too few"),
        ("--steps 0", "train.steps = 0 must be at least 1"),
        ("--steps many", "--steps"),
        ("--preset lpc --config tiny.toml", "--config"),
    ] {
        fails(path, &words(&format!("train --out run {line}")), 2, wanted);
    }
}

#[test]
fn data() {
    let folder = tiny_folder();
    let path = folder.path();
    let make = |name: &str| {
        fs::create_dir(path.join(name)).unwrap();
        path.join(name)
    };
    make("empty");
    let cut = make("cut");
    for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"] {
        fs::write(cut.join(name), [0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 28]).unwrap();
    }
    for name in ["train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"] {
        fs::write(cut.join(name), [0, 0, 8, 1, 0, 0, 0, 9, 1, 2]).unwrap();
    }
    let lone = make("lone");
    fs::write(lone.join("captions.jsonl"), "{\"file\":\"a.gif\",\"caption\":\"a cat\"}\n").unwrap();
    let broken = make("broken");
    fs::write(broken.join("a.gif"), b"GIF89a\x10\0\x10").unwrap();
    fs::write(broken.join("a.txt"), "a cat").unwrap();
    let bytes = make("bytes");
    fs::write(bytes.join("a.gif"), b"no gif at all").unwrap();
    fs::write(bytes.join("captions.jsonl"), "{\"file\":\"a.gif\",\n").unwrap();

    for (spec, wanted) in [
        ("shape", "there is no dataset \"shape\""),
        ("", "data spec \"\""),
        ("lpc:", "a path is missing: lpc:PATH"),
        ("shapes:here", "shapes takes no path"),
        ("digits:nowhere", "nowhere"),
        ("lpc:nowhere", "nowhere"),
        ("clips:nowhere", "nowhere"),
        ("digits:empty", "empty"),
        ("lpc:empty", "empty"),
        ("clips:empty", "empty"),
        ("digits:cut", "cut"),
        ("clips:lone", "a.gif"),
        ("clips:broken", "a.gif"),
        ("clips:bytes", "captions.jsonl"),
        ("clips:tiny.toml", "tiny.toml"),
    ] {
        let train = ["train", "--config", "tiny.toml", "--out", "run", "--data", spec];
        fails(path, &train, 3, wanted);
        fails(path, &["data", "preview", spec, "--out", "f.gif"], 3, wanted);

        let ended = run(path, &["data", "check", spec]);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stdout.contains(wanted), "{spec}: {ended:?}");
        let ended = run(path, &["data", "check", spec, "--json"]);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        for line in ended.stdout.lines() {
            let problem: Value = serde_json::from_str(line).unwrap();
            assert!(problem["problem"].is_string(), "{line}");
            assert_eq!(problem.as_object().unwrap().len(), 2, "{line}");
        }
        assert!(ended.stdout.lines().count() > 0, "{spec}");
    }
    let line = "train --config tiny.toml --out lone/runs/a --data clips:lone";
    fails(path, &words(line), 2, "--out lone/runs/a is inside the folder of clips");
}

#[test]
fn data_that_can_only_be_looked_at() {
    let folder = tiny_folder();
    let path = folder.path();
    fs::create_dir(path.join("one")).unwrap();
    fs::write(path.join("one/a.txt"), "a cat").unwrap();
    let line = "data preview shapes --count 1 --out one/a.gif";
    assert_eq!(run(path, &words(line)).code, Some(0));
    let wanted = "one: all clips have the same captions";
    fails(path, &words("train --config tiny.toml --out run --data clips:one"), 3, wanted);
    let ended = run(path, &words("data check clips:one"));
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains(wanted), "{ended:?}");
    let line = "data preview clips:one --count 1 --out f.gif";
    assert_eq!(run(path, &words(line)).code, Some(0));
}

/// A model file with its header changed by `edit`.
fn edited(model: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&model[8..8 + length]).unwrap();
    // Without its checksum, so that the error is about the edit.
    header["__metadata__"].as_object_mut().unwrap().remove("kinora.checksum");
    edit(&mut header);
    let mut header = header.to_string();
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    let start = (header.len() as u64).to_le_bytes();
    [&start[..], header.as_bytes(), &model[8 + length..]].concat()
}

#[test]
fn weights() {
    let folder = folder();
    let path = folder.path();
    let model = kinora_assets::SHAPES.model.to_vec();
    let write = |name: &str, bytes: &[u8]| fs::write(path.join(name), bytes).unwrap();
    let metadata = |key: &str, from: &str, to: &str| {
        edited(&model, |header| {
            let entry = &mut header["__metadata__"][key];
            let text = entry.as_str().unwrap().replacen(from, to, 1);
            assert_ne!(entry.as_str().unwrap(), text);
            *entry = text.into();
        })
    };
    fs::create_dir(path.join("folder")).unwrap();
    write("empty", b"");
    write("text", b"this is no model at all, it is a line of text\n");
    write("cut", &model[..model.len() / 2]);
    write("long", &[&model[..], &[0; 8]].concat());
    write("huge", &[&[0xff; 8][..], b"{}"].concat());
    write("bare", b"\x02\0\0\0\0\0\0\0{}");
    write("sizes", &metadata("kinora.config", "\"hidden\":", "\"hidden\":1"));
    write("memory", &metadata("kinora.config", "\"word\":", "\"word\":99999999999"));
    write("config", &metadata("kinora.config", "{", "["));
    write("card", &metadata("kinora.card", "{", "["));
    write("tokenizer", &metadata("kinora.tokenizer", "[PAD]", "[pad]"));
    write("newer", &metadata("kinora.format", "9", "99"));
    write(
        "lacks",
        &edited(&model, |header| {
            let tensors = header.as_object_mut().unwrap();
            let (name, tensor) = tensors.iter().find(|(name, _)| name.contains("table")).unwrap();
            let (name, tensor) = (name.clone(), tensor.clone());
            tensors.remove(&name);
            tensors.insert("another".into(), tensor);
        }),
    );
    for (name, wanted) in [
        ("nowhere", "there is no model \"nowhere\": the built-in models are lpc and shapes"),
        ("folder", "model.safetensors"),
        ("empty", "empty: not a safetensors file, or only a part of one"),
        ("text", "text: not a safetensors file, or only a part of one"),
        ("cut", "cut: not a safetensors file, or only a part of one"),
        ("long", "long: not a safetensors file, or only a part of one"),
        ("huge", "huge: not a safetensors file, or only a part of one"),
        ("bare", "bare: not a kinora model: the metadata has no kinora.config"),
        ("sizes", "sizes: "),
        ("memory", "memory: encoder.word"),
        ("config", "config: metadata kinora.config"),
        ("card", "card: metadata kinora.card"),
        ("tokenizer", "tokenizer: "),
        ("newer", "newer: format 99 is newer than 9, the newest known"),
        ("lacks", "lacks: the tensor "),
    ] {
        fails(path, &["sample", "a circle", "--model", name], 4, wanted);
        fails(path, &["inspect", name], 4, wanted);
        fails(path, &["train", "--init", name, "--out", "run"], 4, wanted);
    }
}

#[test]
fn checkpoints() {
    let folder = tiny_folder();
    let path = folder.path();
    let line = "train --config tiny.toml --steps 2 --out run";
    assert_eq!(run(path, &words(line)).code, Some(0));
    let file = path.join("run/checkpoint.safetensors");
    let whole = fs::read(&file).unwrap();
    let resume = words("train --out run --resume --steps 4");
    for (bytes, wanted) in [
        (whole[..whole.len() - 1].to_vec(), "not a safetensors file, or only a part of one"),
        (b"\x02\0\0\0\0\0\0\0{}".to_vec(), "this is not a checkpoint"),
        (
            edited(&whole, |header| header["__metadata__"]["kinora.progress"] = "{}".into()),
            "kinora.progress",
        ),
        (
            edited(&whole, |header| header["__metadata__"]["kinora.tokenizer"] = "{}".into()),
            "tokenizer",
        ),
    ] {
        fs::write(&file, bytes).unwrap();
        fails(path, &resume, 4, wanted);
        fails(path, &resume, 4, "checkpoint.safetensors");
    }
    fs::remove_file(&file).unwrap();
    fails(path, &resume, 4, "checkpoint.safetensors");
}

#[test]
fn prompt() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("none.txt"), "# nothing\n\n   \n").unwrap();
    fs::write(path.join("bytes.txt"), b"a cat\na d\xffg\n").unwrap();
    fs::write(path.join("control.txt"), "a cat\n\u{1}\u{2}\n").unwrap();
    fs::write(path.join("long.txt"), format!("a cat\n\n{}\n", "a dog ".repeat(2000))).unwrap();
    fs::write(path.join("many.txt"), "a cat\n".repeat(101)).unwrap();
    for (args, wanted) in [
        (&["sample"][..], "PROMPT"),
        (&["sample", ""], "the prompt \"\" is empty; write a sentence"),
        (&["text", "tag", ""], "the prompt \"\" is empty"),
        (&["sample", " \t\n"], "the prompt \" \\t\\n\" is empty"),
        (&["sample", "\u{200b}"], "is empty"),
        (&["sample", "a cat", "--prompts", "none.txt"], "--prompts"),
        (&["sample", "a cat", "a dog"], "several prompts, or quotes around only a part of one"),
        (&["sample", "--prompts", "nowhere.txt"], "nowhere.txt"),
        (&["sample", "--prompts", "."], "cannot read .: "),
        (&["sample", "--prompts", "none.txt"], "none.txt: no prompts; write one per line"),
        (&["sample", "--prompts", "bytes.txt"], "bytes.txt: line 2 is not UTF-8"),
        (
            &["sample", "--prompts", "control.txt"],
            "control.txt: line 2: the prompt \"\\u{1}\\u{2}\" is empty",
        ),
        (
            &["sample", "--prompts", "long.txt"],
            "long.txt: line 3: a prompt of 11999 bytes; at most 10000",
        ),
        (&["sample", "--prompts", "-"], "stdin: no prompts"),
        (
            &["sample", "x", "--seed", "18446744073709551615", "--count", "2"],
            "is too large for --count 2",
        ),
        (&["sample", "--prompts", "many.txt", "--count", "10000"], "are 1010000 films"),
    ] {
        fails(path, args, 2, wanted);
    }
    #[cfg(unix)]
    {
        let bytes = std::os::unix::ffi::OsStringExt::from_vec(b"a d\xffg".to_vec());
        fails(path, &[OsString::from("sample"), bytes], 2, "UTF-8");
    }
}

#[test]
fn palette() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("bad.hex"), "ff8000\nred\n").unwrap();
    fs::write(path.join("a.txt"), "ff8000\n").unwrap();
    for (palette, wanted) in [
        ("1", "the number of colours must be from 2 to 256"),
        ("257", "the number of colours must be from 2 to 256"),
        ("99999999999999999999", "the number of colours must be from 2 to 256"),
        ("", "--palette"),
        ("-3", "-3"),
        ("nowhere.gpl", "nowhere.gpl"),
        ("bad.hex", "bad.hex: line 2: \"red\" is not a colour"),
        ("a.txt", "a.txt: not a palette; it must be a .gpl, .hex, .pal or .png"),
        ("8 --raw", "--raw"),
    ] {
        let args = [&["sample", "a cat", "--palette"][..], &palette.split(' ').collect::<Vec<_>>()];
        fails(path, &args.concat(), 2, wanted);
    }
}

#[test]
fn output_path() {
    let folder = tiny_folder();
    let path = folder.path();
    fs::create_dir(path.join("taken-000.gif")).unwrap();
    let long = format!("{}.gif", "x".repeat(300));
    let sample = |out: &str, code: i32, wanted: &str| {
        fails(path, &["sample", "a cat", "--out", out], code, wanted);
    };
    sample("film", 7, "cannot write film: unknown extension; use .gif");
    sample("film.bmp", 7, "cannot write film.bmp: unknown extension");
    sample("\u{1b}[2J.bmp", 7, "cannot write \\u001b[2J.bmp");
    sample("film.png", 7, ".sheet.png");
    sample("nowhere/film.gif", 7, "nowhere/film.gif: there is no folder nowhere");
    sample("nowhere/film/", 7, "there is no folder nowhere");
    sample("tiny.toml/film.gif", 7, "there is no folder tiny.toml");
    sample(&long, 7, "cannot write xxx");
    sample("", 2, "--out");
    #[cfg(target_os = "linux")]
    {
        sample("/proc/film.gif", 7, "cannot write /proc/film.gif");
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = common::command(path, &["devices"]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(7));
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to stdout"));
    }
    fails(path, &words("sample cat --count 2 --out taken.gif"), 7, "taken-000.gif: it is a folder");
    fails(path, &words("data preview shapes --out nowhere/f.gif"), 7, "no folder nowhere");
    fails(path, &words("data preview shapes --out f.txt"), 7, "cannot write f.txt");
    fails(path, &words("train --config tiny.toml --out tiny.toml"), 7, "cannot write tiny.toml");
    fails(path, &words("train --config tiny.toml --out tiny.toml/run"), 7, "tiny.toml/run");
    for (line, wanted) in [
        ("--scale 0", "--scale"),
        ("--scale 250", "too large"),
        ("--fps 0", "--fps"),
        ("--fps nan", "from 0.1 to 240"),
        ("--fps 60", "a GIF has at most 50 frames per second"),
        ("--count 0", "--count"),
        ("--keep 0", "--keep"),
        ("--keep 5 --count 4", "--keep 5 is more than --count 4"),
        ("--seed -1", "-1"),
        ("--background red", "RRGGBB"),
        ("--background +12345", "RRGGBB"),
    ] {
        fails(path, &words(&format!("sample cat --out f.gif {line}")), 2, wanted);
    }
}

#[test]
fn device() {
    let folder = tiny_folder();
    let path = folder.path();
    let commands =
        ["sample cat", "train --config tiny.toml --out run", "data preview shapes --out f.gif"];
    for command in commands {
        for (name, code, wanted) in [
            ("gpu:999", 5, "--device gpu:999: "),
            ("gpu:1000", 5, "use --device cpu"),
            ("gpu:", 2, "must be auto, cpu, gpu or gpu:N"),
            ("gpu:one", 2, "'gpu:one'"),
            ("cpu:1", 2, "'cpu:1'"),
            ("tpu", 2, "'tpu'"),
            ("", 2, "--device"),
        ] {
            let mut args = words(command);
            args.extend(["--device", name]);
            fails(path, &args, code, wanted);
        }
    }
}
