use std::ops::Range;

/// What is known of a sentence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// The sentence, as it was given.
    pub text: String,
    /// Its words and punctuation marks, in order; their spans do not overlap.
    pub tokens: Vec<Token>,
    /// The names in it. A [`Tokenizer`](crate::Tokenizer) alone finds none: empty until an engine
    /// for entities fills it.
    pub entities: Vec<Entity>,
}

impl Analysis {
    /// The pieces of all tokens in a row, as an embedding wants them.
    pub fn pieces(&self) -> impl Iterator<Item = u32> + '_ {
        self.tokens.iter().flat_map(|token| token.pieces.iter().copied())
    }

    /// The words behind a token, as they were written.
    ///
    /// # Panics
    /// If the span is not one of this text.
    pub fn word(&self, token: &Token) -> &str {
        &self.text[token.span.clone()]
    }
}

/// A word or a punctuation mark.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Where it stands in the text, in bytes; always on the borders of characters.
    pub span: Range<usize>,
    /// Its pieces, as numbers below [`Tokenizer::vocab_size`](crate::Tokenizer::vocab_size);
    /// never empty.
    pub pieces: Vec<u32>,
    /// Its part of speech; `None` until an engine for it fills it.
    pub tag: Option<Tag>,
}

/// A part of speech.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    /// The universal part of speech, as `NOUN`.
    pub pos: String,
    /// Its probability, 0 to 1.
    pub p: f32,
}

/// A name, of one or more tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// What it names, as `PER`.
    pub label: String,
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
    /// How sure that is, 0 to 1.
    pub score: f32,
}
