//! Which words of a sentence a model understands: those of the captions that it was trained on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use kinora_embed::{Pieces, Vectors};
use kinora_text::{Token, Tokenizer};

use crate::{Lexicon, Result};

/// Words that say nothing of a film by themselves.
const WEIGHTLESS: &[&str] = &[
    "a", "am", "an", "and", "are", "as", "at", "be", "been", "being", "by", "for", "from", "had",
    "has", "have", "having", "he", "her", "hers", "him", "his", "i", "in", "into", "is", "it",
    "its", "me", "my", "of", "on", "onto", "or", "our", "s", "she", "so", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "was", "we", "were", "which",
    "while", "who", "whose", "with", "you", "your",
];

/// The least letters of a word that may have a typing error: of shorter ones too many are alike.
const LETTERS: usize = 4;

/// A word of captions that is one error from another is that, if it is so many times less frequent.
const SELDOM: usize = 20;

static ENGLISH: OnceLock<Vectors> = OnceLock::new();

/// What is made of a sentence before anything is computed. Words are in small letters, each once,
/// without those that say nothing by themselves ("the", "with").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The sentence, its typing errors mended: give this to [`crate::Model::sample`].
    pub text: String,
    /// How many words and punctuation marks there are.
    pub tokens: usize,
    /// The words that captions had, in the order of the sentence.
    pub understood: Vec<String>,
    /// Those of them that were written with a typing error: as written, and as read.
    pub mended: Vec<(String, String)>,
    /// The words that no caption had: the model goes by their letters, or by their vectors where it
    /// has word vectors.
    pub not_understood: Vec<String>,
    /// The rest of `text` that is not read, since the sentence is too long.
    pub unread: String,
}

impl Lexicon {
    /// Adds the words of captions to those that are understood; not those that captions have by a
    /// typing error, so as not to take them for what is meant.
    ///
    /// # Errors
    /// If a caption cannot be read.
    pub fn learn(&mut self, captions: &[String]) -> Result<()> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for caption in captions {
            for token in &self.tokenizer.analyse(caption)?.tokens {
                *counts.entry(small(caption, token)).or_default() += 1;
            }
        }
        counts.retain(|word, _| is_word(word));
        let is_error = |(word, count): (&String, &usize)| {
            let often = |(_, other): &(&String, &usize)| **other >= count * SELDOM;
            let often = counts.iter().filter(often).map(|(word, _)| word);
            meant(word, often).is_some()
        };
        self.words
            .extend(counts.iter().filter(|entry| !is_error(*entry)).map(|(word, _)| word.clone()));
        Ok(())
    }

    /// What is understood of a sentence. A word that no caption had and that is one typing error
    /// (a letter too many, too few, another, or two exchanged) from one that a caption had is read as
    /// that, unless it is English itself; so is one that lacks or has an "s" at its end.
    ///
    /// A model of an earlier version does not hold its captions' words; for it, a word is understood
    /// that is one piece of the tokenizer, and no error is mended.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn look(&self, text: &str) -> Result<Reading> {
        let mut reading = Reading::default();
        let mut copied = 0;
        for token in &self.tokenizer.analyse(text)?.tokens {
            let word = small(text, token);
            if self.is_known(&word, token) || !is_word(&word) {
                continue;
            }
            let form = form(&word, &self.words);
            if let Some(meant) = form.or_else(|| meant(&word, self.words.iter()).cloned()) {
                reading.text += &text[copied..token.span.start];
                reading.text += &meant;
                copied = token.span.end;
                let pair = (word, meant);
                if !reading.mended.contains(&pair) {
                    reading.mended.push(pair);
                }
            }
        }
        reading.text += &text[copied..];
        let analysis = self.tokenizer.analyse(&reading.text)?;
        reading.tokens = analysis.tokens.len();
        let mut places = 0;
        for token in &analysis.tokens {
            places += Pieces::places_of(&analysis, token, self.vectors());
            if places > self.places() {
                reading.unread = reading.text[token.span.start..].into();
                break;
            }
            let word = small(&reading.text, token);
            let list = match self.is_known(&word, token) {
                true => &mut reading.understood,
                false => &mut reading.not_understood,
            };
            let says_something = is_word(&word) && !WEIGHTLESS.contains(&word.as_str());
            if says_something && !list.contains(&word) {
                list.push(word);
            }
        }
        Ok(reading)
    }

    fn is_known(&self, word: &str, token: &Token) -> bool {
        match self.words.is_empty() {
            true => token.pieces.len() == 1 && token.pieces[0] != Tokenizer::UNK,
            false => self.words.contains(word) || WEIGHTLESS.contains(&word),
        }
    }
}

/// The word that was meant by another, if that has a typing error; of several the first by letters,
/// those that begin alike before others.
fn meant<'a>(word: &str, words: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let letters = word.chars().count();
    if letters < LETTERS || ENGLISH.get_or_init(Vectors::builtin).find(word).is_some() {
        return None;
    }
    let is_alike = |known: &&String| {
        known.len().abs_diff(word.len()) <= 4
            && known.chars().count() + 1 >= LETTERS
            && !known.contains(char::is_numeric)
            && strsim::osa_distance(word, known) == 1
    };
    words.filter(is_alike).min_by_key(|known| known.chars().next() != word.chars().next())
}

/// The same word with an "s" at its end, or without.
fn form(word: &str, words: &BTreeSet<String>) -> Option<String> {
    let other = word.strip_suffix('s').map_or_else(|| format!("{word}s"), Into::into);
    words.contains(&other).then_some(other)
}

fn small(text: &str, token: &Token) -> String {
    text[token.span.clone()].to_lowercase()
}

fn is_word(word: &str) -> bool {
    word.chars().any(char::is_alphanumeric)
}
