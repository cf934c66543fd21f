//! Which words of a sentence a model understands: the words of its training captions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use kinora_embed::{Pieces, Vectors};
use kinora_tensor::Random;
use kinora_text::{Token, Tokenizer};

use crate::{Lexicon, Result};

/// Function words, which describe nothing in a film by themselves.
const WEIGHTLESS: &[&str] = &[
    "a", "am", "an", "and", "are", "as", "at", "be", "been", "being", "by", "for", "from", "had",
    "has", "have", "having", "he", "her", "hers", "him", "his", "i", "in", "into", "is", "it",
    "its", "me", "my", "of", "on", "onto", "or", "our", "s", "she", "so", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "was", "we", "were", "which",
    "while", "who", "whose", "with", "you", "your",
];

/// Only words of at least this many letters are corrected: too many shorter words are alike.
const LETTERS: usize = 4;

/// A caption word that is one typing error from a word this many times as frequent counts as a
/// typing error itself.
const SELDOM: usize = 20;

static ENGLISH: OnceLock<Vectors> = OnceLock::new();

/// Which words of a sentence a model understands, found without running a network. The lists hold
/// words in lower case, each once, without function words such as "the" and "with".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The sentence with its typing errors corrected: give this to [`crate::Model::sample`].
    pub text: String,
    /// The number of words and punctuation marks in `text`.
    pub tokens: usize,
    /// The words that occur in captions, in the order of the sentence.
    pub understood: Vec<String>,
    /// The corrected words, as (written, corrected).
    pub mended: Vec<(String, String)>,
    /// The words that no caption had. The model uses the pieces of their letters, or their word
    /// vectors if its table has them.
    pub not_understood: Vec<String>,
    /// The end of `text` that the model ignores because the sentence is too long.
    pub unread: String,
}

/// The words that [`Lexicon::disturbed`] puts into sentences.
#[derive(Clone, Debug, Default)]
pub struct Strange {
    /// The words near each caption word.
    near: BTreeMap<String, Vec<String>>,
    /// The words that [`Lexicon::disturbed`] never inserts.
    except: BTreeSet<String>,
}

impl Lexicon {
    /// Adds the words of captions to the understood words ([`Lexicon::words`]).
    ///
    /// Probable typing errors are left out: words that are not English and are one typing error
    /// from a caption word at least 20 times as frequent.
    ///
    /// # Errors
    /// If a caption cannot be tokenized.
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

    /// Finds the words of a sentence that the model understands, and corrects typing errors.
    ///
    /// A word that no caption had is replaced by a caption word if the two differ only by a final
    /// "s". The same holds if the two differ by one typing error (a letter added, missing or
    /// replaced, or two neighbours swapped) and the written word has at least four letters and is
    /// not English.
    ///
    /// The file of an older model has no list of caption words. Such a model understands the words
    /// that are a single piece of its tokenizer, and corrects no errors.
    ///
    /// # Errors
    /// If the sentence cannot be tokenized.
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

    /// The words for [`Lexicon::disturbed`]: of each caption word, the words of the table of word
    /// vectors that are near it, such as "strolls" for "walks". Left out are the words of captions
    /// and the words of `except`, both in lower case.
    pub fn strange(&self, except: BTreeSet<String>) -> Strange {
        /// Candidates for each word.
        const COUNT: usize = 16;
        /// The least cosine similarity.
        const NEAR: f32 = 0.6;
        let mut strange = Strange { near: BTreeMap::new(), except };
        let Some(vectors) = self.vectors() else { return strange };
        let says = |word: &&String| !WEIGHTLESS.contains(&word.as_str());
        for word in self.words.iter().filter(says) {
            let Some(vector) = vectors.get(word) else { continue };
            let near = vectors.near(vector, COUNT, &[]).into_iter();
            let near = near.filter(|near| near.cosine >= NEAR).map(|near| near.word);
            let near: Vec<String> = near.filter(|near| self.is_strange(near, &strange)).collect();
            if !near.is_empty() {
                strange.near.insert(word.clone(), near);
            }
        }
        strange
    }

