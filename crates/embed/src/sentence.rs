use kinora_nn::{Gru, Init, Linear, Lstm, Module, join};
use kinora_tensor::{Result, Tensor};

use crate::{EncoderConfig, Inputs, Reader};

/// The network from embeddings of words to the words in their context, V, and to s = f(V).
///
/// The mean of the embeddings tells which words there are. The final states of the two recurrent
/// networks tell which words belong together: "a woman with red hair in a blue robe" is not "a
/// woman with blue hair in a red robe".
#[derive(Clone, Debug)]
pub struct Sentence<T> {
    /// From the embeddings to the words in their context.
    pub context: Context<T>,
    /// The linear layer to s.
    pub join: Linear<T>,
    /// Whether s depends on an external sentence vector alone.
    given: bool,
    /// Whether s is scaled to the length √d.
    unit: bool,
}

/// The network that gives each word its context.
#[derive(Clone, Debug)]
pub enum Context<T> {
    /// A forward and a backward GRU.
    Gru(Gru<T>, Gru<T>),
    /// A forward and a backward LSTM.
    Lstm(Lstm<T>, Lstm<T>),
    /// No context: a linear layer for each word.
    None(Linear<T>),
}

impl<T> Sentence<T> {
    /// A network with initial weights, from the embeddings of [`crate::Words`] to words of width
    /// `config.word` and a sentence of width `config.sentence`.
    ///
    /// # Errors
    /// As [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, config: &EncoderConfig, inputs: &Inputs) -> Result<Self> {
        let EncoderConfig { word, tags, .. } = *config;
        let (heard, half) = (word + 2 * tags, word / 2);
        let context = match config.reader {
            Reader::Gru => {
                Context::Gru(Gru::new(init, heard, half)?, Gru::new(init, heard, word - half)?)
            }
            Reader::Lstm => {
                Context::Lstm(Lstm::new(init, heard, half)?, Lstm::new(init, heard, word - half)?)
            }
            Reader::Mean | Reader::Sif | Reader::Onnx => {
                Context::None(Linear::new(init, heard, word, true)?)
            }
        };
        let joined = match config.reader {
            Reader::Gru | Reader::Lstm => word + heard,
            Reader::Mean => heard,
            Reader::Sif | Reader::Onnx => inputs.sentence,
        };
        let join = Linear::new(init, joined, config.sentence, true)?;
        let given = matches!(config.reader, Reader::Sif | Reader::Onnx);
        Ok(Self { context, join, given, unit: config.unit })
    }
}

impl<T: Tensor> Sentence<T> {
    /// Computes the words in their context, V, and the sentence vector s.
    ///
    /// # Shapes
    /// words `[n, m, inputs]`, 0 where the mask is 0; mask `[n, m]` with m at least 1; `given`
    /// `[n, d]`, only for [`Reader::Sif`] and [`Reader::Onnx`]. Gives V `[n, m, word]` and s
    /// `[n, sentence]`.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn read(&self, words: &T, mask: &T, given: &[f32]) -> Result<(T, T)> {
        let [n, m, d] = [words.shape()[0], words.shape()[1], words.shape()[2]];
        let (context, ends) = match &self.context {
            Context::Gru(ahead, back) => {
                both(&ahead.run(words, Some(mask), false)?, &back.run(words, Some(mask), true)?)?
            }
            Context::Lstm(ahead, back) => {
                both(&ahead.run(words, Some(mask), false)?, &back.run(words, Some(mask), true)?)?
            }
            Context::None(linear) => {
                (linear.forward(words)?.mul(&mask.reshape([n, m, 1])?)?, Vec::new())
            }
        };
        let known = if self.given {
            T::from_slice(words.device(), given, [n, self.join.weight.shape()[0]])?
        } else {
            let count = mask.sum(&[1])?; // [n, 1]
            // 1e-6 avoids 0 / 0 for an empty sentence, whose mean becomes zero.
            let mean = words.sum(&[1])?.reshape([n, d])?.div(&count.affine(1.0, 1e-6)?)?;
            T::concat(&ends.iter().chain([&mean]).collect::<Vec<_>>(), 1)?
        };
        let sentence = self.join.forward(&known)?;
        if !self.unit {
            return Ok((context, sentence));
        }
        // The root mean square; 1e-8 keeps a zero vector zero.
        let length = sentence.mul(&sentence)?.mean(&[1])?.affine(1.0, 1e-8)?.sqrt()?;
        Ok((context, sentence.div(&length)?))
    }
}

/// The words `[n, m, word]`, and the final states `[n, word / 2]` of both directions.
fn both<T: Tensor>(ahead: &[T], back: &[T]) -> Result<(T, Vec<T>)> {
    let stack = |states: &[T]| T::stack(&states.iter().collect::<Vec<_>>(), 1);
    let words = T::concat(&[&stack(ahead)?, &stack(back)?], 2)?;
    Ok((words, vec![ahead[ahead.len() - 1].clone(), back[0].clone()]))
}

impl<T> Module<T> for Sentence<T> {
    type Of<U> = Sentence<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Sentence<U>, E> {
        let (forward, backward) = (join(path, "forward"), join(path, "backward"));
        Ok(Sentence {
            context: match &self.context {
                Context::Gru(ahead, back) => {
                    Context::Gru(ahead.try_map(&forward, f)?, back.try_map(&backward, f)?)
                }
                Context::Lstm(ahead, back) => {
                    Context::Lstm(ahead.try_map(&forward, f)?, back.try_map(&backward, f)?)
                }
                Context::None(words) => Context::None(words.try_map(&join(path, "words"), f)?),
            },
            join: self.join.try_map(&join(path, "join"), f)?,
            given: self.given,
            unit: self.unit,
        })
    }
}
