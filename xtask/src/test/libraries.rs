//! The native libraries that optional features load: found, downloaded, and used in tests.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::{Outcome, answers, apt_get_install, succeeds};
use crate::{cargo, root};

/// The tests of the feature `rust-bert`, on libtorch for the CPU.
pub(super) fn rust_bert() -> Result<Outcome> {
    let Some(libtorch) = libtorch()? else {
        return Ok(Outcome::Skipped(
            "tests of rust-bert: no libtorch, and it could not be downloaded; set LIBTORCH to the \
             folder of libtorch 2.4"
                .into(),
        ));
    };
    let command = |line: &str, behind: &[&str]| -> Result<Command> {
        let mut command = cargo();
        // The whole workspace, as in the step before, so that shared crates are not built again.
        command.args(line.split(' ')).args(["--workspace", "--release", "--features", "rust-bert"]);
        command.arg("--").args(behind);
        // On a busy machine two threads of OpenMP can be far slower than one.
        command.env("LIBTORCH", &libtorch).env("OMP_NUM_THREADS", "1");
        let found = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let folders = std::iter::once(libtorch.join("lib")).chain(std::env::split_paths(&found));
        command.env("LD_LIBRARY_PATH", std::env::join_paths(folders)?);
        if libtorch.starts_with(root().join("target")) {
            command.env("LIBTORCH_CXX11_ABI", "0");
        }
        Ok(command)
    };
    // Code that downloads models is only compiled, not run.
    let line = "clippy --all-targets --features rust-bert-remote";
    succeeds(&mut command(line, &["-D", "warnings"])?, "fix the warnings of clippy above")?;
    for (line, only) in
        [("test --test bert --test text", ""), ("test --lib", "bert::"), ("test --doc", "text/src")]
    {
        // A filter that matches no test would pass without testing anything.
        let mut list = command(line, &[only, "--list"])?;
        let tests = list.current_dir(root()).stderr(Stdio::inherit()).output()?;
        ensure!(tests.status.success(), "cargo {line} does not build");
        ensure!(
            String::from_utf8_lossy(&tests.stdout).contains(": test"),
            "cargo {line} has no test with {only:?} in its name"
        );
        succeeds(&mut command(line, &[only])?, "the tests that failed are named above")?;
    }
    Ok(Outcome::Passed(libtorch.display().to_string()))
}

/// The folder of libtorch: `LIBTORCH`, else a folder in `target`, made from packages of PyPI where
/// that is possible.
fn libtorch() -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os("LIBTORCH").filter(|path| !path.is_empty()) {
        return Ok(Some(named.into()));
    }
    let folder = root().join("target/libtorch");
    if folder.join("build-version").exists() {
        return Ok(Some(folder));
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(None);
    }
    println!("fetching libtorch from PyPI");
    pip();
    let mut command = Command::new("python3");
    command.arg(root().join("xtask/libtorch.py")).arg(&folder);
    let made = command.status().is_ok_and(|status| status.success());
    Ok(made.then_some(folder))
}

/// Tries to install pip if it is missing.
fn pip() {
    if !answers(Command::new("python3").args(["-m", "pip"])) {
        apt_get_install(&["python3-pip"]);
    }
}

/// The library that runs sentence encoders: `ORT_DYLIB_PATH`, else a library in `target`, downloaded
/// from PyPI where that is possible.
pub(super) fn onnxruntime() -> Result<Outcome> {
    if onnxruntime_library().is_none() {
        println!("fetching onnxruntime from PyPI");
        pip();
        let mut command = Command::new("python3");
        let line = "-m pip install -q --no-deps --only-binary=:all: --target";
        command.args(line.split(' '));
        // The match below finds out whether it worked.
        let _ = command.arg(root().join("target/onnxruntime")).arg("onnxruntime").status();
    }
    Ok(match onnxruntime_library() {
        Some(library) => Outcome::Passed(library.display().to_string()),
        None => Outcome::Skipped(
            "tests of sentence encoders: no onnxruntime, and it could not be downloaded; set \
             ORT_DYLIB_PATH to its library, version 1.24 or later"
                .into(),
        ),
    })
}

pub(super) fn onnxruntime_library() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return Some(named.into());
    }
    let mut files = root().join("target/onnxruntime/onnxruntime/capi").read_dir().ok()?.flatten();
    let library = |name: &str| {
        let name = name.strip_prefix("lib").unwrap_or(name);
        ["onnxruntime.so", "onnxruntime.dll", "onnxruntime.1"].iter().any(|it| name.starts_with(it))
    };
    files.find(|file| file.file_name().to_str().is_some_and(library)).map(|file| file.path())
}
