//! The licences and credits of the works that a model has learnt from.

/// The licence of a model that has learnt from works under the licences `a` and `b`. If one of them
/// offers the other as a choice ("X or Y"), that choice is taken; otherwise both apply.
pub(crate) fn both_licences(a: &str, b: &str) -> String {
    let offers = |choice: &str, one: &str| choice.split(" or ").any(|other| other == one);
    match (offers(b, a), offers(a, b)) {
        (true, _) => a.into(),
        (_, true) => b.into(),
        _ => both(a, b),
    }
}

/// Both texts, or `a` alone if it contains `b`, or `b` alone if `a` is empty.
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
