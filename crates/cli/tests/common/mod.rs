//! The built program, run in a folder of its own.

// Each test file uses only a part of this module.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A config whose run takes a second.
pub const TINY: &str = include_str!("tiny.toml");

/// An empty folder.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A folder with `tiny.toml`.
pub fn tiny_folder() -> TempDir {
    let folder = folder();
    fs::write(folder.path().join("tiny.toml"), TINY).unwrap();
    folder
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The program, to be run in a folder.
pub fn command(folder: &Path, args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinora"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    // Without it a Mesa driver prints a warning on stderr.
    command.env("XDG_RUNTIME_DIR", folder);
    command
}

/// Runs the program; whatever happens, it must not panic.
pub fn run(folder: &Path, args: &[impl AsRef<OsStr>]) -> Ended {
    let output = command(folder, args).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let ended = Ended {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    ended
}

/// Runs the program, which must succeed.
pub fn succeed(folder: &Path, args: &[impl AsRef<OsStr>]) -> Ended {
    let ended = run(folder, args);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

/// Splits a line into arguments at white space.
pub fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// All files below a folder with their bytes; folders have none.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(path) = left.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_path_buf();
            if path.is_dir() {
                found.insert(name, Vec::new());
                left.push(path);
            } else {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}
