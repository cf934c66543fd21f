//! `cargo xtask test`: all checks, step by step. A failed step does not stop the steps after it.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::{cargo, data, root, tidy};

mod builds;
mod dependencies;
mod libraries;

/// The folders of real data that tests read, and the subject of these tests.
const DATA: [(&str, &str); 7] = [
    ("mnist", "the dataset digits and the example mnist"),
    ("lpc_universal", "the dataset lpc on its full sheets"),
    ("sprites_li2018", "the dataset lpc on the sprites of 2018"),
    ("ud_english_ewt", "parts of speech and words in real sentences"),
    ("uner_english_ewt", "names in real sentences"),
    ("reported_inputs", "inputs that users reported"),
    ("t2v_prompts", "prompts that text-to-video models are measured with"),
];

/// Examples that run without arguments. `mnist` reads the folder `KINORA_DATA`.
const EXAMPLES: [&str; 3] = ["mnist", "own_dataset", "sheet_to_gif"];

/// The outcome of a step: a note, or the reason for skipping it.
enum Outcome {
    Passed(String),
    Skipped(String),
}

/// A check of the machine or of the source tree.
type Step = fn() -> Result<Outcome>;

const STEPS: [(&str, Step); 15] = [
    ("C++ compiler", compiler),
    ("GPU driver", gpu_driver),
    ("onnxruntime", libraries::onnxruntime),
    ("test data", test_data),
    ("format", format),
    ("clippy", clippy),
    ("tidy", tidy_tree),
    ("dependencies", dependencies::dependencies),
    ("features", builds::features),
    ("docs", builds::docs),
    ("WebAssembly", builds::wasm),
    ("tests", tests),
    ("examples", examples),
    ("rust-bert", libraries::rust_bert),
    ("README", readme),
];

pub(crate) fn run() -> Result<ExitCode> {
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let mut lines = Vec::new();
    let (mut failed, mut skipped) = (0, 0);
    for (name, step) in STEPS {
        println!("==> {name}");
        let start = Instant::now();
        let outcome = step();
        let seconds = start.elapsed().as_secs_f32();
        let line = match outcome {
            Ok(Outcome::Passed(note)) => format!("{name:<13} passed   {seconds:7.1} s  {note}"),
            Ok(Outcome::Skipped(reason)) => {
                skipped += 1;
                format!("{name:<13} skipped  {seconds:7.1} s  {reason}")
            }
            Err(error) => {
                failed += 1;
                format!("{name:<13} FAILED   {seconds:7.1} s  {error:#}")
            }
        };
        println!("{line}");
        lines.push(line);
    }
    println!("\n{}", lines.join("\n"));
    let passed = STEPS.len() - failed - skipped;
    let verdict = match (failed, skipped, ci) {
        (0, 0, _) => "everything passed",
        (0, _, false) => "passed, except for the skipped steps",
        (0, _, true) => "FAILED: with CI set, a skipped step is a failure",
        _ => "FAILED",
    };
    println!("{passed} passed, {failed} failed, {skipped} skipped: {verdict}");
    let well = failed == 0 && (skipped == 0 || !ci);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A C++ compiler, which builds the H.264 encoder.
fn compiler() -> Result<Outcome> {
    let found = || {
        let named = std::env::var("CXX").ok().filter(|name| !name.is_empty());
        let known = ["c++", "g++", "clang++"].map(String::from);
        // CXX may have arguments or a wrapper, such as `ccache g++`.
        named.into_iter().chain(known).find(|name| {
            name.split_whitespace()
                .next()
                .is_some_and(|program| answers(&mut Command::new(program)))
        })
    };
    if cfg!(windows) {
        return Ok(Outcome::Passed("on Windows the build finds it".into()));
    }
    if let Some(name) = found() {
        return Ok(Outcome::Passed(name));
    }
    apt_get_install(&["g++"]);
    let name = found().context("no C++ compiler; install g++ or clang, or name one in CXX")?;
    Ok(Outcome::Passed(format!("{name}, installed")))
}

/// Tries to install packages with apt-get.
fn apt_get_install(packages: &[&str]) {
    println!("trying apt-get install {}", packages.join(" "));
    for args in [&["update", "-qq"][..], &[&["install", "-y", "-qq"], packages].concat()] {
        let _ = Command::new("apt-get").args(args).status();
    }
}

/// A Vulkan driver. Without a GPU, a software driver runs the tests of the GPU backend.
fn gpu_driver() -> Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::Passed("the system's own".into()));
    }
    let found = || {
        let folders =
            ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];
        folders
            .into_iter()
            .find(|folder| std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()))
    };
    if let Some(folder) = found() {
        return Ok(Outcome::Passed(folder.into()));
    }
    apt_get_install(&["mesa-vulkan-drivers", "libvulkan1"]);
    Ok(match found() {
        Some(folder) => Outcome::Passed(format!("{folder}, installed")),
        None => Outcome::Skipped(
            "tests on a GPU: no Vulkan driver; install one, such as Mesa's lavapipe (on Debian \
             `apt-get install mesa-vulkan-drivers libvulkan1`)"
                .into(),
        ),
    })
}

fn test_data() -> Result<Outcome> {
    let Some(folder) = data() else {
        return Ok(Outcome::Skipped(format!(
            "tests on real data: KINORA_DATA is not set, and {} does not exist",
            root().join("../shared/data").display()
        )));
    };
    let missing: Vec<String> = DATA
        .iter()
        .filter(|(name, _)| !folder.join(name).is_dir())
        .map(|(name, what)| format!("{what}: {} does not exist", folder.join(name).display()))
        .collect();
    if missing.is_empty() {
        return Ok(Outcome::Passed(folder.display().to_string()));
    }
    Ok(Outcome::Skipped(missing.join("; ")))
}

