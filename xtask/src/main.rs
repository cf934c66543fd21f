//! Tasks of the workspace. It depends on no other crate of the workspace, so it is quick to compile;
//! it runs the programs through `cargo`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

mod test;
mod tidy;

const HELP: &str = "\
Tasks of the workspace.

cargo xtask train [ARGS]           train a model: `kinora train ARGS`, without ARGS `--preset shapes`
cargo xtask train-tagger [ARGS]    train a tagger: `kinora text train ARGS`
cargo xtask test                   run rustfmt, clippy, tidy, all tests, the README's first command
cargo xtask bench [ARGS]           run the benchmarks
cargo xtask tidy                   check dependencies of crates, sizes and words of files, links
cargo xtask torture                run the long tests, which are #[ignore]d

Examples:
  cargo xtask train
  cargo xtask train --preset lpc --data lpc:../shared/data/lpc_universal --out runs/lpc
  cargo xtask train --help
  cargo xtask train-tagger --pos en_ewt-ud-train.conllu --ner btc.train --out runs/tagger
  KINORA_DATA=/path/to/data cargo xtask test
  CI=true cargo xtask test            a skipped step is a failure
  cargo xtask bench --out benches
  cargo xtask tidy
  cargo xtask torture
";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let task = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    let asks_help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    let result = match task.to_str() {
        Some("train") => train(args),
        Some("train-tagger") => {
            run("train-tagger", ["run", "--release", "-p", "kinora", "--", "text", "train"], args)
        }
        Some("bench") => run("bench", ["run", "--release", "-p", "kinora-bench", "--"], args),
        Some("help" | "--help" | "-h") => help(),
        Some("test" | "tidy" | "torture") if asks_help => help(),
        Some(task @ ("test" | "tidy" | "torture")) if !args.is_empty() => {
            eprintln!("cargo xtask {task} takes no arguments, got {args:?}");
            Ok(ExitCode::from(2))
        }
        Some("test") => test::run(),
        Some("tidy") => tidy::run(),
        Some("torture") => {
            run("torture", ["test", "--release", "--workspace", "--", "--ignored"], args)
        }
        _ => {
            eprint!("there is no task {task:?}\n\n{HELP}");
            Ok(ExitCode::from(2))
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn help() -> Result<ExitCode> {
    print!("{HELP}");
    Ok(ExitCode::SUCCESS)
}

fn train(mut args: Vec<OsString>) -> Result<ExitCode> {
    if args.is_empty() {
        args = ["--preset", "shapes"].map(OsString::from).to_vec();
    }
    run("train", ["run", "--release", "-p", "kinora", "--", "train"], args)
}

/// Runs `cargo`. On Unix it replaces this process, so that exit code and Ctrl-C are the program's own.
fn run<const N: usize>(task: &str, first: [&str; N], args: Vec<OsString>) -> Result<ExitCode> {
    let mut command = cargo();
    command.args(first).args(args);
    if let Some(data) = data() {
        command.env("KINORA_DATA", data);
    }
    #[cfg(unix)]
    {
        let error = std::os::unix::process::CommandExt::exec(&mut command);
        Err(error).with_context(|| format!("{task}: {command:?}"))
    }
    #[cfg(not(unix))]
    {
        let status = command.status().with_context(|| format!("{task}: {command:?}"))?;
        Ok(ExitCode::from(status.code().unwrap_or(1).clamp(0, 255) as u8))
    }
}

/// The `cargo` that started this program.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// The folder of test data: `KINORA_DATA`, else `../shared/data` beside the workspace if it exists.
/// The path is absolute, because tests run in the folders of their crates.
fn data() -> Option<PathBuf> {
    let named = std::env::var_os("KINORA_DATA").filter(|path| !path.is_empty());
    match named {
        Some(path) => Some(std::path::absolute(&path).unwrap_or_else(|_| path.into())),
        None => std::fs::canonicalize(root().join("../shared/data")).ok(),
    }
}
