use std::collections::HashMap;

use kinora_embed::Inputs;
use kinora_gan::{Logits, Noise};
use kinora_model::Net;
use kinora_nn::{
    Adam, AdamConfig, Ema, Fresh, Module, Outline, clip_factor, freeze, gradient_norm, join, lift,
    parameters,
};
use kinora_tensor::{Desc, Random, Shape, Tensor, Var, grad};

use crate::critic::Critic;
use crate::measured::Measured;
use crate::{Config, Fed, Result};

/// Which stream of random numbers is for what. Those of a step have its number added, so that a
/// training can go on anywhere.
mod stream {
    pub const GENERATOR: u64 = 1;
    pub const CRITIC: u64 = 2;
    pub const NOISE: u64 = 1 << 60;
    pub const FRAMES: u64 = 2 << 60;
}

/// How many single frames of each clip are judged at a step.
const FRAMES_JUDGED: usize = 2;

/// All that a training changes; as a module, all that a checkpoint keeps.
pub struct State<T> {
    /// Steps made.
    pub step: u64,
    /// What reads and draws.
    pub net: Net<T>,
    /// What judges.
    pub critic: Critic<T>,
    /// The average of `net`, which is what samples.
    pub average: Ema<Net<T>>,
    /// The optimiser of `net`.
    pub adam_net: Adam<T>,
    /// The optimiser of `critic`.
    pub adam_critic: Adam<T>,
}

impl State<Desc> {
    /// The shapes of a training's tensors, to hold a checkpoint against before there are any.
    pub(crate) fn outline(config: &Config, inputs: &Inputs) -> Result<Self> {
        let net = Net::new(&mut Outline, &config.model(), inputs)?;
        let critic = Critic::new(&mut Outline, config, inputs)?;
        let (rate_net, rate_critic) = rates(config);
        Ok(Self {
            step: 0,
            average: Ema { module: net.clone(), rate: config.train.ema },
            adam_net: Adam::outline(&net, rate_net),
            adam_critic: Adam::outline(&critic, rate_critic),
            net,
            critic,
        })
    }
}

impl<T: Tensor> State<T> {
    /// A training that has made no step; of `from`, if there is one, it takes what fits.
    ///
    /// # Errors
    /// If the sizes of the config make no model, or the device has no room.
    pub fn new(
        device: &T::Device,
        config: &Config,
        inputs: &Inputs,
        from: Option<Net<T>>,
    ) -> Result<Self> {
        let fresh = |stream| Fresh::<T>::new(device, Random::new(config.seed, stream));
        let mut net = Net::new(&mut fresh(stream::GENERATOR), &config.model(), inputs)?;
        if let Some(trained) = from {
            let fits = fitting(&trained);
            net = net.map(|name, fresh| fits(name, fresh.shape()).unwrap_or(fresh).clone());
        }
        let critic = Critic::new(&mut fresh(stream::CRITIC), config, inputs)?;
        let (rate_net, rate_critic) = rates(config);
        Ok(Self {
            step: 0,
            average: Ema::new::<T>(&net, config.train.ema),
            adam_net: Adam::new(&net, rate_net)?,
            adam_critic: Adam::new(&critic, rate_critic)?,
            net,
            critic,
        })
    }

