use kinora_nn::{Conv, Embedding, Init, Linear, Module, join};
use kinora_tensor::{Error, Geometry, Result, Tensor};

use crate::generator::SLOPE;
use crate::{FilmShape, MatcherConfig};

/// Width of the hidden layer.
const HIDDEN: usize = 256;
/// The bound of |ln σ²|.
const LOG_VARIANCE: f32 = 6.0;

/// q(z | x, s): the distribution of the noise z from which the generator would draw the real clip x
/// with the sentence s, normal in each component (Kingma and Welling, "Auto-encoding variational
/// Bayes", 2014; with a GAN: Larsen et al., "Autoencoding beyond pixels using a learned similarity
/// metric", 2016).
///
/// The recogniser sees only the first and the middle frame: the features of a character that the
/// sentence leaves open are visible in every frame.
#[derive(Clone, Debug)]
pub struct Recogniser<T> {
    convs: Vec<Conv<T>>,
    hidden: Linear<T>,
    code: Linear<T>,
    /// Width of a sentence vector.
    sentence: usize,
}

/// p(z | s): the distribution of the noise z for films of a sentence s, a mixture of q(z | x, s) over
/// real clips x with equal weights (the aggregated posterior: Tomczak and Welling, "VAE with a
/// VampPrior", 2018). So z has the values that a [`Recogniser`] gives in training. Normal noise also has
/// values that no clip has, and the generator never learnt what to draw for them.
#[derive(Clone, Debug)]
pub struct Prior<T> {
    /// The clips' part of the recogniser's hidden layer.
    seen: Embedding<T>,
    /// The sentence's part of the hidden layer.
    sentence: Linear<T>,
    code: Linear<T>,
}

/// A normal distribution for each component of z.
#[derive(Clone, Debug)]
pub struct Code<T> {
    /// μ, `[n, noise]`
    pub mean: T,
    /// ln σ², `[n, noise]`
    pub log_variance: T,
}

impl<T> Recogniser<T> {
    /// A recogniser for films of shape `film`, sentence vectors of width `sentence` and noise z of
    /// width `noise`. Its convolutions have the channels of the matcher's.
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
        noise: usize,
    ) -> Result<Self> {
        let kernel = [1, 4, 4];
        let geometry = Geometry { stride: [1, 2, 2], padding: [0, 1, 1] };
        let mut size = [1, film.height, film.width];
        let mut channels = 2 * film.channels;
        let mut convs = Vec::new();
        for &next in &config.channels {
            convs.push(Conv::new(init, kernel, channels, next, geometry)?);
            size = geometry.output(size, kernel).expect("the sizes were checked");
            channels = next;
        }
        let left = size.iter().product::<usize>() * channels;
        Ok(Self {
            convs,
            hidden: Linear::new(init, left + sentence, HIDDEN, true)?,
            code: Linear::new(init, HIDDEN, 2 * noise, true)?,
            sentence,
        })
    }
}

impl<T: Tensor> Recogniser<T> {
    /// The codes of clips with their sentences.
    ///
    /// # Shapes
    /// clips `[n, t, h, w, c]`, sentence `[n, sentence]`; returns a code of `[n, noise]`.
    ///
    /// # Errors
    /// If the clips do not have the recogniser's size, or the device fails.
    pub fn forward(&self, clips: &T, sentence: &T) -> Result<Code<T>> {
        let prior = self.prior_of(self.see(clips)?)?;
        prior.of(&prior.seen.table, sentence)
    }

    /// The prior over all clips of some batches `[n, t, h, w, c]`. The batches are taken one at a time, so
    /// only one needs to be in memory.
    ///
    /// # Errors
    /// The first error of `batches`; or if the clips do not have the recogniser's size, or the device
    /// fails.
    ///
    /// # Panics
    /// If there are no batches.
    pub fn prior<E: From<Error>>(
        &self,
        batches: impl IntoIterator<Item = std::result::Result<T, E>>,
    ) -> std::result::Result<Prior<T>, E> {
        let see = |clips: std::result::Result<T, E>| Ok::<_, E>(self.see(&clips?)?);
        let seen = batches.into_iter().map(see).collect::<std::result::Result<Vec<T>, E>>()?;
        Ok(self.prior_of(T::concat(&seen.iter().collect::<Vec<_>>(), 0)?)?)
    }

    /// The prior over the clips whose part of the hidden layer is `table`, `[k, hidden]`.
    fn prior_of(&self, table: T) -> Result<Prior<T>> {
        let weight = &self.hidden.weight;
        let [inputs, sentence] = [weight.shape()[0], self.sentence];
        Ok(Prior {
            seen: Embedding { table },
            sentence: Linear { weight: weight.slice(0, inputs - sentence, sentence)?, bias: None },
            code: self.code.clone(),
        })
    }

