use std::io;
use std::path::{Path, PathBuf};

/// An error of word vectors, a corpus or a sentence encoder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A malformed line of a file.
    #[error("{}:{line}: {reason}", .path.display())]
    Line {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with the line.
        reason: String,
    },
    /// A malformed part of a binary file.
    #[error("{}: byte {byte}: {reason}", .path.display())]
    Byte {
        /// The path of the file.
        path: PathBuf,
        /// The number of the byte, from 0.
        byte: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A file or folder that is invalid as a whole.
    #[error("{}: {reason}", .path.display())]
    File {
        /// The path of the file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Words and numbers that do not form a table, or a training of vectors that is impossible.
    #[error("word vectors: {0}")]
    Table(String),
    /// The library onnxruntime is missing or too old.
    #[error(
        "cannot load onnxruntime 1.24 or later; set ORT_DYLIB_PATH to the path of its library: {0}"
    )]
    Library(String),
}

impl Error {
    pub(crate) fn file(path: &Path, reason: impl ToString) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// A result with the error of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
