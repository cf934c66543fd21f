//! The labels of engines: universal parts of speech, and BIO labels (begin, inside, outside) of
//! names.

/// The universal parts of speech (Nivre et al., "Universal Dependencies v2", 2020).
pub const POS: [&str; 17] = [
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN",
    "PUNCT", "SCONJ", "SYM", "VERB", "X",
];

/// The kinds of names: persons, places and organisations.
pub const ENTITIES: [&str; 3] = ["PER", "LOC", "ORG"];

/// The labels of words: `O` outside of names; then, for each kind of [`ENTITIES`], `B-` for the
/// first word of a name and `I-` for its other words.
pub const BIO: [&str; 7] = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"];

/// The kind of a label, as an index into [`ENTITIES`], and whether it begins a name; `None` for
/// `O`.
pub(crate) fn entity(label: usize) -> Option<(usize, bool)> {
    let of = label.checked_sub(1)?;
    Some((of / 2, of.is_multiple_of(2)))
}

/// The names in a sequence of labels: the kind, as an index into [`ENTITIES`], and the range of
/// words. An `I-` label that continues no name begins one, as is usual.
pub(crate) fn spans(labels: &[usize]) -> Vec<(usize, std::ops::Range<usize>)> {
    let mut spans: Vec<(usize, std::ops::Range<usize>)> = Vec::new();
    for (at, &label) in labels.iter().enumerate() {
        let Some((kind, begins)) = entity(label) else { continue };
        match spans.last_mut() {
            Some((of, span)) if !begins && *of == kind && span.end == at => span.end += 1,
            _ => spans.push((kind, at..at + 1)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_labels() {
        for (labels, expected) in [
            (&[][..], vec![]),
            (&[0, 0], vec![]),
            (&[1, 2, 2, 0, 5], vec![(0, 0..3), (2, 4..5)]),
            // Adjacent names, a name of another kind, and I- labels without B-.
            (&[1, 1, 4, 4, 6], vec![(0, 0..1), (0, 1..2), (1, 2..4), (2, 4..5)]),
        ] {
            assert_eq!(spans(labels), expected, "{labels:?}");
        }
    }
}
