#![doc = include_str!("../README.md")]

mod corpus;
mod distil;
mod error;
mod glove;
#[cfg(feature = "onnx")]
mod onnx;
mod principal;
mod score;
mod sentence;
mod sif;
mod vectors;
mod word2vec;
mod words;

use kinora_nn::{Init, Module, join};
use kinora_tensor::Tensor;
use serde::{Deserialize, Serialize};

pub use corpus::Corpus;
pub use distil::distil;
pub use error::{Error, Result};
pub use glove::Glove;
#[cfg(feature = "onnx")]
pub use onnx::OnnxEncoder;
pub use score::{Score, score, score_sentences};
pub use sentence::{Context, Sentence};
pub use sif::Sif;
pub use vectors::{Form, Loaded, Near, Vectors, cosine, read, scaled, write};
pub use word2vec::{Word2Vec, WordProgress};
pub use words::{Pieces, Words};

/// The configuration of an [`Encoder`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncoderConfig {
    /// Pieces of a sentence at most; a longer sentence is truncated.
    pub pieces: usize,
    /// The width of a word vector in V, at least 2: half of it is read forward, half backward.
    pub word: usize,
    /// The width of the sentence vector s.
    pub sentence: usize,
    /// The network from the words to the sentence.
    pub reader: Reader,
    /// External word vectors: `none`, `builtin`, or the path of a table.
    pub vectors: String,
    /// Whether the external vectors are tuned: a learnt row is added to the vector of each word
    /// that is a single piece of the vocabulary.
    pub tuned: bool,
    /// The folder of the encoder of [`Reader::Onnx`]; empty for other readers.
    pub onnx: String,
    /// The width of the embedding of a word's part of speech, and of the embedding of the kind of
    /// name that the word belongs to. Both are concatenated to the word's vector; 0 for neither.
    pub tags: usize,
    /// Whether the sentence vector is scaled to the length √`sentence`, so that its numbers stay
    /// near 1 however large training makes it.
    pub unit: bool,
}

/// The network from the words to the sentence, s = f(V).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    /// The final states of a forward and a backward GRU, and the mean of the words.
    Gru,
    /// The same with LSTMs.
    Lstm,
    /// The mean of the words.
    Mean,
    /// The sentence vector of [`Sif`], from the external word vectors.
    Sif,
    /// The sentence vector of an [`OnnxEncoder`].
    Onnx,
}

impl Default for EncoderConfig {
    /// The values of keys that a model's file lacks. Old files depend on them, so they never
    /// change.
    fn default() -> Self {
        Self {
            pieces: 24,
            word: 128,
            sentence: 128,
            reader: Reader::Gru,
            vectors: "none".into(),
            tuned: false,
            onnx: String::new(),
            tags: 0,
            unit: false,
        }
    }
}

impl EncoderConfig {
    /// Whether the encoder has external word vectors.
    pub fn has_vectors(&self) -> bool {
        self.vectors != "none"
    }

    /// Checks that each size is within its bounds and that the keys fit each other.
    ///
    /// # Errors
    /// A message with the key to change.
    pub fn check(&self) -> Result<(), String> {
        for (key, size, least) in [
            ("pieces", self.pieces, 1),
            ("word", self.word, 2),
            ("sentence", self.sentence, 1),
            ("tags", self.tags, 0),
        ] {
            if !(least..=4096).contains(&size) {
                return Err(format!("encoder.{key} = {size} must be from {least} to 4096"));
            }
        }
        let wants = "set encoder.vectors to \"builtin\" or to the path of a table";
        if self.vectors.is_empty() {
            return Err(format!("encoder.vectors is empty; {wants}, or to \"none\""));
        }
        if self.tuned && !self.has_vectors() {
            return Err(format!("encoder.tuned = true needs word vectors to tune; {wants}"));
        }
        if self.reader == Reader::Sif && !self.has_vectors() {
            return Err(format!("encoder.reader = \"sif\" needs word vectors; {wants}"));
        }
        match (self.reader, self.onnx.is_empty()) {
            (Reader::Onnx, true) => Err("encoder.reader = \"onnx\" needs an encoder; set \
                                         encoder.onnx to its folder"
                .into()),
            (Reader::Onnx, false) | (_, true) => Ok(()),
            _ => Err("encoder.onnx names an encoder that the reader does not use; set \
                      encoder.reader to \"onnx\" too"
                .into()),
        }
    }
}

/// The sizes of an [`Encoder`]'s inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Pieces in the tokenizer's vocabulary.
    pub vocab: usize,
    /// The length of an external word vector; 0 if there are none.
    pub vectors: usize,
    /// The length of an external sentence vector; 0 unless the reader is [`Reader::Sif`] or
    /// [`Reader::Onnx`].
    pub sentence: usize,
}

/// The network from the pieces of a sentence to word vectors V and the sentence vector s.
#[derive(Clone, Debug)]
pub struct Encoder<T> {
    /// The embeddings of the words.
    pub words: Words<T>,
    /// The network from the embeddings to V and s.
    pub sentence: Sentence<T>,
}

/// The output of an [`Encoder`] for a batch of n sentences of up to m pieces.
#[derive(Clone, Debug)]
pub struct Encoded<T> {
    /// V, the words in their context, `[n, m, word]`. Rows of padding are meaningless.
    pub words: T,
    /// The bias for attention logits, `[n, m]`: 0 for a piece, -10⁴ for padding.
    pub bias: T,
    /// s, the sentence vectors, `[n, sentence]`.
    pub sentence: T,
}

impl<T> Encoder<T> {
    /// An encoder with initial weights. The config must pass [`EncoderConfig::check`].
    ///
    /// # Errors
    /// As [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        config: &EncoderConfig,
        inputs: &Inputs,
    ) -> kinora_tensor::Result<Self> {
        Ok(Self {
            words: Words::new(init, config, inputs)?,
            sentence: Sentence::new(init, config, inputs)?,
        })
    }
}

impl<T: Tensor> Encoder<T> {
    /// Encodes a batch of sentences. The other sentences of the batch and the padding do not change
    /// the result of a sentence.
    ///
    /// # Errors
    /// If the lists in `pieces` do not have the shape `[n, m]`, or the device fails.
    pub fn forward(&self, pieces: &Pieces) -> kinora_tensor::Result<Encoded<T>> {
        let device = self.words.table.table.device();
        let shape = [pieces.sentences, pieces.places];
        let mask = T::from_slice(device, &pieces.mask, shape)?;
        let words = self.words.forward(pieces, &mask)?;
        let (words, sentence) = self.sentence.read(&words, &mask, &pieces.given)?;
        Ok(Encoded { words, bias: mask.affine(1e4, -1e4)?, sentence })
    }
}

impl<T> Module<T> for Encoder<T> {
    type Of<U> = Encoder<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Encoder<U>, E> {
        Ok(Encoder {
            words: self.words.try_map(&join(path, "words"), f)?,
            sentence: self.sentence.try_map(&join(path, "sentence"), f)?,
        })
    }
}
