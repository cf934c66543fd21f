use kinora_tensor::{Geometry, Result, Tensor};

use crate::linear::add_bias;
use crate::{Fill, Init, Module, join, kaiming};

/// The geometry of a convolution that keeps the size of its input, for a kernel of odd lengths:
/// stride 1, and half the kernel as padding.
pub fn same(kernel: [usize; 3]) -> Geometry {
    Geometry { stride: [1; 3], padding: kernel.map(|len| len / 2) }
}

/// A convolution in three dimensions. With kt = 1 it is two-dimensional.
///
/// # Shapes
/// x `[n, t, h, w, ci]`, weight `[kt, kh, kw, ci, co]`, bias `[co]`, y `[n, t', h', w', co]` with
/// t', h', w' of [`Geometry::output`].
#[derive(Clone, Debug)]
pub struct Conv<T> {
    /// `[kt, kh, kw, ci, co]`
    pub weight: T,
    /// `[co]`
    pub bias: Option<T>,
    /// Stride and padding.
    pub geometry: Geometry,
}

impl<T> Conv<T> {
    /// Normal weights that keep the variance, and a bias of zeros.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        kernel: [usize; 3],
        ci: usize,
        co: usize,
        geometry: Geometry,
    ) -> Result<Self> {
        let weight = kaiming(fan_in(kernel, ci), 1.0);
        Self::with(init, kernel, [ci, co], geometry, weight, Some(Fill::Zeros))
    }

    /// A layer with these fills for weight and bias, and channels `[ci, co]`. `None` gives no bias.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn with<I: Init<T>>(
        init: &mut I,
        [kt, kh, kw]: [usize; 3],
        [ci, co]: [usize; 2],
        geometry: Geometry,
        weight: Fill,
        bias: Option<Fill>,
    ) -> Result<Self> {
        let weight = init.tensor([kt, kh, kw, ci, co].into(), weight)?;
        let bias = bias.map(|fill| init.tensor([co].into(), fill)).transpose()?;
        Ok(Self { weight, bias, geometry })
    }
}

/// The number of inputs of one output of a convolution.
pub(crate) fn fan_in(kernel: [usize; 3], ci: usize) -> usize {
    kernel.iter().fold(ci, |product, &len| product.saturating_mul(len))
}

impl<T: Tensor> Conv<T> {
    /// x `[n, t, h, w, ci]` to `[n, t', h', w', co]`.
    ///
    /// # Errors
    /// If x does not have ci channels, the kernel does not fit x, or the device fails.
    pub fn forward(&self, x: &T) -> Result<T> {
        add_bias(x.conv(&self.weight, self.geometry)?, self.bias.as_ref())
    }
}

impl<T> Module<T> for Conv<T> {
    type Of<U> = Conv<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Conv<U>, E> {
        let weight = f(&join(path, "weight"), &self.weight)?;
        let bias = self.bias.as_ref().map(|bias| f(&join(path, "bias"), bias)).transpose()?;
        Ok(Conv { weight, bias, geometry: self.geometry })
    }
}

/// A transposed convolution: learned upsampling by the stride.
///
/// # Shapes
/// x `[n, t, h, w, ci]`, weight `[kt, kh, kw, co, ci]` (the weight of the convolution from y to x),
/// bias `[co]`, y `[n, st t, sh h, sw w, co]` for a stride of `[st, sh, sw]`.
#[derive(Clone, Debug)]
pub struct ConvTranspose<T> {
    /// `[kt, kh, kw, co, ci]`
    pub weight: T,
    /// `[co]`
    pub bias: Option<T>,
    /// Stride and padding of the convolution from y to x.
    pub geometry: Geometry,
}

impl<T> ConvTranspose<T> {
    /// Normal weights that keep the variance, and a bias of zeros.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        kernel: [usize; 3],
        ci: usize,
        co: usize,
        geometry: Geometry,
    ) -> Result<Self> {
        // The kernel's taps are spread over the outputs that the stride makes of one input.
        let stride: usize = geometry.stride.iter().product();
        let weight = kaiming(fan_in(kernel, ci) / stride.max(1), 1.0);
        let [kt, kh, kw] = kernel;
        let weight = init.tensor([kt, kh, kw, co, ci].into(), weight)?;
        let bias = Some(init.tensor([co].into(), Fill::Zeros)?);
        Ok(Self { weight, bias, geometry })
    }
}

impl<T: Tensor> ConvTranspose<T> {
    /// x `[n, t, h, w, ci]` to `[n, st t, sh h, sw w, co]`.
    ///
    /// # Errors
    /// If x does not have ci channels, if the convolution from the size of y does not give the size
    /// of x, or if the device fails. The sizes match for kernel 4, stride 2 and padding 1, and for
    /// kernel 3, stride 2 and padding 1.
    pub fn forward(&self, x: &T) -> Result<T> {
        let stride = self.geometry.stride;
        let size = [0, 1, 2].map(|i| x.shape().get(i + 1).map_or(0, |len| len * stride[i]));
        add_bias(x.conv_input(&self.weight, self.geometry, size)?, self.bias.as_ref())
    }
}

impl<T> Module<T> for ConvTranspose<T> {
    type Of<U> = ConvTranspose<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<ConvTranspose<U>, E> {
        let weight = f(&join(path, "weight"), &self.weight)?;
        let bias = self.bias.as_ref().map(|bias| f(&join(path, "bias"), bias)).transpose()?;
        Ok(ConvTranspose { weight, bias, geometry: self.geometry })
    }
}

/// Upsampling by 2: nearest-neighbour upsampling along h and w, then a 3×3 convolution
/// (Odena et al., "Deconvolution and checkerboard artifacts", 2016). One operation computes both
/// without storing the upsampled frames.
///
/// # Shapes
/// x `[n, t, h, w, ci]`, weight `[1, 3, 3, ci, co]`, bias `[co]`, y `[n, t, 2h, 2w, co]`.
#[derive(Clone, Debug)]
pub struct ResizeConv<T> {
    /// `[1, 3, 3, ci, co]`
    pub weight: T,
    /// `[co]`
    pub bias: T,
}

impl<T> ResizeConv<T> {
    /// Normal weights that keep the variance, and a bias of zeros.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, ci: usize, co: usize) -> Result<Self> {
        let kernel = [1, 3, 3];
        let weight = init.tensor([1, 3, 3, ci, co].into(), kaiming(fan_in(kernel, ci), 1.0))?;
        Ok(Self { weight, bias: init.tensor([co].into(), Fill::Zeros)? })
    }
}

impl<T: Tensor> ResizeConv<T> {
    /// x `[n, t, h, w, ci]` to `[n, t, 2h, 2w, co]`.
    ///
    /// # Errors
    /// If x does not have ci channels, or the device fails.
    pub fn forward(&self, x: &T) -> Result<T> {
        x.resize_conv(&self.weight, &self.bias)
    }
}

impl<T> Module<T> for ResizeConv<T> {
    type Of<U> = ResizeConv<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<ResizeConv<U>, E> {
        Ok(ResizeConv {
            weight: f(&join(path, "weight"), &self.weight)?,
            bias: f(&join(path, "bias"), &self.bias)?,
        })
    }
}
