use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::{Vectors, binary, own, text};
use crate::{Error, Result};

/// The result of [`read`].
#[derive(Debug)]
pub struct Loaded {
    /// The table.
    pub vectors: Vectors,
    /// The number of skipped rows, whose words are empty, not UTF-8 or occurred before.
    pub skipped: usize,
}

/// Reads a file of word vectors: all words, or the first `limit`.
///
/// The name decides the format: `.safetensors` is kinora's own, `.bin` is word2vec's binary format,
/// and all others are text. Texts of word2vec and fastText have a first line with the number of
/// words and the length of a vector; GloVe's do not. A further `.gz` means compressed by gzip.
///
/// # Errors
/// If the file cannot be read or does not have the format of its name, if a row is too short or has
/// NaN, infinity or text in place of a number, if the first line promises another number of words,
/// or if there are no words. The error names the line or the byte.
pub fn read(path: &Path, limit: Option<usize>) -> Result<Loaded> {
    let limit = limit.unwrap_or(usize::MAX);
    let (mut source, packed) = open(path)?;
    if packed != ends(path, "gz") {
        return Err(Error::file(
            path,
            match packed {
                true => "the file is compressed by gzip, but its name does not end in .gz",
                false => "the name ends in .gz, but the file is not compressed by gzip",
            },
        ));
    }
    let inner = if packed { path.with_extension("") } else { path.to_owned() };
    let loaded = if ends(&inner, "safetensors") {
        if packed {
            return Err(Error::file(
                path,
                "a compressed safetensors file cannot be memory-mapped; decompress it",
            ));
        }
        own::read(path, limit)?
    } else {
        match ends(&inner, "bin") {
            true => binary::read(path, &mut *source, limit)?,
            false => text::read(path, &mut *source, limit)?,
        }
    };
    if loaded.vectors.is_empty() {
        // An empty table could claim vectors of any length.
        return Err(Error::file(path, "there are no words in the file"));
    }
    Ok(loaded)
}

/// Opens a file and decompresses it if it is gzip; the flag says whether it is.
pub fn open(path: &Path) -> Result<(Box<dyn BufRead>, bool)> {
    let file = File::open(path).map_err(|source| unread(path, source))?;
    let mut plain = BufReader::with_capacity(1 << 20, file);
    let start = plain.fill_buf().map_err(|source| unread(path, source))?;
    Ok(match start.starts_with(&[0x1f, 0x8b]) {
        true => (Box::new(BufReader::with_capacity(1 << 20, MultiGzDecoder::new(plain))), true),
        false => (Box::new(plain), false),
    })
}

/// Whether a path has this extension, in any case.
pub fn ends(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

pub fn unread(path: &Path, source: std::io::Error) -> Error {
    Error::Read { path: path.to_owned(), source }
}

/// Reads up to the byte `mark` or the end of the file. Gives the bytes without the mark, and
/// whether there was one; `None` if more than `most` bytes come before it.
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

/// The text of a file, without the byte order mark that some editors put first.
pub fn text_of(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|source| unread(path, source))?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// The number of words and the length of a vector, if the first line gives them.
pub fn header(line: &[u8]) -> Option<(usize, usize)> {
    let line = std::str::from_utf8(line).ok()?;
    // A row without a word begins with a space.
    if line.starts_with([' ', '\t']) {
        return None;
    }
    let mut fields = line.split_ascii_whitespace();
    let (count, dim) = (fields.next()?, fields.next()?);
    let number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
    let header = (number(count)?, number(dim)?);
    fields.next().is_none().then_some(header)
}
