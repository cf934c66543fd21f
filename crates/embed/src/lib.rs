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
pub use sentence::Sentence;
pub use sif::Sif;
pub use vectors::{Form, Loaded, Near, Vectors, cosine, read, write};
pub use word2vec::{Word2Vec, WordProgress};
pub use words::{Pieces, Words};

/// The sizes of an [`Encoder`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncoderConfig {
    /// The most pieces of a sentence that are read; what is longer is cut.
    pub pieces: usize,
    /// Numbers of a word's vector, at least 2: half of them are read forward, half backward.
    pub word: usize,
    /// Numbers of a sentence's vector.
    pub sentence: usize,
    /// Numbers that a word's vector is joined with for its part of speech, and as many for the name
    /// that it is part of; 0 if neither is looked at.
    pub tags: usize,
}

impl Default for EncoderConfig {
    /// What a key means that the file of a model lacks, so these values never change.
    fn default() -> Self {
        Self { pieces: 24, word: 128, sentence: 128, tags: 0 }
    }
}

impl EncoderConfig {
    /// Checks the sizes.
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
        Ok(())
    }
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
    /// An encoder for a tokenizer of `vocab` pieces, of sizes that [`EncoderConfig::check`] accepts.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        config: &EncoderConfig,
        vocab: usize,
    ) -> kinora_tensor::Result<Self> {
        let EncoderConfig { word, sentence, tags, .. } = *config;
        Ok(Self {
            words: Words::new(init, vocab, word, tags)?,
            sentence: Sentence::new(init, word + 2 * tags, word, sentence)?,
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
        let (words, sentence) = self.sentence.read(&words, &mask)?;
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
