//! How often an engine is right.

use std::ops::Range;

use crate::treebank::{Sentence, Task};
use crate::{Engine, Result, labels, words};

/// Counts over the words or names of some sentences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Words, or names that the file has.
    pub gold: usize,
    /// Words that were tagged, or names that were found.
    pub found: usize,
    /// Those that are right: a name, if its words and its label are.
    pub right: usize,
}

impl Score {
    /// The share of what was found that is right; 0 where nothing was.
    pub fn precision(&self) -> f64 {
        share(self.right, self.found)
    }

    /// The share of what there is that was found; 0 where there is nothing.
    pub fn recall(&self) -> f64 {
        share(self.right, self.gold)
    }

    /// The harmonic mean of both; of words, the accuracy.
    pub fn f1(&self) -> f64 {
        share(2 * self.right, self.gold + self.found)
    }
}

fn share(part: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// Holds an engine against sentences whose labels are known, on their own words.
///
/// # Errors
/// If a sentence has labels that the task does not have, and as of [`Engine::tag`].
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

/// Holds [`words`] against the sentences whose text is known: spans that are the same in both.
///
/// A token that stands for several words counts as those where they are what it is written as, as
/// `do` and `n't`, and else as one.
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

/// Where the words of a sentence stand in its text; `None` if one is not there.
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
