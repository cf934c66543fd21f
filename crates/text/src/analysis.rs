use std::ops::Range;

/// A sentence with its tokens and names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// The original sentence.
    pub text: String,
    /// The words and punctuation marks, in order; their spans do not overlap.
    pub tokens: Vec<Token>,
    /// The names, in order. A [`Tokenizer`](crate::Tokenizer) finds none.
    pub entities: Vec<Entity>,
}

impl Analysis {
    /// The pieces of all tokens in order: rows of an embedding table.
    pub fn pieces(&self) -> impl Iterator<Item = u32> + '_ {
        self.tokens.iter().flat_map(|token| token.pieces.iter().copied())
    }

    /// The name that contains the token.
    pub fn entity(&self, token: &Token) -> Option<&Entity> {
        let at = self.entities.partition_point(|name| name.span.end <= token.span.start);
        self.entities.get(at).filter(|name| name.span.contains(&token.span.start))
    }

    /// Copies the tags and names of another analysis of the same text. Each token gets the tag of
    /// the other's token in which it begins, or no tag if there is no such token.
    pub fn adopt(&mut self, other: Analysis) {
        let mut others = other.tokens.into_iter().peekable();
        for token in &mut self.tokens {
            while others.next_if(|other| other.span.end <= token.span.start).is_some() {}
            let here = others.peek().filter(|other| other.span.contains(&token.span.start));
            token.tag = here.and_then(|other| other.tag.clone());
        }
        self.entities = other.entities;
    }

    /// The text of a token.
    ///
    /// # Panics
    /// If the span is outside of this text.
    pub fn word(&self, token: &Token) -> &str {
        &self.text[token.span.clone()]
    }
}

/// A word or a punctuation mark.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The bytes of the token in the text, always on character boundaries.
    pub span: Range<usize>,
    /// The pieces, each below [`Tokenizer::vocab_size`](crate::Tokenizer::vocab_size):
    /// one or more from a [`Tokenizer`](crate::Tokenizer), none from an [`Engine`](crate::Engine).
    pub pieces: Vec<u32>,
    /// The part of speech from an [`Engine`](crate::Engine); `None` from a
    /// [`Tokenizer`](crate::Tokenizer).
    pub tag: Option<Tag>,
}

/// The part of speech of a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    /// The universal part of speech, such as `NOUN`.
    pub pos: String,
    /// The probability of this part of speech, 0 to 1.
    pub p: f32,
}

/// A name of one or more tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// The kind of name, such as `PER`.
    pub label: String,
    /// The bytes of the name in the text.
    pub span: Range<usize>,
    /// The mean probability of its labels, 0 to 1.
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
