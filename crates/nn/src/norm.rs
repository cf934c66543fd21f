use kinora_tensor::{NormSpec, Result, Tensor};

use crate::{Fill, Init, Linear, Module, join};

const EPSILON: f32 = 1e-5;

/// Group norm with a learned scale and shift for each channel, and a leaky ReLU after it
/// (Wu and He, "Group normalization", 2018). With one group it is layer norm over all axes but the
/// outermost; with as many groups as channels it is instance norm.
///
/// # Shapes
/// x and y `[n, .., c]`; scale and shift `[1, c]`. For layer norm over c alone, reshape x to
/// `[n, c]`.
#[derive(Clone, Debug)]
pub struct Norm<T> {
    /// `[1, c]`
    pub scale: T,
    /// `[1, c]`
    pub shift: T,
    /// The groups, ε, and the slope of the leaky ReLU.
    pub spec: NormSpec,
}

impl<T> Norm<T> {
    /// A scale of 1 and a shift of 0. `slope` is the negative slope of the leaky ReLU, 1 for no
    /// activation.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        channels: usize,
        groups: usize,
        slope: f32,
    ) -> Result<Self> {
        Ok(Self {
            scale: init.tensor([1, channels].into(), Fill::Ones)?,
            shift: init.tensor([1, channels].into(), Fill::Zeros)?,
            spec: NormSpec { groups, epsilon: EPSILON, slope },
        })
    }
}

impl<T: Tensor> Norm<T> {
    /// x `[n, .., c]` to the same shape.
    ///
    /// # Errors
    /// If x does not have c channels, the channels are no multiple of the groups, or the device
    /// fails.
    pub fn forward(&self, x: &T) -> Result<T> {
        x.norm(&self.scale, &self.shift, self.spec)
    }
}

impl<T> Module<T> for Norm<T> {
    type Of<U> = Norm<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Norm<U>, E> {
        let scale = f(&join(path, "scale"), &self.scale)?;
        let shift = f(&join(path, "shift"), &self.shift)?;
        Ok(Norm { scale, shift, spec: self.spec })
    }
}

/// A [`Norm`] whose scale and shift are linear functions of a condition
/// (Dumoulin et al., "A learned representation for artistic style", 2017).
///
/// # Shapes
/// x and y `[n, .., c]`, condition `[n, d]`.
#[derive(Clone, Debug)]
pub struct ConditionalNorm<T> {
    /// The layer from the condition to the scale and then the shift, `[d, 2c]`.
    pub modulation: Linear<T>,
    /// The groups, ε, and the slope of the leaky ReLU.
    pub spec: NormSpec,
}

impl<T> ConditionalNorm<T> {
    /// Scales near 1 and shifts near 0. `slope` is the negative slope of the leaky ReLU, 1 for no
    /// activation.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        condition: usize,
        channels: usize,
        groups: usize,
        slope: f32,
    ) -> Result<Self> {
        let outputs = channels.saturating_mul(2);
        let bias = Some(Fill::Blocks(&[1.0, 0.0]));
        let modulation = Linear::with(init, [condition, outputs], Fill::Normal(0.02), bias)?;
        Ok(Self { modulation, spec: NormSpec { groups, epsilon: EPSILON, slope } })
    }
}

impl<T: Tensor> ConditionalNorm<T> {
    /// x `[n, .., c]` and a condition `[n, d]` to the shape of x.
    ///
    /// # Errors
    /// If x does not have c channels, the channels are no multiple of the groups, the condition is
    /// not `[n, d]`, or the device fails.
    pub fn forward(&self, x: &T, condition: &T) -> Result<T> {
        let both = self.modulation.forward(condition)?;
        let channels = self.modulation.weight.shape()[1] / 2;
        let inner = both.shape().len() - 1;
        let scale = both.slice(inner, 0, channels)?;
        let shift = both.slice(inner, channels, channels)?;
        x.norm(&scale, &shift, self.spec)
    }
}

impl<T> Module<T> for ConditionalNorm<T> {
    type Of<U> = ConditionalNorm<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<ConditionalNorm<U>, E> {
        let modulation = self.modulation.try_map(&join(path, "modulation"), f)?;
        Ok(ConditionalNorm { modulation, spec: self.spec })
    }
}
