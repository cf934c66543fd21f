//! Text for learning word vectors, read in blocks, so that it may be larger than memory.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::path::PathBuf;

use crate::vectors::open;
use crate::{Error, Result};

/// Bytes of a block, which is extended to the end of its last line, by at most `LINE` bytes. A longer line is
/// split between two words: some corpora are a single line.
const BLOCK: u64 = 256 << 10;
const LINE: u64 = 1 << 20;

/// Words of a sentence at most: a longer line is split, as word2vec does.
pub const SENTENCE: usize = 10_000;

/// Text files with one sentence per line and words separated by white space, plain or compressed by
/// gzip.
#[derive(Clone, Debug)]
pub struct Corpus {
    files: Vec<PathBuf>,
}

/// The words that are frequent enough to have a vector, the most frequent first.
#[derive(Debug)]
pub struct Vocabulary {
    pub words: Vec<String>,
    pub counts: Vec<u64>,
    ids: HashMap<String, u32>,
    /// The sum of the counts.
    pub total: u64,
}

impl Corpus {
    /// A corpus of these files, in order. Training reads them once to count words, then to learn:
    /// once per epoch for [`crate::Word2Vec`], once for [`crate::Glove`].
    ///
    /// # Errors
    /// If a file cannot be opened or cannot be read more than once, such as a pipe.
    pub fn new(files: &[PathBuf]) -> Result<Self> {
        for path in files {
            if path.exists() && !path.is_file() && !path.is_dir() {
                let reason = "a corpus is read more than once, so it must be a regular file";
                return Err(Error::file(path, reason));
            }
            open(path)?;
        }
        Ok(Self { files: files.to_vec() })
    }

    /// Calls `f` with blocks of whole lines, in order, until it returns `false`. A line of more than 1 MiB may be
    /// split between two words, at ASCII white space. Invalid UTF-8 is
    /// replaced by U+FFFD.
    pub fn blocks(&self, f: &mut dyn FnMut(String) -> bool) -> Result<()> {
        for path in &self.files {
            let (mut file, _) = open(path)?;
            let (mut is_first, mut rest) = (true, Vec::new());
            loop {
                let mut block = std::mem::take(&mut rest);
                let read = file.by_ref().take(BLOCK).read_to_end(&mut block);
                let read =
                    read.and_then(|_| file.by_ref().take(LINE).read_until(b'\n', &mut block));
                let read = read.map_err(|source| Error::Read { path: path.clone(), source })?;
                if block.is_empty() {
                    break;
                }
                if read as u64 == LINE && !block.ends_with(b"\n") {
                    let Some(end) = block.iter().rposition(u8::is_ascii_whitespace) else {
                        let reason = format!("{LINE} bytes without white space are no text");
                        return Err(Error::file(path, reason));
                    };
                    rest = block.split_off(end + 1);
                }
                // Some editors put a byte order mark before the text.
                if std::mem::take(&mut is_first) && block.starts_with("\u{feff}".as_bytes()) {
                    block.drain(..3);
                }
                if block.contains(&0) {
                    return Err(Error::file(
                        path,
                        "the file has NUL bytes, so it is not a text file",
                    ));
                }
                let text = String::from_utf8(block);
                let text = text.unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into());
                if !f(text) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The words that occur at least `least` times, the most frequent first. Equally frequent words
    /// are in the order of their first occurrence, so a list of distinct words keeps its order.
    ///
    /// # Errors
    /// If a file cannot be read or is not text.
    pub fn words(&self, least: u64) -> Result<Vec<String>> {
        self.vocabulary(least).map(|vocabulary| vocabulary.words)
    }

    /// Counts words, and leaves out words that occur fewer than `least` times.
    pub(crate) fn vocabulary(&self, least: u64) -> Result<Vocabulary> {
        // The count of each word, and its rank in the order of first occurrence.
        let mut counts: HashMap<String, (u64, usize)> = HashMap::new();
        self.blocks(&mut |block| {
            for word in block.split_whitespace() {
                match counts.get_mut(word) {
                    Some((count, _)) => *count += 1,
                    None => {
                        counts.insert(word.to_owned(), (1, counts.len()));
                    }
                }
            }
            true
        })?;
        let mut all: Vec<(String, (u64, usize))> =
            counts.into_iter().filter(|(_, (count, _))| *count >= least).collect();
        all.sort_unstable_by_key(|&(_, (count, met))| (Reverse(count), met));
        let ids = all.iter().zip(0..).map(|((word, _), id)| (word.clone(), id)).collect();
        let (words, counts): (_, Vec<u64>) =
            all.into_iter().map(|(word, (count, _))| (word, count)).unzip();
        Ok(Vocabulary { total: counts.iter().sum(), words, counts, ids })
    }
}

impl Vocabulary {
    /// The index of a word; `None` for a word that is too rare.
    pub fn id(&self, word: &str) -> Option<u32> {
        self.ids.get(word).copied()
    }
}
