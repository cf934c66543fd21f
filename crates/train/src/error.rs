use std::path::PathBuf;

/// The errors of a training or an evaluation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A config that is not valid, or that the run or the model does not allow.
    #[error("{0}")]
    Config(String),
    /// A file of a run that cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The path of the file or folder.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// A checkpoint that cannot be used.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// The path of the checkpoint.
        path: PathBuf,
        /// The defect, and the remedy if there is one.
        reason: String,
    },
    /// A judge that is missing, cannot be trained, or is for other data or another size of clips.
    #[error("{0}")]
    Judge(String),
    /// A loss or gradient that is NaN or infinite.
    #[error(
        "step {step}: the {what} is {value}: the training has diverged. The last checkpoint is intact. Use \
         --resume and lower the rate of this phase (reading.rate, copying.rate, train.rate_generator or \
         train.rate_discriminator)"
    )]
    Diverged {
        /// The first step at which it was measured.
        step: u64,
        /// The name of the loss or gradient, as in the log.
        what: &'static str,
        /// NaN or infinity.
        value: f32,
    },
    /// The system cannot start a thread.
    #[error("cannot start a thread: {0}")]
    Thread(String),
    /// An error of the data or of a clip.
    #[error(transparent)]
    Video(#[from] kinora_video::Error),
    /// An error of the model.
    #[error(transparent)]
    Model(#[from] kinora_model::Error),
    /// An error of the tokenizer.
    #[error(transparent)]
    Text(#[from] kinora_text::Error),
    /// An error of a tensor operation or of the device.
    #[error(transparent)]
    Tensor(#[from] kinora_tensor::Error),
}

/// The result type of the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
