//! A run that is killed at any moment can be continued, and ends as if it had not been killed.

#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{command, files, tiny_folder, words};
use serde_json::Value;

const KILLS: usize = 20;

/// Starts the run in a folder, or goes on with it.
fn train(folder: &Path) -> Command {
    let resume = if folder.join("run/config.toml").exists() {
        "--resume --out run"
    } else {
        "--config tiny.toml --out run"
    };
    let mut command = command(folder, &words(&format!("train {resume}")));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Kills a run `KILLS` times, each time within `window`, then lets it end. `None` if it ended too
/// early.
fn killed(random: &mut fastrand::Rng, window: Duration) -> Option<BTreeMap<PathBuf, Vec<u8>>> {
    let folder = tiny_folder();
    let (mut last, mut moved) = (None, 0);
    for _ in 0..KILLS {
        let mut child = train(folder.path()).spawn().unwrap();
        sleep(window.mul_f64(random.f64()));
        child.kill().unwrap();
        if child.wait().unwrap().code().is_some() {
            return None;
        }
        let now = fs::read(folder.path().join("run/checkpoint.safetensors")).ok();
        moved += usize::from(now != last);
        last = now;
    }
    assert!(moved >= 3, "only {moved} of {KILLS} kills came after the run had gone on");
    assert!(train(folder.path()).status().unwrap().success());
    Some(files(&folder.path().join("run")))
}

/// The lines of a log without their times.
fn timeless(log: &[u8]) -> Vec<Value> {
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        for time in ["seconds", "clips_per_second", "feed_share"] {
            line.as_object_mut().unwrap().remove(time).expect(time);
        }
        line
    };
    std::str::from_utf8(log).unwrap().lines().map(line).collect()
}

#[test]
fn twenty_kills_change_nothing() {
    let folder = tiny_folder();
    let start = Instant::now();
    assert!(train(folder.path()).status().unwrap().success());
    let whole = start.elapsed();
    let mut wanted = files(&folder.path().join("run"));

    let mut random = fastrand::Rng::with_seed(20);
    // A part of the time is start-up, so that twenty windows of a fifth are less than a run.
    let windows = [5, 8, 12, 18, 27].map(|part| whole / part);
    let found = windows.into_iter().find_map(|window| killed(&mut random, window));
    let mut found = found.expect("the run ended before it was killed twenty times");

    let log = PathBuf::from("log.jsonl");
    let (wanted_log, found_log) = (wanted.remove(&log).unwrap(), found.remove(&log).unwrap());
    assert_eq!(timeless(&found_log), timeless(&wanted_log));
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (name, bytes) in &wanted {
        assert!(found[name] == *bytes, "{} differs", name.display());
    }
    assert!(wanted.contains_key(Path::new("checkpoint.safetensors")));
    assert!(fs::metadata(folder.path().join("run/samples/000060.gif")).unwrap().len() > 0);
}