fn format() -> Result<Outcome> {
    if let Some(reason) = lacks("fmt", "rustfmt") {
        return Ok(Outcome::Skipped(reason));
    }
    succeeds(cargo().args(["fmt", "--all", "--check"]), "run cargo fmt --all")
}

fn clippy() -> Result<Outcome> {
    if let Some(reason) = lacks("clippy", "clippy") {
        return Ok(Outcome::Skipped(reason));
    }
    let args = ["clippy", "--workspace", "--all-targets", "--release", "--", "-D", "warnings"];
    succeeds(cargo().args(args), "fix the warnings of clippy above")
}

fn tidy_tree() -> Result<Outcome> {
    let report = tidy::check(&root())?;
    report.print();
    ensure!(report.findings.is_empty(), "{} findings, listed above", report.findings.len());
    Ok(Outcome::Passed(format!("{} files", report.files)))
}

fn tests() -> Result<Outcome> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--release", "--no-fail-fast"]);
    if let Some(data) = data() {
        command.env("KINORA_DATA", data);
    }
    if let Some(library) = libraries::onnxruntime_library() {
        command.env("ORT_DYLIB_PATH", library);
    }
    succeeds(&mut command, "the tests that failed are named above")
}

/// Runs the examples that need no arguments.
fn examples() -> Result<Outcome> {
    let mut build = cargo();
    // The whole workspace, as in the step before, so that nothing is built again.
    build.args(["build", "--workspace", "--release"]);
    build.args(EXAMPLES.iter().flat_map(|name| ["--example", name]));
    succeeds(&mut build, "the examples do not build")?;
    // xtask is itself a release build, so the examples lie beside it.
    let program = std::env::current_exe().context("the path of xtask")?;
    let built = program.parent().context("the folder of xtask")?.join("examples");
    for name in EXAMPLES {
        let mut command = Command::new(built.join(name));
        if let Some(data) = data() {
            command.env("KINORA_DATA", data);
        }
        succeeds(&mut command, &format!("the example {name} failed"))?;
    }
    Ok(Outcome::Passed(EXAMPLES.join(", ")))
}

/// Runs the README's first command unchanged in an empty folder below `target`, where cargo finds the
/// workspace too.
fn readme() -> Result<Outcome> {
    let path = root().join("README.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let line = first_command(&text).with_context(|| {
        format!("{}: the first ```sh block has no cargo run --release -- sample", path.display())
    })?;
    let out = out_of(line).with_context(|| format!("{}: no --out in {line:?}", path.display()))?;

    let folder = root().join("target/readme");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    println!("{line}");
    let shell = if cfg!(windows) { ["cmd", "/C"] } else { ["sh", "-c"] };
    succeeds(Command::new(shell[0]).arg(shell[1]).arg(line).current_dir(&folder), line)?;
    let film = folder.join(out);
    let size =
        std::fs::metadata(&film).with_context(|| format!("no film at {}", film.display()))?;
    ensure!(size.len() > 0, "{} is empty", film.display());
    Ok(Outcome::Passed(format!("{out}, {} bytes", size.len())))
}

/// The line in the first `sh` block that samples a film.
fn first_command(readme: &str) -> Option<&str> {
    let (_, block) = readme.split_once("```sh\n")?;
    let (block, _) = block.split_once("```")?;
    block.lines().map(str::trim).find(|line| line.starts_with("cargo run --release -- sample"))
}

/// The word after `--out`.
fn out_of(line: &str) -> Option<&str> {
    let (_, out) = line.split_once("--out ")?;
    out.split_whitespace().next().map(|word| word.trim_matches(['"', '\'']))
}

/// Why a subcommand of cargo cannot be run, after trying to install it; `None` if it can.
fn lacks(subcommand: &str, component: &str) -> Option<String> {
    let works = || answers(cargo().arg(subcommand));
    if works() {
        return None;
    }
    println!("no cargo {subcommand}; trying rustup component add {component}");
    let _ = Command::new("rustup").args(["component", "add", component]).status();
    (!works()).then(|| format!("cargo {subcommand} is missing and rustup could not add it"))
}

/// Whether a program exists and answers `--version`.
fn answers(command: &mut Command) -> bool {
    let quiet = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs a command to its end, in the root unless it has a folder of its own. If it fails, the error
/// contains `remedy`.
fn succeeds(command: &mut Command, remedy: &str) -> Result<Outcome> {
    if command.get_current_dir().is_none() {
        command.current_dir(root());
    }
    let status = command.status().with_context(|| format!("{command:?}"))?;
    if !status.success() {
        bail!("{status}: {remedy}");
    }
    Ok(Outcome::Passed(String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_command_is_found() {
        let line = "cargo run --release -- sample \"a knight\" --out film.gif";
        let rows = [
            (format!("# x\n```sh\n{line}\ncargo xtask test\n```\n"), Some(line)),
            (format!("```rust\n{line}\n```\n```sh\ngit clone x\n  {line}\n```"), Some(line)),
            (format!("```sh\nls\n```\n```sh\n{line}\n```\n"), None),
            (line.to_owned(), None),
            ("```sh\n".to_owned(), None),
        ];
        for (readme, expected) in rows {
            assert_eq!(first_command(&readme), expected, "{readme}");
        }
        assert_eq!(out_of(line), Some("film.gif"));
        assert_eq!(out_of("sample x --out \"a.gif\" --seed 1"), Some("a.gif"));
        assert_eq!(out_of("sample x"), None);
    }
}
