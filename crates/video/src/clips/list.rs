//! Files that list clips with their captions: JSON lines, or comma-separated values.

use csv::{ReaderBuilder, StringRecord};
use serde_json::Value;

/// The names of such files. Those with `metadata` are from Hugging Face's `ImageFolder` and `VideoFolder`.
pub const LISTS: [&str; 4] = ["captions.jsonl", "captions.csv", "metadata.jsonl", "metadata.csv"];
/// Keys of the clip's file, the first that is there counts; then those of the caption.
const FILE: [&str; 3] = ["file", "file_name", "path"];
const CAPTION: [&str; 3] = ["caption", "text", "prompt"];

/// A clip's file and its caption, or what is wrong with them.
pub type Pair = Result<[String; 2], String>;

/// The pairs of a list with the line of each. `name` is the name of the list in lower case.
pub fn pairs(name: &str, text: &str) -> Vec<(usize, Pair)> {
    match name.ends_with(".csv") {
        true => of_csv(text),
        false => {
            let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
            lines.map(|(number, line)| (number, of_json(line))).collect()
        }
    }
}

fn of_json(line: &str) -> Pair {
    let form = "a line is {\"file\": \"walk.gif\", \"caption\": \"a knight walks\"}";
    let value: Value = serde_json::from_str(line).map_err(|e| {
        let (what, column) = (e.to_string(), e.column());
        let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what);
        format!("{what} (column {column}); {form}")
    })?;
    let text = |keys: [&str; 3]| {
        let found = keys.iter().find_map(|key| value.get(key)?.as_str());
        found.map(String::from).ok_or_else(|| format!("missing field `{}`; {form}", keys[0]))
    };
    Ok([text(FILE)?, text(CAPTION)?])
}

fn of_csv(text: &str) -> Vec<(usize, Pair)> {
    // Some programs write semicolons or tabs.
    let first = text.lines().next().unwrap_or_default();
    let count = |mark: &u8| first.bytes().filter(|byte| byte == mark).count();
    let delimiter = [b',', b';', b'\t'].into_iter().rev().max_by_key(count).unwrap_or(b',');
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let place = |names: &StringRecord, keys: [&str; 3]| {
        let is = |key: &&str| names.iter().position(|name| name.trim().eq_ignore_ascii_case(key));
        keys.iter().find_map(is)
    };
    let names = reader.headers().cloned().unwrap_or_default();
    let (Some(file), Some(caption)) = (place(&names, FILE), place(&names, CAPTION)) else {
        let reason = "the first line must name the columns, among them `file` and `caption`";
        return vec![(1, Err(reason.into()))];
    };
    let row = |row: Result<StringRecord, csv::Error>| match row {
        Ok(row) => {
            let line = row.position().map_or(0, |position| position.line() as usize);
            let pair = row.get(file).zip(row.get(caption));
            let reason = || format!("the row has {} of {} columns", row.len(), names.len());
            (line, pair.map(|(file, caption)| [file, caption].map(String::from)).ok_or_else(reason))
        }
        Err(error) => {
            let line = error.position().map_or(0, |position| position.line() as usize);
            (line, Err(error.to_string()))
        }
    };
    reader.records().map(row).collect()
}
