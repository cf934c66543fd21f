use kinora_nn::{ConditionalNorm, Conv, Fill, Init, Module, ResizeConv, join, same};
use kinora_tensor::{Result, Tensor};

use super::SLOPE;

/// A block of the decoder: doubles the resolution by nearest neighbours, then applies a 3×3
/// convolution and a conditional norm.
#[derive(Clone, Debug)]
pub(super) struct Block<T> {
    conv: ResizeConv<T>,
    norm: ConditionalNorm<T>,
}

impl<T> Block<T> {
    pub fn new<I: Init<T>>(
        init: &mut I,
        [channels, next]: [usize; 2],
        condition: usize,
        group: usize,
    ) -> Result<Self> {
        Ok(Self {
            conv: ResizeConv::new(init, channels, next)?,
            norm: ConditionalNorm::new(init, condition, next, next / group, SLOPE)?,
        })
    }
}

impl<T: Tensor> Block<T> {
    /// x `[n, 1, h, w, c]` and a condition `[n, d]` to `[n, 1, 2h, 2w, next]`.
    pub fn forward(&self, x: &T, condition: &T) -> Result<T> {
        self.norm.forward(&self.conv.forward(x)?, condition)
    }
}

/// A residual block before a block of the decoder: two 3×3 convolutions with a conditional norm
/// between them, which change nothing before training (He et al., "Deep residual learning for image
/// recognition", 2016).
#[derive(Clone, Debug)]
pub(super) struct Refine<T> {
    first: Conv<T>,
    norm: ConditionalNorm<T>,
    second: Conv<T>,
}

impl<T> Refine<T> {
    pub fn new<I: Init<T>>(
        init: &mut I,
        channels: usize,
        condition: usize,
        group: usize,
    ) -> Result<Self> {
        let kernel = [1, 3, 3];
        let both = [channels, channels];
        Ok(Self {
            first: Conv::new(init, kernel, channels, channels, same(kernel))?,
            norm: ConditionalNorm::new(init, condition, channels, channels / group, SLOPE)?,
            second: Conv::with(init, kernel, both, same(kernel), Fill::Zeros, Some(Fill::Zeros))?,
        })
    }
}

impl<T: Tensor> Refine<T> {
    /// x `[n, 1, h, w, c]` and a condition `[n, d]` to the shape of x.
    pub fn forward(&self, x: &T, condition: &T) -> Result<T> {
        let within = self.norm.forward(&self.first.forward(x)?, condition)?;
        x.add(&self.second.forward(&within)?)
    }
}

impl<T> Module<T> for Block<T> {
    type Of<U> = Block<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Block<U>, E> {
        Ok(Block {
            conv: self.conv.try_map(&join(path, "conv"), f)?,
            norm: self.norm.try_map(&join(path, "norm"), f)?,
        })
    }
}

impl<T> Module<T> for Refine<T> {
    type Of<U> = Refine<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Refine<U>, E> {
        Ok(Refine {
            first: self.first.try_map(&join(path, "first"), f)?,
            norm: self.norm.try_map(&join(path, "norm"), f)?,
            second: self.second.try_map(&join(path, "second"), f)?,
        })
    }
}
