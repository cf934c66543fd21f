/// What can go wrong with a tokenizer.
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
}

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;
