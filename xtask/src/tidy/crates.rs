//! Checks the crates and their dependencies, as `cargo metadata` lists them.

use std::path::Path;

use serde_json::Value;

use super::Finding;

/// A crate of the design: its folder, the crates of the workspace that it may use, and further ones
/// that its tests may use.
struct Crate {
    folder: &'static str,
    licence: &'static str,
    uses: &'static [&'static str],
    tests: &'static [&'static str],
}

/// All allowed dependencies. Whoever adds one also checks the table of crates in the README.
const CRATES: [Crate; 14] = [
    Crate { folder: "assets", licence: MODELS, uses: &[], tests: &[] },
    Crate { folder: "crates/tensor", licence: CODE, uses: &[], tests: &["tensor"] },
    Crate { folder: "crates/cpu", licence: CODE, uses: &["tensor"], tests: &["tensor"] },
    Crate { folder: "crates/gpu", licence: CODE, uses: &["tensor"], tests: &["tensor", "cpu"] },
    Crate { folder: "crates/nn", licence: CODE, uses: &["tensor"], tests: &["tensor", "cpu"] },
    Crate { folder: "crates/text", licence: TAGGER, uses: &["tensor", "nn", "cpu"], tests: &[] },
    Crate {
        folder: "crates/embed",
        licence: TABLE,
        uses: &["tensor", "nn", "text"],
        tests: &["tensor", "cpu"],
    },
    Crate { folder: "crates/video", licence: CODE, uses: &[], tests: &[] },
    Crate {
        folder: "crates/gan",
        licence: CODE,
        uses: &["tensor", "nn"],
        tests: &["tensor", "cpu"],
    },
    Crate {
        folder: "crates/model",
        licence: CODE,
        uses: &["text", "embed", "gan", "video", "nn", "tensor"],
        tests: &["cpu", "assets"],
    },
    Crate {
        folder: "crates/train",
        licence: CODE,
        uses: &["model", "text", "embed", "gan", "video", "nn", "tensor"],
        tests: &["cpu", "gpu", "assets"],
    },
    Crate {
        folder: "crates/cli",
        licence: CODE,
        uses: &[
            "assets", "tensor", "cpu", "gpu", "nn", "text", "embed", "video", "gan", "model",
            "train",
        ],
        tests: &[],
    },
    Crate {
        folder: "benches",
        licence: CODE,
        uses: &["tensor", "cpu", "gpu", "nn", "text", "embed", "video", "gan", "model", "train"],
        tests: &[],
    },
    Crate { folder: "xtask", licence: CODE, uses: &[], tests: &[] },
];

/// Programs: their errors are only read by people.
const MAY_USE_ANYHOW: [&str; 3] = ["crates/cli", "benches", "xtask"];

const CODE: &str = "MIT OR Apache-2.0";
/// Code and the models that ship.
const MODELS: &str = "(MIT OR Apache-2.0) AND CC-BY-SA-3.0 AND CC0-1.0";
/// Code and a tagger that learnt from a treebank.
const TAGGER: &str = "(MIT OR Apache-2.0) AND CC-BY-SA-4.0";
/// Code and a table of word vectors that was distilled from an encoder.
const TABLE: &str = "(MIT OR Apache-2.0) AND Apache-2.0";

