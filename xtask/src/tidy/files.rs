//! Checks names, lengths and words of files.

use std::path::Path;

use super::{Finding, Report};

/// All names that the top level of the tree must have; no others are allowed.
const TOP_LEVEL: [&str; 16] = [
    ".cargo",
    ".ci",
    ".gitignore",
    ".rustfmt.toml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "assets",
    "benches",
    "crates",
    "xtask",
];
/// A file with more lines is an error.
const MOST_LINES: usize = 600;
/// A file with more lines is a warning.
const MANY_LINES: usize = 400;

/// Words that Rust files must not have, and why. They are cut in two, so that this file passes.
const RUST_WORDS: [(&str, &str); 4] = [
    (concat!("to", "do!("), "unfinished code"),
    (concat!("unimpl", "emented!("), "unfinished code"),
    (concat!("db", "g!("), "left over from debugging"),
    (concat!("@com", "pute"), "a shader in a Rust string; move it to a .wgsl file"),
];
/// Beginnings of absolute paths that exist on one machine only.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];

pub(super) fn top_level(paths: &[&Path]) -> Vec<Finding> {
    let names: std::collections::BTreeSet<_> =
        paths.iter().filter_map(|path| path.iter().next()).collect();
    let extra = names
        .iter()
        .filter(|name| !name.to_str().is_some_and(|name| TOP_LEVEL.contains(&name)))
        .map(|name| Finding::new(name, 1, "not allowed at the top level"));
    let missing = TOP_LEVEL
        .iter()
        .filter(|name| !names.contains(std::ffi::OsStr::new(name)))
        .map(|name| Finding::new(name, 1, "missing, or not tracked by git"));
    extra.chain(missing).collect()
}

pub(super) fn size(path: &Path, text: &str, report: &mut Report) {
    if !is(path, "rs") && !is(path, "wgsl") {
        return;
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        let what = format!("{lines} lines, more than {MOST_LINES}; split the file");
        report.findings.push(Finding::new(path, lines, what));
    } else if lines > MANY_LINES {
        let what = format!("{lines} lines, more than {MANY_LINES}; can it be split?");
        report.warnings.push(Finding::new(path, lines, what));
    }
}

pub(super) fn words(path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if is(path, "rs") {
            for (word, why) in RUST_WORDS {
                if line.contains(word) {
                    findings.push(Finding::new(path, number, format!("{word:?}: {why}")));
                }
            }
        }
        for start in MACHINE_PATHS {
            if line.match_indices(start).any(|(at, _)| begins_path(&line[..at])) {
                let what = format!("a path of one machine: {start}...");
                findings.push(Finding::new(path, number, what));
            }
        }
    }
    findings
}

/// Whether a slash after this text begins an absolute path, and is not inside a path or an address.
fn begins_path(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || "._-~})*/".contains(c))
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_do_not_belong_are_found() {
        let [todo, unimplemented, debug, shader] = RUST_WORDS.map(|row| row.0);
        let rows: Vec<(&str, String, Vec<usize>)> = vec![
            ("a.rs", "fn main() {}\n".into(), vec![]),
            ("a.rs", format!("a\nb {todo})\n{unimplemented})"), vec![2, 3]),
            ("a.rs", format!("{debug}x);\n\"{shader}\""), vec![1, 2]),
            ("a.wgsl", format!("{shader} fn main() {{}}"), vec![]),
            ("README.md", format!("never {todo})"), vec![]),
        ];
        for (path, text, expected) in rows {
            let lines: Vec<usize> = words(Path::new(path), &text).iter().map(|f| f.line).collect();
            assert_eq!(lines, expected, "{text}");
        }
        for path in MACHINE_PATHS {
            for (text, found) in [
                (format!("see {path}x"), true),
                (format!("{path}x"), true),
                (format!("\"{path}x\""), true),
                (format!("PATH=:{path}x"), true),
                (format!("https://a.b{path}x"), false),
                (format!("..{path}x"), false),
            ] {
                assert_eq!(!words(Path::new("a.toml"), &text).is_empty(), found, "{text}");
            }
        }
    }

    #[test]
    fn long_files_are_found() {
        let mut report = Report { files: 0, findings: vec![], warnings: vec![] };
        for (name, lines) in
            [("a.rs", 400), ("b.rs", 401), ("c.wgsl", 600), ("d.rs", 601), ("e.md", 999)]
        {
            size(Path::new(name), &"x\n".repeat(lines), &mut report);
        }
        let names = |findings: &[Finding]| -> Vec<String> {
            findings.iter().map(|f| f.path.display().to_string()).collect()
        };
        assert_eq!(names(&report.warnings), ["b.rs", "c.wgsl"]);
        assert_eq!(names(&report.findings), ["d.rs"]);
    }

    #[test]
    fn the_top_level_is_exact() {
        let mut paths: Vec<&Path> = TOP_LEVEL.iter().map(Path::new).collect();
        paths.push(Path::new("xtask/src/main.rs"));
        assert_eq!(top_level(&paths), []);
        paths.push(Path::new("film.gif"));
        paths.retain(|path| *path != Path::new("README.md"));
        let found: Vec<_> = top_level(&paths).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, [Path::new("film.gif"), Path::new("README.md")]);
    }
}
