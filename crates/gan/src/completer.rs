use kinora_nn::{Embedding, Init, Linear, Module, join};
use kinora_tensor::{Result, Tensor};

use crate::generator::SLOPE;

/// Width of the hidden layers.
const HIDDEN: usize = 256;

/// Completes sentences: predicts what the clip of a sentence looks like. The completion of a sentence s by a
/// reference clip x predicts a matcher's vector: that of a clip which shows what s says, and otherwise resembles
/// x. From s and the completion, a generator draws a film.
///
/// A completer learns from twins. In a twin of a clip, the attributes that the clip's sentence states have new random
/// values, and the others keep theirs where they fit. The completion of the sentence by the twin must be like the vector of the clip:
/// the loss is 1 - cos ([`Completer::loss`]).
///
/// The completer sees the reference clip as its vector, too ([`Matcher::clips`](crate::Matcher::clips)).
/// (A prediction of a clip's vector from its sentence, and a generator that draws from it: Ramesh et al.,
/// "Hierarchical text-conditional image generation with CLIP latents", 2022.)
///
/// Gates choose, for each of 256 units, between the clip and the sentence, since a completion mostly takes from the
/// clip what the sentence leaves open, and the rest from the sentence. A completer of two layers of this width,
/// without gates, has 1.5 times the loss.
#[derive(Clone, Debug)]
pub struct Completer<T> {
    /// From clip and sentence to the gates; a leaky ReLU is between the layers.
    gates: (Linear<T>, Linear<T>),
    clip: Linear<T>,
    sentence: Linear<T>,
    /// From the chosen units to the completion.
    output: (Linear<T>, Linear<T>),
}

/// The reference clips of a model, and its completer. A new film has a sentence, but no reference; so it gets a
/// random clip of the prior.
#[derive(Clone, Debug)]
pub struct Prior<T> {
    /// The vectors of the clips, `[clips, sentence]`.
    clips: Embedding<T>,
    completer: Completer<T>,
}

impl<T> Completer<T> {
    /// A completer for sentence vectors, and vectors of clips, of width `sentence`.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, sentence: usize) -> Result<Self> {
        let mut linear = |from, to| Linear::new(init, from, to, true);
        Ok(Self {
            gates: (linear(2 * sentence, HIDDEN)?, linear(HIDDEN, HIDDEN)?),
            clip: linear(sentence, HIDDEN)?,
            sentence: linear(sentence, HIDDEN)?,
            output: (linear(HIDDEN, HIDDEN)?, linear(HIDDEN, sentence)?),
        })
    }
}

impl<T: Tensor> Completer<T> {
    /// The completions of sentences by reference clips. The mean square of the elements of a completion is 1.
    ///
    /// # Shapes
    /// clips `[n, sentence]` from a matcher, sentence `[n, sentence]`; returns `[n, sentence]`.
    ///
    /// # Errors
    /// If the shapes do not fit the completer, or the device fails.
    pub fn forward(&self, clips: &T, sentence: &T) -> Result<T> {
        // The vectors of clips have length 1. Their elements get a mean square of 1, like those of sentence
        // vectors.
        let width = clips.shape()[1] as f32;
        let clips = clips.affine(width.sqrt(), 0.0)?;
        let gates = self.gates.0.forward(&T::concat(&[&clips, sentence], 1)?)?.leaky_relu(SLOPE)?;
        let gates = self.gates.1.forward(&gates)?.sigmoid()?;
        let (of_clip, of_sentence) = (self.clip.forward(&clips)?, self.sentence.forward(sentence)?);
        let chosen = of_sentence.add(&gates.mul(&of_clip.sub(&of_sentence)?)?)?;
        let x = self.output.0.forward(&chosen.leaky_relu(SLOPE)?)?.leaky_relu(SLOPE)?;
        let x = self.output.1.forward(&x)?;
        x.div(&x.mul(&x)?.mean(&[1])?.affine(1.0, 1e-8)?.sqrt()?)
    }

    /// The mean of 1 - cos over the completions of sentences by twins, each with the vector of its clip; a
    /// scalar.
    ///
    /// # Shapes
    /// twins and clips `[n, sentence]` from a matcher, sentence `[n, sentence]`.
    ///
    /// # Errors
    /// If the shapes do not fit the completer, or the device fails.
    pub fn loss(&self, twins: &T, clips: &T, sentence: &T) -> Result<T> {
        // A completion has the length √width, a clip's vector the length 1.
        let width = clips.shape()[1] as f32;
        let product = self.forward(twins, sentence)?.mul(clips)?;
        product.mean_all()?.affine(-width.sqrt(), 1.0)
    }
}

impl<T> Prior<T> {
    /// A prior over `clips` clips, for sentence vectors of width `sentence`.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, clips: usize, sentence: usize) -> Result<Self> {
        let clips = Embedding::new(init, clips, sentence)?;
        Ok(Self { clips, completer: Completer::new(init, sentence)? })
    }

    /// The prior of a completer over clips, from their vectors `[clips, sentence]` by a matcher.
    pub fn of(completer: Completer<T>, clips: T) -> Self {
        Self { clips: Embedding { table: clips }, completer }
    }
}

impl<T: Tensor> Prior<T> {
    /// The number of clips.
    pub fn clips(&self) -> usize {
        self.clips.table.shape()[0]
    }

    /// The completions `[n, sentence]` of sentences `[n, sentence]` by the clips with the indices `which`.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    ///
    /// # Panics
    /// If an index is not below [`Prior::clips`].
    pub fn complete(&self, which: &[usize], sentence: &T) -> Result<T> {
        assert!(which.iter().all(|&k| k < self.clips()), "{which:?} of {} clips", self.clips());
        let rows: Vec<f32> = which.iter().map(|&k| k as f32).collect();
        let rows = T::from_slice(sentence.device(), &rows, [which.len()])?;
        self.completer.forward(&self.clips.forward(&rows)?, sentence)
    }
}

impl<T> Module<T> for Completer<T> {
    type Of<U> = Completer<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Completer<U>, E> {
        Ok(Completer {
            gates: self.gates.try_map(&join(path, "gates"), f)?,
            clip: self.clip.try_map(&join(path, "clip"), f)?,
            sentence: self.sentence.try_map(&join(path, "sentence"), f)?,
            output: self.output.try_map(&join(path, "output"), f)?,
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
            clips: self.clips.try_map(&join(path, "clips"), f)?,
            completer: self.completer.try_map(&join(path, "completer"), f)?,
        })
    }
}
