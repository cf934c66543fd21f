use kinora_nn::{Embedding, Init, Module, join};
use kinora_tensor::{Result, Tensor};
use kinora_text::Analysis;

/// A batch of sentences as numbers on the host, ready for any device.
#[derive(Clone, Debug, PartialEq)]
pub struct Pieces {
    /// How many sentences, n.
    pub sentences: usize,
    /// How many places for pieces each has, m.
    pub places: usize,
    /// The rows of the table, `[n, m]`, 0 where there is no piece.
    pub rows: Vec<f32>,
    /// 1 where there is a piece, else 0, `[n, m]`.
    pub mask: Vec<f32>,
    /// How many pieces did not fit, over all sentences.
    pub cut: usize,
}

impl Pieces {
    /// The pieces of the sentences, with as many places as the longest of them needs; what is
    /// longer than `most` is cut, and counted.
    pub fn new(sentences: &[Analysis], most: usize) -> Self {
        let longest = sentences.iter().map(|sentence| sentence.pieces().count()).max();
        let places = longest.unwrap_or(0).max(1).min(most);
        let mut rows = vec![0.0; sentences.len() * places];
        let mut mask = rows.clone();
        let mut cut = 0;
        for (i, sentence) in sentences.iter().enumerate() {
            for (place, piece) in sentence.pieces().enumerate() {
                if place < places {
                    rows[i * places + place] = piece as f32;
                    mask[i * places + place] = 1.0;
                } else {
                    cut += 1;
                }
            }
        }
        Self { sentences: sentences.len(), places, rows, mask, cut }
    }
}

/// V: one vector a piece, from a table that is learnt with the rest.
#[derive(Clone, Debug)]
pub struct Words<T> {
    /// `[vocab, d]`.
    pub table: Embedding<T>,
}

impl<T> Words<T> {
    /// A table of `vocab` rows of `width` numbers.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, vocab: usize, width: usize) -> Result<Self> {
        Ok(Self { table: Embedding::new(init, vocab, width)? })
    }
}

impl<T: Tensor> Words<T> {
    /// V of a batch.
    ///
    /// # Shapes
    /// rows and mask `[n, m]`; gives `[n, m, d]`, zeros where the mask is 0.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn forward(&self, rows: &T, mask: &T) -> Result<T> {
        let [n, m] = [mask.shape()[0], mask.shape()[1]];
        self.table.forward(rows)?.mul(&mask.reshape([n, m, 1])?)
    }
}

impl<T> Module<T> for Words<T> {
    type Of<U> = Words<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Words<U>, E> {
        Ok(Words { table: self.table.try_map(&join(path, "table"), f)? })
    }
}
