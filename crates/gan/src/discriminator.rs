use kinora_nn::{Conv, Fill, Init, Linear, Module, join};
use kinora_tensor::{Geometry, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::FilmShape;
use crate::generator::{SLOPE, check_size};

/// The sizes of a [`Discriminator`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscriminatorConfig {
    /// Discriminator of whole clips: channels of each layer. A layer halves the resolution.
    pub clip: Vec<usize>,
    /// Discriminator of single frames: channels of each layer. A layer halves the resolution.
    pub frame: Vec<usize>,
    /// Width of the feature vector φ that is compared with the sentence.
    pub features: usize,
}

impl Default for DiscriminatorConfig {
    fn default() -> Self {
        Self { clip: vec![32, 64, 128], frame: vec![32, 64, 128], features: 256 }
    }
}

impl DiscriminatorConfig {
    /// Checks the sizes for films of shape `film`.
    ///
    /// # Errors
    /// A message that names the key to change.
    pub fn check(&self, film: FilmShape) -> Result<(), String> {
        film.check()?;
        check_size("discriminator.features", self.features)?;
        for (key, stack) in [("clip", &self.clip), ("frame", &self.frame)] {
            if stack.is_empty() {
                return Err(format!("discriminator.{key} needs at least one layer"));
            }
            for &channels in stack {
                check_size(&format!("discriminator.{key}"), channels)?;
            }
            if stack.len() > 8 || film.height.min(film.width) >> stack.len() == 0 {
                return Err(format!(
                    "discriminator.{key} halves the resolution {} times, too often for {} by {} \
                     pixels; remove layers",
                    stack.len(),
                    film.height,
                    film.width
                ));
            }
        }
        Ok(())
    }
}

/// D(frames, s): one logit for each film, high if the film is real and matches its sentence.
///
/// A projection discriminator (Miyato and Koyama, "cGANs with projection discriminator", 2018).
/// Strided convolutions and a linear layer compute the features φ; the logit is
/// w·φ + b + (W s)·φ. φ does not depend on the sentence: to judge a film under several sentences,
/// compute φ once.
#[derive(Clone, Debug)]
pub struct Discriminator<T> {
    convs: Vec<Conv<T>>,
    features: Linear<T>,
    realness: Linear<T>,
    projection: Linear<T>,
}

impl<T> Discriminator<T> {
    /// A discriminator of whole clips. Its convolutions are 3-D with kernels 3×4×4; each halves h
    /// and w, and all but the first halve t. `sentence` is the width of a sentence vector.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    ///
    /// # Panics
    /// If [`DiscriminatorConfig::check`] rejects the sizes.
    pub fn of_clips<I: Init<T>>(
        init: &mut I,
        config: &DiscriminatorConfig,
        film: FilmShape,
        sentence: usize,
    ) -> Result<Self> {
        Self::new(init, [3, 4, 4], &config.clip, film, config.features, sentence)
    }

    /// A discriminator of single frames. Its convolutions are 2-D with kernels 4×4; each halves h
    /// and w. `sentence` is the width of a sentence vector.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    ///
    /// # Panics
    /// If [`DiscriminatorConfig::check`] rejects the sizes.
    pub fn of_frames<I: Init<T>>(
        init: &mut I,
        config: &DiscriminatorConfig,
        film: FilmShape,
        sentence: usize,
    ) -> Result<Self> {
        let frame = FilmShape { frames: 1, ..film };
        Self::new(init, [1, 4, 4], &config.frame, frame, config.features, sentence)
    }

    fn new<I: Init<T>>(
        init: &mut I,
        kernel: [usize; 3],
        stack: &[usize],
        film: FilmShape,
        features: usize,
        sentence: usize,
    ) -> Result<Self> {
        let mut size = [film.frames, film.height, film.width];
        let mut channels = film.channels;
        let mut convs = Vec::new();
        for (depth, &next) in stack.iter().enumerate() {
            // The first layer sees motion at the full frame rate; later layers halve t down to 1.
            let stride_t = if depth > 0 && size[0] > 1 { 2 } else { 1 };
            let geometry =
                Geometry { stride: [stride_t, 2, 2], padding: [(kernel[0] - 1) / 2, 1, 1] };
            convs.push(Conv::new(init, kernel, channels, next, geometry)?);
            size = geometry.output(size, kernel).expect("the sizes were checked");
            channels = next;
        }
        let left = size.iter().product::<usize>() * channels;
        Ok(Self {
            convs,
            features: Linear::new(init, left, features, true)?,
            realness: Linear::new(init, features, 1, true)?,
            // Small at first, so that the sum over the features is about 1.
            projection: Linear::with(init, [sentence, features], small(sentence, features), None)?,
        })
    }
}

fn small(inputs: usize, outputs: usize) -> Fill {
    Fill::Normal((inputs as f32 * outputs as f32).sqrt().recip())
}

impl<T: Tensor> Discriminator<T> {
    /// The features φ of films.
    ///
    /// # Shapes
    /// frames `[n, t, h, w, c]`, t = 1 for a discriminator of single frames; returns
    /// `[n, features]`.
    ///
    /// # Errors
    /// If the films do not have the discriminator's size, or the device fails.
    pub fn features(&self, frames: &T) -> Result<T> {
        let mut x = frames.clone();
        for conv in &self.convs {
            x = conv.forward(&x)?.leaky_relu(SLOPE)?;
        }
        let flat = x.reshape([x.shape()[0], x.shape()[1..].iter().product()])?;
        self.features.forward(&flat)?.leaky_relu(SLOPE)
    }

    /// The logits of films under sentences. A logit above 0 means that the film is real and matches
    /// its sentence.
    ///
    /// # Shapes
    /// features `[n, features]` from [`Discriminator::features`], sentence `[n, sentence]`; returns
    /// `[n]`.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn logits(&self, features: &T, sentence: &T) -> Result<T> {
        let n = features.shape()[0];
        let matching = features.mul(&self.projection.forward(sentence)?)?.sum(&[1])?;
        self.realness.forward(features)?.add(&matching)?.reshape([n])
    }
}

impl<T> Module<T> for Discriminator<T> {
    type Of<U> = Discriminator<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Discriminator<U>, E> {
        Ok(Discriminator {
            convs: self.convs.try_map(&join(path, "convs"), f)?,
            features: self.features.try_map(&join(path, "features"), f)?,
            realness: self.realness.try_map(&join(path, "realness"), f)?,
            projection: self.projection.try_map(&join(path, "projection"), f)?,
        })
    }
}
