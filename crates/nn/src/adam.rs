use std::convert::Infallible;

use kinora_tensor::{Desc, Result, Tensor, Update};

use crate::optimiser::{states, updated};
use crate::{Module, join};

/// The hyperparameters of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConfig {
    /// The learning rate.
    pub rate: f32,
    /// β₁, the decay of the mean of the gradients.
    pub beta1: f32,
    /// β₂, the decay of the mean of the squared gradients.
    pub beta2: f32,
    /// ε, added to the denominator.
    pub epsilon: f32,
    /// The decoupled weight decay, of all parameters, also of biases and norms. With a value above 0,
    /// the optimiser is AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019).
    pub weight_decay: f32,
}

impl Default for AdamConfig {
    /// The values of the paper. GANs are often trained without momentum instead (β₁ = 0).
    fn default() -> Self {
        Self { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// The Adam optimiser (Kingma and Ba, "Adam: a method for stochastic optimization", 2015).
///
/// `Adam` is itself a [`Module`] of its moments, so that they can be saved and loaded; save `step`
/// with them. The name of a moment is `m.` or `v.`, then the name of its parameter.
#[derive(Clone, Debug)]
pub struct Adam<T> {
    /// The hyperparameters. They may change between steps.
    pub config: AdamConfig,
    /// The mean of the gradients of each parameter.
    pub m: Vec<T>,
    /// The mean of the squared gradients of each parameter.
    pub v: Vec<T>,
    /// The number of steps taken.
    pub step: u64,
    names: Vec<String>,
}

impl<T> Adam<T> {
    fn with<M: Module<T>, E>(
        module: &M,
        config: AdamConfig,
        moment: impl Fn(&T) -> Result<T, E>,
    ) -> Result<Self, E> {
        let (m, names) = states(module, &moment)?;
        let (v, _) = states(module, &moment)?;
        Ok(Self { config, m, v, step: 0, names })
    }
}

impl Adam<Desc> {
    /// The outline of the moments for the parameters of an outline, to load them from a file.
    pub fn outline<M: Module<Desc>>(module: &M, config: AdamConfig) -> Self {
        let outline = Self::with(module, config, |desc| Ok::<Desc, Infallible>(*desc));
        match outline {
            Ok(outline) => outline,
            Err(never) => match never {},
        }
    }
}

impl<T: Tensor> Adam<T> {
    /// An optimiser with zero moments for the parameters of `module`.
    ///
    /// # Errors
    /// If the device has no room for the moments.
    pub fn new<M: Module<T>>(module: &M, config: AdamConfig) -> Result<Self> {
        Self::with(module, config, |tensor| T::full(tensor.device(), 0.0, *tensor.shape()))
    }

    /// One step with `gradients`, which are in the order of [`parameters`](crate::parameters). Each
    /// gradient is first multiplied by `factor`, `[1]`; see [`clip_factor`](crate::clip_factor).
    ///
    /// `step` consumes the module, so that it can update the tensors in place. A tensor whose
    /// buffer is shared is copied first.
    ///
    /// # Errors
    /// If the gradients do not match the parameters in number or shape, or the device fails. The
    /// module is lost then.
    pub fn step<M: Module<T>>(&mut self, module: M, gradients: &[T], factor: &T) -> Result<M> {
        let AdamConfig { rate, beta1, beta2, epsilon, weight_decay } = self.config;
        let update =
            Update::Adam { rate, beta1, beta2, epsilon, weight_decay, step: self.step + 1 };
        let moments: Vec<_> = self.m.iter_mut().zip(&mut self.v).map(|(m, v)| [m, v]).collect();
        let module = updated("adam", module, &update, moments, gradients, factor)?;
        self.step += 1;
        Ok(module)
    }
}

impl<T> Module<T> for Adam<T> {
    type Of<U> = Adam<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Adam<U>, E> {
        let mut moments = |kind: &str, tensors: &'a [T]| {
            let path = join(path, kind);
            let named = self.names.iter().zip(tensors);
            named.map(|(name, tensor)| f(&join(&path, name), tensor)).collect::<Result<_, E>>()
        };
        let (m, v) = (moments("m", &self.m)?, moments("v", &self.v)?);
        Ok(Adam { config: self.config, m, v, step: self.step, names: self.names.clone() })
    }
}
