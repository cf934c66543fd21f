use std::collections::HashMap;

use kinora_embed::{Encoder, Inputs};
use kinora_gan::{Completer, Generator, Matcher, Noise};
use kinora_model::Net;
use kinora_nn::{Adam, Ema, Fresh, Init, Module, Outline, join};
use kinora_tensor::{Desc, Random, Shape, Tensor};

use crate::critic::Critic;
use crate::pairs::Pairs;
use crate::{Config, Fed, Measured, Phase, Result, playing, reading};

/// The streams of random numbers. The streams of a step have the step added, so that a training can
/// resume at any step.
pub(crate) mod stream {
    pub const GENERATOR: u64 = 1;
    pub const CRITIC: u64 = 2;
    pub const COMPLETER: u64 = 3;
    pub const NOISE: u64 = 1 << 60;
    pub const FRAMES: u64 = 2 << 60;
    pub const WORDS: u64 = 3 << 60;
    pub const PAIRS: u64 = 4 << 60;
}

/// Frames of each clip that the discriminator of frames judges at a step.
const FRAMES_JUDGED: usize = 2;

/// The state of a training. As a module it has all tensors of a checkpoint.
pub struct State<T> {
    /// Steps done so far.
    pub step: u64,
    /// The text encoder, the generator and the matcher.
    pub net: Net<T>,
    /// The discriminators.
    pub critic: Critic<T>,
    /// The completer, which gives the noise of films.
    pub completer: Completer<T>,
    /// The clips and twins that the completer learns from, if it learns.
    pub(crate) pairs: Option<Pairs<T>>,
    /// The moving average of the generator, which makes the films.
    pub average: Ema<Generator<T>>,
    /// The optimiser of the text encoder and the matcher, as long as they learn.
    pub adam_reader: Option<Adam<T>>,
    /// The optimiser of the generator and the completer.
    pub adam_generator: Adam<T>,
    /// The optimiser of the discriminators.
    pub adam_critic: Adam<T>,
}

impl State<Desc> {
    /// The shapes of a training's tensors after `step` steps. A checkpoint is checked against them
    /// before any tensor is allocated.
    pub(crate) fn outline(config: &Config, inputs: &Inputs, step: u64) -> Result<Self> {
        let net = Net::new(&mut Outline, &config.model(), inputs)?;
        let critic = Critic::new(&mut Outline, config)?;
        let pairs = Pairs::new(&mut Outline, config)?;
        let player = (net.generator, completer(&mut Outline, config)?);
        let adam_generator = Adam::outline(&player, playing::rate_generator(config, step + 1));
        let reader: (Encoder<Desc>, Option<Matcher<Desc>>) = (net.encoder, net.matcher);
        let learns = config.reads(step + 1);
        let adam_reader = learns.then(|| Adam::outline(&reader, reading::rate(config, step)));
        let (generator, completer) = player;
        let (encoder, matcher) = reader;
        let mut state = Self {
            step,
            average: Ema { module: generator.clone(), rate: config.train.ema },
            adam_critic: Adam::outline(&critic, playing::rate_critic(config)),
            net: Net { encoder, generator, matcher, prior: None },
            critic,
            completer,
            pairs,
            adam_reader,
            adam_generator,
        };
        state.count(config);
        Ok(state)
    }
}

impl<T> State<T> {
    /// Sets the step counter of each optimiser to the number of steps in which it took part.
    pub(crate) fn count(&mut self, config: &Config) {
        let drawn = self.step.saturating_sub(config.reading.steps);
        if let Some(adam) = &mut self.adam_reader {
            adam.step = self.step;
        }
        self.adam_generator.step = drawn;
        self.adam_critic.step = drawn.saturating_sub(config.copying.steps);
    }
}

