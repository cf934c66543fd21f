use kinora_nn::{Embedding, Fill, Gru, Init, Linear, Module, join};
use kinora_tensor::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::features::{GRAMS, SHAPES};
use crate::Error;
use crate::labels::{BIO, POS};

/// How large a network is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Numbers of a word's vector.
    pub word: usize,
    /// Rows of the table of pieces of letters, which are hashed.
    pub grams: usize,
    /// Numbers for the kind of a word: its capitals, digits and signs.
    pub shape: usize,
    /// Numbers of the state of each of the recurrent nets.
    pub hidden: usize,
    /// Layers of recurrent nets, two in each, one from either end.
    pub layers: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { word: 64, grams: 16_000, shape: 16, hidden: 128, layers: 2 }
    }
}

impl Sizes {
    /// Whether there can be a network of these sizes.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (key, size, most) in [
            ("word", self.word, 4096),
            // As whole numbers, which 32-bit floats are up to there.
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

/// A batch of sentences.
///
/// # Shapes
/// `[n, m]`; grams `[n, m, GRAMS]`.
pub(super) struct Inputs<T> {
    pub words: T,
    pub grams: T,
    pub shapes: T,
    pub mask: T,
    /// Whether all are of one length, so that the mask is 1.
    pub equal: bool,
}

/// Words and their letters, read from both ends by layers of GRUs; two heads.
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
        // All pieces of a word together as much as the word.
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

/// The scores of each word, before they are made probabilities: `[n, m, labels]`.
pub(super) struct Logits<T> {
    pub pos: T,
    pub ner: T,
}

impl<T: Tensor> Net<T> {
    pub fn device(&self) -> &T::Device {
        self.words.table.device()
    }

    /// `drop` may multiply what goes into each layer and into the heads, `[n, m, width]`, by
    /// something.
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
            // What follows a sentence does not reach back into it; what precedes it must not.
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
