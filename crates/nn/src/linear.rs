use kinora_tensor::{Result, Shape, Tensor};

use crate::{Fill, Init, Module, join, kaiming};

/// A linear layer, y = x W + b.
///
/// # Shapes
/// x `[.., in]`, W `[in, out]`, b `[out]`, y `[.., out]`.
#[derive(Clone, Debug)]
pub struct Linear<T> {
    /// W, `[in, out]`
    pub weight: T,
    /// b, `[out]`
    pub bias: Option<T>,
}

impl<T> Linear<T> {
    /// Normal weights that keep the variance. With `bias`, the layer has a bias of zeros.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> Result<Self> {
        let bias = bias.then_some(Fill::Zeros);
        Self::with(init, [inputs, outputs], kaiming(inputs, 1.0), bias)
    }

    /// A layer with these fills for the weight `[in, out]` and the bias. `None` gives no bias.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn with<I: Init<T>>(
        init: &mut I,
        [inputs, outputs]: [usize; 2],
        weight: Fill,
        bias: Option<Fill>,
    ) -> Result<Self> {
        let weight = init.tensor([inputs, outputs].into(), weight)?;
        let bias = bias.map(|fill| init.tensor([outputs].into(), fill)).transpose()?;
        Ok(Self { weight, bias })
    }
}

impl<T: Tensor> Linear<T> {
    /// x `[.., in]` to `[.., out]`.
    ///
    /// # Errors
    /// If the innermost axis of x does not have the length `in`, or the device fails.
    pub fn forward(&self, x: &T) -> Result<T> {
        let outer = x.shape().split_last().map_or(&[][..], |(_, outer)| outer);
        let rows = outer.iter().product();
        let inputs = x.shape().last().copied().unwrap_or(1);
        let y = x.reshape([rows, inputs])?.matmul(&self.weight)?;
        let y = y.reshape(Shape::from(outer).join(&self.weight.shape()[1..]))?;
        add_bias(y, self.bias.as_ref())
    }
}

pub(crate) fn add_bias<T: Tensor>(y: T, bias: Option<&T>) -> Result<T> {
    match bias {
        Some(bias) => y.add(bias),
        None => Ok(y),
    }
}

impl<T> Module<T> for Linear<T> {
    type Of<U> = Linear<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Linear<U>, E> {
        let weight = f(&join(path, "weight"), &self.weight)?;
        let bias = self.bias.as_ref().map(|bias| f(&join(path, "bias"), bias)).transpose()?;
        Ok(Linear { weight, bias })
    }
}

/// An embedding: a learned vector for each index.
///
/// # Shapes
/// indices `[..]`, whole numbers as floats; table `[rows, d]`; y `[.., d]`. An index outside
/// `0..rows` gives zeros.
#[derive(Clone, Debug)]
pub struct Embedding<T> {
    /// `[rows, d]`
    pub table: T,
}

impl<T> Embedding<T> {
    /// Vectors of `d` normal numbers of variance 1. At this size, the mean of a few vectors still
    /// tells which vectors were averaged.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, rows: usize, d: usize) -> Result<Self> {
        Ok(Self { table: init.tensor([rows, d].into(), Fill::Normal(1.0))? })
    }
}

impl<T: Tensor> Embedding<T> {
    /// Indices `[..]` to vectors `[.., d]`.
    ///
    /// # Errors
    /// If the indices have the largest rank already, so that y would exceed it, or the device
    /// fails.
    pub fn forward(&self, indices: &T) -> Result<T> {
        self.table.gather(indices)
    }
}

impl<T> Module<T> for Embedding<T> {
    type Of<U> = Embedding<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Embedding<U>, E> {
        Ok(Embedding { table: f(&join(path, "table"), &self.table)? })
    }
}
