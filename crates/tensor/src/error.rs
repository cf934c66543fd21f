use crate::Shape;

/// What can go wrong with tensors.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Inputs whose shapes an operation does not take.
    #[error("{op} of {shapes:?}: {reason}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// The shapes of its inputs.
        shapes: Vec<Shape>,
        /// What is wanted.
        reason: String,
    },
    /// Data whose length is not that of the shape.
    #[error("{len} values do not fill a tensor of {shape} ({} elements)", shape.elements())]
    Length {
        /// How many values were given.
        len: usize,
        /// The shape that was asked for.
        shape: Shape,
    },
    /// More elements than there is room for.
    #[error("not enough memory: {0}")]
    Memory(String),
    /// The device failed, or cannot do what is asked.
    #[error("device: {0}")]
    Device(String),
}

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;
