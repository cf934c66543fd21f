use kinora_nn::{Embedding, Init, Module, join};
use kinora_tensor::{Result, Tensor};
use kinora_text::{Analysis, ENTITIES, POS, Token};

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
    /// The part of speech of each piece's token, `[n, m]`: 0 where none is known, else 1 and its
    /// place in [`POS`].
    pub tags: Vec<f32>,
    /// What each piece's token is part of the name of, `[n, m]`: 0 for nothing, else 1 and its
    /// place in [`ENTITIES`].
    pub entities: Vec<f32>,
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
        let [mut mask, mut tags, mut entities] = [(); 3].map(|()| rows.clone());
        let mut cut = 0;
        for (i, sentence) in sentences.iter().enumerate() {
            let pieces = sentence.tokens.iter().flat_map(|token| {
                let (tag, entity) = (tag(token), entity(sentence, token));
                token.pieces.iter().map(move |&piece| (piece, tag, entity))
            });
            for (place, (piece, tag, entity)) in pieces.enumerate() {
                if place >= places {
                    cut += 1;
                    continue;
                }
                let at = i * places + place;
                (rows[at], mask[at]) = (piece as f32, 1.0);
                (tags[at], entities[at]) = (tag as f32, entity as f32);
            }
        }
        Self { sentences: sentences.len(), places, rows, mask, tags, entities, cut }
    }
}

/// The row of a token's part of speech.
fn tag(token: &Token) -> usize {
    let tag = token.tag.as_ref();
    tag.and_then(|tag| POS.iter().position(|&pos| pos == tag.pos)).map_or(0, |at| at + 1)
}

/// The row of what a token is part of the name of.
fn entity(sentence: &Analysis, token: &Token) -> usize {
    let name = sentence.entity(token);
    let label = name.and_then(|name| ENTITIES.iter().position(|&label| label == name.label));
    label.map_or(0, |at| at + 1)
}

/// V: one vector a piece, from tables that are learnt with the rest: that of the piece itself and,
/// if they are wanted, those of its token's part of speech and of the name that it is part of.
#[derive(Clone, Debug)]
pub struct Words<T> {
    /// `[vocab, d]`.
    pub table: Embedding<T>,
    /// `[parts of speech, tags]` and `[kinds of names, tags]`.
    pub said: Option<(Embedding<T>, Embedding<T>)>,
}

impl<T> Words<T> {
    /// Tables of `width` numbers for each of `vocab` pieces and, unless that is 0, of `tags`
    /// numbers for each part of speech and each kind of name.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, vocab: usize, width: usize, tags: usize) -> Result<Self> {
        let table = Embedding::new(init, vocab, width)?;
        let mut said = |rows: usize| Embedding::new(init, rows + 1, tags);
        let said = (tags > 0).then(|| Ok((said(POS.len())?, said(ENTITIES.len())?))).transpose()?;
        Ok(Self { table, said })
    }
}

impl<T: Tensor> Words<T> {
    /// V of a batch.
    ///
    /// # Shapes
    /// pieces and their mask `[n, m]`; gives `[n, m, d + 2 tags]`, zeros where the mask is 0.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn forward(&self, pieces: &Pieces, mask: &T) -> Result<T> {
        let [n, m] = [pieces.sentences, pieces.places];
        let vectors = |table: &Embedding<T>, rows: &[f32]| {
            table.forward(&T::from_slice(mask.device(), rows, [n, m])?)
        };
        let mut words = vectors(&self.table, &pieces.rows)?;
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
            said: self.said.try_map(&join(path, "said"), f)?,
        })
    }
}
