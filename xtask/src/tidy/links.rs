//! Checks relative links in Markdown files.

use std::path::Path;

use super::Finding;

/// The relative links of the file at `path` whose target does not exist.
pub(super) fn check(root: &Path, path: &Path, text: &str) -> Vec<Finding> {
    let folder = root.join(path).parent().map(Path::to_owned).unwrap_or_default();
    let mut findings = Vec::new();
    let mut in_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for link in links(line) {
            let elsewhere = link.contains("://") || link.starts_with("mailto:");
            let target = link.split('#').next().unwrap_or_default();
            // rustdoc checks its own links, such as `crate::Item`.
            if elsewhere || target.is_empty() || target.contains("::") {
                continue;
            }
            if !folder.join(target).exists() {
                findings.push(Finding::new(path, number, format!("{link} does not exist")));
            }
        }
    }
    findings
}

/// The targets of `[text](target)`, `[name]: target`, `src="target"` and `href="target"` outside of
/// code.
fn links(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (prose, at) in prose(line) {
        for (opening, closing) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            for (start, _) in prose.match_indices(opening) {
                // The target is taken from the whole line, whatever backticks follow.
                let rest = &line[at + start + opening.len()..];
                if let Some((target, _)) = rest.split_once(closing) {
                    // A title may follow: `](target "title")`.
                    found.extend(target.split_whitespace().next());
                }
            }
        }
    }
    if line.starts_with('[')
        && let Some((_, target)) = line.split_once("]: ")
    {
        found.extend(target.split_whitespace().next());
    }
    found
}

/// The parts of a line outside of backticks, with their byte offsets. In ``[`a`](b)``, the `](` belongs
/// to the part after the closing backtick.
fn prose(line: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut at = 0;
    line.split('`').enumerate().filter_map(move |(i, part)| {
        let start = at;
        at += part.len() + 1;
        (i % 2 == 0).then_some((part, start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("docs")).unwrap();
        std::fs::write(root.path().join("docs/here.md"), "").unwrap();
        let rows: [(&str, &[usize]); 13] = [
            ("[a](here.md) and [b](../docs/here.md#top) and [c](#here)", &[]),
            ("[a](gone.md)\n\n![b](gone.gif)", &[1, 3]),
            ("[a](here.md), [b](gone.md), [c](gone.md)", &[1, 1]),
            ("[`a`](gone.md)", &[1]),
            ("[`a`](here.md \"title\")", &[]),
            ("`[a](gone.md)`", &[]),
            ("```\n[a](gone.md)\n```\n[b](gone.md)", &[4]),
            ("[a](https://example.org/gone.md) <https://example.org>", &[]),
            ("[a](crate::Gone) and [b](Gone::gone)", &[]),
            ("<img src=\"gone.gif\"> <a href=\"here.md\">", &[1]),
            ("[a]: gone.md\n[b]: here.md", &[1]),
            ("ünï `cødé` [a](gone.md)", &[1]),
            ("[a](", &[]),
        ];
        for (text, expected) in rows {
            let found = check(root.path(), Path::new("docs/page.md"), text);
            let lines: Vec<usize> = found.iter().map(|finding| finding.line).collect();
            assert_eq!(lines, expected, "{text}: {found:?}");
        }
    }
}
