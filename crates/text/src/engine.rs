use std::ops::Range;

use crate::{Analysis, Entity, Result, Tag, Token, words};

/// Finds parts of speech and names: the built-in [`Tagger`](crate::Tagger) or another engine.
pub trait Engine {
    /// Finds the tags and names of sentences. Each sentence is given as its words.
    ///
    /// # Errors
    /// If the engine fails. No text is an error.
    fn tag(&self, sentences: &[Vec<&str>]) -> Result<Vec<Tagged>>;

    /// Splits texts into words, and finds their tags and names.
    ///
    /// The tokens have no pieces; only a [`Tokenizer`](crate::Tokenizer) gives them.
    ///
    /// # Errors
    /// As [`Engine::tag`].
    fn analyse(&self, texts: &[&str]) -> Result<Vec<Analysis>> {
        let spans: Vec<Vec<Range<usize>>> = texts.iter().map(|text| words(text)).collect();
        let sentences: Vec<Vec<&str>> = texts
            .iter()
            .zip(&spans)
            .map(|(text, spans)| spans.iter().map(|span| &text[span.clone()]).collect())
            .collect();
        let tagged = self.tag(&sentences)?;
        let analyses = texts.iter().zip(spans).zip(tagged);
        Ok(analyses.map(|((text, spans), tagged)| joined(text, &spans, tagged)).collect())
    }
}

/// The tags and names of a sentence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tagged {
    /// The part of speech of each word.
    pub tags: Vec<Tag>,
    /// The names; their spans count words, not bytes.
    pub entities: Vec<Entity>,
}

fn joined(text: &str, spans: &[Range<usize>], Tagged { tags, mut entities }: Tagged) -> Analysis {
    for entity in &mut entities {
        let (first, last) = (entity.span.start, entity.span.end - 1);
        entity.span = spans[first].start..spans[last].end;
    }
    let tokens = spans.iter().zip(tags);
    let tokens =
        tokens.map(|(span, tag)| Token { span: span.clone(), pieces: Vec::new(), tag: Some(tag) });
    Analysis { text: text.to_owned(), tokens: tokens.collect(), entities }
}
