use std::path::PathBuf;

/// An error of loading, saving or running a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model file that is missing or cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A model file that is invalid.
    #[error("{origin}: {reason}")]
    Weights {
        /// The path or other name of the file.
        origin: String,
        /// What is wrong, with the name of the tensor or the key.
        reason: String,
    },
    /// Word vectors or an encoder that the model needs and that are missing, invalid, or not those
    /// that it was trained with.
    #[error("{0}")]
    Source(String),
    /// A sentence that the ONNX encoder cannot encode.
    #[error(transparent)]
    Embed(#[from] kinora_embed::Error),
    /// Sizes that are invalid, or a request that the sizes of the model do not allow.
    #[error("{0}")]
    Config(String),
    /// A tagger that cannot be loaded, or a prompt that cannot be tokenized or tagged.
    #[error(transparent)]
    Text(#[from] kinora_text::Error),
    /// A tensor operation that failed.
    #[error(transparent)]
    Tensor(#[from] kinora_tensor::Error),
    /// A clip that cannot be created, or a model file that cannot be written.
    #[error(transparent)]
    Video(#[from] kinora_video::Error),
}

/// A result with the error of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
