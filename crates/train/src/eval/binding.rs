//! Whether films bind each value to the right attribute, such as the right colour to the hair.

use std::collections::HashSet;

use kinora_tensor::Random;
use kinora_video::{Caption, Dataset, Draw, Split};

use super::Labels;
use super::film::Set;
use super::interval::{Figure, share};
use crate::Result;

/// Captions beside the own one in [`choice`].
const OTHERS: usize = 8;
/// The stream of the other captions.
const CHOICES: u64 = 1 << 40;
/// Captions that are searched for each wanted pair.
const SEARCH: usize = 400;

/// How often network `net` of the judge gives a film's own caption a higher probability than eight
/// others, each of which changes the value of one mentioned attribute (after the R-precision of Xu
/// et al., "AttnGAN", 2018, with captions that are nearly right). Chance is 1 in 9. `None` if no
/// sentence has eight such alternatives.
pub fn choice(set: &Set, labels: &Labels, net: usize) -> Option<Figure> {
    share(set.films.iter().filter_map(|film| {
        let caption = &set.captions[film.prompt];
        let said: Vec<_> =
            labels.heads().filter(|(name, ..)| caption.said.contains(*name)).collect();
        let others: usize = said.iter().map(|(_, values, _)| values.len() - 1).sum();
        if others < OTHERS {
            return None;
        }
        // Every film of the prompt, and the real clip, get the same eight captions.
        let mut random = Random::new(film.prompt as u64, CHOICES);
        let mut drawn = HashSet::new();
        let mut is_chosen = true;
        while drawn.len() < OTHERS {
            let (name, values, classes) = &said[random.below(said.len())];
            let other = classes.start + random.below(values.len());
            let own = labels.class(name, caption.attributes.get(*name)?)?;
            if other != own && drawn.insert(other) {
                let probabilities = &film.verdict.probabilities[net];
                is_chosen &= probabilities[own] > probabilities[other];
            }
        }
        Some((film.prompt, is_chosen))
    }))
}

/// Two captions with the colours of two attributes exchanged, such as "red hair, blue robe" and
/// "blue hair, red robe".
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The caption of a draw, and the same caption with the colours exchanged.
    pub captions: [Caption; 2],
    /// The two attributes whose colours are exchanged.
    pub attributes: [String; 2],
    /// The draw of the first caption.
    pub draw: Draw,
}

/// Up to `count` pairs of captions with two colours exchanged. There are fewer, or none, if the
/// captions of the dataset rarely or never mention two colours that can be exchanged.
///
/// # Errors
/// If a caption cannot be drawn.
pub fn pairs(
    dataset: &dyn Dataset,
    split: Split,
    labels: &Labels,
    seed: u64,
    count: usize,
) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for index in 0..(count * SEARCH) as u64 {
        if pairs.len() == count {
            break;
        }
        let draw = Draw { seed, index };
        let caption = dataset.caption(split, draw)?;
        if let Some((other, attributes)) = swapped(&caption, labels) {
            pairs.push(Pair { captions: [caption, other], attributes, draw });
        }
    }
    Ok(pairs)
}

/// The caption with the first words of the values of two attributes exchanged, and the names of
/// these attributes. `None` if the text has no two such words, or the labels lack the new values.
fn swapped(caption: &Caption, labels: &Labels) -> Option<(Caption, [String; 2])> {
    let said: Vec<(&String, &String)> =
        caption.attributes.iter().filter(|(name, _)| caption.said.contains(*name)).collect();
    for (i, (name_a, value_a)) in said.iter().enumerate() {
        for (name_b, value_b) in &said[i + 1..] {
            let (a, rest_a) = first_word(value_a);
            let (b, rest_b) = first_word(value_b);
            let (other_a, other_b) = (format!("{b}{rest_a}"), format!("{a}{rest_b}"));
            let known = |name: &str, value: &str| labels.class(name, value).is_some();
            if a == b || !known(name_a, &other_a) || !known(name_b, &other_b) {
                continue;
            }
            if let Some(text) = exchange(&caption.text, a, b) {
                let mut other = Caption { text, ..caption.clone() };
                other.attributes.insert(name_a.to_string(), other_a);
                other.attributes.insert(name_b.to_string(), other_b);
                return Some((other, [name_a.to_string(), name_b.to_string()]));
            }
        }
    }
    None
}

