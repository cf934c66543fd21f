use crate::Shape;

/// An error of a tensor operation or of its device.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The shapes of the inputs do not fit the operation.
    #[error("{op} of {shapes:?}: {reason}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// The shapes of its inputs.
        shapes: Vec<Shape>,
        /// What the operation requires.
        reason: String,
    },
    /// The number of values differs from the number of elements of the shape.
    #[error("{len} values do not fill a tensor of {shape} ({} elements)", shape.elements())]
    Length {
        /// The number of values given.
        len: usize,
        /// The requested shape.
        shape: Shape,
    },
    /// The tensor does not fit into memory.
    #[error("not enough memory: {0}")]
    Memory(String),
    /// The device failed, or does not support the request.
    #[error("device: {0}")]
    Device(String),
}

/// A result with this crate's [`Error`] by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;
