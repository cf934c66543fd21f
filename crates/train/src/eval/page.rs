//! A report as a self-contained HTML page: the films with their sentences, then the table.

use std::fmt::Write;

use kinora_video::{Clip, Format, SaveOptions};

use super::report::{Report, Shown, TITLES};
use crate::Result;

const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Films and their sentences</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; }
.films { display: flex; flex-wrap: wrap; gap: 1em; }
.film { width: 18em; border: 1px solid #ccc; border-radius: .5em; padding: .7em; }
.film img { width: 8em; image-rendering: pixelated; background: #eee; }
.film p { margin: .4em 0; }
.right { color: #187a2c; } .wrong { color: #b3261e; } .unsaid { color: #777; }
small { color: #555; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: .15em .8em; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; }
</style>
";

impl Report {
    /// The report as a self-contained HTML page: films beside real clips, with their sentences and
    /// the attributes that the judge sees, then all figures.
    ///
    /// # Errors
    /// If a film is too large to be encoded.
    pub fn to_html(&self) -> Result<String> {
        let mut page = String::from(HEAD);
        let (model, steps) = (escaped(&self.model.0), self.model.1);
        let _ = writeln!(
            page,
            "<h1>{model} after {steps} steps, on {}</h1>\n<p>{} prompts of each split, {} films of \
             each prompt. Left: the film; right: the real clip. A value that the sentence mentions is \
             <span class=\"right\">green</span> if the judge sees it, and \
             <span class=\"wrong\">red</span> if the judge sees another value, which follows; a value \
             that the sentence leaves open is <span class=\"unsaid\">grey</span>.</p>",
            escaped(&self.data),
            self.prompts,
            self.seeds
        );
        for (side, title) in TITLES {
            let _ = writeln!(page, "<h2>{}</h2>\n<div class=\"films\">", capital(title));
            for shown in self.shown.iter().filter(|shown| shown.side == side) {
                page += &film(shown)?;
            }
            page += "</div>\n";
        }
        page += "<table>\n";
        let lines = self.lines();
        for (k, line) in lines.iter().enumerate() {
            let cell = if k == 0 { "th" } else { "td" };
            page += "<tr>";
            for text in line {
                let _ = write!(page, "<{cell}>{}</{cell}>", escaped(text));
            }
            page += "</tr>\n";
        }
        Ok(page + "</table>\n</html>\n")
    }
}

fn film(shown: &Shown) -> Result<String> {
    let mut text = String::from("<div class=\"film\">");
    for clip in [&shown.film, &shown.real] {
        let _ = write!(text, "<img alt=\"\" src=\"{}\"> ", source(clip)?);
    }
    let _ = write!(text, "<p>{}</p><small>", escaped(&shown.caption.text));
    for (name, value) in &shown.judged {
        let truth = shown.caption.attributes.get(name);
        let is_said = shown.caption.said.contains(name);
        let (class, told) = match (is_said, truth) {
            (false, _) => ("unsaid", format!("{name}: {value}")),
            (true, Some(truth)) if truth == value => ("right", format!("{name}: {value}")),
            (true, truth) => {
                let truth = truth.map_or("", String::as_str);
                ("wrong", format!("{name}: {truth}, not {value}"))
            }
        };
        let _ = write!(text, "<span class=\"{class}\">{}</span><br>", escaped(&told));
    }
    Ok(text + "</small></div>\n")
}

/// A clip as the data URL of an image.
fn source(clip: &Clip) -> Result<String> {
    Ok(format!(
        "data:image/apng;base64,{}",
        base64(&clip.encode(Format::Apng, &SaveOptions::default())?)
    ))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |k: usize| u32::from(three.get(k).copied().unwrap_or(0));
        let number = at(0) << 16 | at(1) << 8 | at(2);
        for k in 0..4 {
            let is_there = k <= three.len();
            let digit = DIGITS[(number >> (18 - 6 * k)) as usize % 64] as char;
            text.push(if is_there { digit } else { '=' });
        }
    }
    text
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(text.len().min(1));
    first.to_uppercase() + rest
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
