use std::time::Instant;

use kinora_model::Net;
use kinora_nn::{Outline, count};
use kinora_tensor::Tensor;

use super::Training;
use crate::critic::Critic;
use crate::event::Estimate;
use crate::measured::Measured;
use crate::step::State;
use crate::{Config, Error, Fed, Result};

impl<T: Tensor> Training<T> {
    /// Times a step of each phase that has steps left, on a separate state. The phase of playing is
    /// timed without the penalty and, if `train.r1` is above 0, with it. `first` is the batch of
    /// the next step.
    pub(super) fn estimate(&self, first: &Fed) -> Result<Estimate> {
        let (inputs, train) = (self.lexicon.inputs(), &self.config.train);
        // Seconds of step `step` under `config`.
        let time = |config: &Config, step: u64, fed: &Fed| -> Result<f64> {
            let mut trial = State::<T>::new(&self.device, config, &inputs, None)?;
            // The second step counts: the first one also allocates buffers.
            let mut seconds = 0.0;
            for _ in 0..2 {
                let start = Instant::now();
                let measured;
                trial.step = step - 1;
                (trial, measured) = trial.step(&self.device, config, fed)?;
                match Measured::read(&[measured]) {
                    // The training itself will say at which step.
                    Ok(_) | Err(Error::Diverged { .. }) => {}
                    Err(error) => return Err(error),
                }
                seconds = start.elapsed().as_secs_f64();
            }
            Ok(seconds)
        };
        let (made, steps) = (self.state.step, train.steps);
        let mut config = self.config.clone();
        let read = config.reading.steps.min(steps);
        let copied = config.reading.steps.saturating_add(config.copying.steps).min(steps);
        let left = |from: u64, to: u64| to.saturating_sub(made.max(from));
        let mut phases =
            [(0, read), (read, copied), (copied, steps)].map(|(a, b)| (left(a, b), 0.0));
        let [reading, copying, playing] = &mut phases;
        // Each phase has its own batch size.
        let fed = |from: u64| -> Result<Fed> {
            if made >= from { Ok(first.clone()) } else { self.feed(from)?.next()? }
        };
        if reading.0 > 0 {
            config.reading.steps = 2; // The optimiser may be dropped after the last step.
            reading.1 = time(&config, 1, first)?;
        }
        config.reading.steps = 0;
        if copying.0 > 0 {
            // The terms that fade out are in this step; without them a step is a little faster.
            config.copying.steps = 1;
            copying.1 = time(&config, 1, &fed(read)?)?;
        }
        if playing.0 > 0 {
            config.copying.steps = 0;
            let (fed, every) = (fed(copied)?, train.r1_every);
            playing.1 = time(&config, every + 1, &fed)?;
            if train.r1 > 0.0 {
                playing.1 += (time(&config, every, &fed)? - playing.1) / every as f64;
            }
        }
        Ok(Estimate {
            parameters: count(&Net::new(&mut Outline, &self.config.model(), &inputs)?),
            parameters_discriminator: count(&Critic::new(&mut Outline, &self.config)?),
            phases,
        })
    }
}
