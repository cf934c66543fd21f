//! Learns a vocabulary by byte-pair encoding: the most frequent pair of pieces is merged again and
//! again (Sennrich et al. 2016, arXiv:1508.07909), as `tokenizers` does for WordPiece too. The
//! trainer of `tokenizers` numbers pieces in the order of a randomly seeded hash map, so two runs
//! differ; here the pieces' letters break every tie.

use std::collections::{BTreeMap, HashMap};

use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

use crate::tokenizer::normalizer;
use crate::{Error, Result};

/// The pieces by number: `[PAD]`, `[UNK]`, the characters, then merged pieces from the most
/// frequent on.
pub(crate) fn vocabulary<'a>(
    captions: impl Iterator<Item = &'a str>,
    size: usize,
) -> Result<Vec<String>> {
    let counts = count_words(captions)?;
    let mut pieces = Pieces::default();
    for piece in ["[PAD]", "[UNK]"] {
        pieces.id(piece.to_owned());
    }
    for c in alphabet() {
        pieces.id(c.to_string());
        pieces.id(format!("##{c}"));
    }
    let least = pieces.names.len();
    if size < least {
        return Err(Error::Vocabulary { wanted: size, least });
    }
    for c in other_characters(&counts) {
        if pieces.names.len() + 2 > size {
            break;
        }
        pieces.id(c.to_string());
        pieces.id(format!("##{c}"));
    }

    let mut words: Vec<(Vec<u32>, u64)> = counts
        .into_iter()
        .filter_map(|(word, count)| Some((pieces.spell(&word)?, count)))
        .collect();
    let mut pairs: HashMap<(u32, u32), u64> = HashMap::new();
    for (word, count) in &words {
        count_pairs(word, |pair| *pairs.entry(pair).or_default() += count);
    }
    while pieces.names.len() < size {
        let order =
            |pair: &(u32, u32)| (&pieces.names[pair.0 as usize], &pieces.names[pair.1 as usize]);
        let best = pairs
            .iter()
            .filter(|(_, count)| **count > 0)
            .max_by(|a, b| a.1.cmp(b.1).then_with(|| order(b.0).cmp(&order(a.0))));
        let Some((&pair, _)) = best else { break };
        let name = format!(
            "{}{}",
            pieces.names[pair.0 as usize],
            &pieces.names[pair.1 as usize]["##".len()..],
        );
        let merged = pieces.id(name);
        for (word, count) in &mut words {
            if word.windows(2).any(|w| (w[0], w[1]) == pair) {
                count_pairs(word, |pair| *pairs.entry(pair).or_default() -= *count);
                merge(word, pair, merged);
                count_pairs(word, |pair| *pairs.entry(pair).or_default() += *count);
            }
        }
    }
    Ok(pieces.names)
}

/// Pieces by number, and numbers by piece.
#[derive(Default)]
struct Pieces {
    names: Vec<String>,
    ids: HashMap<String, u32>,
}

impl Pieces {
    /// The number of a piece; an unknown piece gets the next number.
    fn id(&mut self, name: String) -> u32 {
        let next = self.names.len() as u32;
        *self.ids.entry(name).or_insert_with_key(|name| {
            self.names.push(name.clone());
            next
        })
    }

    /// A word as pieces of single characters; `None` if a character is not in the alphabet.
    fn spell(&self, word: &str) -> Option<Vec<u32>> {
        word.char_indices()
            .map(|(at, c)| match at {
                0 => self.ids.get(c.to_string().as_str()).copied(),
                _ => self.ids.get(format!("##{c}").as_str()).copied(),
            })
            .collect()
    }
}

/// The visible ASCII characters without capitals.
fn alphabet() -> impl Iterator<Item = char> {
    ('!'..='~').filter(|c| !c.is_ascii_uppercase())
}

/// The non-ASCII characters, the most frequent first.
fn other_characters(counts: &BTreeMap<String, u64>) -> Vec<char> {
    let mut seen: BTreeMap<char, u64> = BTreeMap::new();
    for (word, count) in counts {
        for c in word.chars().filter(|c| !c.is_ascii()) {
            *seen.entry(c).or_default() += count;
        }
    }
    let mut characters: Vec<char> = seen.keys().copied().collect();
    characters.sort_by_key(|c| std::cmp::Reverse(seen[c]));
    characters
}

/// How often each word occurs in the captions, normalised and split as the tokenizer does it.
fn count_words<'a>(captions: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, u64>> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let refused = |error: tokenizers::Error| Error::Tokenize(error.to_string());
    for caption in captions {
        let mut normalized = NormalizedString::from(caption);
        normalizer().normalize(&mut normalized).map_err(refused)?;
        let mut cut = PreTokenizedString::from(normalized);
        BertPreTokenizer.pre_tokenize(&mut cut).map_err(refused)?;
        for (word, _, _) in cut.get_splits(OffsetReferential::Original, OffsetType::Byte) {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}

fn count_pairs(word: &[u32], mut count: impl FnMut((u32, u32))) {
    word.windows(2).for_each(|w| count((w[0], w[1])));
}

/// Replaces each `pair` in `word`, from left to right.
fn merge(word: &mut Vec<u32>, pair: (u32, u32), merged: u32) {
    let (mut from, mut to) = (0, 0);
    while from < word.len() {
        let found = word.get(from..from + 2).is_some_and(|w| (w[0], w[1]) == pair);
        word[to] = if found { merged } else { word[from] };
        from += if found { 2 } else { 1 };
        to += 1;
    }
    word.truncate(to);
}
