use kinora_nn::{Embedding, Fill, Gru, Init, Linear, Module, join};
use kinora_tensor::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::features::{GRAMS, SHAPES};
use crate::Error;
use crate::labels::{BIO, POS};

/// The sizes of a tagger's network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// The width of a word's embedding.
    pub word: usize,
    /// Rows of the table of letter n-grams, which are hashed.
    pub grams: usize,
    /// The width of the embedding of a word's shape: capitals, digits and signs.
    pub shape: usize,
    /// The width of the hidden state of each GRU.
    pub hidden: usize,
    /// Layers, each of two GRUs: one reads forward, one backward.
    pub layers: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { word: 64, grams: 16_000, shape: 16, hidden: 128, layers: 2 }
    }
}

impl Sizes {
    /// Checks that each size is within its bounds; the error names the key.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (key, size, most) in [
            ("word", self.word, 4096),
            // Rows are passed as 32-bit floats, which are exact up to here.
            ("grams", self.grams, 1 << 24),
            ("shape", self.shape, 4096),
            ("hidden", self.hidden, 4096),
            ("layers", self.layers, 16),
        ] {
            if !(1..=most).contains(&size) {
                return Err(Error::Sizes(format!("{key} = {size} must be from 1 to {most}")));
            }
        }
        Ok(())
    }
}

/// A batch of n sentences of up to m words.
///
/// # Shapes
/// words, shapes and mask `[n, m]`; grams `[n, m, GRAMS]`.
pub(super) struct Inputs<T> {
    pub words: T,
    pub grams: T,
    pub shapes: T,
    pub mask: T,
    /// Whether all sentences have the same length, so that the mask is 1 everywhere.
    pub equal: bool,
}

/// Embeddings of words, letter n-grams and shapes; layers of bidirectional GRUs; a linear head for
/// each task.
#[derive(Clone, Debug)]
pub(super) struct Net<T> {
    words: Embedding<T>,
    grams: Embedding<T>,
    shapes: Embedding<T>,
    layers: Vec<(Gru<T>, Gru<T>)>,
    pos: Linear<T>,
    ner: Linear<T>,
}

impl<T> Net<T> {
    pub fn new<I: Init<T>>(init: &mut I, sizes: Sizes, vocab: usize) -> Result<Self> {
        let mut table = |rows: usize, width: usize, deviation: f32| {
            let table = init.tensor([rows, width].into(), Fill::Normal(deviation))?;
            Ok(Embedding { table })
        };
        // The sum of GRAMS n-grams has the variance of a word's embedding.
        let words = table(vocab, sizes.word, 0.5)?;
        let grams = table(sizes.grams, sizes.word, 0.5 / (GRAMS as f32).sqrt())?;
        let shapes = table(SHAPES, sizes.shape, 0.5)?;
        let mut layers = Vec::new();
        for layer in 0..sizes.layers {
            let inputs = if layer == 0 { sizes.word + sizes.shape } else { 2 * sizes.hidden };
            let mut gru = || Gru::new(init, inputs, sizes.hidden);
            layers.push((gru()?, gru()?));
        }
        let pos = Linear::new(init, 2 * sizes.hidden, POS.len(), true)?;
        let ner = Linear::new(init, 2 * sizes.hidden, BIO.len(), true)?;
        Ok(Self { words, grams, shapes, layers, pos, ner })
    }
}

/// The logits of each word, `[n, m, labels]`.
pub(super) struct Logits<T> {
    pub pos: T,
    pub ner: T,
}

impl<T: Tensor> Net<T> {
    pub fn device(&self) -> &T::Device {
        self.words.table.device()
    }

    /// The logits of a batch. `drop` applies dropout to the inputs `[n, m, width]` of each layer
    /// and of the heads; without dropout it returns them unchanged.
    pub fn forward(
        &self,
        inputs: &Inputs<T>,
        mut drop: impl FnMut(T) -> Result<T>,
    ) -> Result<Logits<T>> {
        let Inputs { words, grams, shapes, mask, equal } = inputs;
        let filled = (!equal).then_some(mask);
        let [n, m] = [mask.shape()[0], mask.shape()[1]];
        let letters = self.grams.forward(grams)?.sum(&[2])?;
        let words = self.words.forward(words)?;
        let words = words.add(&letters.reshape(*words.shape())?)?;
        let mut x = drop(T::concat(&[&words, &self.shapes.forward(shapes)?], 2)?)?;
        for (ahead, back) in &self.layers {
            let stack = |states: Vec<T>| T::stack(&states.iter().collect::<Vec<_>>(), 1);
            // The forward GRU meets the padding after the words, so it needs no mask. The backward
            // GRU meets it first.
            let ahead = stack(ahead.run(&x, None, false)?)?;
            let back = stack(back.run(&x, filled, true)?)?;
            x = drop(T::concat(&[&ahead, &back], 2)?)?;
        }
        let head = |head: &Linear<T>, labels: usize| head.forward(&x)?.reshape([n, m, labels]);
        Ok(Logits { pos: head(&self.pos, POS.len())?, ner: head(&self.ner, BIO.len())? })
    }
}

impl<T> Module<T> for Net<T> {
    type Of<U> = Net<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Net<U>, E> {
        Ok(Net {
            words: self.words.try_map(&join(path, "words"), f)?,
            grams: self.grams.try_map(&join(path, "grams"), f)?,
            shapes: self.shapes.try_map(&join(path, "shapes"), f)?,
            layers: self.layers.try_map(&join(path, "layers"), f)?,
            pos: self.pos.try_map(&join(path, "pos"), f)?,
            ner: self.ner.try_map(&join(path, "ner"), f)?,
        })
    }
}
