use std::path::PathBuf;

/// What can go wrong with a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model file that is missing or cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A model file that is not what it should be.
    #[error("{origin}: {reason}")]
    Weights {
        /// The file, or what else it is called.
        origin: String,
        /// What is wrong, with the name of the tensor or the key.
        reason: String,
    },
    /// What a model goes with, beside its file, and is not there or is another.
    #[error("{0}")]
    Source(String),
    /// A sentence that an encoder refuses.
    #[error(transparent)]
    Embed(#[from] kinora_embed::Error),
    /// Sizes that make no model.
    #[error("{0}")]
    Config(String),
    /// A prompt that cannot be read.
    #[error(transparent)]
    Text(#[from] kinora_text::Error),
    /// A network that failed to compute.
    #[error(transparent)]
    Tensor(#[from] kinora_tensor::Error),
    /// A clip that cannot be made or written.
    #[error(transparent)]
    Video(#[from] kinora_video::Error),
}

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;
