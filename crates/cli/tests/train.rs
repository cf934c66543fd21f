//! Runs of training: made, continued, refused, stopped.

mod common;

use std::fs;
#[cfg(unix)]
use std::io::{BufRead, BufReader, Read};
#[cfg(unix)]
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use common::{command, files, run, succeed, tiny_folder, words};
use kinora_video::Clip;

const TRAIN: &str = "train --config tiny.toml --out run";

/// The reader of captions needs threads too, and the pool may have only one.
#[test]
fn a_run_on_one_thread() {
    let folder = tiny_folder();
    let line = format!("{TRAIN} --steps 3 --set encoder.tags=2");
    let mut run = command(folder.path(), &words(&line));
    let mut run = run.env("RAYON_NUM_THREADS", "1").stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..600 {
        if let Some(status) = run.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    run.kill().unwrap();
    panic!("it hangs");
}

/// A model trained with word vectors knows words that no caption has, and refuses other vectors.
#[test]
fn a_run_with_word_vectors() {
    let folder = tiny_folder();
    let path = folder.path();
    for (set, reader) in [("vectors.vec", "gru"), ("vectors.vec", "sif"), ("builtin", "mean")] {
        let table = "3 2\nred 1 0.5\nscarlet 1 0.5\ncircle -1 2\n";
        fs::write(path.join("vectors.vec"), table).unwrap();
        let set = format!("--set encoder.vectors={set} --set encoder.reader={reader}");
        succeed(path, &words(&format!("{TRAIN} --steps 3 {set}")));
        succeed(path, &words("train --out run --resume --steps 4"));
        let film = |prompt: &str| {
            let ended = succeed(path, &["sample", prompt, "--model", "run", "--out", "f.gif"]);
            (fs::read(path.join("f.gif")).unwrap(), ended.stderr)
        };
        let (red, (scarlet, said)) = (film("a red circle").0, film("a scarlet circle"));
        // SIF weights words by their place in the table, so the two films differ.
        if reader != "sif" {
            assert_eq!(red == scarlet, reader == "gru", "{set}");
        }
        // The table has the word scarlet; the captions do not.
        assert!(said.starts_with("understood: circle; not understood: scarlet\n"), "{said}");
        let (mended, said) = film("a Zyxqj crcle wzyxq");
        let wanted = "understood: circle (for \"crcle\"); not understood: zyxqj, wzyxq\n";
        assert!(said.starts_with(wanted), "{said}");
        assert!(mended == film("a Zyxqj circle wzyxq").0);
        let said = film("the zyxqj").1;
        assert!(
            said.starts_with("warning: this model understands no word of the prompt"),
            "{said}"
        );

        let card = succeed(path, &["inspect", "run"]).stdout;
        assert!(card.contains("needs      the word vectors"), "{card}");
        if set.contains("builtin") {
            fs::remove_dir_all(path.join("run")).unwrap();
            continue;
        }
        let ended = run(path, &words("train --out run --resume --set encoder.vectors=builtin"));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        let other = "train --config tiny.toml --init run --out other --set encoder.vectors=builtin";
        let ended = run(path, &words(other));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("another table of word vectors than"), "{}", ended.stderr);
        fs::write(path.join("vectors.vec"), table.replace("0.5", "0.6")).unwrap();
        for line in ["sample circle --model run --out f.gif", "train --out run --resume --steps 5"]
        {
            let ended = run(path, &words(line));
            assert_eq!(ended.code, Some(4), "{line}: {}", ended.stderr);
            assert!(ended.stderr.contains("was trained with"), "{line}: {}", ended.stderr);
        }
        fs::remove_file(path.join("vectors.vec")).unwrap();
        let ended = run(path, &words("sample circle --model run --out f.gif"));
        assert_eq!(ended.code, Some(4), "{}", ended.stderr);
        assert!(ended.stderr.contains("vectors.vec"), "{}", ended.stderr);
        fs::remove_dir_all(path.join("run")).unwrap();
    }
    for set in ["tuned=true", "reader=sif", "reader=onnx", "vectors=nowhere.txt", "reader=rnn"] {
        let ended = run(path, &words(&format!("{TRAIN} --steps 3 --set encoder.{set}")));
        let wanted = if set.starts_with("vectors") { 4 } else { 2 };
        assert_eq!(ended.code, Some(wanted), "{set}: {}", ended.stderr);
        assert!(ended.stderr.lines().last().unwrap().starts_with("error: "), "{}", ended.stderr);
        assert!(!path.join("run").exists());
    }
}

