//! word2vec's binary format: `count dim\n`, then for each word its letters, a space, and `dim`
//! numbers of 32 bits, little-endian. Some programs write a line break after the numbers.

use std::io::{BufRead, Read};
use std::path::Path;

use super::read::{Loaded, header, unread, until};
use super::{Names, Vectors};
use crate::{Error, Result};

// Bytes of the first line, and of a word, at most.
const FIRST: usize = 64;
pub const WORD: usize = 64 << 10;

/// The magic number of fastText's own format.
const FASTTEXT: u32 = 793_712_314;

pub fn read(path: &Path, source: &mut dyn BufRead, limit: usize) -> Result<Loaded> {
    let wrong = |byte: usize, reason: String| {
        Err(Error::Byte { path: path.to_owned(), byte: byte as u64, reason })
    };
    let start = source.fill_buf().map_err(|error| unread(path, error))?;
    if start.starts_with(&FASTTEXT.to_le_bytes()) {
        return wrong(
            0,
            "this is a fastText model (.bin); use the .vec file of the same vectors".into(),
        );
    }
    let first = until(source, b'\n', FIRST).map_err(|error| unread(path, error))?;
    let found = first.as_ref().and_then(|(line, _)| header(line));
    let Some((count, dim)) = found.filter(|&(_, dim)| dim > 0) else {
        return wrong(
            0,
            "the number of words and the dimension of the vectors are expected here".into(),
        );
    };
    let mut at = first.map_or(0, |(line, _)| line.len() + 1);
    let (mut names, mut values, mut skipped) = (Names::default(), Vec::new(), 0);
    let mut row = Vec::new();
    for number in 1..=count {
        if names.ends.len() == limit {
            break;
        }
        let word = until(source, b' ', WORD).map_err(|error| unread(path, error))?;
        let Some((word, found)) = word else {
            return wrong(at, format!("word {number} has more than {WORD} bytes"));
        };
        if !found {
            return wrong(at, format!("the file ends at word {number} of {count}"));
        }
        let end = at + word.len() + 1;
        row.clear();
        let bytes = dim.saturating_mul(4) as u64;
        // `take` allocates only for bytes that the file has, whatever `dim` says.
        source.take(bytes).read_to_end(&mut row).map_err(|error| unread(path, error))?;
        if (row.len() as u64) < bytes {
            return wrong(
                end,
                format!("the file ends within the numbers of word {number} of {count}"),
            );
        }
        let numbers = row.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        if let Some(i) = numbers.clone().position(|x| !x.is_finite()) {
            return wrong(end + 4 * i, format!("number {} of word {number} is not finite", i + 1));
        }
        let breaks = word.iter().take_while(|&&b| b == b'\n').count();
        match std::str::from_utf8(&word[breaks..]) {
            Ok(text) => {
                if let Err(reason) = names.push(text) {
                    return wrong(at, reason);
                }
                values.extend(numbers);
            }
            Err(_) => skipped += 1,
        }
        at = end + row.len();
    }
    if names.ends.len() < limit {
        let mut rest = Vec::new();
        source.take(2).read_to_end(&mut rest).map_err(|error| unread(path, error))?;
        if !matches!(rest[..], [] | [b'\n']) {
            return wrong(at, format!("the file has more data after its {count} words"));
        }
    }
    let (vectors, again) = Vectors::unique(names, dim, values);
    Ok(Loaded { vectors, skipped: skipped + again })
}
