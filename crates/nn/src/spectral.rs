use kinora_tensor::{Result, Tensor};

use crate::{Conv, ConvTranspose, Embedding, Fill, Init, Linear, Module, join};

/// A layer with one weight, which [`SpectralNorm`] views as a matrix `[.., columns]`.
pub trait Weighted<T>: Module<T> {
    /// The weight.
    fn weight(&self) -> &T;

    /// The same layer with another weight.
    fn with_weight(&self, weight: T) -> Self;
}

impl<T: Clone> Weighted<T> for Linear<T> {
    fn weight(&self) -> &T {
        &self.weight
    }

    fn with_weight(&self, weight: T) -> Self {
        Self { weight, bias: self.bias.clone() }
    }
}

impl<T: Clone> Weighted<T> for Conv<T> {
    fn weight(&self) -> &T {
        &self.weight
    }

    fn with_weight(&self, weight: T) -> Self {
        Self { weight, bias: self.bias.clone(), geometry: self.geometry }
    }
}

impl<T: Clone> Weighted<T> for ConvTranspose<T> {
    fn weight(&self) -> &T {
        &self.weight
    }

    fn with_weight(&self, weight: T) -> Self {
        Self { weight, bias: self.bias.clone(), geometry: self.geometry }
    }
}

impl<T: Clone> Weighted<T> for Embedding<T> {
    fn weight(&self) -> &T {
        &self.table
    }

    fn with_weight(&self, weight: T) -> Self {
        Self { table: weight }
    }
}

/// A layer whose weight W, viewed as a matrix, is divided by its largest singular value σ
/// (Miyato et al., "Spectral normalization for generative adversarial networks", 2018).
///
/// The vector u is a buffer, `buffer.u`. [`SpectralNorm::refresh`], called once a training step,
/// improves u by one step of power iteration. σ is computed as |W u|; its gradient equals that of
/// vᵀ W u with constant u and v = W u / |W u|.
///
/// # Shapes
/// W `[.., columns]`, u `[columns, 1]`.
#[derive(Clone, Debug)]
pub struct SpectralNorm<T, L> {
    /// The layer with its trained weight W, not normalised.
    pub layer: L,
    /// A unit vector near the first right singular vector of W.
    pub u: T,
}

impl<T, L> SpectralNorm<T, L> {
    /// Wraps a layer. `columns` is the length of the innermost axis of its weight, which is the
    /// number of outputs of a [`Linear`] or a [`Conv`].
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, layer: L, columns: usize) -> Result<Self> {
        let unit = Fill::Orthogonal { gain: 1.0, blocks: 1 };
        Ok(Self { layer, u: init.tensor([columns, 1].into(), unit)? })
    }
}

impl<T: Tensor, L: Weighted<T>> SpectralNorm<T, L> {
    /// The layer with the weight W / σ.
    ///
    /// # Errors
    /// If the columns of the weight and the elements of u differ in number, or the device fails.
    pub fn normalised(&self) -> Result<L> {
        let weight = self.layer.weight();
        let sigma = length(&matrix(weight)?.matmul(&self.u)?)?;
        Ok(self.layer.with_weight(weight.div(&sigma)?))
    }

    /// Updates u by one step of power iteration. Call it once a training step, outside the forward
    /// pass.
    ///
    /// # Errors
    /// If the device fails.
    pub fn refresh(&mut self) -> Result<()> {
        let matrix = matrix(self.layer.weight())?;
        let v = matrix.matmul(&self.u)?;
        let v = v.div(&length(&v)?)?;
        let u = matrix.matmul_t(true, &v, false)?;
        self.u = u.div(&length(&u)?)?;
        Ok(())
    }
}

fn matrix<T: Tensor>(weight: &T) -> Result<T> {
    let columns = weight.shape().last().copied().unwrap_or(1);
    weight.reshape([weight.shape().elements() / columns.max(1), columns])
}

/// The Euclidean norm, `[1]`. For zeros it is slightly above 0, because it is used as a divisor.
fn length<T: Tensor>(x: &T) -> Result<T> {
    x.mul(x)?.sum_all()?.affine(1.0, 1e-24)?.sqrt()?.reshape([1])
}

impl<T, L: Module<T>> Module<T> for SpectralNorm<T, L> {
    type Of<U> = SpectralNorm<U, L::Of<U>>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Self::Of<U>, E> {
        let layer = self.layer.try_map(path, f)?;
        Ok(SpectralNorm { layer, u: f(&join(path, "buffer.u"), &self.u)? })
    }
}
