use kinora_tensor::{Error, Result, Tensor, Update};

use crate::module::Parts;
use crate::{Module, is_buffer};

/// An exponential moving average of a module's parameters, whose samples are smoother than those of
/// the module itself (Yazıcı et al., "The unusual effectiveness of averaging in GAN training",
/// 2019).
#[derive(Clone, Debug)]
pub struct Ema<M> {
    /// The average.
    pub module: M,
    /// How much of the average is kept at each step, in the long run.
    pub rate: f32,
}

impl<M> Ema<M> {
    /// An average that starts as a copy of `module`.
    pub fn new<T: Tensor>(module: &M, rate: f32) -> Self
    where
        M: Module<T>,
    {
        Self { module: Parts::of(module).join(), rate }
    }

    /// How much of the average is kept at step `step`, counted from 0: it grows from 0.1, so that
    /// the first parameters are soon forgotten.
    pub fn rate_at(&self, step: u64) -> f32 {
        self.rate.min((step as f32 + 1.0) / (step as f32 + 10.0))
    }

    /// Moves the parameters toward those of `module`, in place where nobody else holds them, and
    /// takes over its buffers.
    ///
    /// # Errors
    /// If the modules differ in shape, or the device fails; the average is then that of `module`.
    pub fn update<T: Tensor>(&mut self, module: &M, step: u64) -> Result<()>
    where
        M: Module<T>,
    {
        let live = Parts::of(module);
        // While the average is taken apart, a copy of the module stands in its place.
        let average = std::mem::replace(&mut self.module, Parts::of(module).join());
        let mut parts = Parts::of(&average);
        drop(average);
        if parts.names != live.names {
            return Err(Error::Shape {
                op: "ema",
                shapes: live.tensors.iter().map(|t| *t.shape()).collect(),
                reason: "the average is of a module with other tensors".into(),
            });
        }
        let update = Update::Lerp { weight: 1.0 - self.rate_at(step) };
        for (name, (tensor, live)) in
            parts.names.iter().zip(parts.tensors.iter_mut().zip(&live.tensors))
        {
            if is_buffer(name) {
                *tensor = live.clone();
            } else {
                tensor.update(&update, &mut [], &[live])?;
            }
        }
        self.module = parts.join();
        Ok(())
    }
}
