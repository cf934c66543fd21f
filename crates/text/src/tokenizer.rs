use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use serde_json::{Value, json};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

use crate::{Analysis, Error, Result, Token, vocabulary};

/// Splits a sentence into words, and words into pieces of a trained WordPiece vocabulary.
///
/// Case and accents are dropped. A word that training never saw is split into shorter pieces, down
/// to single letters. A word with a character that the vocabulary lacks, or of more than 100
/// characters, becomes the single piece `[UNK]`. No text is an error.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    vocab_size: usize,
}

impl Tokenizer {
    /// The piece `[PAD]`, which fills a row up to the length of its batch.
    pub const PAD: u32 = 0;
    /// The piece `[UNK]`, for a word that the vocabulary cannot spell.
    pub const UNK: u32 = 1;

    /// Learns a vocabulary of at most `vocab_size` pieces from captions. The same captions, in any
    /// order, give the same bytes in [`Tokenizer::to_json`].
    ///
    /// # Errors
    /// [`Error::Vocabulary`] if `vocab_size` is too small for `[PAD]`, `[UNK]` and the lower-case
    /// letters, digits and punctuation marks of ASCII, each twice: at the start of a word and
    /// within.
    pub fn train<'a>(
        captions: impl Iterator<Item = &'a str> + Send,
        vocab_size: usize,
    ) -> Result<Self> {
        let vocabulary = vocabulary::vocabulary(captions, vocab_size)?;
        let ids: BTreeMap<String, u32> = vocabulary.into_iter().zip(0..).collect();
        let mut json = outline();
        json["model"]["vocab"] = json!(ids);
        Self::from_json(&json.to_string())
    }

    /// Reads a tokenizer that [`Tokenizer::to_json`] wrote, in the format of Hugging Face's `tokenizer.json`.
    ///
    /// Only the vocabulary may differ from tokenizer to tokenizer. Other parts of this format, such as a
    /// normaliser that replaces text, could make a short text of a foreign file fill the memory.
    ///
    /// # Errors
    /// [`Error::Json`] if the text is not JSON (with line and column), if it has other parts, if `[PAD]` is
    /// not piece 0 or `[UNK]` is missing, or if the pieces are not numbered from 0 without a gap.
    pub fn from_json(json: &str) -> Result<Self> {
        let mut value: Value =
            serde_json::from_str(json).map_err(|error| Error::Json(error.to_string()))?;
        let vocabulary = value.pointer_mut("/model/vocab").map(Value::take);
        compare(&value, &outline(), "")?;
        value["model"]["vocab"] = vocabulary.unwrap_or_default();
        let inner = tokenizers::Tokenizer::from_str(&value.to_string())
            .map_err(|error| Error::Json(error.to_string()))?;
        Self::checked(inner)
    }

    /// The tokenizer as Hugging Face's `tokenizer.json`.
    pub fn to_json(&self) -> String {
        self.inner.to_string(true).expect("strings and numbers always make JSON")
    }

    /// The number of pieces in the vocabulary; each piece is a number below it.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Splits a text into tokens with pieces and spans. Tags and entities stay empty.
    ///
    /// # Errors
    /// [`Error::Tokenize`] if the tokenizer rejects the text. No such text is known.
    pub fn analyse(&self, text: &str) -> Result<Analysis> {
        let encoding =
            self.inner.encode(text, false).map_err(|error| Error::Tokenize(error.to_string()))?;
        let mut tokens: Vec<Token> = Vec::new();
        let mut last_word = None;
        for ((&piece, &(start, end)), &word) in
            encoding.get_ids().iter().zip(encoding.get_offsets()).zip(encoding.get_word_ids())
        {
            let span = whole_characters(text, start..end);
            match tokens.last_mut().filter(|_| word.is_some() && word == last_word) {
                Some(token) => {
                    token.span.end = token.span.end.max(span.end);
                    token.pieces.push(piece);
                }
                None => tokens.push(Token { span, pieces: vec![piece], tag: None }),
            }
            last_word = word;
        }
        Ok(Analysis { text: text.to_owned(), tokens, entities: Vec::new() })
    }

    fn checked(inner: tokenizers::Tokenizer) -> Result<Self> {
        let wrong = |reason: String| Err(Error::Json(reason));
        if inner.token_to_id("[UNK]").is_none() {
            return wrong("the piece \"[UNK]\" is not in the vocabulary".into());
        }
        if inner.token_to_id("[PAD]") != Some(Self::PAD) {
            return wrong("\"[PAD]\" must be piece 0".into());
        }
        let mut ids: Vec<u32> = inner.get_vocab(true).into_values().collect();
        ids.sort_unstable();
        if let Some((expected, id)) = (0..).zip(&ids).find(|(expected, id)| expected != *id) {
            return wrong(format!(
                "found piece {id} instead of piece {expected}; number the pieces from 0 without gaps"
            ));
        }
        let vocab_size = ids.len();
        Ok(Self { inner, vocab_size })
    }
}

/// The JSON of a tokenizer without its vocabulary.
fn outline() -> Value {
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": normalizer(),
        "pre_tokenizer": BertPreTokenizer,
        "post_processor": null,
        "decoder": null,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": null,
        },
    })
}

/// Checks that a part of a tokenizer, at the keys `path`, is as wanted.
fn compare(found: &Value, wanted: &Value, path: &str) -> Result<()> {
    if let (Value::Object(found), Value::Object(wanted)) = (found, wanted) {
        let keys = found.keys().chain(wanted.keys());
        let part =
            |object: &serde_json::Map<_, _>, key| object.get(key).cloned().unwrap_or_default();
        return keys.into_iter().try_for_each(|key| {
            let path = format!("{path}{}{key}", if path.is_empty() { "" } else { "." });
            compare(&part(found, key), &part(wanted, key), &path)
        });
    }
    if found == wanted {
        return Ok(());
    }
    let path = if path.is_empty() { "the tokenizer" } else { path };
    Err(Error::Json(format!("{path} must be {wanted}, as in every tokenizer of kinora")))
}

/// The smallest range around `span` on character boundaries of `text`, so that a slice of it cannot panic.
fn whole_characters(text: &str, span: Range<usize>) -> Range<usize> {
    let start = (0..=span.start.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    let end = (span.end..text.len()).find(|&at| text.is_char_boundary(at));
    start.unwrap_or(0)..end.unwrap_or(text.len())
}

/// Drops accents, case and control characters, as for BERT's uncased models.
pub(crate) fn normalizer() -> BertNormalizer {
    BertNormalizer::new(true, true, Some(true), true)
}
