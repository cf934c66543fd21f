use kinora_nn::{Fill, Init, Linear, Module, join};
use kinora_tensor::{Result, Tensor};

use super::SLOPE;
use crate::Attention;

/// Two more paths, each with a wide hidden layer; they add nothing before training.
#[derive(Clone, Debug)]
pub(super) struct Wide<T> {
    /// From s and z to the style, before its last leaky ReLU.
    style: (Linear<T>, Linear<T>),
    /// From the style, the frame embedding, s and z to the recurrence's input.
    plan: (Linear<T>, Linear<T>),
}

impl<T> Wide<T> {
    /// Paths with a hidden layer of this width. `style` and `plan` are the numbers of inputs and
    /// outputs of the two paths.
    pub fn new<I: Init<T>>(
        init: &mut I,
        width: usize,
        style: [usize; 2],
        plan: [usize; 2],
    ) -> Result<Self> {
        let mut path = |[from, to]: [usize; 2]| -> Result<_> {
            let first = Linear::new(init, from, width, true)?;
            Ok((first, Linear::with(init, [width, to], Fill::Zeros, None)?))
        };
        Ok(Self { style: path(style)?, plan: path(plan)? })
    }
}

impl<T: Tensor> Wide<T> {
    /// x `[n, sentence + noise]` to a summand of the style, `[n, style]`.
    pub fn to_style(&self, x: &T) -> Result<T> {
        along(&self.style, x)
    }

    /// x `[t, n, style + position + sentence + noise]` to a summand of the recurrence's input,
    /// `[t, n, h · w · input]`.
    pub fn to_plan(&self, x: &T) -> Result<T> {
        along(&self.plan, x)
    }
}

fn along<T: Tensor>((first, second): &(Linear<T>, Linear<T>), x: &T) -> Result<T> {
    second.forward(&first.forward(x)?.leaky_relu(SLOPE)?)
}

/// Attention of each cell of the recurrent state: the cell of the hair can attend to "red", and the
/// cells of the robe to "blue" (Xu et al., "AttnGAN", 2018, equation 7).
#[derive(Clone, Debug)]
pub(super) struct Cells<T> {
    attention: Attention<T>,
    /// Maps the context of a cell to a summand of the cell. The summand is 0 before training.
    tell: Linear<T>,
}

impl<T> Cells<T> {
    pub fn new<I: Init<T>>(init: &mut I, hidden: usize, word: usize) -> Result<Self> {
        Ok(Self {
            attention: Attention::new(init, hidden, word)?,
            tell: Linear::with(init, [word, hidden], Fill::Zeros, None)?,
        })
    }
}

impl<T: Tensor> Cells<T> {
    /// The cells x `[n · t, 1, h, w, hidden]` of n films, with what each cell hears of the words
    /// `[n, m, word]`; `bias` `[n, m]` as in [`Attention::forward`].
    pub fn forward(&self, x: &T, words: &T, bias: &T) -> Result<T> {
        let (shape, n) = (*x.shape(), words.shape()[0]);
        let hidden = shape[4];
        let asking = x.reshape([n, shape.elements() / hidden / n, hidden])?;
        let told = self.tell.forward(&self.attention.many(&asking, words, bias)?.0)?;
        x.add(&told.reshape(shape)?)
    }
}

impl<T> Module<T> for Wide<T> {
    type Of<U> = Wide<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Wide<U>, E> {
        Ok(Wide {
            style: self.style.try_map(&join(path, "style"), f)?,
            plan: self.plan.try_map(&join(path, "plan"), f)?,
        })
    }
}

impl<T> Module<T> for Cells<T> {
    type Of<U> = Cells<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Cells<U>, E> {
        Ok(Cells {
            attention: self.attention.try_map(&join(path, "attention"), f)?,
            tell: self.tell.try_map(&join(path, "tell"), f)?,
        })
    }
}
