use std::borrow::Cow;

use kinora_nn::{Embedding, Fill, Init, Linear, Module, join};
use kinora_tensor::{Result, Tensor};
use kinora_text::{Analysis, ENTITIES, POS, Token};

use crate::vectors::scaled;
use crate::{EncoderConfig, Inputs, Vectors};

/// The inputs of an encoder for a batch of n sentences, as numbers on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Pieces {
    /// The number of sentences, n.
    pub sentences: usize,
    /// The number of places for pieces in each sentence, m.
    pub places: usize,
    /// The row of each piece in the embedding table, `[n, m]`: 0 for padding, −1 for a word that
    /// has an external vector and no learnt row.
    pub rows: Vec<f32>,
    /// The mask `[n, m]`: 1 for a piece, 0 for padding.
    pub mask: Vec<f32>,
    /// External word vectors, `[n, m, d]`, zeros for pieces without one; empty without a table.
    pub vectors: Vec<f32>,
    /// The part of speech of each piece's token, `[n, m]`: 1 plus its index in [`POS`], or 0 if
    /// unknown.
    pub tags: Vec<f32>,
    /// The kind of name that each piece's token belongs to, `[n, m]`: 1 plus its index in
    /// [`ENTITIES`], or 0 for none.
    pub entities: Vec<f32>,
    /// External sentence vectors, `[n, d]`; empty if the encoder computes its own.
    pub given: Vec<f32>,
    /// The number of pieces that were truncated, over all sentences.
    pub cut: usize,
}

impl Pieces {
    /// The pieces of sentences, padded to the longest sentence and truncated to `config.pieces`.
    ///
    /// A word with a vector in `vectors` is a single piece. Its vector is scaled to the length √d,
    /// so that its numbers are near 1 whatever the table. All other words keep the tokenizer's
    /// pieces.
    pub fn new(sentences: &[Analysis], config: &EncoderConfig, vectors: Option<&Vectors>) -> Self {
        let read: Vec<Vec<Piece>> = sentences
            .iter()
            .map(|sentence| {
                let tokens = sentence.tokens.iter();
                tokens.flat_map(|token| read(sentence, token, config.tuned, vectors)).collect()
            })
            .collect();
        let longest = read.iter().map(Vec::len).max();
        let places = longest.unwrap_or(0).max(1).min(config.pieces);
        let d = vectors.map_or(0, Vectors::dim);
        let mut pieces = Self {
            sentences: sentences.len(),
            places,
            rows: vec![0.0; sentences.len() * places],
            mask: vec![0.0; sentences.len() * places],
            vectors: vec![0.0; sentences.len() * places * d],
            tags: vec![0.0; sentences.len() * places],
            entities: vec![0.0; sentences.len() * places],
            given: Vec::new(),
            cut: 0,
        };
        for (i, sentence) in read.iter().enumerate() {
            pieces.cut += sentence.len().saturating_sub(places);
            for (at, piece) in (i * places..).zip(sentence.iter().take(places)) {
                (pieces.rows[at], pieces.mask[at]) = (piece.row, 1.0);
                (pieces.tags[at], pieces.entities[at]) = (piece.tag as f32, piece.entity as f32);
                if let Some(vector) = &piece.vector {
                    pieces.vectors[at * d..][..d].copy_from_slice(&scaled(vector));
                }
            }
        }
        pieces
    }

    /// The number of pieces of a token, given the external word vectors.
    pub fn places_of(sentence: &Analysis, token: &Token, vectors: Option<&Vectors>) -> usize {
        read(sentence, token, false, vectors).len()
    }

    /// The first `n` sentences, padded to the longest of them.
    ///
    /// # Panics
    /// If there are fewer than `n` sentences.
    pub fn first(&self, n: usize) -> Self {
        let masks = self.mask[..n * self.places].chunks(self.places.max(1));
        let longest = masks.map(|mask| mask.iter().filter(|&&mask| mask > 0.0).count()).max();
        let places = longest.unwrap_or(0).max(1).min(self.places);
        let all = self.sentences.max(1);
        let cut = |x: &[f32]| -> Vec<f32> {
            let width = x.len() / (all * self.places).max(1);
            let rows = x.chunks((self.places * width).max(1)).take(n);
            rows.flat_map(|row| row[..places * width].iter().copied()).collect()
        };
        Self {
            sentences: n,
            places,
            rows: cut(&self.rows),
            mask: cut(&self.mask),
            vectors: cut(&self.vectors),
            tags: cut(&self.tags),
            entities: cut(&self.entities),
            given: self.given[..self.given.len() / all * n].to_vec(),
            cut: 0,
        }
    }
}