/// The first word, and the rest with its leading space.
fn first_word(value: &str) -> (&str, &str) {
    value.split_at(value.find(' ').unwrap_or(value.len()))
}

/// The text with the words `a` and `b` exchanged. `None` unless the text has each of them exactly
/// once.
fn exchange(text: &str, a: &str, b: &str) -> Option<String> {
    let place = |word: &str| {
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_whole = |at: &usize| {
            !is_letter(text[..*at].chars().next_back())
                && !is_letter(text[at + word.len()..].chars().next())
        };
        let mut places = text.match_indices(word).map(|(at, _)| at).filter(is_whole);
        places.next().filter(|_| places.next().is_none())
    };
    let (at_a, at_b) = (place(a)?, place(b)?);
    let [(first, from, to), (second, to_too, from_too)] = match at_a < at_b {
        true => [(at_a, a, b), (at_b, a, b)],
        false => [(at_b, b, a), (at_a, b, a)],
    };
    let between = &text[first + from.len()..second];
    let after = &text[second + from_too.len()..];
    let text = format!("{}{to}{between}{to_too}{after}", &text[..first]);
    // "a" and "an" depend on the word that follows.
    Some(articles(&text))
}

/// Corrects "a" and "an" before a vowel or a consonant.
fn articles(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let right = |(k, word): (usize, &&str)| {
        let next = words.get(k + 1).and_then(|next| next.chars().next());
        let vowel = next.is_some_and(|c| "aeiou".contains(c.to_ascii_lowercase()));
        match (*word, vowel) {
            ("a", true) => "an".to_string(),
            ("an", false) => "a".to_string(),
            ("A", true) => "An".to_string(),
            ("An", false) => "A".to_string(),
            (word, _) => word.to_string(),
        }
    };
    words.iter().enumerate().map(right).collect::<Vec<_>>().join(" ")
}

/// The figures of the films of pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Swapped {
    /// The share of films that show both attributes as their own caption says.
    pub own: Option<Figure>,
    /// The share of films that show both attributes as the other caption of the pair says.
    pub crossed: Option<Figure>,
    /// The share of pairs in which both films show their own caption.
    pub both: Option<Figure>,
}

/// The figures of the films of pairs, by network `net` of the judge. The captions `2 k` and `2 k +
/// 1` of the set are those of pair `k`. A caption may lack a film: there are real clips of the
/// first captions only.
pub fn swap(set: &Set, pairs: &[Pair], labels: &Labels, net: usize) -> Swapped {
    let shows = |film: &super::Film, caption: &Caption| {
        pairs[film.prompt / 2].attributes.iter().all(|name| {
            let truth = caption.attributes.get(name).map(String::as_str);
            film.verdict.value(labels, name, net) == truth
        })
    };
    let of = |other: usize| {
        let films = set.films.iter();
        share(films.map(|film| (film.prompt / 2, shows(film, &set.captions[film.prompt ^ other]))))
    };
    let own = |film: &super::Film| shows(film, &set.captions[film.prompt]);
    let both = set.films.chunks_exact(2).filter(|pair| pair[0].prompt ^ pair[1].prompt == 1);
    let both = both.map(|pair| (pair[0].prompt / 2, pair.iter().all(own)));
    Swapped { own: of(0), crossed: of(1), both: share(both) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_colours_are_exchanged() {
        for (text, a, b, expected) in [
            (
                "a woman with red hair in a blue robe",
                "red",
                "blue",
                Some("a woman with blue hair in a red robe"),
            ),
            ("an orange hat, a red vest", "red", "orange", Some("a red hat, an orange vest")),
            ("a red-haired man in green", "green", "red", Some("a green-haired man in red")),
            ("a redder man in green", "red", "green", None),
            ("red on red and blue", "red", "blue", None),
        ] {
            assert_eq!(exchange(text, a, b).as_deref(), expected, "{text}");
        }
    }
}