    fn is_strange(&self, word: &str, strange: &Strange) -> bool {
        let small = word.to_lowercase();
        is_word(word) && !self.words.contains(&small) && !strange.except.contains(&small)
    }

    /// The sentence with one to four caption words changed by new words, which no caption has. With
    /// probability ½, a near word replaces the caption word, if the caption word has near words.
    /// Otherwise a random new word replaces the caption word or is inserted before it, with equal
    /// probability. A model trained on such sentences learns to follow a new word that is near a
    /// known word, and to ignore other new words.
    ///
    /// A sentence without caption words does not change. Without a table of word vectors, no
    /// sentence changes.
    ///
    /// # Errors
    /// If the sentence cannot be tokenized.
    pub fn disturbed(&self, text: &str, strange: &Strange, random: &mut Random) -> Result<String> {
        /// Strange words in a sentence at most.
        const MOST: usize = 4;
        let analysis = self.tokenizer.analyse(text)?;
        let says = |token: &&Token| {
            let word = small(text, token);
            self.words.contains(&word) && !WEIGHTLESS.contains(&word.as_str())
        };
        let mut left: Vec<&Token> = analysis.tokens.iter().filter(says).collect();
        let Some(vectors) = self.vectors().filter(|all| !all.is_empty()) else {
            return Ok(text.into());
        };
        // Inserted words must not push the end of the sentence out of the encoder's input.
        let places = |token| Pieces::places_of(&analysis, token, Some(vectors));
        let mut room =
            self.places().saturating_sub(analysis.tokens.iter().map(places).sum::<usize>());
        let count = left.len().min(1 + random.below(MOST));
        let mut changed: Vec<&Token> =
            (0..count).map(|_| left.swap_remove(random.below(left.len()))).collect();
        changed.sort_unstable_by_key(|token| token.span.start);
        let (mut disturbed, mut copied) = (String::new(), 0);
        for token in changed {
            let span = token.span.clone();
            disturbed += &text[copied..span.start];
            copied = span.end;
            let own = &text[span];
            let near = strange.near.get(&own.to_lowercase()).filter(|_| random.below(2) == 0);
            if let Some(near) = near {
                disturbed += &near[random.below(near.len())];
                continue;
            }
            match self.any_strange(vectors, strange, random) {
                Some(other) if random.below(2) == 0 || room == 0 => disturbed += other,
                Some(other) => {
                    disturbed += &format!("{other} {own}");
                    room -= 1;
                }
                None => disturbed += own,
            }
        }
        Ok(disturbed + &text[copied..])
    }

    /// A random new word; `None` if many random words of the table are all caption words, or words
    /// that are never inserted.
    fn any_strange<'a>(
        &self,
        vectors: &'a Vectors,
        strange: &Strange,
        random: &mut Random,
    ) -> Option<&'a str> {
        const TRIES: usize = 100;
        let mut draws = (0..TRIES).map(|_| vectors.word(random.below(vectors.len())));
        draws.find(|word| self.is_strange(word, strange))
    }

    /// The words of sentences, in lower case.
    ///
    /// # Errors
    /// If a sentence cannot be tokenized.
    pub fn words_of(&self, sentences: &[String]) -> Result<BTreeSet<String>> {
        let mut words = BTreeSet::new();
        for text in sentences {
            let tokens = self.tokenizer.analyse(text)?.tokens;
            words.extend(tokens.iter().map(|token| small(text, token)));
        }
        Ok(words)
    }

    fn is_known(&self, word: &str, token: &Token) -> bool {
        match self.words.is_empty() {
            true => token.pieces.len() == 1 && token.pieces[0] != Tokenizer::UNK,
            false => self.words.contains(word) || WEIGHTLESS.contains(&word),
        }
    }
}

/// The word of `words` that `word` is a typing error of. Words with the same first letter come
/// first; of several such words the first in `words`. `None` for short and for English words.
fn meant<'a>(word: &str, words: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let letters = word.chars().count();
    if letters < LETTERS || ENGLISH.get_or_init(Vectors::builtin).vector(word).is_some() {
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

/// The word of `words` that is `word` with a final "s" added or removed.
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
