//! Builds that the tests do not cover: single features, documentation, and WebAssembly.

use std::process::Command;

use anyhow::Result;

use super::{Outcome, lacks, succeeds};
use crate::{cargo, root};

/// Crates with features, and the features to check each by itself; an empty text is no feature. The
/// feature `rust-bert` has a step of its own.
const FEATURES: [(&str, &[&str]); 5] = [
    ("kinora-tensor", &["", "conformance"]),
    ("kinora-video", &["", "mp4"]),
    ("kinora-embed", &["", "onnx"]),
    ("kinora-model", &["", "onnx"]),
    ("kinora", &["", "onnx"]),
];

const WASM: &str = "wasm32-unknown-unknown";
/// The crates that WebAssembly can use.
const ON_WASM: [&str; 4] = ["kinora-tensor", "kinora-nn", "kinora-gan", "kinora-video"];

/// Checks each feature by itself. A build of the whole workspace has all features at once, so it
/// never compiles the code for a missing feature.
pub(super) fn features() -> Result<Outcome> {
    if let Some(reason) = lacks("clippy", "clippy") {
        return Ok(Outcome::Skipped(reason));
    }
    for (package, features) in FEATURES {
        for feature in features {
            let mut clippy = cargo();
            clippy.args(["clippy", "--release", "--no-default-features", "-p", package]);
            clippy.args(["--features", feature, "--", "-D", "warnings"]);
            succeeds(&mut clippy, &format!("{package} with the feature {feature:?} alone"))?;
        }
    }
    Ok(Outcome::Passed(FEATURES.map(|(package, _)| package).join(", ")))
}

/// Builds the documentation; a broken link is an error.
pub(super) fn docs() -> Result<Outcome> {
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--release", "-q"]);
    succeeds(doc.env("RUSTDOCFLAGS", "-D warnings"), "fix the warnings of rustdoc above")
}

/// Checks the crates that WebAssembly can use.
pub(super) fn wasm() -> Result<Outcome> {
    let mut add = Command::new("rustup");
    let added = add.args(["target", "add", WASM]).current_dir(root()).status();
    if !added.is_ok_and(|status| status.success()) {
        return Ok(Outcome::Skipped(format!(
            "the check for WebAssembly: install its target with `rustup target add {WASM}`"
        )));
    }
    let mut check = cargo();
    check.args(["check", "--release", "--no-default-features", "--target", WASM]);
    check.args(ON_WASM.iter().flat_map(|package| ["-p", package]));
    succeeds(&mut check, "a crate does not build for WebAssembly")?;
    Ok(Outcome::Passed(ON_WASM.join(", ")))
}
