//! How much films vary in the attributes that their sentences leave open.

use std::collections::BTreeMap;

use super::Labels;
use super::film::{Film, Set};
use super::interval::{Figure, is_kept, jackknife};

/// The entropy in bits of an attribute, as the judge sees it, over the films whose sentences do not
/// mention the attribute. `None` if all mention it.
pub fn entropy(set: &Set, labels: &Labels, attribute: &str) -> Option<Figure> {
    let values = unsaid(set, labels, attribute);
    jackknife(values.len(), |left_out| {
        let kept = values.iter().filter(|(film, _)| is_kept(film.prompt, left_out));
        let counts = count(kept.map(|(_, value)| *value));
        let n: usize = counts.values().sum();
        let of = |count: &usize| {
            let p = *count as f64 / n as f64;
            -p * p.log2()
        };
        match n {
            0 => f64::NAN,
            _ => counts.values().map(of).sum(),
        }
    })
}

/// How often two films of one prompt differ in an attribute that the prompt does not mention, as
/// the judge sees it. If every prompt has one film, films of different prompts are compared: real
/// clips then give the figure of unrestricted variety. `None` if there is nothing to compare.
pub fn within_prompt(set: &Set, labels: &Labels, attribute: &str) -> Option<Figure> {
    let values = unsaid(set, labels, attribute);
    let mut prompts: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    values.iter().for_each(|(film, value)| prompts.entry(film.prompt).or_default().push(value));
    let is_one_each = prompts.values().all(|values| values.len() < 2);
    jackknife(values.len(), |left_out| {
        let kept = prompts.iter().filter(|(prompt, _)| is_kept(**prompt, left_out));
        let kept = kept.map(|(_, values)| values);
        let groups: Vec<Vec<&str>> = match is_one_each {
            true => vec![kept.flatten().copied().collect()],
            false => kept.cloned().collect(),
        };
        let (mut pairs, mut differ) = (0.0, 0.0);
        for group in groups {
            let n = group.len() as f64;
            let same: f64 = count(group.into_iter())
                .values()
                .map(|&count| count as f64 * (count as f64 - 1.0))
                .sum();
            pairs += n * (n - 1.0);
            differ += n * (n - 1.0) - same;
        }
        differ / pairs
    })
}

fn unsaid<'a>(set: &'a Set, labels: &'a Labels, attribute: &str) -> Vec<(&'a Film, &'a str)> {
    let films = set.films.iter().filter(|film| !set.captions[film.prompt].said.contains(attribute));
    films.filter_map(|film| Some((film, film.verdict.value(labels, attribute, 0)?))).collect()
}

fn count<'a>(values: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    counts
}
