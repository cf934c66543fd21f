//! Checks the crates that the workspace depends on, on all systems, as `Cargo.lock` fixes them. Fuzz targets have
//! lock files of their own, which are not checked.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Outcome;
use crate::{cargo, root};

/// The only source of crates.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Licences of code that a binary under MIT OR Apache-2.0 may contain.
const LICENCES: [&str; 10] = [
    "MIT",
    "Apache-2.0",
    "ISC",
    "Zlib",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Unicode-3.0",
    "0BSD",
    "Unlicense",
    "BSL-1.0",
];

/// Checks source, licence and minimum version of Rust of each crate.
pub(super) fn dependencies() -> Result<Outcome> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root());
    let output = metadata.output().context("cargo metadata")?;
    if !output.status.success() {
        // It reads the manifests of crates for all systems, which a build may not have fetched.
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Ok(Outcome::Skipped(format!("the check of the dependencies: {reason}")));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let own = packages.iter().find(|package| package["name"] == "xtask").context("no xtask")?;
    let rust = version(&own["rust_version"]).context("the workspace has no rust-version")?;
    // A crate of the workspace has no source.
    let foreign: Vec<&Value> =
        packages.iter().filter(|package| !package["source"].is_null()).collect();
    let problems: Vec<String> =
        foreign.iter().flat_map(|package| problems(package, &rust)).collect();
    match problems.is_empty() {
        true => Ok(Outcome::Passed(format!("{} crates", foreign.len()))),
        false => bail!("{}", problems.join("; ")),
    }
}

fn problems(package: &Value, rust: &[u32]) -> Vec<String> {
    let text = |key: &str| package[key].as_str().unwrap_or("none");
    let mut problems = Vec::new();
    if text("source") != REGISTRY {
        problems.push(format!("is from {}, not from crates.io", text("source")));
    }
    if !is_allowed(text("license")) {
        problems.push(format!("has the licence {}, which is not in the list", text("license")));
    }
    if version(&package["rust_version"]).is_some_and(|needed| needed.as_slice() > rust) {
        problems.push(format!("needs Rust {}; raise rust-version", text("rust_version")));
    }
    let crate_name = format!("{} {}", text("name"), text("version"));
    problems.into_iter().map(|problem| format!("{crate_name} {problem}")).collect()
}

/// Whether an SPDX expression allows a use under listed licences alone. Some crates write `/` for `OR`. An
/// `AND` within brackets is read too strictly.
fn is_allowed(expression: &str) -> bool {
    let any = |part: &str| {
        let mut names = part.split(" OR ").map(|name| name.trim_matches(['(', ')', ' ']));
        names.any(|name| LICENCES.contains(&name))
    };
    expression.replace('/', " OR ").split(" AND ").all(any)
}

/// The numbers of a version, without zeros at the end.
fn version(text: &Value) -> Option<Vec<u32>> {
    let numbers = text.as_str()?.split('.').map(|number| number.parse().ok());
    let mut numbers = numbers.collect::<Option<Vec<u32>>>()?;
    while numbers.pop_if(|last| *last == 0).is_some() {}
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_crate_that_does_not_fit_is_a_problem() {
        let good = json!({
            "name": "x", "version": "1.0.0", "source": REGISTRY, "license": "MIT OR GPL-3.0", "rust_version": "1.80"
        });
        for (key, value, wanted) in [
            ("name", "y", None),
            ("license", "Apache-2.0/MIT", None),
            ("license", "(MIT OR Apache-2.0) AND Unicode-3.0", None),
            ("license", "GPL-3.0", Some("x 1.0.0 has the licence GPL-3.0")),
            ("license", "(MIT OR Apache-2.0) AND OpenSSL", Some("AND OpenSSL")),
            ("rust_version", "1.92", None),
            ("rust_version", "1.92.0", None),
            ("rust_version", "1.92.1", Some("x 1.0.0 needs Rust 1.92.1")),
            ("rust_version", "1.100", Some("needs Rust 1.100")),
            ("source", "git+https://example.com/x", Some("is from git+")),
        ] {
            let mut package = good.clone();
            package[key] = value.into();
            let found = problems(&package, &[1, 92]);
            match wanted {
                None => assert!(found.is_empty(), "{value}: {found:?}"),
                Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{found:?}"),
            }
        }
        assert_eq!(problems(&json!({"name": "x", "version": "1"}), &[1, 92]).len(), 2);
    }
}