#[test]
fn a_run_is_made_continued_and_sampled() {
    let folder = tiny_folder();
    let path = folder.path();
    let ended = succeed(path, &words(&format!("{TRAIN} --steps 6 --set copying.batch=16")));
    for wanted in [
        "parameters",
        "MiB of memory; 4 steps of reading, 2 steps of copying, about",
        "step 3/6: reading: loss",
        "step 6/6: copying: copies",
        ", matcher ",
        "clips/s",
        "left",
    ] {
        assert!(ended.stderr.contains(wanted), "{wanted:?} is not in {}", ended.stderr);
    }
    assert_eq!(ended.stdout, "");
    let names: Vec<String> =
        files(&path.join("run")).keys().map(|p| p.display().to_string()).collect();
    let wanted = [
        "checkpoint.safetensors",
        "config.toml",
        "discriminators.safetensors",
        "log.jsonl",
        "model.safetensors",
        "samples",
        "samples/000006.gif",
    ];
    assert_eq!(names, wanted);
    assert!(Clip::load(path.join("run/samples/000006.gif")).unwrap().dims()[0] == 4);

    // --steps is the total number of steps.
    let ended = succeed(path, &words("train --out run --resume --steps 8"));
    for wanted in
        ["1 step of copying, 1 step of playing", "step 8/8: playing: loss D", "8 steps done"]
    {
        assert!(ended.stderr.contains(wanted), "{wanted:?} is not in {}", ended.stderr);
    }
    let log = fs::read_to_string(path.join("run/log.jsonl")).unwrap();
    let steps: Vec<u64> = log
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap()
        })
        .collect();
    // Each phase ends with a line.
    assert_eq!(steps, [3, 4, 6, 7, 8]);
    assert!(fs::read_to_string(path.join("run/config.toml")).unwrap().contains("steps = 8"));

    let card = succeed(path, &["inspect", "run"]).stdout;
    assert!(card.contains("8 steps, 58 clips"), "{card}");
    let told = "kinora train --config tiny.toml --out run --steps 6 --set copying.batch=16 && kinora \
                train --out run";
    assert!(card.contains(told), "{card}");
    succeed(path, &words("sample circle --model run --out f.gif"));
    succeed(path, &words("sample circle --model run/model.safetensors --out g.gif"));
    assert_eq!(fs::read(path.join("f.gif")).unwrap(), fs::read(path.join("g.gif")).unwrap());

    // Nothing is left to do.
    let before = files(path);
    succeed(path, &words("train --out run --resume"));
    assert_eq!(files(path), before);

    // Fine-tuning takes the sizes of the model, and its card names that model.
    succeed(path, &words("train --init run --steps 2 --set train.batch=2 --out more"));
    let card = succeed(path, &["inspect", "more"]).stdout;
    assert!(card.contains("4 frames of 16 x 16"), "{card}");
    assert!(card.contains("Started from run, which was trained on shapes"), "{card}");

    // Clips of one's own are read first, and copied at a lower rate, unless the steps of the phases are set.
    fs::create_dir(path.join("art")).unwrap();
    for (k, caption) in ["a red cat", "a blue dog"].iter().enumerate() {
        let clip = Clip::new([4, 16, 16, 3], 8.0, vec![60 * k as u8; 4 * 16 * 16 * 3]).unwrap();
        clip.save(path.join(format!("art/{k}.gif")), &Default::default()).unwrap();
        fs::write(path.join(format!("art/{k}.txt")), caption).unwrap();
    }
    let rate = |folder: &str| -> f64 {
        let config = fs::read_to_string(path.join(folder).join("config.toml")).unwrap();
        let copying = config.split("[copying]").nth(1).unwrap();
        let rate = copying.lines().find_map(|line| line.strip_prefix("rate = ")).unwrap();
        rate.trim().parse().unwrap()
    };
    let line = "train --init run --data clips:art --steps 6 --set train.batch=2";
    let ended = succeed(path, &words(&format!("{line} --out mine")));
    let told =
        "for data that may be new to the model: 1 step of reading, 5 steps of copying at the rate";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let ended = succeed(path, &words(&format!("{line} --out chosen --set reading.steps=2")));
    assert!(!ended.stderr.contains("new to the model"), "{}", ended.stderr);
    assert!((rate("mine") / rate("chosen") - 0.3).abs() < 1e-6);
}

#[test]
fn what_would_harm_a_run_is_refused() {
    let folder = tiny_folder();
    let path = folder.path();
    succeed(path, &words(&format!("{TRAIN} --steps 2")));
    let before = files(path);
    for (line, wanted) in [
        (TRAIN, "run holds a run already; continue it with --resume"),
        (
            "train --out run --resume --set generator.hidden=16",
            "cannot change the sections clip, encoder, generator",
        ),
        ("train --out run --resume --set discriminator.clip=[8]", "and discriminator"),
        ("train --out run --resume --set clip.frames=8", "cannot change the sections clip"),
        ("train --out run --resume --set matcher.features=12", "matcher and discriminator"),
        ("train --out run --resume --set reading.steps=5", "cannot change reading.steps"),
        (
            "train --out run --resume --set tokenizer.vocab=300",
            "cannot change the section tokenizer",
        ),
        ("train --out run --resume --set train.batsh=3", "did you mean \"train.batch\"?"),
        ("train --out run --resume --seed 3", "--seed"),
        ("train --out run --resume --config tiny.toml", "--config"),
        ("train --out run --resume --preset lpc", "leave one of them out"),
        ("train --out run --resume --init lpc", "--init"),
        ("train --out new --init lpc --set tokenizer.vocab=300", "cannot be used with --init"),
        ("train --out nothing --resume", "nothing holds no run to resume"),
    ] {
        let ended = run(path, &words(line));
        assert_eq!(ended.code, Some(2), "{line}: {ended:?}");
        assert!(ended.stderr.contains(wanted), "{line}: {}", ended.stderr);
        assert!(files(path) == before, "{line} changed the run");
    }
}

