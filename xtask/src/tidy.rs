//! `cargo xtask tidy`: checks the source tree against the rules of its design.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{cargo, root};

mod crates;
mod files;
mod links;

/// A violation of a rule, with its place.
#[derive(Debug, PartialEq)]
pub(crate) struct Finding {
    /// The file, relative to the root.
    pub path: PathBuf,
    /// The line, from 1; 1 also for a finding about the whole file.
    pub line: usize,
    pub what: String,
}

impl Finding {
    fn new(path: impl Into<PathBuf>, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.into(), line, what: what.into() }
    }
}

/// The number of files checked, and the findings.
pub(crate) struct Report {
    pub files: usize,
    pub findings: Vec<Finding>,
    /// Findings that do not fail the check.
    pub warnings: Vec<Finding>,
}

impl Report {
    pub(crate) fn print(&self) {
        let kinds = [("warning: ", &self.warnings), ("", &self.findings)];
        for (kind, findings) in kinds {
            for Finding { path, line, what } in findings {
                eprintln!("{}:{line}: {kind}{what}", path.display());
            }
        }
    }
}

pub(crate) fn run() -> Result<ExitCode> {
    let report = check(&root())?;
    report.print();
    let (found, warned) = (report.findings.len(), report.warnings.len());
    println!("tidy: {} files, {found} findings, {warned} warnings", report.files);
    Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks all files that git tracks.
pub(crate) fn check(root: &Path) -> Result<Report> {
    // The tree may belong to another user, as in a container; git would then refuse to read it.
    let git = ["-c", "safe.directory=*", "ls-files", "-z"];
    let listed = output(Command::new("git").args(git).current_dir(root))?;
    let paths: Vec<&Path> = listed
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(Path::new)
        // Not files whose deletion is not committed yet.
        .filter(|path| root.join(path).exists())
        .collect();
    let metadata =
        output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root))?;
    let metadata = serde_json::from_str(&metadata).context("cargo metadata")?;

    let mut report =
        Report { files: paths.len(), findings: crates::check(&metadata, root), warnings: vec![] };
    report.findings.extend(files::top_level(&paths));
    for path in paths {
        let bytes = std::fs::read(root.join(path)).with_context(|| path.display().to_string())?;
        // Films, pictures and weights are not text.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        files::size(path, &text, &mut report);
        report.findings.extend(files::words(path, &text));
        if path.extension().is_some_and(|extension| extension == "md") {
            report.findings.extend(links::check(root, path, &text));
        }
    }
    Ok(report)
}

/// The stdout of a command.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
