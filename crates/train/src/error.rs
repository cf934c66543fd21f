use std::path::PathBuf;

/// What can go wrong with a training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A config that cannot be read, or a key or value that is not known.
    #[error("{0}")]
    Config(String),
    /// A file of a run that cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A checkpoint that cannot be used.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// Where.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A judge that is missing, or does not fit what is to be judged.
    #[error("{0}")]
    Judge(String),
    /// A loss or gradient that is no finite number.
    #[error(
        "step {step}: the {what} is {value}, so the training has diverged; the last checkpoint is \
         whole. Lower the learning rates or raise train.r1, and continue from it with --resume"
    )]
    Diverged {
        /// The first step of which it was measured.
        step: u64,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f32,
    },
    /// A thread that the system does not start.
    #[error("no thread can be started: {0}")]
    Thread(String),
    /// The data.
    #[error(transparent)]
    Video(#[from] kinora_video::Error),
    /// The model.
    #[error(transparent)]
    Model(#[from] kinora_model::Error),
    /// The tokenizer.
    #[error(transparent)]
    Text(#[from] kinora_text::Error),
    /// A network that failed to compute.
    #[error(transparent)]
    Tensor(#[from] kinora_tensor::Error),
}

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;
