use kinora_nn::{Conv, Fill, Gru, Init, Linear, Module, Norm, join};
use kinora_tensor::{Geometry, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::FilmShape;
use crate::generator::{SLOPE, check_size};

/// Channels in a group of a matcher's norms.
const GROUP: usize = 8;
/// The upper bound of the inverse temperature: beyond it, the gradient is lost in rounding.
const SHARPEST: f32 = 40.0;
/// The initial value of [`Matcher::sharpness`]. The inverse temperature starts at 12.
const SHARPNESS: f32 = -0.85;

/// The sizes of a [`Matcher`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatcherConfig {
    /// Channels of each layer, multiples of 8. A layer halves the resolution.
    pub channels: Vec<usize>,
    /// Width of the feature vector of a frame, at least 4.
    pub features: usize,
}

impl MatcherConfig {
    /// Checks the sizes for films of shape `film`.
    ///
    /// # Errors
    /// A message that names the key to change.
    pub fn check(&self, film: FilmShape) -> Result<(), String> {
        film.check()?;
        check_size("matcher.features", self.features)?;
        if self.features < 4 {
            return Err(format!("matcher.features = {} must be at least 4", self.features));
        }
        if self.channels.is_empty() {
            return Err("matcher.channels needs at least one layer".into());
        }
        for &channels in &self.channels {
            check_size("matcher.channels", channels)?;
            if !channels.is_multiple_of(GROUP) {
                return Err(format!("matcher.channels: {channels} is no multiple of {GROUP}"));
            }
        }
        if self.channels.len() > 8 || film.height.min(film.width) >> self.channels.len() == 0 {
            return Err(format!(
                "matcher.channels halves the resolution {} times, too often for {} by {} pixels; \
                 remove layers",
                self.channels.len(),
                film.height,
                film.width
            ));
        }
        Ok(())
    }
}

/// Scores how well a clip and a sentence match, by the cosine similarity of their vectors (Radford
/// et al., "Learning transferable visual models from natural language supervision", 2021; for a
/// generator: Xu et al., "AttnGAN", 2018).
///
/// The matcher reads every second frame: strided convolutions with group norm, a linear layer, and
/// two GRUs over the frames, forward and backward. The caller's text encoder gives the sentence
/// vector.
#[derive(Clone, Debug)]
pub struct Matcher<T> {
    layers: Vec<(Conv<T>, Norm<T>)>,
    frame: Linear<T>,
    ahead: Gru<T>,
    back: Gru<T>,
    join: Linear<T>,
    /// r, `[1]`. The inverse temperature is [`SHARPEST`] · σ(r).
    sharpness: T,
}

impl<T> Matcher<T> {
    /// A matcher for films of shape `film` and sentence vectors of width `sentence`.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    ///
    /// # Panics
    /// If [`MatcherConfig::check`] rejects the sizes.
    pub fn new<I: Init<T>>(
        init: &mut I,
        config: &MatcherConfig,
        film: FilmShape,
        sentence: usize,
    ) -> Result<Self> {
        let kernel = [1, 4, 4];
        let geometry = Geometry { stride: [1, 2, 2], padding: [0, 1, 1] };
        let mut size = [1, film.height, film.width];
        let mut channels = film.channels;
        let mut layers = Vec::new();
        for &next in &config.channels {
            let conv = Conv::new(init, kernel, channels, next, geometry)?;
            layers.push((conv, Norm::new(init, next, next / GROUP, SLOPE)?));
            size = geometry.output(size, kernel).expect("the sizes were checked");
            channels = next;
        }
        let left = size.iter().product::<usize>() * channels;
        let (features, state) = (config.features, config.features / 4);
        Ok(Self {
            layers,
            frame: Linear::new(init, left, features, true)?,
            ahead: Gru::new(init, features, state)?,
            back: Gru::new(init, features, state)?,
            join: Linear::new(init, features + 2 * state, sentence, true)?,
            sharpness: init.tensor([1].into(), Fill::Blocks(&[SHARPNESS]))?,
        })
    }
}

impl<T: Tensor> Matcher<T> {
    /// The vectors of clips, normalised to length 1.
    ///
    /// # Shapes
    /// clips `[n, t, h, w, c]`; returns `[n, sentence]`.
    ///
    /// # Errors
    /// If the clips do not have the matcher's size, or the device fails.
    pub fn clips(&self, clips: &T) -> Result<T> {
        let seen = Self::seen(clips.shape()[1]);
        self.frames(&frames(clips, &seen)?)
    }

