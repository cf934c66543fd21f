use kinora_tensor::{Result, Shape, Tensor};

use crate::{Fill, Init, Module, join, kaiming};

/// y = x W + b.
///
/// # Shapes
/// x `[.., in]`, W `[in, out]`, b `[out]`, y `[.., out]`.
#[derive(Clone, Debug)]
pub struct Linear<T> {
    /// W
    pub weight: T,
    /// b
    pub bias: Option<T>,
}

impl<T> Linear<T> {
    /// Normal weights that keep the variance, and, where `bias`, a bias of zeros.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> Result<Self> {
        let bias = bias.then_some(Fill::Zeros);
        Self::with(init, [inputs, outputs], kaiming(inputs, 1.0), bias)
    }

    /// Weights `[in, out]` and bias filled as told; no bias for `None`.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
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
    /// If x does not end in `in`, or the device fails.
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

/// A vector for each of a number of things.
///
/// # Shapes
/// indices `[..]`, whole numbers as floats; table `[rows, d]`; y `[.., d]`. An index that is no
/// row gives zeros.
#[derive(Clone, Debug)]
pub struct Embedding<T> {
    /// `[rows, d]`
    pub table: T,
}

impl<T> Embedding<T> {
    /// Vectors of `d` normal numbers of variance 1, so that the mean of a few still tells which.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, rows: usize, d: usize) -> Result<Self> {
        Ok(Self { table: init.tensor([rows, d].into(), Fill::Normal(1.0))? })
    }
}

impl<T: Tensor> Embedding<T> {
    /// Indices `[..]` to vectors `[.., d]`.
    ///
    /// # Errors
    /// If the indices have as many axes as a tensor may have, or the device fails.
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
