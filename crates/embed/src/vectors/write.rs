use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use half::f16;

use super::Vectors;
use super::binary::WORD;
use super::read::ends;
use crate::{Error, Result};

/// The file formats of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// word2vec's text: the first line gives the number of words and the length of a vector.
    Word2Vec,
    /// word2vec's binary format: the same first line, then 32-bit floats.
    Word2VecBinary,
    /// GloVe's text, without a first line.
    Glove,
    /// fastText's text: as word2vec's, with a space after each vector.
    FastText,
    /// Kinora's own format with 32-bit floats: a safetensors file that is mapped, not read.
    Own,
    /// Kinora's own format with 16-bit floats: half as large, but read and converted.
    OwnHalf,
}

impl Form {
    /// Whether this is kinora's own format.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Own | Self::OwnHalf)
    }

    /// The format that a file name stands for: `.safetensors` for kinora's own, `.bin` for
    /// word2vec's binary, `.vec` for fastText's, and `.txt` for word2vec's text, or for GloVe's if
    /// the name begins with `glove`. All but the own format may have a further `.gz`. `None` for
    /// other names.
    pub fn of(path: &Path) -> Option<Self> {
        if ends(path, "safetensors") {
            return Some(Self::Own);
        }
        let path = if ends(path, "gz") { path.with_extension("") } else { path.to_owned() };
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        match () {
            () if ends(&path, "bin") => Some(Self::Word2VecBinary),
            () if ends(&path, "vec") => Some(Self::FastText),
            () if ends(&path, "txt") && name.starts_with("glove") => Some(Self::Glove),
            () if ends(&path, "txt") => Some(Self::Word2Vec),
            () => None,
        }
    }
}

/// Writes a table, compressed by gzip if the name ends in `.gz`. The table goes to a temporary file
/// in the same folder, which is then renamed.
///
/// Only kinora's own format holds the vectors of letter n-grams; the others leave them out. Texts
/// have the shortest decimals that give the same numbers when they are read.
///
/// # Errors
/// If the file cannot be written, if a word has a space or line break that the format cannot hold
/// or is too long for it, or if a number is NaN, infinite or too large for 16-bit floats.
pub fn write(vectors: &Vectors, path: &Path, form: Form) -> Result<()> {
    let breaks: &[char] = match form {
        Form::Own | Form::OwnHalf => &[],
        Form::Word2VecBinary => &[' ', '\n'],
        // In a text, a word may contain spaces, but no line break.
        _ => &['\n'],
    };
    let outer = |word: &str| word.trim_ascii() != word || word.contains('\t');
    let long = |word: &str| form == Form::Word2VecBinary && word.len() > WORD;
    let bad = |word: &&str| word.contains(breaks) || long(word) || (!form.is_own() && outer(word));
    if let Some(word) = vectors.words().find(bad) {
        let start: String = word.chars().take(40).collect();
        return Err(Error::file(
            path,
            format!("this format cannot hold the word {start:?}; write .safetensors"),
        ));
    }
    let (numbers, dim) = (vectors.values(), vectors.dim());
    if let Some(at) = numbers.iter().position(|x| !x.is_finite()) {
        let (word, x) = (vectors.word(at / dim), numbers[at]);
        return Err(Error::file(
            path,
            format!("the vector of {word:?} holds {x}; vectors must be finite"),
        ));
    }
    if let Some(x) = vectors.ngrams().iter().find(|x| !x.is_finite()) {
        return Err(Error::file(
            path,
            format!("the vector of a letter n-gram holds {x}; vectors must be finite"),
        ));
    }
    let large = |x: &&f32| !f16::from_f32(**x).is_finite();
    if form == Form::OwnHalf
        && let Some(x) = vectors.values().iter().chain(vectors.ngrams()).find(large)
    {
        return Err(Error::file(
            path,
            format!("{x} is too large for 16-bit numbers; write 32-bit numbers"),
        ));
    }
    // The target of a link is replaced, not the link. A device or a pipe is written directly.
    let link = path.is_symlink().then(|| std::fs::canonicalize(path).ok()).flatten();
    let place = link.unwrap_or_else(|| path.to_owned());
    let there = std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut number = 0;
    let (file, part) = loop {
        if there {
            break (File::create(&place), place.clone());
        }
        // A name that exists may be a link that somebody else made, or the file of another process.
        let part = place.with_file_name(format!(".{name}.{}-{number}.part", std::process::id()));
        match File::create_new(&part) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            made => break (made, part),
        }
    };
    let is_made = file.is_ok();
    let written = file.and_then(|file| {
        let file = BufWriter::with_capacity(1 << 20, file);
        let file = match ends(path, "gz") && !form.is_own() {
            true => {
                let mut packed = GzEncoder::new(file, Compression::default());
                put(vectors, &mut packed, form)?;
                packed.finish()?
            }
            false => {
                let mut file = file;
                put(vectors, &mut file, form)?;
                file
            }
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        if there {
            return Ok(());
        }
        file.sync_all()?;
        std::fs::rename(&part, &place)
    });
    written.map_err(|source| {
        if !there && is_made {
            let _ = std::fs::remove_file(&part);
        }
        Error::Write { path: path.to_owned(), source }
    })
}