    /// Like [`Matcher::clips`], for a caller that has only the frames of [`Matcher::seen`]: a
    /// generator need not decode the other frames. The matcher sees all of `frames`.
    ///
    /// # Shapes
    /// frames `[n, seen, h, w, c]`; returns `[n, sentence]`.
    ///
    /// # Errors
    /// If the frames do not have the matcher's size, or the device fails.
    pub fn frames(&self, frames: &T) -> Result<T> {
        let [n, shown, h, w, c] = [0, 1, 2, 3, 4].map(|axis| frames.shape()[axis]);
        let layers = self.layers(&frames.reshape([n * shown, 1, h, w, c])?)?;
        let x = layers.last().expect("there is a layer");
        let flat = x.reshape([n, shown, x.shape()[2..].iter().product()])?;
        let frames = self.frame.forward(&flat)?.leaky_relu(SLOPE)?;
        let mean = |x: &T| -> Result<T> {
            let d = x.shape()[2];
            x.mean(&[1])?.reshape([n, d])
        };
        let states = |gru: &Gru<T>, reverse: bool| -> Result<T> {
            mean(&T::stack(&gru.run(&frames, None, reverse)?.iter().collect::<Vec<_>>(), 1)?)
        };
        let seen = [mean(&frames)?, states(&self.ahead, false)?, states(&self.back, true)?];
        unit(&self.join.forward(&T::concat(&seen.each_ref(), 1)?)?)
    }

    /// The activations after each convolution, with its norm. Frames that look alike have similar
    /// activations.
    ///
    /// # Shapes
    /// frames `[n, 1, h, w, c]`; returns `[n, 1, h / 2, w / 2, channels]` and so on, halved at each
    /// convolution.
    ///
    /// # Errors
    /// If the frames do not have the matcher's channels, or the device fails.
    pub fn layers(&self, frames: &T) -> Result<Vec<T>> {
        let mut layers: Vec<T> = Vec::with_capacity(self.layers.len());
        for (conv, norm) in &self.layers {
            let x = conv.forward(layers.last().unwrap_or(frames))?;
            layers.push(norm.forward(&x)?);
        }
        Ok(layers)
    }

    /// The indices of the frames that the matcher sees of a clip with `t` frames: every second
    /// frame, from the first one on.
    pub fn seen(t: usize) -> Vec<usize> {
        (0..t).step_by(2).collect()
    }

    /// The logit of each clip with each sentence; a better match has a higher logit.
    ///
    /// # Shapes
    /// clips `[n, sentence]` from [`Matcher::clips`]; sentences `[m, sentence]`, which need not be
    /// normalised; returns `[n, m]`.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn logits(&self, clips: &T, sentences: &T) -> Result<T> {
        let sharpness = self.sharpness.sigmoid()?.affine(SHARPEST, 0.0)?;
        clips.matmul_t(false, &unit(sentences)?, true)?.mul(&sharpness)
    }
}

/// The frames `which` of clips `[n, t, h, w, c]`, in that order: `[n, which, h, w, c]`.
///
/// # Errors
/// If the clips have too few frames, or the device fails.
///
/// # Panics
/// If `which` is empty.
pub fn frames<T: Tensor>(clips: &T, which: &[usize]) -> Result<T> {
    let frames = which.iter().map(|&frame| clips.slice(1, frame, 1));
    let frames = frames.collect::<Result<Vec<_>>>()?;
    T::concat(&frames.iter().collect::<Vec<_>>(), 1)
}

/// Scales each row of `[n, d]` to length 1; a zero row stays zero.
fn unit<T: Tensor>(x: &T) -> Result<T> {
    x.div(&x.mul(x)?.sum(&[1])?.affine(1.0, 1e-8)?.sqrt()?)
}

impl<T> Module<T> for Matcher<T> {
    type Of<U> = Matcher<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Matcher<U>, E> {
        Ok(Matcher {
            layers: self.layers.try_map(&join(path, "layers"), f)?,
            frame: self.frame.try_map(&join(path, "frame"), f)?,
            ahead: self.ahead.try_map(&join(path, "ahead"), f)?,
            back: self.back.try_map(&join(path, "back"), f)?,
            join: self.join.try_map(&join(path, "join"), f)?,
            sharpness: f(&join(path, "sharpness"), &self.sharpness)?,
        })
    }
}
