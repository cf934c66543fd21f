//! False captions with changed colours.

use std::collections::BTreeSet;

/// Words for colours; two words of one row may be used for the same thing.
const COLOURS: [&[&str]; 12] = [
    &["red", "crimson", "scarlet", "maroon"],
    &["orange", "ginger"],
    &["gold", "golden", "yellow", "blonde", "blond"],
    &["green", "olive", "lime"],
    &["cyan", "teal", "turquoise"],
    &["blue", "navy"],
    &["purple", "violet", "lilac"],
    &["pink", "magenta"],
    &["white", "beige", "cream"],
    &["grey", "gray", "silver"],
    &["black"],
    &["brown", "tan"],
];

/// The colour that a word names, and its row in [`COLOURS`].
fn colour(word: &str) -> Option<(&'static str, usize)> {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    COLOURS.iter().enumerate().find_map(|(row, words)| {
        words.iter().find(|known| **known == word).map(|known| (*known, row))
    })
}

/// The colour words of a sentence.
pub fn colours_of(text: &str) -> impl Iterator<Item = &'static str> {
    text.split_whitespace().filter_map(|word| colour(word).map(|(known, _)| known))
}

/// False variants of the sentence `text`, in random order: at most one with two of its own colours
/// exchanged comes first, then variants with one colour replaced by one of `colours`. A new colour is
/// never from a row that `known`, all true sentences about the clip, names. `colours` has the count of each
/// colour; a frequent colour tends to come before a rare one.
pub fn recoloured(
    text: &str,
    known: &BTreeSet<&String>,
    colours: &[(&'static str, u32)],
    rng: &mut fastrand::Rng,
) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let named: Vec<(usize, &str, usize)> = words
        .iter()
        .enumerate()
        .filter_map(|(place, word)| colour(word).map(|(known, row)| (place, known, row)))
        .collect();
    let rows: BTreeSet<usize> = known
        .iter()
        .flat_map(|text| text.split_whitespace())
        .filter_map(|word| colour(word).map(|(_, row)| row))
        .collect();
    let mut found: Vec<String> = Vec::new();
    for pair in named.windows(2) {
        let [(i, a, row), (j, b, other)] = [pair[0], pair[1]];
        // "a red and blue bird" is also a blue and red bird, so these two are not exchanged.
        let apart = words[i + 1..j].iter().any(|word| !["and", "or", "&"].contains(word));
        if row != other && apart {
            found.push(with(&words, &[(i, b), (j, a)]));
        }
    }
    rng.shuffle(&mut found);
    found.truncate(1);
    // A weighted random order by exponential clocks (Efraimidis & Spirakis 2006).
    let clock =
        |&(colour, count): &(&'static str, u32)| (-(1.0 - rng.f32()).ln() / count as f32, colour);
    let mut order: Vec<_> = colours.iter().map(clock).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, new) in order {
        let Some((_, row)) = colour(new) else { continue };
        if let (Some(&(place, ..)), false) = (rng.choice(&named), rows.contains(&row)) {
            let text = with(&words, &[(place, new)]);
            if !found.contains(&text) {
                found.push(text);
            }
        }
    }
    found.retain(|text| !known.contains(text));
    found
}

/// The sentence with the words at some places replaced by colours. Punctuation and capitals stay; the
/// article before a colour ("a" or "an") is corrected.
fn with(words: &[&str], new: &[(usize, &str)]) -> String {
    let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    for &(place, colour) in new {
        let old = words[place].clone();
        let core = old.trim_matches(|c: char| !c.is_alphanumeric());
        let first = core.chars().next().is_some_and(char::is_uppercase);
        let mut letters = colour.chars();
        let colour: String = match letters.next().filter(|_| first) {
            Some(letter) => letter.to_uppercase().chain(letters).collect(),
            None => colour.to_owned(),
        };
        words[place] = old.replacen(core, &colour, 1);
        let vowel = colour.to_lowercase().starts_with(['a', 'e', 'i', 'o', 'u']);
        if place > 0 && matches!(words[place - 1].as_str(), "a" | "an" | "A" | "An") {
            let article = &mut words[place - 1];
            article.truncate(1);
            article.push_str(if vowel { "n" } else { "" });
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_exchanged_and_replaced() {
        let all = |text: &str, also: &str, colours: &[&'static str]| -> BTreeSet<String> {
            let colours: Vec<_> = colours.iter().map(|colour| (*colour, 2)).collect();
            let (text, also) = (text.to_owned(), also.to_owned());
            let known = BTreeSet::from([&text, &also]);
            (0..20)
                .flat_map(|seed| {
                    recoloured(&text, &known, &colours, &mut fastrand::Rng::with_seed(seed))
                })
                .collect()
        };
        let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let rows: [(&str, &str, &[&'static str], BTreeSet<String>); 6] = [
            ("a bird", "", &["red", "blue"], set(&[])),
            ("A red bird.", "", &["red", "orange"], set(&["An orange bird."])),
            ("an orange, fat bird", "", &["blue"], set(&["a blue, fat bird"])),
            // Another caption says that the clip is blue.
            ("a red bird", "a blue bird", &["blue", "green"], set(&["a green bird"])),
            ("Red and blue bird", "", &["red", "blue"], set(&[])),
            (
                "red hat, blue coat",
                "",
                &["red", "crimson", "green"],
                set(&["blue hat, red coat", "green hat, blue coat", "red hat, green coat"]),
            ),
        ];
        for (text, also, colours, expected) in rows {
            assert_eq!(all(text, also, colours), expected, "{text}");
        }
    }
}
