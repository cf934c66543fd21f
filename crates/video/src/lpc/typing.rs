//! Typing errors in captions.

use super::mention::Thing;
use crate::draws::{Voice, hash};

/// Words that could become other words by one wrong letter, and so stay as they are.
const SPARED: [&str; 4] = ["brown", "white", "black", "right"];

/// The rows of a keyboard.
const KEYS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// The sentence, in 3% of cases with one wrong letter in a long word. The first letter is never
/// wrong, so that no word becomes another colour.
pub fn typed(text: String, voice: Voice) -> String {
    let rng = &mut Thing::Typing.rng(voice);
    if rng.u32(..100) >= 3 {
        return text;
    }
    let long = |word: &&str| {
        word.len() > 4 && word.bytes().all(|b| b.is_ascii_lowercase()) && !SPARED.contains(word)
    };
    let words = text.split(' ').filter(long);
    // The word is chosen by its hash, so that false sentences have the error in the same word.
    let salt = rng.u64(..);
    let Some(word) = words.min_by_key(|word| hash(word) ^ salt) else { return text };
    let place = rng.usize(1..word.len() - 1);
    let mut letters: Vec<char> = word.chars().collect();
    match rng.u32(..4) {
        0 => drop(letters.remove(place)),
        1 => letters.insert(place, letters[place]),
        2 => letters.swap(place, place + 1),
        _ => {
            let keys = KEYS.iter().find_map(|row| Some((row, row.find(letters[place])?)));
            let next = keys.and_then(|(row, key)| row[key + 1..].chars().next());
            letters[place] = next.unwrap_or('s');
        }
    }
    let wrong: String = letters.into_iter().collect();
    // Only a whole word, not a part of a longer one.
    let Some(place) = text.split(' ').position(|other| other == word) else { return text };
    let typed = text.split(' ').enumerate();
    let typed = typed.map(|(i, other)| if i == place { wrong.as_str() } else { other });
    typed.collect::<Vec<_>>().join(" ")
}
