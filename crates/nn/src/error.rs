use kinora_tensor::Shape;

/// An error of reading or writing a safetensors file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor could not be created on its device or read from it.
    #[error(transparent)]
    Tensor(#[from] kinora_tensor::Error),
    /// The file is not a safetensors file, or is cut off.
    #[error("not a safetensors file, or only a part of one: {0}")]
    Header(String),
    /// The checksum of the file does not match its bytes.
    #[error("the checksum does not match: the file is damaged or was changed; copy it again")]
    Damaged,
    /// A tensor of the file has a value that is NaN or infinite.
    #[error("tensor {name:?} holds {value}; weights must be finite")]
    NotFinite {
        /// The name of the tensor.
        name: String,
        /// The value.
        value: f32,
    },
    /// The module has a tensor that the file does not have.
    #[error("the tensor {name} is missing{}", suggestion(.nearest))]
    Missing {
        /// The name of the tensor.
        name: String,
        /// The most similar name in the file, if there is one.
        nearest: Option<String>,
    },
    /// The file has tensors that the module does not have.
    #[error(
        "this model lacks tensors of the file, first {name} ({count} in all); the file is of another model"
    )]
    Unknown {
        /// The name of the first such tensor.
        name: String,
        /// The number of such tensors.
        count: usize,
    },
    /// The tensor has another shape in the file than in the module.
    #[error("the tensor {name} has the shape {found:?}; this model needs {wanted}")]
    Shape {
        /// The name of the tensor.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape that the module needs.
        wanted: Shape,
    },
    /// The tensor's type is not a 16- or 32-bit floating-point type.
    #[error("the tensor {name} has the type {dtype}; supported types are F32, F16 and BF16")]
    DType {
        /// The name of the tensor.
        name: String,
        /// The type in the file.
        dtype: String,
    },
    /// The tensor cannot be written.
    #[error("cannot write the tensor {name}: {reason}")]
    Write {
        /// The name of the tensor.
        name: String,
        /// The reason.
        reason: String,
    },
}

fn suggestion(name: &Option<String>) -> String {
    name.as_ref().map(|name| format!("; the nearest in the file is {name}")).unwrap_or_default()
}

/// The result of reading or writing a file. Forward passes return [`kinora_tensor::Result`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
