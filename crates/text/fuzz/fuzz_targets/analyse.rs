//! Any text: its words are in order, contain every character except white space, and each has a
//! tag.
//!
//! `cargo +nightly fuzz run analyse -- -max_total_time=300`, in `crates/text`.

#![no_main]

use std::sync::LazyLock;

use kinora_text::{Engine, Tagger};
use libfuzzer_sys::fuzz_target;

static TAGGER: LazyLock<Tagger> = LazyLock::new(|| Tagger::builtin().expect("it is built in"));

fuzz_target!(|text: &str| {
    let analysis = &TAGGER.analyse(&[text]).expect("no text is an error")[0];
    let mut end = 0;
    for token in &analysis.tokens {
        assert!(text[end..token.span.start].trim().is_empty(), "between {end} and {token:?}");
        assert!(!text[token.span.clone()].is_empty());
        assert!(token.tag.as_ref().is_some_and(|tag| (0.0..=1.0).contains(&tag.p)));
        end = token.span.end;
    }
    assert!(text[end..].trim().is_empty(), "after {end}");
    for name in &analysis.entities {
        assert!(!text[name.span.clone()].is_empty());
    }
});