impl<T: Tensor> State<T> {
    /// The state before the first step, with the tensors of `from` whose name and shape fit.
    ///
    /// # Errors
    /// If the sizes of the config are not valid, or the device has not enough memory.
    pub fn new(
        device: &T::Device,
        config: &Config,
        inputs: &Inputs,
        from: Option<Net<T>>,
    ) -> Result<Self> {
        let fresh = |stream| Fresh::<T>::new(device, Random::new(config.seed, stream));
        let mut net = Net::new(&mut fresh(stream::GENERATOR), &config.model(), inputs)?;
        let mut completer = completer(&mut fresh(stream::COMPLETER), config)?;
        if let Some(trained) = from {
            let fits = fitting(&trained);
            net = net.map(|name, fresh| fits(name, fresh.shape()).unwrap_or(fresh).clone());
            completer = completer.map(|name, fresh| {
                let name = join("prior.completer", name);
                fits(&name, fresh.shape()).unwrap_or(fresh).clone()
            });
        }
        let critic = Critic::new(&mut fresh(stream::CRITIC), config)?;
        let pairs = Pairs::new(&mut fresh(stream::PAIRS), config)?;
        let reader = (net.encoder, net.matcher);
        let adam_reader = match config.reads(1) {
            true => Some(Adam::new(&reader, reading::rate(config, 1))?),
            false => None,
        };
        let player = (net.generator, completer);
        let adam_generator = Adam::new(&player, playing::rate_generator(config, 1))?;
        let ((encoder, matcher), (generator, completer)) = (reader, player);
        Ok(Self {
            step: 0,
            average: Ema::new::<T>(&generator, config.train.ema),
            adam_critic: Adam::new(&critic, playing::rate_critic(config))?,
            net: Net { encoder, generator, matcher, prior: None },
            critic,
            completer,
            pairs,
            adam_reader,
            adam_generator,
        })
    }

    /// One step, in the phase that the config gives for it. The batch has false captions, and clips
    /// of the config's size. The step's random numbers depend only on the config's seed and the
    /// number of the step.
    ///
    /// The step does not wait for the device. [`Measured::read`] waits, and reports losses and
    /// gradients that were not finite.
    ///
    /// # Errors
    /// If the batch does not fit the config, or the device fails. The state is lost then.
    pub fn step(
        self,
        device: &T::Device,
        config: &Config,
        fed: &Fed,
    ) -> Result<(Self, Measured<T>)> {
        match config.phase(self.step + 1) {
            Phase::Reading => {
                let (mut state, measured) = self.read(device, config, fed)?;
                if !config.reads(state.step + 1) {
                    state.adam_reader = None;
                }
                Ok((state, measured))
            }
            Phase::Copying | Phase::Playing => self.draw(device, config, fed),
        }
    }

    /// The networks of the model without prior: the text encoder, the average of the generator, and the
    /// matcher. They share their tensors with the state.
    pub fn model(&self) -> Net<T> {
        Net {
            encoder: self.net.encoder.map(|_, tensor| tensor.clone()),
            generator: self.average.module.map(|_, tensor| tensor.clone()),
            matcher: Module::map(&self.net.matcher, |_, tensor| tensor.clone()),
            prior: None,
        }
    }
}

fn completer<T, I: Init<T>>(init: &mut I, config: &Config) -> kinora_tensor::Result<Completer<T>> {
    Completer::new(init, config.encoder.sentence)
}

/// Looks up the tensors of a trained network by name and shape.
pub(crate) fn fitting<'a, T: Tensor>(
    trained: &'a Net<T>,
) -> impl Fn(&str, &Shape) -> Option<&'a T> + use<'a, T> {
    let trained: HashMap<String, &T> = trained.named().into_iter().collect();
    move |name, shape| trained.get(name).copied().filter(|tensor| tensor.shape() == shape)
}

/// The noise of the `n` films of a step.
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

/// The frames that the discriminator of frames sees at a step: distinct, in ascending order.
pub fn frames_judged(config: &Config, step: u64) -> Vec<usize> {
    frames_of(config, step, FRAMES_JUDGED, 1)
}

/// Up to `count` random frames of each of `films` films for a step: film by film, distinct and in
/// ascending order.
pub(crate) fn frames_of(config: &Config, step: u64, count: usize, films: usize) -> Vec<usize> {
    let mut random = Random::new(config.seed, stream::FRAMES + step);
    let mut of_film = || {
        let mut left: Vec<usize> = (0..config.clip.frames).collect();
        let mut which: Vec<usize> = (0..count.min(left.len()))
            .map(|_| left.swap_remove(random.below(left.len())))
            .collect();
        which.sort_unstable();
        which
    };
    (0..films).flat_map(|_| of_film()).collect()
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
            completer: self.completer.try_map(&join(path, "completer"), f)?,
            pairs: self.pairs.try_map(&join(path, "pairs"), f)?,
            average: Ema {
                module: self.average.module.try_map(&join(path, "average"), f)?,
                rate: self.average.rate,
            },
            adam_reader: self.adam_reader.try_map(&join(path, "adam_reader"), f)?,
            adam_generator: self.adam_generator.try_map(&join(path, "adam_generator"), f)?,
            adam_critic: self.adam_critic.try_map(&join(path, "adam_critic"), f)?,
        })
    }
}
