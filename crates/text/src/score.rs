//! Precision, recall and F1 of an engine.

use std::ops::Range;

use crate::treebank::{Sentence, Task};
use crate::{Engine, Result, labels, words};

/// Counts of right and wrong words or names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Words or names in the labelled sentences.
    pub gold: usize,
    /// Words or names that the engine found.
    pub found: usize,
    /// Found words or names that are right. A name is right if its words and its label are.
    pub right: usize,
}

impl Score {
    /// `right / found`; 0 if nothing was found.
    pub fn precision(&self) -> f64 {
        share(self.right, self.found)
    }

    /// `right / gold`; 0 if the sentences have none.
    pub fn recall(&self) -> f64 {
        share(self.right, self.gold)
    }

    /// The harmonic mean of precision and recall. For parts of speech this is the accuracy.
    pub fn f1(&self) -> f64 {
        share(2 * self.right, self.gold + self.found)
    }
}

fn share(part: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// Scores an engine on labelled sentences. The engine gets the sentences' own words.
///
/// # Errors
/// [`crate::Error::Labels`] if a sentence does not have one label of the task per word; otherwise
/// as [`Engine::tag`].
pub fn score(engine: &dyn Engine, task: Task, sentences: &[Sentence]) -> Result<Score> {
    task.check(sentences)?;
    let words: Vec<Vec<&str>> = sentences
        .iter()
        .map(|sentence| sentence.words.iter().map(String::as_str).collect())
        .collect();
    let mut score = Score::default();
    for (sentence, tagged) in sentences.iter().zip(engine.tag(&words)?) {
        match task {
            Task::Pos => {
                let pairs = sentence.labels.iter().zip(&tagged.tags);
                score.right += pairs.filter(|(label, tag)| labels::POS[**label] == tag.pos).count();
                score.gold += sentence.words.len();
                score.found += tagged.tags.len();
            }
            Task::Ner => {
                let gold = labels::spans(&sentence.labels);
                let same = |entity: &&crate::Entity| {
                    gold.iter().any(|(kind, span)| {
                        *span == entity.span && labels::ENTITIES[*kind] == entity.label
                    })
                };
                score.right += tagged.entities.iter().filter(same).count();
                score.gold += gold.len();
                score.found += tagged.entities.len();
            }
        }
    }
    Ok(score)
}

/// Scores [`words`] on the sentences with a [`Sentence::text`]. A word is right if its span is
/// right.
///
/// A token of several words counts as these words if together they spell the token, as `do` and
/// `n't` spell `don't`; otherwise it counts as one word.
pub fn score_words(sentences: &[Sentence]) -> Score {
    let mut score = Score::default();
    for sentence in sentences {
        let Some(text) = &sentence.text else { continue };
        let Some(gold) = gold_spans(sentence, text) else { continue };
        let found = words(text);
        score.right += found.iter().filter(|span| gold.contains(span)).count();
        score.gold += gold.len();
        score.found += found.len();
    }
    score
}

/// The spans of a sentence's words in its text; `None` if the text lacks a word.
fn gold_spans(sentence: &Sentence, text: &str) -> Option<Vec<Range<usize>>> {
    let mut spans = Vec::new();
    let mut at = 0;
    for (form, of) in &sentence.surface {
        at += text[at..].find(form.as_str())?;
        let parts = &sentence.words[of.clone()];
        let whole = [form.clone()];
        let parts = if parts.concat() == *form { parts } else { &whole };
        for part in parts {
            spans.push(at..at + part.len());
            at += part.len();
        }
    }
    Some(spans)
}
