//! Paths of films, and lines on stdout and stderr.

use std::fmt::Display;
use std::fs;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use anyhow::Result;
use kinora_video::Format;

use crate::exit::Failure;

/// Text of files and prompts, harmless to a terminal: control characters (except line breaks and tabs) and marks
/// of text direction become escapes such as `\u001b`, as in JSON.
pub fn escaped(text: &str) -> String {
    let is_harmful = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut safe = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match is_harmful(c) {
            true => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => safe.push(c),
        }
    }
    safe
}

/// Prints a line of data on stdout, [`escaped`]. A closed pipe is no error: the work goes on.
pub fn say(line: impl Display) -> Result<()> {
    say_raw(escaped(&line.to_string()))
}

/// Like [`say`], for a line whose control characters are all of the program's own.
pub fn say_raw(line: impl Display) -> Result<()> {
    match writeln!(stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::write(format!("cannot write to stdout: {error}")).into())
        }
        _ => Ok(()),
    }
}

/// Prints a line for people on stderr, [`escaped`]; failures to write are ignored.
pub fn note(line: impl Display) {
    let _ = writeln!(stderr(), "{}", escaped(&line.to_string()));
}

/// `1 step`, `2 steps`.
pub fn count(n: u64, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}

/// The licence and the credits of films or clips on one line; empty if there is no licence.
pub fn copyright(licence: &str, credits: &str) -> String {
    if licence.is_empty() {
        return String::new();
    }
    let credits = if credits.is_empty() { "".into() } else { format!("; credit: {credits}") };
    format!("licence: {licence}{credits}").replace(char::is_control, " ")
}

/// The files or folders that films are written to.
pub struct Targets {
    pub format: Format,
    pub paths: Vec<PathBuf>,
    /// The parent folder of several sequences; created before the first film.
    folder: Option<PathBuf>,
}

impl Targets {
    /// The paths of `count` films that go to `out`: `out` itself for one film, numbered paths for
    /// several. Tests whether they can be written, and leaves nothing behind.
    pub fn new(out: &Path, count: usize) -> Result<Self> {
        let format = Format::of(out)?;
        let digits = (count.max(1) - 1).to_string().len().max(3);
        let several = count > 1;
        let (paths, folder) = match format {
            _ if !several => (vec![out.to_path_buf()], None),
            Format::Sequence => {
                let path = |k| out.join(format!("{k:0digits$}/"));
                ((0..count).map(path).collect(), Some(out.to_path_buf()))
            }
            _ => {
                let name = out.file_name().unwrap_or_default().to_string_lossy();
                let ending =
                    if format == Format::Sheet { ".sheet.png".len() } else { ending(&name) };
                let (stem, ending) = name.split_at(name.len() - ending);
                let path = |k| out.with_file_name(format!("{stem}-{k:0digits$}{ending}"));
                ((0..count).map(path).collect(), None)
            }
        };
        match (format, out.is_dir()) {
            (Format::Sequence, true) => probe(&out.join("0000.png"))?,
            _ => probe(&out.components().collect::<PathBuf>())?,
        }
        let taken = paths.iter().find(|path| path.is_dir());
        if let Some(path) = taken.filter(|_| format != Format::Sequence) {
            return Err(cannot(path, "it is a folder; name a file"));
        }
        Ok(Self { format, paths, folder })
    }

    /// Creates the parent folder of several sequences.
    pub fn prepare(&self) -> Result<()> {
        match &self.folder {
            Some(folder) if !folder.is_dir() => {
                fs::create_dir(folder).map_err(|error| cannot(folder, error))
            }
            _ => Ok(()),
        }
    }
}

/// The length of the extension, with its dot.
fn ending(name: &str) -> usize {
    name.rfind('.').map_or(0, |at| name.len() - at)
}

fn cannot(path: &Path, reason: impl Display) -> anyhow::Error {
    Failure::write(format!("cannot write {}: {reason}", path.display())).into()
}

/// Tests whether a file can be written, and leaves nothing behind.
pub fn probe(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        return Err(cannot(
            path,
            format!("there is no folder {}; make it first", parent.display()),
        ));
    }
    if path.is_dir() {
        return Err(cannot(path, "it is a folder; name a file"));
    }
    Ok(kinora_video::probe(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        let clipboard = "a\u{1b}]52;c;ZXZpbA==\u{7}b";
        assert_eq!(escaped(clipboard), "a\\u001b]52;c;ZXZpbA==\\u0007b");
        assert_eq!(escaped("\u{9b}31m\u{7f}\r\u{202e}gpj"), "\\u009b31m\\u007f\\u000d\\u202egpj");
        for harmless in
            ["two\nlines\tand a tab", "\u{e9}t\u{e9} \u{2014} \u{1f600} \u{5d0}\u{5d1}", ""]
        {
            assert_eq!(escaped(harmless), harmless);
        }
        assert_eq!(escaped("from\r\nWindows\r"), "from\nWindows\\u000d");
        // An escape in JSON stays JSON.
        let json = serde_json::Value::from("\u{85}\u{202e}x").to_string();
        let read: String = serde_json::from_str(&escaped(&json)).unwrap();
        assert_eq!(read, "\u{85}\u{202e}x");
    }
}