/// Checks the output of `cargo metadata --no-deps` for the workspace at `root`.
pub(super) fn check(metadata: &Value, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in list(&metadata["packages"]) {
        let manifest = Path::new(text(&package["manifest_path"]));
        let manifest = manifest.strip_prefix(root).unwrap_or(manifest);
        let folder =
            manifest.parent().unwrap_or(Path::new("")).to_string_lossy().replace('\\', "/");
        let source = std::fs::read_to_string(root.join(manifest)).unwrap_or_default();
        let mut found = |key: &str, what: String| {
            let line = source.lines().position(|line| line.starts_with(key)).map_or(1, |at| at + 1);
            findings.push(Finding::new(manifest, line, what));
        };
        let Some(known) = CRATES.iter().find(|known| known.folder == folder) else {
            found("name", format!("{folder} is not a crate of the design; add it to {}", file!()));
            continue;
        };
        let name = text(&package["name"]);
        if name != package_name(&folder) {
            found("name", format!("{folder} is named {name:?}, not {:?}", package_name(&folder)));
        }
        if text(&package["license"]) != known.licence {
            let wanted = known.licence;
            found("license", format!("the licence is {}, not {wanted:?}", package["license"]));
        }
        if folder.starts_with("crates/") || folder == "assets" {
            if text(&package["description"]).is_empty() {
                found("description", "no description".into());
            }
            // The README of the program is that of the workspace.
            let readme = Path::new(text(&package["readme"]));
            if !readme.ends_with("README.md") || !root.join(&folder).join(readme).is_file() {
                found("readme", "no README.md, or `readme` does not name it".into());
            }
        }
        for dependency in list(&package["dependencies"]) {
            let name = text(&dependency["name"]);
            let of_tests = text(&dependency["kind"]) == "dev";
            if name == "anyhow" && !of_tests && !MAY_USE_ANYHOW.contains(&folder.as_str()) {
                found(name, "anyhow in a library; use an error enum with thiserror".into());
            }
            let ours = CRATES.iter().find(|ours| package_name(ours.folder) == name);
            let Some(ours) = ours.and_then(|ours| ours.folder.rsplit('/').next()) else { continue };
            let allowed = known.uses.contains(&ours) || of_tests && known.tests.contains(&ours);
            if !allowed {
                let user = if of_tests { "the tests of " } else { "" };
                found(name, format!("{user}{folder} must not use {ours}: CRATES does not list it"));
            }
        }
    }
    findings
}

/// The name of the crate in a folder.
fn package_name(folder: &str) -> String {
    match folder {
        "crates/cli" => "kinora".into(),
        "assets" => "kinora-assets".into(),
        "benches" => "kinora-bench".into(),
        "xtask" => "xtask".into(),
        _ => format!("kinora-{}", folder.trim_start_matches("crates/")),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn planted_faults_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("crates/nn")).unwrap();
        let readme = root.path().join("crates/nn/README.md");
        std::fs::write(&readme, "# nn").unwrap();
        let manifest = root.path().join("crates/nn/Cargo.toml");
        std::fs::write(&manifest, "name = 1\n\nkinora-gan = 1\nanyhow = 1\n").unwrap();
        let good = json!({
            "name": "kinora-nn",
            "manifest_path": manifest.to_str().unwrap(),
            "license": CODE,
            "description": "layers",
            "readme": "README.md",
            "dependencies": [
                { "name": "kinora-tensor", "kind": null },
                { "name": "kinora-cpu", "kind": "dev" },
                { "name": "anyhow", "kind": "dev" },
                { "name": "thiserror", "kind": null },
            ],
        });
        let check = |package: &Value| {
            let found = check(&json!({ "packages": [package] }), root.path());
            found.into_iter().map(|f| (f.line, f.what)).collect::<Vec<_>>()
        };
        assert_eq!(check(&good), []);
        let dependency = |name: &str, kind: Option<&str>| json!([{ "name": name, "kind": kind }]);
        let elsewhere = root.path().join("crates/other/Cargo.toml");
        let rows = [
            ("dependencies", dependency("kinora-gan", None), 3, "must not use gan"),
            ("dependencies", dependency("kinora-gan", Some("dev")), 3, "the tests of crates/nn"),
            ("dependencies", dependency("kinora-cpu", None), 1, "must not use cpu"),
            ("dependencies", dependency("kinora-cpu", Some("build")), 1, "must not use cpu"),
            ("dependencies", dependency("anyhow", None), 4, "anyhow in a library"),
            ("license", json!(null), 1, "the licence is null"),
            ("description", json!(""), 1, "no description"),
            ("readme", json!(null), 1, "no README.md"),
            ("name", json!("nn"), 1, "is named \"nn\""),
            ("manifest_path", json!(elsewhere.to_str().unwrap()), 1, "not a crate of the design"),
        ];
        for (key, value, line, what) in rows {
            let mut package = good.clone();
            package[key] = value;
            let found = check(&package);
            assert_eq!(found.len(), 1, "{key}: {found:?}");
            assert!(found[0].0 == line && found[0].1.contains(what), "{key}: {found:?}");
        }
        std::fs::remove_file(readme).unwrap();
        assert_eq!(check(&good).len(), 1);
    }

    #[test]
    fn the_design_has_no_cycle() {
        // In the list, each crate comes after all crates that it uses.
        for (place, one) in CRATES.iter().enumerate() {
            for used in one.uses {
                let is_used = |other: &Crate| other.folder.rsplit('/').next() == Some(used);
                let behind = CRATES.iter().position(is_used);
                assert!(behind.is_some_and(|behind| behind < place), "{} uses {used}", one.folder);
            }
        }
    }
}
