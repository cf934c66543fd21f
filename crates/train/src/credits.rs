//! Whose work a model is learnt from, and under which terms.

/// The licence of what was learnt from works of two: of one that leaves a choice, what the other
/// says.
pub(crate) fn both_licences(a: &str, b: &str) -> String {
    let offers = |choice: &str, one: &str| choice.split(" or ").any(|other| other == one);
    match (offers(b, a), offers(a, b)) {
        (true, _) => a.into(),
        (_, true) => b.into(),
        _ => both(a, b),
    }
}

/// Both of two, once where they are the same.
pub(crate) fn both(a: &str, b: &str) -> String {
    match (a, b) {
        (a, b) if b.is_empty() || a.contains(b) => a.into(),
        ("", b) => b.into(),
        (a, b) => format!("{a}; {b}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences() {
        for (a, b, wanted) in [
            ("", "X", "X"),
            ("X", "", "X"),
            ("X", "X", "X"),
            ("X", "X or Y", "X"),
            ("X or Y", "Y", "Y"),
            ("X", "Y", "X; Y"),
            ("X; Y", "Y", "X; Y"),
        ] {
            assert_eq!(both_licences(a, b), wanted, "{a:?} and {b:?}");
        }
    }
}
