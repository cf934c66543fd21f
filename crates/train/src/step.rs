use std::collections::HashMap;

use kinora_embed::{Encoder, Inputs};
use kinora_gan::{Generator, Matcher, Noise, Recogniser};
use kinora_model::Net;
use kinora_nn::{Adam, Ema, Fresh, Init, Module, Outline, describe, join};
use kinora_tensor::{Desc, Random, Shape, Tensor};

use crate::critic::Critic;
use crate::{Config, Fed, Measured, Phase, Result, playing, reading};

/// Which stream of random numbers is for what. Those of a step have its number added, so that a
/// training can go on anywhere.
mod stream {
    pub const GENERATOR: u64 = 1;
    pub const CRITIC: u64 = 2;
    pub const RECOGNISER: u64 = 3;
    pub const NOISE: u64 = 1 << 60;
    pub const FRAMES: u64 = 2 << 60;
}

/// How many single frames of each clip are judged at a step.
const FRAMES_JUDGED: usize = 2;

/// All that a training changes; as a module, all that a checkpoint keeps.
pub struct State<T> {
    /// Steps made.
    pub step: u64,
    /// The reader, the generator, and the matcher.
    pub net: Net<T>,
    /// The discriminators.
    pub critic: Critic<T>,
    /// Finds the noise from which the generator would draw a real clip.
    pub recogniser: Recogniser<T>,
    /// The average of the generator, which makes the films.
    pub average: Ema<Generator<T>>,
    /// The optimiser of the reader and the matcher, as long as they learn.
    pub adam_reader: Option<Adam<T>>,
    /// The optimiser of the generator and the recogniser.
    pub adam_generator: Adam<T>,
    /// The optimiser of the discriminators.
    pub adam_critic: Adam<T>,
}

impl State<Desc> {
    /// The shapes of a training's tensors after `step` steps, to hold a checkpoint against before
    /// there are any.
    pub(crate) fn outline(config: &Config, inputs: &Inputs, step: u64) -> Result<Self> {
        let net = Net::new(&mut Outline, &config.model(), inputs)?;
        let critic = Critic::new(&mut Outline, config)?;
        let player = (net.generator, recogniser(&mut Outline, config)?);
        let adam_generator = Adam::outline(&player, playing::rate_generator(config, step + 1));
        let reader: (Encoder<Desc>, Option<Matcher<Desc>>) = (net.encoder, net.matcher);
        let learns = config.reads(step + 1);
        let adam_reader = learns.then(|| Adam::outline(&reader, reading::rate(config, step)));
        let (generator, recogniser) = player;
        let (encoder, matcher) = reader;
        let mut state = Self {
            step,
            average: Ema { module: generator.clone(), rate: config.train.ema },
            adam_critic: Adam::outline(&critic, playing::rate_critic(config)),
            net: Net { encoder, generator, matcher },
            critic,
            recogniser,
            adam_reader,
            adam_generator,
        };
        state.count(config);
        Ok(state)
    }
}

impl<T> State<T> {
    /// Tells the optimisers how many of the steps made were theirs.
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
    /// A training that has made no step; of `from`, if there is one, it takes the tensors that fit.
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
        let critic = Critic::new(&mut fresh(stream::CRITIC), config)?;
        let recogniser = recogniser(&mut fresh(stream::RECOGNISER), config)?;
        let reader = (net.encoder, net.matcher);
        let adam_reader = match config.reads(1) {
            true => Some(Adam::new(&reader, reading::rate(config, 1))?),
            false => None,
        };
        let player = (net.generator, recogniser);
        let adam_generator = Adam::new(&player, playing::rate_generator(config, 1))?;
        let ((encoder, matcher), (generator, recogniser)) = (reader, player);
        Ok(Self {
            step: 0,
            average: Ema::new::<T>(&generator, config.train.ema),
            adam_critic: Adam::new(&critic, playing::rate_critic(config))?,
            net: Net { encoder, generator, matcher },
            critic,
            recogniser,
            adam_reader,
            adam_generator,
        })
    }

    /// One step of the phase that the config says, on a batch with false captions whose clips are of
    /// the config's size. What is random in it depends on the config's seed and the number of the
    /// step alone.
    ///
    /// Nothing waits for the device: whether the losses and the gradients were finite is known once
    /// the measurements are read.
    ///
    /// # Errors
    /// If the batch does not fit the config, or the device fails. The state is gone then.
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

    /// The networks that make films: the reader, the average of the generator, and the matcher. They
    /// share their tensors with the state.
    pub fn model(&self) -> Net<T> {
        Net {
            encoder: self.net.encoder.map(|_, tensor| tensor.clone()),
            generator: self.average.module.map(|_, tensor| tensor.clone()),
            matcher: Module::map(&self.net.matcher, |_, tensor| tensor.clone()),
        }
    }
}

impl<T: Tensor> State<T> {
    /// The discriminators' and the recogniser's tensors by name.
    pub(crate) fn players(&self) -> Vec<(String, &T)> {
        let mut players = Vec::new();
        for (path, named) in
            [("critic", self.critic.named()), ("recogniser", self.recogniser.named())]
        {
            players.extend(named.into_iter().map(|(name, tensor)| (join(path, &name), tensor)));
        }
        players
    }

    /// Takes over the discriminators and the recogniser in a file of [`State::players`].
    pub(crate) fn take_players(
        &mut self,
        device: &T::Device,
        config: &Config,
        bytes: &[u8],
    ) -> Result<(), kinora_nn::Error> {
        let outline = describe(&self.critic);
        let critic = kinora_nn::load(&outline, device, bytes, "critic")?;
        let outline = recogniser(&mut Outline, config)?;
        self.recogniser = kinora_nn::load(&outline, device, bytes, "recogniser")?;
        self.critic = critic;
        Ok(())
    }
}

fn recogniser<T, I: Init<T>>(
    init: &mut I,
    config: &Config,
) -> kinora_tensor::Result<Recogniser<T>> {
    let (film, sentence) = (config.clip.shape(), config.encoder.sentence);
    Recogniser::new(init, &config.matcher, film, sentence, config.generator.noise)
}

/// Gives the tensor of a trained network that has this name and shape.
pub(crate) fn fitting<'a, T: Tensor>(
    trained: &'a Net<T>,
) -> impl Fn(&str, &Shape) -> Option<&'a T> + use<'a, T> {
    let trained: HashMap<String, &T> = trained.named().into_iter().collect();
    move |name, shape| trained.get(name).copied().filter(|tensor| tensor.shape() == shape)
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
    frames_of(config, step, FRAMES_JUDGED)
}

/// Up to `count` frames of a film that are looked at in a step: different ones, ascending.
pub(crate) fn frames_of(config: &Config, step: u64, count: usize) -> Vec<usize> {
    let mut random = Random::new(config.seed, stream::FRAMES + step);
    let mut left: Vec<usize> = (0..config.clip.frames).collect();
    let mut which: Vec<usize> =
        (0..count.min(left.len())).map(|_| left.swap_remove(random.below(left.len()))).collect();
    which.sort_unstable();
    which
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
            recogniser: self.recogniser.try_map(&join(path, "recogniser"), f)?,
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
