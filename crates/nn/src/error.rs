use kinora_tensor::Shape;

/// What can go wrong with a file of tensors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor failed, or what makes or reads one.
    #[error(transparent)]
    Tensor(#[from] kinora_tensor::Error),
    /// A file that is not safetensors, or is cut off.
    #[error("not a whole safetensors file: {0}")]
    Header(String),
    /// A tensor that the module has and the file has not.
    #[error("the tensor {name} is missing{}", suggestion(.nearest))]
    Missing {
        /// Its name.
        name: String,
        /// The name in the file that is most like it.
        nearest: Option<String>,
    },
    /// Tensors that the file has and the module has not.
    #[error("the tensor {name} is not one of this model's ({count} such in all)")]
    Unknown {
        /// The name of the first.
        name: String,
        /// How many there are.
        count: usize,
    },
    /// A tensor of another shape than the module's.
    #[error("the tensor {name} has the shape {found:?}; this model needs {wanted}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape that the module needs.
        wanted: Shape,
    },
    /// A tensor of another type than 16- or 32-bit floating point.
    #[error("the tensor {name} is of type {dtype}; F32, F16 and BF16 can be read")]
    DType {
        /// Its name.
        name: String,
        /// Its type in the file.
        dtype: String,
    },
    /// A tensor that cannot be written.
    #[error("cannot write the tensor {name}: {reason}")]
    Write {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
}

fn suggestion(name: &Option<String>) -> String {
    name.as_ref().map(|name| format!("; the nearest in the file is {name}")).unwrap_or_default()
}

/// The result of what reads and writes files; forward passes give [`kinora_tensor::Result`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
