use std::io;
use std::path::PathBuf;

/// What can go wrong with a tokenizer or a tagger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A vocabulary that has no room for the alphabet.
    #[error("a vocabulary of {wanted} has no room for the alphabet; it must be at least {least}")]
    Vocabulary {
        /// The size that was asked for.
        wanted: usize,
        /// The least size.
        least: usize,
    },
    /// A `tokenizer.json` that cannot be used.
    #[error("tokenizer.json: {0}")]
    Json(String),
    /// A text that the tokenizer cannot read.
    #[error("cannot tokenize the text: {0}")]
    Tokenize(String),
    /// A file that cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder that cannot be written.
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
    /// A sentence whose labels are not one a word, or not of the task.
    #[error("sentence {index} has other labels than those of {task:?}, one a word")]
    Labels {
        /// What they should be of.
        task: crate::Task,
        /// Which sentence, from 0.
        index: usize,
    },
    /// Nothing to learn from.
    #[error("there is nothing to learn {0} from")]
    NoData(&'static str),
    /// Sizes that make no tagger.
    #[error("the tagger's sizes: {0}")]
    Sizes(String),
    /// A file of a model, or its folder, that cannot be used.
    #[error("{}: {reason}", .path.display())]
    Model {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The weights of a tagger that cannot be used.
    #[error("the tagger's weights: {0}")]
    Weights(String),
    /// The same, with what is wrong with one of its tensors or with the file.
    #[error("the tagger's weights")]
    Tensors(#[from] kinora_nn::Error),
    /// What the device says.
    #[error(transparent)]
    Tensor(#[from] kinora_tensor::Error),
    /// A training whose loss is no number any more.
    #[error("the training diverged at step {step}; try a smaller rate")]
    Diverged {
        /// At which step.
        step: usize,
    },
}

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;
