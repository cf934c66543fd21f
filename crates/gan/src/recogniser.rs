use kinora_nn::{Embedding, Init, Linear, Module, join};
use kinora_tensor::{Result, Tensor};

use crate::generator::SLOPE;

/// Width of the hidden layer.
const HIDDEN: usize = 256;
/// The standard deviation of the noise z around a code.
const SPREAD: f32 = 0.3;

/// Encodes real clips. code(x, s), the code of a clip x for a sentence s, describes the attributes of x that s
/// leaves open. With code(x, s) and s, a generator can draw a clip like x.
///
/// A recogniser learns from twins. In a twin of x, the attributes that s states are drawn anew, and the others
/// stay. The loss is a contrastive loss ([`contrast`](crate::contrast)) on the
/// [similarity](Recogniser::similarity) of codes: the code of a twin must be more like the code of its clip
/// than like the codes of other clips. All these codes are for the same sentence s, so s itself cannot help to
/// find the clip. The attributes that s states cannot help either, because they are independent in clip and
/// twin (Tian, Krishnan and Isola, "Contrastive multiview coding", 2020).
///
/// The recogniser sees a clip as the vector of a trained matcher ([`Matcher::clips`](crate::Matcher::clips)).
#[derive(Clone, Debug)]
pub struct Recogniser<T> {
    hidden: Linear<T>,
    code: Linear<T>,
}

/// Gives the codes of some real clips for any sentence. The noise z of a new film is [near] the code of a
/// random clip of the prior. So a film resembles this clip in what the sentence leaves open (a prior from
/// examples: Tomczak and Welling, "VAE with a VampPrior", 2018; a generator that draws from codes of clips:
/// Ramesh et al., "Hierarchical text-conditional image generation with CLIP latents", 2022).
#[derive(Clone, Debug)]
pub struct Prior<T> {
    /// The clips' part of the recogniser's hidden layer.
    seen: Embedding<T>,
    /// The sentence's part of the hidden layer.
    sentence: Linear<T>,
    code: Linear<T>,
}

impl<T> Recogniser<T> {
    /// A recogniser for sentence vectors of width `sentence` and noise z of width `noise`.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, sentence: usize, noise: usize) -> Result<Self> {
        Ok(Self {
            hidden: Linear::new(init, 2 * sentence, HIDDEN, true)?,
            code: Linear::new(init, HIDDEN, noise, true)?,
        })
    }
}

impl<T: Tensor> Recogniser<T> {
    /// The codes of clips for their sentences. The mean square of the elements of a code is 1, as of normal
    /// noise.
    ///
    /// # Shapes
    /// clips `[n, sentence]` from a matcher, sentence `[n, sentence]`; returns `[n, noise]`.
    ///
    /// # Errors
    /// If the shapes do not fit the recogniser, or the device fails.
    pub fn forward(&self, clips: &T, sentence: &T) -> Result<T> {
        let prior = self.prior(clips)?;
        prior.of(&prior.seen.table, sentence)
    }

    /// The cosine similarity of the codes of twins and clips: element (i, j) compares the code of twin i with
    /// the code of clip j, both for sentence i.
    ///
    /// # Shapes
    /// twins `[n, sentence]` and clips `[m, sentence]` from a matcher, sentence `[n, sentence]`; returns
    /// `[n, m]`.
    ///
    /// # Errors
    /// If the shapes do not fit the recogniser, or the device fails.
    pub fn similarity(&self, twins: &T, clips: &T, sentence: &T) -> Result<T> {
        let [n, m, width] = [twins.shape()[0], clips.shape()[0], clips.shape()[1]];
        let twins = self.forward(twins, sentence)?;
        let noise = twins.shape()[1];
        let prior = self.prior(clips)?;
        // Row i · m + j is clip j with sentence i.
        let seen = prior.seen.table.reshape([1, m, HIDDEN])?.broadcast_to([n, m, HIDDEN])?;
        let sentence = sentence.reshape([n, 1, width])?.broadcast_to([n, m, width])?;
        let clips =
            prior.of(&seen.reshape([n * m, HIDDEN])?, &sentence.reshape([n * m, width])?)?;
        let products = clips.reshape([n, m, noise])?.mul(&twins.reshape([n, 1, noise])?)?;
        products.mean(&[2])?.reshape([n, m])
    }

    /// The prior over clips, from their vectors `[k, sentence]` by a matcher.
    ///
    /// # Errors
    /// If the vectors do not fit the recogniser, or the device fails.
    pub fn prior(&self, clips: &T) -> Result<Prior<T>> {
        let Linear { weight, bias } = &self.hidden;
        let width = weight.shape()[0] / 2;
        let seen = Linear { weight: weight.slice(0, 0, width)?, bias: bias.clone() };
        // The vectors have length 1. Their elements get a mean square of 1, like those of sentence vectors.
        let clips = clips.affine((width as f32).sqrt(), 0.0)?;
        Ok(Prior {
            seen: Embedding { table: seen.forward(&clips)? },
            sentence: Linear { weight: weight.slice(0, width, width)?, bias: None },
            code: self.code.clone(),
        })
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
            code: Linear::new(init, HIDDEN, noise, true)?,
        })
    }
}

impl<T: Tensor> Prior<T> {
    /// The number of clips.
    pub fn clips(&self) -> usize {
        self.seen.table.shape()[0]
    }

    /// The codes `[n, noise]` of the clips with the indices `which`, one for each sentence
    /// `[n, sentence]`.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    ///
    /// # Panics
    /// If an index is not below [`Prior::clips`].
    pub fn code(&self, which: &[usize], sentence: &T) -> Result<T> {
        assert!(which.iter().all(|&k| k < self.clips()), "{which:?} of {} clips", self.clips());
        let rows: Vec<f32> = which.iter().map(|&k| k as f32).collect();
        let rows = T::from_slice(sentence.device(), &rows, [which.len()])?;
        self.of(&self.seen.forward(&rows)?, sentence)
    }

    fn of(&self, seen: &T, sentence: &T) -> Result<T> {
        let hidden = seen.add(&self.sentence.forward(sentence)?)?.leaky_relu(SLOPE)?;
        let code = self.code.forward(&hidden)?;
        code.div(&code.mul(&code)?.mean(&[1])?.affine(1.0, 1e-8)?.sqrt()?)
    }
}

/// Noise near codes: z = code + 0.3 ξ for codes and normal noise ξ, all `[n, noise]`. Because of ξ, the
/// generator also learns to draw from values between the codes of training.
///
/// # Errors
/// If the shapes disagree, or the device fails.
pub fn near<T: Tensor>(code: &T, epsilon: &T) -> Result<T> {
    code.add(&epsilon.affine(SPREAD, 0.0)?)
}

impl<T> Module<T> for Recogniser<T> {
    type Of<U> = Recogniser<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Recogniser<U>, E> {
        Ok(Recogniser {
            hidden: self.hidden.try_map(&join(path, "hidden"), f)?,
            code: self.code.try_map(&join(path, "code"), f)?,
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
