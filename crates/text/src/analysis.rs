use std::ops::Range;

/// What is known of a sentence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// The sentence, as it was given.
    pub text: String,
    /// Its words and punctuation marks, in order; their spans do not overlap.
    pub tokens: Vec<Token>,
    /// The names in it, in order. A [`Tokenizer`](crate::Tokenizer) alone finds none.
    pub entities: Vec<Entity>,
}

impl Analysis {
    /// The pieces of all tokens in a row, as an embedding wants them.
    pub fn pieces(&self) -> impl Iterator<Item = u32> + '_ {
        self.tokens.iter().flat_map(|token| token.pieces.iter().copied())
    }

    /// The name that a token is part of.
    pub fn entity(&self, token: &Token) -> Option<&Entity> {
        let at = self.entities.partition_point(|name| name.span.end <= token.span.start);
        self.entities.get(at).filter(|name| name.span.contains(&token.span.start))
    }

    /// Takes over the tags and names of another analysis of the same text: a token has the tag of
    /// the other's token that it begins in.
    pub fn adopt(&mut self, other: Analysis) {
        let mut others = other.tokens.into_iter().peekable();
        for token in &mut self.tokens {
            while others.next_if(|other| other.span.end <= token.span.start).is_some() {}
            let here = others.peek().filter(|other| other.span.contains(&token.span.start));
            token.tag = here.and_then(|other| other.tag.clone());
        }
        self.entities = other.entities;
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
    /// Its pieces, as numbers below [`Tokenizer::vocab_size`](crate::Tokenizer::vocab_size):
    /// one or more from a [`Tokenizer`](crate::Tokenizer), none from an [`Engine`](crate::Engine).
    pub pieces: Vec<u32>,
    /// Its part of speech, which an [`Engine`](crate::Engine) finds.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_to_what_begins_in_their_word() {
        let token = |span: Range<usize>, pos: Option<&str>| Token {
            span,
            pieces: Vec::new(),
            tag: pos.map(|pos| Tag { pos: pos.into(), p: 1.0 }),
        };
        let text = String::from("don't e-mail");
        let of = |tokens| Analysis { text: text.clone(), tokens, entities: Vec::new() };
        let mut own = of([0..3, 3..4, 4..5, 6..7, 7..8, 8..12].map(|s| token(s, None)).to_vec());
        let mut other = of(vec![
            token(0..2, Some("AUX")),
            token(2..5, Some("PART")),
            token(6..12, Some("VERB")),
        ]);
        other.entities = vec![Entity { label: "PER".into(), span: 0..5, score: 1.0 }];
        own.adopt(other.clone());
        let tags: Vec<_> =
            own.tokens.iter().map(|t| t.tag.as_ref().unwrap().pos.as_str()).collect();
        assert_eq!(tags, ["AUX", "PART", "PART", "VERB", "VERB", "VERB"]);
        assert_eq!(own.entities, other.entities);
        own.adopt(of(vec![token(6..12, None)]));
        assert!(own.tokens.iter().all(|token| token.tag.is_none()) && own.entities.is_empty());
    }
}
