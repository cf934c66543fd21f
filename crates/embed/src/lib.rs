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

/// What an [`Encoder`] is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncoderConfig {
    /// The most pieces of a sentence that are read; what is longer is cut.
    pub pieces: usize,
    /// Numbers of a word's vector, at least 2: half of them are read forward, half backward.
    pub word: usize,
    /// Numbers of a sentence's vector.
    pub sentence: usize,
    /// How words become a sentence.
    pub reader: Reader,
    /// Word vectors from elsewhere: `none`, `builtin`, or the path of a table.
    pub vectors: String,
    /// Whether these are tuned: what is learnt of a word of the vocabulary is added to its vector.
    pub tuned: bool,
    /// The folder of the encoder of [`Reader::Onnx`], else empty.
    pub onnx: String,
    /// Numbers that a word's vector is joined with for its part of speech, and as many for the name
    /// that it is part of; 0 if neither is looked at.
    pub tags: usize,
    /// Whether the sentence's vector is brought to the length √`sentence`, so that its numbers are
    /// near 1 however long training makes it.
    pub unit: bool,
}

/// How words become a sentence, s = f(V).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    /// Two GRUs from both ends, and the mean of the words.
    Gru,
    /// The same with LSTMs.
    Lstm,
    /// The mean of the words.
    Mean,
    /// That of [`Sif`], from the word vectors as they come.
    Sif,
    /// That of an [`OnnxEncoder`].
    Onnx,
}

impl Default for EncoderConfig {
    /// What a key means that the file of a model lacks, so these values never change.
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
    /// Whether there are word vectors from elsewhere.
    pub fn has_vectors(&self) -> bool {
        self.vectors != "none"
    }

    /// Checks the sizes, and whether one fits the other.
    ///
    /// # Errors
    /// What is wrong, with the key that is to be changed.
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
            _ => Err("encoder.onnx names an encoder that nobody asks; set encoder.reader to \
                      \"onnx\" too"
                .into()),
        }
    }
}

/// What an [`Encoder`] is fed, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Pieces of the tokenizer.
    pub vocab: usize,
    /// Numbers of a word's vector from elsewhere, 0 if there are none.
    pub vectors: usize,
    /// Numbers of a sentence's vector from elsewhere, 0 unless the reader is [`Reader::Sif`] or
    /// [`Reader::Onnx`].
    pub sentence: usize,
}

/// From a sentence's pieces to word vectors V and the sentence vector s.
#[derive(Clone, Debug)]
pub struct Encoder<T> {
    /// V.
    pub words: Words<T>,
    /// s = f(V).
    pub sentence: Sentence<T>,
}

/// What an [`Encoder`] makes of a batch of sentences.
#[derive(Clone, Debug)]
pub struct Encoded<T> {
    /// V, the words in their context, `[n, m, word]`; what stands where there is no word is to be
    /// heard by nobody.
    pub words: T,
    /// What attention adds to their scores: 0, or a large negative number where there is no word,
    /// `[n, m]`.
    pub bias: T,
    /// s, the sentences, `[n, sentence]`.
    pub sentence: T,
}

impl<T> Encoder<T> {
    /// An encoder of what [`EncoderConfig::check`] accepts.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
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
    /// Reads a batch of sentences. Each is read by itself: neither its neighbours nor the places
    /// behind its last piece change what it becomes.
    ///
    /// # Errors
    /// If the pieces do not fill their `[n, m]`, or the device fails.
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
