//! Files that list clips with their captions: JSON lines, or comma-separated values.

use csv::{ReaderBuilder, StringRecord, Trim};
use serde_json::Value;

/// The names of such files. Those with `metadata` are from Hugging Face's `ImageFolder` and `VideoFolder`.
pub const LISTS: [&str; 4] = ["captions.jsonl", "captions.csv", "metadata.jsonl", "metadata.csv"];
/// Keys of the clip's file, the first that is there counts; then those of the caption.
const FILE: [&str; 3] = ["file", "file_name", "path"];
const CAPTION: [&str; 3] = ["caption", "text", "prompt"];

/// A clip's file and its caption, or what is wrong with them.
pub type Pair = Result<[String; 2], String>;

/// The pairs of a list with the line of each. `name` is the name of the list in lower case. Other programs
/// write files called `metadata` too; one that lists no captions has no pairs.
///
/// # Errors
/// If the columns of the list are not known.
pub fn pairs(name: &str, text: &str) -> Result<Vec<(usize, Pair)>, String> {
    let pairs = match name.ends_with(".csv") {
        true => of_csv(text),
        false => {
            let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
            Ok(lines.map(|(number, line)| (number, of_json(line))).collect())
        }
    };
    let lists_none = match &pairs {
        Ok(pairs) => pairs.iter().all(|(_, pair)| pair.is_err()),
        Err(_) => true,
    };
    if lists_none && name.starts_with("metadata") { Ok(Vec::new()) } else { pairs }
}

fn of_json(line: &str) -> Pair {
    let form = "a line is {\"file\": \"walk.gif\", \"caption\": \"a knight walks\"}";
    let value: Value = serde_json::from_str(line).map_err(|e| {
        let (what, column) = (e.to_string(), e.column());
        let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what);
        format!("{what} (column {column}); {form}")
    })?;
    let text = |keys: [&str; 3]| {
        let found = keys.iter().find_map(|key| Some((key, value.get(key)?)));
        match found {
            Some((_, Value::String(text))) => Ok(text.clone()),
            Some((key, _)) => Err(format!("`{key}` is not a text; {form}")),
            None => Err(format!("missing field `{}`; {form}", keys[0])),
        }
    };
    Ok([text(FILE)?, text(CAPTION)?])
}

fn of_csv(text: &str) -> Result<Vec<(usize, Pair)>, String> {
    let text = text.replace("\r\n", "\n");
    // Some programs write semicolons or tabs.
    let first = text.lines().next().unwrap_or_default();
    let count = |mark: &u8| first.bytes().filter(|byte| byte == mark).count();
    let delimiter = [b',', b';', b'\t'].into_iter().rev().max_by_key(count).unwrap_or(b',');
    let mut builder = ReaderBuilder::new();
    builder.delimiter(delimiter).flexible(true).trim(Trim::All);
    let mut reader = builder.from_reader(text.as_bytes());
    let place = |names: &StringRecord, keys: [&str; 3]| {
        let is = |key: &&str| names.iter().position(|name| name.eq_ignore_ascii_case(key));
        keys.iter().find_map(is)
    };
    let names = reader.headers().cloned().unwrap_or_default();
    let (Some(file), Some(caption)) = (place(&names, FILE), place(&names, CAPTION)) else {
        return Err("the first line must name the columns, among them `file` and `caption`".into());
    };
    let (mut pairs, mut line, mut passed) = (Vec::new(), 1, 0);
    for row in reader.records() {
        let (start, pair) = match row {
            Ok(row) => {
                let pair = match (row.get(file), row.get(caption)) {
                    (Some(file), Some(caption)) if row.len() == names.len() => {
                        Ok([file, caption].map(String::from))
                    }
                    _ => Err(format!(
                        "the row has {} column{}, not {}; put a caption with commas in quotes",
                        row.len(),
                        if row.len() == 1 { "" } else { "s" },
                        names.len()
                    )),
                };
                (row.position().map(|at| at.byte()), pair)
            }
            Err(error) => (error.position().map(|at| at.byte()), Err(error.to_string())),
        };
        // The position is that of the empty lines before the row, if there are any.
        let start = start.unwrap_or_default() as usize;
        let empty = text[start..].bytes().take_while(|&byte| byte == b'\n').count();
        line += text[passed..start + empty].bytes().filter(|&byte| byte == b'\n').count();
        passed = start + empty;
        pairs.push((line, pair));
    }
    // A quote that is not closed takes in all further rows.
    if let Some((_, pair)) = pairs.last_mut()
        && pair.as_ref().is_ok_and(|[_, caption]| caption.contains('\n'))
        && text.matches('"').count() % 2 == 1
    {
        *pair = Err("a quote begins in this row and does not end".into());
    }
    Ok(pairs)
}
