use std::io;
use std::path::PathBuf;

/// An error of a tokenizer, a tagger or its training data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A vocabulary that is too small for the alphabet.
    #[error("{wanted} pieces are too few for the alphabet; the vocabulary needs at least {least}")]
    Vocabulary {
        /// The requested size.
        wanted: usize,
        /// The smallest possible size.
        least: usize,
    },
    /// A `tokenizer.json` that is invalid or unsupported.
    #[error("tokenizer.json: {0}")]
    Json(String),
    /// A text that the tokenizer rejects.
    #[error("cannot tokenize the text: {0}")]
    Tokenize(String),
    /// A file that cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The path of the file or folder.
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
    /// A sentence without exactly one label per word, or with a label that the task lacks.
    #[error("sentence {index} needs one label of {task:?} for each word")]
    Labels {
        /// The task of the sentence.
        task: crate::Task,
        /// The index of the sentence, from 0.
        index: usize,
    },
    /// A training without sentences for a task.
    #[error("there are no sentences for learning {0}; add labelled sentences")]
    NoData(&'static str),
    /// A size of a tagger or of its training that is out of bounds.
    #[error("the tagger's sizes: {0}")]
    Sizes(String),
    /// An invalid file or folder of a rust-bert model.
    #[error("{}: {reason}", .path.display())]
    Model {
        /// The path of the file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Invalid metadata or weights of a tagger.
    #[error("the tagger's weights: {0}")]
    Weights(String),
    /// An invalid safetensors file of a tagger, or an invalid tensor in it.
    #[error("the tagger's weights")]
    Tensors(#[from] kinora_nn::Error),
    /// A tensor operation that failed.
    #[error(transparent)]
    Tensor(#[from] kinora_tensor::Error),
    /// A training whose loss, gradient or weights became NaN or infinite.
    #[error("the training diverged at step {step}; try another seed")]
    Diverged {
        /// The number of the step.
        step: usize,
    },
}

/// A result with the error of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
