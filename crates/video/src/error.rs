use std::path::PathBuf;

/// What can go wrong with clips, their files and datasets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Dimensions that no clip can have, or that do not fit the number of bytes.
    #[error(
        "{bytes} bytes are no clip of {}; channels must be 1, 3 or 4, and no size 0", describe_dims(*dims)
    )]
    Clip {
        /// `[t, h, w, c]`.
        dims: [usize; 4],
        /// Number of bytes given.
        bytes: usize,
    },
    /// A clip of more pixels than [`crate::MAX_PIXELS`].
    #[error(
        "a clip of {} has more than the {} pixels allowed; make it smaller or shorter",
        describe_dims(*dims),
        crate::MAX_PIXELS
    )]
    TooLarge {
        /// `[t, h, w, c]`.
        dims: [usize; 4],
    },
    /// Clips that must have equal dims and do not.
    #[error(
        "{what}: the sizes of the clips differ: {} and {}; bring the clips to one size first", describe_dims(*a), describe_dims(*b)
    )]
    Dims {
        /// The operation on the clips.
        what: &'static str,
        /// `[t, h, w, c]` of the first clip.
        a: [usize; 4],
        /// `[t, h, w, c]` of the clip that differs.
        b: [usize; 4],
    },
    /// A frame rate that is not a finite positive number.
    #[error("the frame rate is {0} per second; it must be a finite positive number")]
    Fps(f32),
    /// A data spec that names no dataset, or a caption that no clip of a dataset can have.
    #[error("data spec {spec:?}: {reason}")]
    Spec {
        /// The spec as it was given.
        spec: String,
        /// The problem, and what to write instead.
        reason: String,
    },
    /// A file or folder that is missing or cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A file or folder with wrong contents.
    #[error("{}: {reason}", path.display())]
    Data {
        /// The file or folder. The reason names the line or the byte, if the problem has one.
        path: PathBuf,
        /// The problem, and what is expected.
        reason: String,
    },
    /// An output that cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// A call of [`crate::Feed::next`] after the feed gave an error.
    #[error("the feed stopped at an earlier error; start a new feed")]
    Stopped,
}

/// The dimensions `[t, h, w, c]` of a clip as a message says them: "8 frames of 64 x 32, 4 channels" for a width
/// of 64.
pub fn describe_dims([t, h, w, c]: [usize; 4]) -> String {
    let s = |n| if n == 1 { "" } else { "s" };
    format!("{t} frame{} of {w} x {h}, {c} channel{}", s(t), s(c))
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