    /// The clips' part of the hidden layer, `[n, hidden]`.
    fn see(&self, clips: &T) -> Result<T> {
        let [n, t] = [clips.shape()[0], clips.shape()[1]];
        let mut x = T::concat(&[&clips.slice(1, 0, 1)?, &clips.slice(1, t / 2, 1)?], 4)?;
        for conv in &self.convs {
            x = conv.forward(&x)?.leaky_relu(SLOPE)?;
        }
        let Linear { weight, bias } = &self.hidden;
        let inputs = weight.shape()[0] - self.sentence;
        let hidden = Linear { weight: weight.slice(0, 0, inputs)?, bias: bias.clone() };
        hidden.forward(&x.reshape([n, x.shape()[1..].iter().product()])?)
    }
}

impl<T> Prior<T> {
    /// A prior over `clips` clips, for sentence vectors of width `sentence` and noise z of width
    /// `noise`.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        clips: usize,
        sentence: usize,
        noise: usize,
    ) -> Result<Self> {
        Ok(Self {
            seen: Embedding::new(init, clips, HIDDEN)?,
            sentence: Linear::new(init, sentence, HIDDEN, false)?,
            code: Linear::new(init, HIDDEN, 2 * noise, true)?,
        })
    }
}

impl<T: Tensor> Prior<T> {
    /// The number of clips.
    pub fn clips(&self) -> usize {
        self.seen.table.shape()[0]
    }

    /// The codes q(z | x, s) of the clips with the indices `which`, one for each sentence
    /// `[n, sentence]`: a code of `[n, noise]`.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    ///
    /// # Panics
    /// If an index is not below [`Prior::clips`].
    pub fn code(&self, which: &[usize], sentence: &T) -> Result<Code<T>> {
        assert!(which.iter().all(|&k| k < self.clips()), "{which:?} of {} clips", self.clips());
        let rows: Vec<f32> = which.iter().map(|&k| k as f32).collect();
        let rows = T::from_slice(sentence.device(), &rows, [which.len()])?;
        self.of(&self.seen.forward(&rows)?, sentence)
    }

    fn of(&self, seen: &T, sentence: &T) -> Result<Code<T>> {
        let hidden = seen.add(&self.sentence.forward(sentence)?)?.leaky_relu(SLOPE)?;
        let code = self.code.forward(&hidden)?;
        let noise = code.shape()[1] / 2;
        Ok(Code {
            mean: code.slice(1, 0, noise)?,
            log_variance: code.slice(1, noise, noise)?.tanh()?.affine(LOG_VARIANCE, 0.0)?,
        })
    }
}

impl<T: Tensor> Code<T> {
    /// A sample z = μ + σ ε, `[n, noise]`, for standard normal noise ε of that shape.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn draw(&self, noise: &T) -> Result<T> {
        self.mean.add(&self.log_variance.affine(0.5, 0.0)?.exp()?.mul(noise)?)
    }

    /// KL(q ‖ p) of this distribution q from the distribution p of `other`, in nats, averaged over the clips,
    /// a scalar.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn divergence_from(&self, other: &Self) -> Result<T> {
        let n = self.mean.shape()[0];
        let apart = self.mean.sub(&other.mean)?;
        let log_ratio = self.log_variance.sub(&other.log_variance)?;
        let precision = other.log_variance.neg()?.exp()?;
        let sum = log_ratio.exp()?.sub(&log_ratio)?.add(&apart.mul(&apart)?.mul(&precision)?)?;
        sum.affine(1.0, -1.0)?.sum_all()?.affine(0.5 / n as f32, 0.0)
    }

    /// KL(q(z | x, s) ‖ N(0, 1)) in nats, averaged over the clips, a scalar (Kingma and Welling,
    /// 2014, appendix B).
    ///
    /// # Errors
    /// If the device fails.
    pub fn divergence(&self) -> Result<T> {
        let n = self.mean.shape()[0];
        let variance = self.log_variance.exp()?.sub(&self.log_variance)?.affine(1.0, -1.0)?;
        self.mean.mul(&self.mean)?.add(&variance)?.sum_all()?.affine(0.5 / n as f32, 0.0)
    }
}

impl<T> Module<T> for Recogniser<T> {
    type Of<U> = Recogniser<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Recogniser<U>, E> {
        Ok(Recogniser {
            convs: self.convs.try_map(&join(path, "convs"), f)?,
            hidden: self.hidden.try_map(&join(path, "hidden"), f)?,
            code: self.code.try_map(&join(path, "code"), f)?,
            sentence: self.sentence,
        })
    }
}

impl<T> Module<T> for Prior<T> {
    type Of<U> = Prior<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Prior<U>, E> {
        Ok(Prior {
            seen: self.seen.try_map(&join(path, "seen"), f)?,
            sentence: self.sentence.try_map(&join(path, "sentence"), f)?,
            code: self.code.try_map(&join(path, "code"), f)?,
        })
    }
}
