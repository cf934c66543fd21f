//! Text formats: a word and its numbers per line, separated by spaces or tabs. word2vec and
//! fastText begin with a line of the number of words and the length of a vector; GloVe does not.

use std::io::{BufRead, Read};
use std::path::Path;

use rayon::prelude::*;

use super::read::{Loaded, header, unread};
use super::{Names, Vectors};
use crate::{Error, Result};

/// Bytes of a block, which is extended to the end of its last line.
const BLOCK: u64 = 16 << 20;
/// The byte order mark, which some programs put before a text.
const BOM: &[u8] = "\u{feff}".as_bytes();
/// The length of a vector comes from the first line or, if that line has no sizes, from the first row.
/// It is too small if words of the first rows end in a number: one word without a line of sizes, this
/// many with one.
const FIRST: usize = 2;

pub fn read(path: &Path, source: &mut dyn BufRead, limit: usize) -> Result<Loaded> {
    let mut block = Vec::new();
    let mut line = 1;
    let mut sizes: Option<(Option<usize>, usize)> = None;
    let (mut names, mut values, mut skipped, mut rows) = (Names::default(), Vec::new(), 0, 0);
    let mut longer = None;
    'all: loop {
        block.clear();
        let fill = source.take(BLOCK).read_to_end(&mut block);
        let fill = fill.and_then(|_| match block.last() {
            None | Some(b'\n') => Ok(0),
            // The limit stops at a line that is too long to be a row.
            Some(_) => source.take(BLOCK).read_until(b'\n', &mut block),
        });
        fill.map_err(|error| unread(path, error))?;
        if block.is_empty() {
            break;
        }
        if block.len() as u64 == 2 * BLOCK && block.last() != Some(&b'\n') {
            let line = line + block.iter().filter(|&&b| b == b'\n').count();
            let reason = format!("the line is too long: {BLOCK} bytes or more");
            return Err(Error::Line { path: path.to_owned(), line, reason });
        }
        if line == 1 && block.starts_with(BOM) {
            block.drain(..BOM.len());
        }
        let mut lines: Vec<(usize, &[u8])> = (line..).zip(block.split(|&b| b == b'\n')).collect();
        line += lines.len();
        if block.last() == Some(&b'\n') {
            lines.pop();
            line -= 1;
        }
        lines.retain_mut(|(_, text)| {
            *text = text.trim_ascii_end();
            !text.is_empty()
        });
        let wrong = |line, reason: String| Err(Error::Line { path: path.to_owned(), line, reason });
        let Some(&(number, first)) = lines.first() else { continue };
        let (count, dim) = match sizes {
            Some(sizes) => sizes,
            None => {
                let found = match header(first) {
                    Some((count, dim)) => {
                        lines.remove(0);
                        (Some(count), dim)
                    }
                    None => {
                        let has_word = !first.starts_with(b" ") && !first.starts_with(b"\t");
                        (None, fields(first).count() - usize::from(has_word))
                    }
                };
                if found.1 == 0 {
                    return wrong(number, "a word and its numbers are expected here".into());
                }
                *sizes.insert(found)
            }
        };
        // A number takes at least two bytes, so a line that is too short is found before any
        // allocation.
        let short = lines.iter().find(|(_, text)| text.len() / 2 < dim);
        if let Some(&(line, text)) = short {
            let found = fields(text).count() - 1;
            return wrong(line, format!("there are {found} numbers after the word, not {dim}"));
        }
        lines.truncate(limit.saturating_sub(names.ends.len()).max(1));
        let mut numbers = vec![0.0; lines.len() * dim];
        let parsed: Vec<Result<Option<&str>, String>> = lines
            .par_iter()
            .zip(numbers.par_chunks_exact_mut(dim))
            .with_min_len(64)
            .map(|((_, text), row)| parse(text, row))
            .collect();
        for ((&(line, text), row), word) in lines.iter().zip(numbers.chunks_exact(dim)).zip(parsed)
        {
            if names.ends.len() == limit {
                break 'all;
            }
            rows += 1;
            if rows <= FIRST
                && let Ok(Some(word)) = word
                && let Some((_, last)) = word.rsplit_once([' ', '\t'])
                && last.parse::<f32>().is_ok()
            {
                let found = fields(text).count() - 1;
                let (at, found) = longer.unwrap_or((line, found));
                if longer.is_some() || count.is_none() {
                    let reason = format!("there are {found} numbers after the word, not {dim}");
                    return wrong(at, reason);
                }
                longer = Some((at, found));
            }
            match word {
                Ok(Some(word)) => {
                    if let Err(reason) = names.push(word) {
                        return wrong(line, reason);
                    }
                    values.extend_from_slice(row);
                }
                Ok(None) => skipped += 1,
                Err(reason) => return wrong(line, reason),
            }
        }
    }
    let Some((count, dim)) = sizes else {
        return Err(Error::file(path, "there are no rows in the file"));
    };
    if let Some(count) = count.filter(|&count| count != rows && names.ends.len() < limit) {
        return Err(Error::file(
            path,
            format!("the first line says {count} words, but the file has {rows}"),
        ));
    }
    let (vectors, again) = Vectors::unique(names, dim, values);
    Ok(Loaded { vectors, skipped: skipped + again })
}

fn fields(line: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    line.split(|&b| b == b' ' || b == b'\t').filter(|field| !field.is_empty())
}

/// Parses a line: writes its numbers to `row` and returns its word, which may contain spaces;
/// `None` if the word is empty or not UTF-8.
fn parse<'a>(line: &'a [u8], row: &mut [f32]) -> Result<Option<&'a str>, String> {
    let dim = row.len();
    let mut rest = line;
    for (i, to) in row.iter_mut().enumerate().rev() {
        let start = rest.iter().rposition(|&b| b == b' ' || b == b'\t');
        let Some(start) = start else {
            return Err(format!("there are {} numbers after the word, not {dim}", dim - 1 - i));
        };
        let field = &rest[start + 1..];
        rest = rest[..start].trim_ascii_end();
        let number = std::str::from_utf8(field).ok().and_then(|field| field.parse::<f32>().ok());
        match number {
            Some(number) if number.is_finite() => *to = number,
            _ => {
                let field = String::from_utf8_lossy(field);
                return Err(format!("number {}, {field:?}, is not a finite number", i + 1));
            }
        }
    }
    Ok(std::str::from_utf8(rest).ok().filter(|word| !word.trim().is_empty()))
}