#[test]
fn a_training_from_a_model_has_the_settings_of_its_preset() {
    let folder = tiny_folder();
    // The preset shapes would need no path.
    let ended = run(folder.path(), &words("train --init lpc --out new"));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("the data is missing; add --data lpc:PATH"), "{ended:?}");
}

#[test]
fn a_run_that_diverges_says_so() {
    let folder = tiny_folder();
    let line = format!(
        "{TRAIN} --set train.rate_generator=1 --set train.rate_discriminator=1 \
                        --set train.loss=hinge --set train.r1=1e30 --set train.r1_every=1"
    );
    let ended = run(folder.path(), &words(&line));
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!(ended.stderr.contains("the training has diverged"), "{ended:?}");
}

#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// Reads lines until one has `wanted` in it.
#[cfg(unix)]
fn read_until(lines: &mut impl BufRead, text: &mut String, wanted: &str) {
    while !text.contains(wanted) {
        assert_ne!(lines.read_line(text).unwrap(), 0, "no {wanted:?} in {text}");
    }
}

/// Starts a command and reads its stderr until a line has `wanted` in it.
#[cfg(unix)]
fn run_until(
    folder: &std::path::Path,
    line: &str,
    wanted: &str,
) -> (std::process::Child, BufReader<std::process::ChildStderr>, String) {
    let mut child = command(folder, &words(line)).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stderr, mut text) = (BufReader::new(child.stderr.take().unwrap()), String::new());
    read_until(&mut stderr, &mut text, wanted);
    (child, stderr, text)
}

#[cfg(unix)]
#[test]
fn signals_leave_a_checkpoint() {
    for name in ["-INT", "-TERM"] {
        let folder = tiny_folder();
        let path = folder.path();
        let set = "--set train.log_every=1 --set train.save_every=50000";
        let line = format!("{TRAIN} --steps 100000 {set}");
        let (mut child, mut stderr, mut text) = run_until(path, &line, "step 5/");
        signal(&child, name);
        stderr.read_to_string(&mut text).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");

        let last = text.lines().last().unwrap();
        let step = last.strip_prefix("stopped: checkpoint written after step ");
        let step: u64 = step.and_then(|rest| rest.split(' ').next()?.parse().ok()).expect(last);
        assert!(step >= 5, "{last}");
        let card = succeed(path, &["inspect", "run"]).stdout;
        assert!(card.contains(&format!("{step} steps")), "{card}");
        let more = format!("train --out run --resume --steps {}", step + 2);
        succeed(path, &words(&more));
        let log = fs::read_to_string(path.join("run/log.jsonl")).unwrap();
        assert_eq!(log.lines().count() as u64, step + 2);
    }
}

/// Before the first step there is nothing to save, so a signal does not wait, here for a tokenizer that takes long.
#[cfg(unix)]
#[test]
fn a_signal_ends_a_preparation_at_once() {
    for (name, number) in [("-TERM", 15), ("-INT", 2)] {
        if number == 2 && ignores_interrupts() {
            continue;
        }
        let folder = tiny_folder();
        let line = format!("{TRAIN} --set tokenizer.captions=1048576");
        let (mut child, _stderr, text) = run_until(folder.path(), &line, "reading the data");
        signal(&child, name);
        let ended = std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap());
        assert_eq!(ended, Some(number), "{text}");
        assert!(!folder.path().join("run").exists());
    }
}

/// Whether this process, and so each process that it starts, ignores SIGINT, as a job that a script starts in the
/// background.
#[cfg(unix)]
fn ignores_interrupts() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 2 != 0)
}

/// The second signal does not wait for the end of the step and for the checkpoint.
#[cfg(unix)]
#[test]
fn a_second_signal_ends_at_once() {
    let folder = tiny_folder();
    // A step that takes long.
    let line = format!("{TRAIN} --set reading.batch=2000 --set train.log_every=1");
    let (mut child, mut stderr, mut text) = run_until(folder.path(), &line, "training on");
    std::thread::sleep(std::time::Duration::from_millis(200));
    signal(&child, "-INT");
    read_until(&mut stderr, &mut text, "again to stop at once");
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
}
