use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::{Vectors, binary, own, text};
use crate::{Error, Result};

/// What [`read`] found in a file.
#[derive(Debug)]
pub struct Loaded {
    /// The table.
    pub vectors: Vectors,
    /// Rows that are left out: words that are no UTF-8, or that were there before.
    pub skipped: usize,
}

/// Reads a file of word vectors, of all words or of the first `limit`.
///
/// Its name says what it is: `.safetensors` the own form, `.bin` word2vec's binary form, all others
/// text: word2vec's and fastText's with a first line of how many words there are and of how many
/// numbers, GloVe's without. With `.gz` behind that it is packed by gzip.
///
/// # Errors
/// If it cannot be read or is not what its name says; if a row has too few numbers, one that is no
/// number, or none but a word; if there are not as many words as its first line promises, or none. The
/// error has the line, or the byte.
pub fn read(path: &Path, limit: Option<usize>) -> Result<Loaded> {
    let limit = limit.unwrap_or(usize::MAX);
    let (mut source, packed) = open(path)?;
    if packed != ends(path, "gz") {
        return Err(Error::file(
            path,
            match packed {
                true => "it is packed by gzip, but its name does not end in .gz",
                false => "its name ends in .gz, but it is not packed by gzip",
            },
        ));
    }
    let inner = if packed { path.with_extension("") } else { path.to_owned() };
    let loaded = if ends(&inner, "safetensors") {
        if packed {
            return Err(Error::file(path, "unpack it first: it is read by mapping it"));
        }
        own::read(path, limit)?
    } else {
        match ends(&inner, "bin") {
            true => binary::read(path, &mut *source, limit)?,
            false => text::read(path, &mut *source, limit)?,
        }
    };
    if loaded.vectors.is_empty() {
        // Such a file may say that it has vectors of any length.
        return Err(Error::file(path, "there is no word in it"));
    }
    Ok(loaded)
}

/// What a file holds, unpacked if it is packed by gzip, and whether it is.
pub fn open(path: &Path) -> Result<(Box<dyn BufRead>, bool)> {
    let file = File::open(path).map_err(|source| unread(path, source))?;
    let mut plain = BufReader::with_capacity(1 << 20, file);
    let start = plain.fill_buf().map_err(|source| unread(path, source))?;
    Ok(match start.starts_with(&[0x1f, 0x8b]) {
        true => (Box::new(BufReader::with_capacity(1 << 20, MultiGzDecoder::new(plain))), true),
        false => (Box::new(plain), false),
    })
}

/// Whether a name ends so.
pub fn ends(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

pub fn unread(path: &Path, source: std::io::Error) -> Error {
    Error::Read { path: path.to_owned(), source }
}

/// Reads up to a mark, which is not kept, or to the end; `None` if there are more than `most` bytes
/// before it.
pub fn until(
    source: &mut dyn BufRead,
    mark: u8,
    most: usize,
) -> std::io::Result<Option<(Vec<u8>, bool)>> {
    let mut bytes = Vec::new();
    source.take(most as u64 + 1).read_until(mark, &mut bytes)?;
    let found = bytes.last() == Some(&mark);
    if found {
        bytes.pop();
    }
    Ok((found || bytes.len() <= most).then_some((bytes, found)))
}

/// How many words there are and of how many numbers, if that is what a first line says.
pub fn header(line: &[u8]) -> Option<(usize, usize)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.split_ascii_whitespace();
    let (count, dim) = (fields.next()?, fields.next()?);
    let number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
    let header = (number(count)?, number(dim)?);
    fields.next().is_none().then_some(header)
}