/// The inputs for one place of a sentence.
struct Piece<'a> {
    row: f32,
    vector: Option<Cow<'a, [f32]>>,
    tag: usize,
    entity: usize,
}

/// The pieces of a token.
fn read<'a>(
    sentence: &Analysis,
    token: &Token,
    tuned: bool,
    vectors: Option<&'a Vectors>,
) -> Vec<Piece<'a>> {
    let (tag, entity) = (tag(token), entity(sentence, token));
    let known = vectors.and_then(|vectors| vectors.vector(sentence.word(token)));
    let piece = |row, vector| Piece { row, vector, tag, entity };
    match (known, &token.pieces[..]) {
        (Some(vector), &[one]) if tuned => vec![piece(one as f32, Some(vector))],
        (Some(vector), _) => vec![piece(-1.0, Some(vector))],
        (None, pieces) => pieces.iter().map(|&row| piece(row as f32, None)).collect(),
    }
}

/// The row of a token's part of speech, 0 if unknown.
fn tag(token: &Token) -> usize {
    let tag = token.tag.as_ref();
    tag.and_then(|tag| POS.iter().position(|&pos| pos == tag.pos)).map_or(0, |at| at + 1)
}

/// The row of the kind of name that a token belongs to, 0 for none.
fn entity(sentence: &Analysis, token: &Token) -> usize {
    let name = sentence.entity(token);
    let label = name.and_then(|name| ENTITIES.iter().position(|&label| label == name.label));
    label.map_or(0, |at| at + 1)
}

/// The embeddings of pieces.
///
/// The embedding of a piece is e = E + t W: its row E of a learnt table, plus its external vector t
/// (if it has one) times a learnt matrix W. Unless `tags` is 0, it is concatenated with embeddings
/// of the token's part of speech and of the kind of name that the token belongs to.
#[derive(Clone, Debug)]
pub struct Words<T> {
    /// The learnt table E, `[vocab, d]`.
    pub table: Embedding<T>,
    /// The matrix W, `[vectors, d]`; `None` without external vectors.
    pub project: Option<Linear<T>>,
    /// The embeddings of parts of speech and of kinds of names, each `[1 + kinds, tags]` with row 0
    /// for none; `None` if `tags` is 0.
    pub said: Option<(Embedding<T>, Embedding<T>)>,
}

impl<T> Words<T> {
    /// Embeddings with initial weights. If external vectors are tuned, the table of the pieces
    /// starts at zero, so that each word starts from its external vector.
    ///
    /// # Errors
    /// As [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, config: &EncoderConfig, inputs: &Inputs) -> Result<Self> {
        let EncoderConfig { word, tags, tuned, .. } = *config;
        let table = match tuned {
            true => Embedding { table: init.tensor([inputs.vocab, word].into(), Fill::Zeros)? },
            false => Embedding::new(init, inputs.vocab, word)?,
        };
        let mut said = |rows: usize| Embedding::new(init, rows + 1, tags);
        let said = (tags > 0).then(|| Ok((said(POS.len())?, said(ENTITIES.len())?))).transpose()?;
        let given = (inputs.vectors > 0).then(|| Linear::new(init, inputs.vectors, word, false));
        Ok(Self { table, project: given.transpose()?, said })
    }
}

impl<T: Tensor> Words<T> {
    /// The embeddings of a batch.
    ///
    /// # Shapes
    /// pieces and their mask `[n, m]`; gives `[n, m, d + 2 tags]`, with zeros where the mask is 0.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn forward(&self, pieces: &Pieces, mask: &T) -> Result<T> {
        let [n, m] = [pieces.sentences, pieces.places];
        let vectors = |table: &Embedding<T>, rows: &[f32]| {
            table.forward(&T::from_slice(mask.device(), rows, [n, m])?)
        };
        let mut words = vectors(&self.table, &pieces.rows)?;
        if let Some(project) = &self.project {
            let d = project.weight.shape()[0];
            let given = T::from_slice(mask.device(), &pieces.vectors, [n, m, d])?;
            words = words.add(&project.forward(&given)?)?;
        }
        if let Some((tags, entities)) = &self.said {
            let (tags, entities) =
                (vectors(tags, &pieces.tags)?, vectors(entities, &pieces.entities)?);
            words = T::concat(&[&words, &tags, &entities], 2)?;
        }
        words.mul(&mask.reshape([n, m, 1])?)
    }
}

impl<T> Module<T> for Words<T> {
    type Of<U> = Words<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Words<U>, E> {
        Ok(Words {
            table: self.table.try_map(&join(path, "table"), f)?,
            project: self.project.try_map(&join(path, "project"), f)?,
            said: self.said.try_map(&join(path, "said"), f)?,
        })
    }
}
