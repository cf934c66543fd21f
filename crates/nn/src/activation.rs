use kinora_tensor::{Result, Tensor};

/// An element-wise activation function.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// x
    #[default]
    None,
    /// x where x > 0, else 0
    Relu,
    /// x where x > 0, else the slope times x
    Leaky(f32),
    /// tanh x
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
}

impl Activation {
    /// f(x), for x of any shape.
    ///
    /// # Errors
    /// If the device fails.
    pub fn forward<T: Tensor>(&self, x: &T) -> Result<T> {
        match *self {
            Activation::None => Ok(x.clone()),
            Activation::Relu => x.relu(),
            Activation::Leaky(slope) => x.leaky_relu(slope),
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => x.sigmoid(),
        }
    }
}
