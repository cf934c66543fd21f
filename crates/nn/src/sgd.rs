use kinora_tensor::{Result, Tensor, Update};

use crate::adam::updated;
use crate::{Module, is_buffer, join};

/// The hyperparameters of [`Sgd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdConfig {
    /// The learning rate.
    pub rate: f32,
    /// The share of the velocity that stays in each step; 0 for plain gradient descent.
    pub momentum: f32,
    /// The weight decay, which adds `decay` · p to the gradient of each parameter p.
    pub decay: f32,
}

impl Default for SgdConfig {
    /// Gradient descent with a rate of 0.01, momentum 0.9 and no weight decay.
    fn default() -> Self {
        Self { rate: 0.01, momentum: 0.9, decay: 0.0 }
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

impl<T: Tensor> Sgd<T> {
    /// An optimiser with zero velocities for the parameters of `module`.
    ///
    /// # Errors
    /// If the device has no room for the velocities.
    pub fn new<M: Module<T>>(module: &M, config: SgdConfig) -> Result<Self> {
        let (mut velocity, mut names) = (Vec::new(), Vec::new());
        for (name, tensor) in module.named() {
            if !is_buffer(&name) {
                velocity.push(T::full(tensor.device(), 0.0, *tensor.shape())?);
                names.push(name);
            }
        }
        Ok(Self { config, velocity, names })
    }

    /// One step with `gradients`, as [`Adam::step`](crate::Adam::step) takes it.
    ///
    /// # Errors
    /// If the gradients do not match the parameters in number or shape, or the device fails. The
    /// module is lost then.
    pub fn step<M: Module<T>>(&mut self, module: M, gradients: &[T], factor: &T) -> Result<M> {
        let SgdConfig { rate, momentum, decay } = self.config;
        let update = Update::Sgd { rate, momentum, decay };
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
