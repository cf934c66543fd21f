use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with a table of word vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of a file that is not what it should be.
    #[error("{}:{line}: {reason}", .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A place in a file that is not what it should be.
    #[error("{}: byte {byte}: {reason}", .path.display())]
    Byte {
        /// Which file.
        path: PathBuf,
        /// Which byte, from 0.
        byte: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A file as a whole that is not what it should be.
    #[error("{}: {reason}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Words and numbers that make no table.
    #[error("no table of word vectors: {0}")]
    Table(String),
    /// The library that runs encoders is not there, or is too old.
    #[error("no onnxruntime of version 1.24 or later; name its library in ORT_DYLIB_PATH: {0}")]
    Library(String),
}

impl Error {
    pub(crate) fn file(path: &Path, reason: impl ToString) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// The result of what this crate does with files and tables.
pub type Result<T, E = Error> = std::result::Result<T, E>;
