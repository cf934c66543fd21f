//! How often the judge sees in a film what its sentence says.

use std::collections::BTreeSet;

use super::Labels;
use super::film::Set;
use super::interval::{Figure, share};

/// Among the films whose sentence mentions the attribute `name`, the share in which network `net`
/// of the judge (0 or 1) sees the mentioned value. `None` if there are no such films.
pub fn attribute(set: &Set, labels: &Labels, name: &str, net: usize) -> Option<Figure> {
    share(set.films.iter().filter_map(|film| {
        let caption = &set.captions[film.prompt];
        let said = caption.said.contains(name);
        let truth = caption.attributes.get(name).map(String::as_str);
        said.then(|| (film.prompt, film.verdict.value(labels, name, net) == truth))
    }))
}

/// The share of films in which network `net` of the judge sees all values that their sentence
/// mentions. `None` if no sentence mentions an attribute.
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

/// The share of films whose frames are in order according to network `net` of the judge: not
/// backwards, shuffled or all the same. `None` if there are no films.
pub fn in_order(set: &Set, net: usize) -> Option<Figure> {
    share(set.films.iter().map(|film| (film.prompt, film.verdict.in_order[net] > 0.5)))
}
