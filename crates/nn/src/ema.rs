use kinora_tensor::{Error, Result, Tensor, Update};

use crate::module::Parts;
use crate::{Module, is_buffer};

/// An exponential moving average of a module's parameters. Samples of a generator with averaged
/// parameters are smoother than those of the generator itself (Yazıcı et al., "The unusual
/// effectiveness of averaging in GAN training", 2019).
#[derive(Clone, Debug)]
pub struct Ema<M> {
    /// The module with the averaged parameters.
    pub module: M,
    /// The decay: the weight of the old average at each step, after the warm-up of
    /// [`Ema::rate_at`].
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

    /// The weight of the old average at step `step`, counted from 0:
    /// min(rate, (step + 1) / (step + 10)). It grows from 0.1, so that the average soon forgets the
    /// initial parameters.
    pub fn rate_at(&self, step: u64) -> f32 {
        self.rate.min((step as f32 + 1.0) / (step as f32 + 10.0))
    }

    /// Moves the averaged parameters toward those of `module`, in place if their buffers are not
    /// shared, and takes over the buffers of `module`.
    ///
    /// # Errors
    /// If the modules differ in names or shapes, or the device fails. The average is then a copy of
    /// `module`.
    pub fn update<T: Tensor>(&mut self, module: &M, step: u64) -> Result<()>
    where
        M: Module<T>,
    {
        let live = Parts::of(module);
        // On an error, this copy of the module stays as the average.
        let average = std::mem::replace(&mut self.module, Parts::of(module).join());
        let mut parts = Parts::of(&average);
        drop(average);
        if parts.names != live.names {
            return Err(Error::Shape {
                op: "ema",
                shapes: live.tensors.iter().map(|t| *t.shape()).collect(),
                reason: "the module and its average have different tensor names".into(),
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