    /// One step of the discriminators on a batch with wrong captions, whose clips are of the
    /// config's size, then one of the generator. What is random in it depends on the config's seed
    /// and the number of the step alone.
    ///
    /// Nothing waits for the device: whether the losses and the gradients were finite is known once
    /// what was measured is read.
    ///
    /// # Errors
    /// If the batch does not fit the config, or the device fails. The state is gone then.
    pub fn step(
        mut self,
        device: &T::Device,
        config: &Config,
        fed: &Fed,
    ) -> Result<(Self, Measured<T>)> {
        let n = fed.clips();
        let step = self.step + 1;
        let train = &config.train;

        let [t, h, w, c] = config.clip.dims();
        let real = T::from_slice(device, &fed.values, [n, t, h, w, c])?;
        let which = frames_judged(config, step);

        // The generator's films, made once for both players.
        let net = lift(&self.net);
        let fake = net.forward(&fed.own, &noise(device, config, step, n)?)?;

        let critic = lift(&self.critic);
        let judgement = {
            let real = Var::constant(real.clone());
            let fake = Var::constant(fake.value().clone());
            critic.judge(&real, &fake, &fed.all, &which)?
        };
        let loss = train.loss.discriminator(&judgement.clips)?;
        let loss_critic = loss.add(&train.loss.discriminator(&judgement.frames)?)?;
        let mut objective = loss_critic.clone();
        if train.r1 > 0.0 && step.is_multiple_of(train.r1_every) {
            let weight = 0.5 * train.r1 * train.r1_every as f32;
            let penalty = critic.penalty(&real, &fed.own, &which)?;
            objective = objective.add(&penalty.affine(weight, 0.0)?)?;
        }
        let logits = logits_of(&judgement.clips, &judgement.frames)?;
        let loss_critic = loss_critic.value().clone();
        drop(judgement);
        let gradients = grad(objective, &parameters(&critic))?;
        drop(critic);
        let norm_critic = gradient_norm(&gradients)?;
        let factor = clip_factor(&norm_critic, limit(train.clip_gradient))?;
        self.critic = self.adam_critic.step(self.critic, &gradients, &factor)?;
        drop(gradients);

        let critic: Critic<Var<T>> = freeze(&self.critic);
        let (of_clips, of_frames) = critic.logits(&fake, &fed.own, &which)?;
        drop(fake);
        let (real_clips, real_frames) = match train.loss {
            kinora_gan::Loss::Relativistic => {
                critic.logits(&Var::constant(real), &fed.own, &which)?
            }
            _ => (of_clips.clone(), of_frames.clone()),
        };
        let loss = train.loss.generator(&of_clips, &real_clips)?;
        let loss = loss.add(&train.loss.generator(&of_frames, &real_frames)?)?;
        drop((of_clips, of_frames, real_clips, real_frames));
        let loss_net = loss.value().clone();
        let gradients = grad(loss, &parameters(&net))?;
        drop((net, critic));
        let norm_net = gradient_norm(&gradients)?;
        let factor = clip_factor(&norm_net, limit(train.clip_gradient))?;
        self.net = self.adam_net.step(self.net, &gradients, &factor)?;
        self.average.update(&self.net, self.step)?;
        self.step = step;
        let measured =
            Measured::new(step, n, [loss_critic, norm_critic, loss_net, norm_net], logits)?;
        Ok((self, measured))
    }
}

/// Gives the tensor of a trained network that has this name and shape.
pub(crate) fn fitting<'a, T: Tensor>(
    trained: &'a Net<T>,
) -> impl Fn(&str, &Shape) -> Option<&'a T> + use<'a, T> {
    let trained: HashMap<String, &T> = trained.named().into_iter().collect();
    move |name, shape| trained.get(name).copied().filter(|tensor| tensor.shape() == shape)
}

/// Adam for the generator and for the discriminators.
pub fn rates(config: &Config) -> (AdamConfig, AdamConfig) {
    let train = &config.train;
    let with = |rate| AdamConfig { rate, beta1: train.beta1, beta2: train.beta2, epsilon: 1e-8 };
    (with(train.rate_generator), with(train.rate_discriminator))
}

/// The noise of the films of a step, `n` of them.
///
/// # Errors
/// If the device fails.
pub fn noise<T: Tensor>(
    device: &T::Device,
    config: &Config,
    step: u64,
    n: usize,
) -> kinora_tensor::Result<Noise<T>> {
    let mut random = Random::new(config.seed, stream::NOISE + step);
    let sizes = &config.generator;
    Ok(Noise {
        film: T::randn(device, &mut random, [n, sizes.noise])?,
        frames: T::randn(device, &mut random, [n, config.clip.frames, sizes.frame_noise])?,
    })
}

/// The frames that the discriminator of frames is shown at a step: different ones, ascending.
pub fn frames_judged(config: &Config, step: u64) -> Vec<usize> {
    let mut random = Random::new(config.seed, stream::FRAMES + step);
    let mut left: Vec<usize> = (0..config.clip.frames).collect();
    let mut which: Vec<usize> = (0..FRAMES_JUDGED.min(left.len()))
        .map(|_| left.swap_remove(random.below(left.len())))
        .collect();
    which.sort_unstable();
    which
}

/// All logits after one another: real, fake and wrong clips, then frames.
fn logits_of<T: Tensor>(
    clips: &Logits<Var<T>>,
    frames: &Logits<Var<T>>,
) -> kinora_tensor::Result<T> {
    let all = [&clips.real, &clips.fake, &clips.wrong, &frames.real, &frames.fake, &frames.wrong];
    T::concat(&all.map(|logits| logits.value()), 0)
}

/// The longest that a gradient may be; 0 is no limit.
fn limit(longest: f32) -> f32 {
    if longest > 0.0 { longest } else { f32::INFINITY }
}

impl<T> Module<T> for State<T> {
    type Of<U> = State<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<State<U>, E> {
        Ok(State {
            step: self.step,
            net: self.net.try_map(&join(path, "net"), f)?,
            critic: self.critic.try_map(&join(path, "critic"), f)?,
            average: Ema {
                module: self.average.module.try_map(&join(path, "average"), f)?,
                rate: self.average.rate,
            },
            adam_net: self.adam_net.try_map(&join(path, "adam_net"), f)?,
            adam_critic: self.adam_critic.try_map(&join(path, "adam_critic"), f)?,
        })
    }
}
