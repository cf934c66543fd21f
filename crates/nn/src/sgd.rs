use std::convert::Infallible;

use kinora_tensor::{Desc, Result, Tensor, Update};

use crate::optimiser::{states, updated};
use crate::{Module, join};

/// The hyperparameters of [`Sgd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdConfig {
    /// The learning rate.
    pub rate: f32,
    /// The share of the velocity that stays in each step; 0 for plain gradient descent.
    pub momentum: f32,
    /// The weight decay, which adds `weight_decay` · p to the gradient of each parameter p, also of
    /// biases and norms.
    pub weight_decay: f32,
}

impl Default for SgdConfig {
    /// Gradient descent with a rate of 0.01, momentum 0.9 and no weight decay.
    fn default() -> Self {
        Self { rate: 0.01, momentum: 0.9, weight_decay: 0.0 }
    }
}

/// Stochastic gradient descent with momentum (Polyak, "Some methods of speeding up the convergence of
/// iteration methods", 1964); see [`Update::Sgd`].
///
/// `Sgd` is itself a [`Module`] of its velocities, so that they can be saved and loaded. The name of a
/// velocity is `velocity.`, then the name of its parameter.
#[derive(Clone, Debug)]
pub struct Sgd<T> {
    /// The hyperparameters. They may change between steps.
    pub config: SgdConfig,
    /// The velocity of each parameter.
    pub velocity: Vec<T>,
    names: Vec<String>,
}

impl<T> Sgd<T> {
    fn with<M: Module<T>, E>(
        module: &M,
        config: SgdConfig,
        velocity_of: impl Fn(&T) -> Result<T, E>,
    ) -> Result<Self, E> {
        let (velocity, names) = states(module, velocity_of)?;
        Ok(Self { config, velocity, names })
    }
}

impl Sgd<Desc> {
    /// The outline of the velocities for the parameters of an outline, to load them from a file.
    pub fn outline<M: Module<Desc>>(module: &M, config: SgdConfig) -> Self {
        let outline = Self::with(module, config, |desc| Ok::<Desc, Infallible>(*desc));
        match outline {
            Ok(outline) => outline,
            Err(never) => match never {},
        }
    }
}

impl<T: Tensor> Sgd<T> {
    /// An optimiser with zero velocities for the parameters of `module`.
    ///
    /// # Errors
    /// If the device has no room for the velocities.
    pub fn new<M: Module<T>>(module: &M, config: SgdConfig) -> Result<Self> {
        Self::with(module, config, |tensor| T::full(tensor.device(), 0.0, *tensor.shape()))
    }

    /// One step with `gradients`, as [`Adam::step`](crate::Adam::step) takes it.
    ///
    /// # Errors
    /// If the gradients do not match the parameters in number or shape, or the device fails. The
    /// module is lost then.
    pub fn step<M: Module<T>>(&mut self, module: M, gradients: &[T], factor: &T) -> Result<M> {
        let SgdConfig { rate, momentum, weight_decay } = self.config;
        let update = Update::Sgd { rate, momentum, weight_decay };
        let velocity = self.velocity.iter_mut().map(|v| [v]).collect();
        updated("sgd", module, &update, velocity, gradients, factor)
    }
}

impl<T> Module<T> for Sgd<T> {
    type Of<U> = Sgd<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Sgd<U>, E> {
        let path = join(path, "velocity");
        let named = self.names.iter().zip(&self.velocity);
        let velocity = named.map(|(name, v)| f(&join(&path, name), v)).collect::<Result<_, E>>()?;
        Ok(Sgd { config: self.config, velocity, names: self.names.clone() })
    }
}
