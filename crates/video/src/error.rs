use std::path::PathBuf;

/// What can go wrong with clips, their files and datasets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Dimensions and bytes that do not make a clip.
    #[error(
        "a clip of [t, h, w, c] = {dims:?} cannot be made of {bytes} bytes (c is 1, 3 or 4, and no dimension is 0)"
    )]
    Clip {
        /// `[t, h, w, c]`.
        dims: [usize; 4],
        /// How many bytes were given.
        bytes: usize,
    },
    /// A clip of more pixels than [`crate::MAX_PIXELS`].
    #[error(
        "a clip of [t, h, w, c] = {dims:?} has more than the {} pixels allowed; make it smaller or shorter",
        crate::MAX_PIXELS
    )]
    TooLarge {
        /// `[t, h, w, c]`.
        dims: [usize; 4],
    },
    /// Clips that should be alike and are not.
    #[error("{what}: {a:?} and {b:?} ([t, h, w, c]); bring them to the same dims first")]
    Dims {
        /// What they were to be used for.
        what: &'static str,
        /// `[t, h, w, c]` of one.
        a: [usize; 4],
        /// `[t, h, w, c]` of the other.
        b: [usize; 4],
    },
    /// A frame rate that is no positive number.
    #[error("{0} frames a second is not a frame rate; it must be a positive number")]
    Fps(f32),
    /// A data spec that cannot be read.
    #[error("data spec {spec:?}: {reason}")]
    Spec {
        /// The spec as it was given.
        spec: String,
        /// What is wrong with it, and what to write.
        reason: String,
    },
    /// A file or folder that is missing or cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A file that was read and is not what it should be.
    #[error("{}: {reason}", path.display())]
    Data {
        /// Where; `path:line` is written into the reason where there is a line.
        path: PathBuf,
        /// What is wrong, and what is wanted.
        reason: String,
    },
    /// An output that cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A feed that is asked for more after it gave an error.
    #[error("the feed stopped at an earlier error; start a new one")]
    Stopped,
}

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;
