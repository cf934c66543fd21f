//! Whether films show what their sentences say, by the judge.

use std::collections::BTreeSet;

use super::Labels;
use super::film::Set;
use super::interval::{Figure, share};

/// The share of films that show an attribute as their sentence says it, among those whose sentence
/// says it; by network `net` of the judge.
pub fn attribute(set: &Set, labels: &Labels, name: &str, net: usize) -> Option<Figure> {
    share(set.films.iter().filter_map(|film| {
        let caption = &set.captions[film.prompt];
        let said = caption.said.contains(name);
        let truth = caption.attributes.get(name).map(String::as_str);
        said.then(|| (film.prompt, film.verdict.value(labels, name, net) == truth))
    }))
}

/// The share of films that show all that their sentence says at once.
pub fn all_said(set: &Set, labels: &Labels, net: usize) -> Option<Figure> {
    let known: BTreeSet<&str> = labels.names().collect();
    share(set.films.iter().filter_map(|film| {
        let caption = &set.captions[film.prompt];
        let mut said = caption.said.iter().filter(|name| known.contains(name.as_str())).peekable();
        said.peek()?;
        let is_shown = |name: &String| {
            film.verdict.value(labels, name, net)
                == caption.attributes.get(name).map(String::as_str)
        };
        Some((film.prompt, said.all(is_shown)))
    }))
}

/// The share of films whose frames are in the order of a real clip: not backwards, shuffled or all the
/// same.
pub fn in_order(set: &Set, net: usize) -> Option<Figure> {
    share(set.films.iter().map(|film| (film.prompt, film.verdict.in_order[net] > 0.5)))
}