fn put(vectors: &Vectors, to: &mut dyn Write, form: Form) -> io::Result<()> {
    if form.is_own() {
        return own(vectors, to, form == Form::OwnHalf);
    }
    if form != Form::Glove {
        writeln!(to, "{} {}", vectors.len(), vectors.dim())?;
    }
    for (word, row) in vectors.words().zip(vectors.values().chunks_exact(vectors.dim())) {
        to.write_all(word.as_bytes())?;
        match form {
            Form::Word2VecBinary => {
                to.write_all(b" ")?;
                row.iter().try_for_each(|x| to.write_all(&x.to_le_bytes()))?;
            }
            _ => {
                row.iter().try_for_each(|x| write!(to, " {x}"))?;
                to.write_all(if form == Form::FastText { b" \n" } else { b"\n" })?;
            }
        }
    }
    Ok(())
}

fn own(vectors: &Vectors, to: &mut dyn Write, half: bool) -> io::Result<()> {
    let (numbers, width) = if half { ("F16", 2) } else { ("F32", 4) };
    let (names, dim) = (&vectors.names, vectors.dim());
    let buckets = vectors.ngrams().len() / dim;
    let mut header = String::from("{");
    let mut at = 0;
    // The floats come first, so that they are aligned and a map can be used without a copy.
    for (name, dtype, shape, width) in [
        ("vectors", numbers, vec![vectors.len(), dim], width),
        ("ngrams", numbers, vec![buckets, dim], width),
        ("ends", "U32", vec![vectors.len()], 4),
        ("order", "U32", vec![vectors.len()], 4),
        ("words", "U8", vec![names.text.len()], 1),
    ] {
        if name == "ngrams" && buckets == 0 {
            continue;
        }
        let end = at + shape.iter().product::<usize>() * width;
        let comma = if at > 0 || header.len() > 1 { "," } else { "" };
        header += &format!(
            "{comma}\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\
             \"data_offsets\":[{at},{end}]}}"
        );
        at = end;
    }
    header.push('}');
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    to.write_all(&(header.len() as u64).to_le_bytes())?;
    to.write_all(header.as_bytes())?;
    vectors.values().iter().chain(vectors.ngrams()).try_for_each(|&x| match half {
        true => to.write_all(&f16::from_f32(x).to_le_bytes()),
        false => to.write_all(&x.to_le_bytes()),
    })?;
    names.ends.iter().chain(&names.order).try_for_each(|x| to.write_all(&x.to_le_bytes()))?;
    to.write_all(names.text.as_bytes())
}
