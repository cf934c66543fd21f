//! The tags that engines give: universal parts of speech, and names as inside, outside, beginning.

/// The universal parts of speech (Nivre et al., "Universal Dependencies v2", 2020).
pub const POS: [&str; 17] = [
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN",
    "PUNCT", "SCONJ", "SYM", "VERB", "X",
];

/// What names are of: persons, places and organisations.
pub const ENTITIES: [&str; 3] = ["PER", "LOC", "ORG"];

/// The labels of words: outside of a name; then, for each of [`ENTITIES`], its first word and any
/// other of it.
pub const BIO: [&str; 7] = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"];

/// Which of [`ENTITIES`] a label is of, and whether it begins one; `None` outside.
pub(crate) fn entity(label: usize) -> Option<(usize, bool)> {
    let of = label.checked_sub(1)?;
    Some((of / 2, of.is_multiple_of(2)))
}

/// The names in a sentence of labels: which of [`ENTITIES`], and its words. As is usual, a word
/// inside of a name that nothing began begins one.
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
            // Next to one another; of another kind; begun by nothing.
            (&[1, 1, 4, 4, 6], vec![(0, 0..1), (0, 1..2), (1, 2..4), (2, 4..5)]),
        ] {
            assert_eq!(spans(labels), expected, "{labels:?}");
        }
    }
}
