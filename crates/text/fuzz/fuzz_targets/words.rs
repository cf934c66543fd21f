//! Any text: its words are in order and contain every character except white space.
//!
//! `cargo +nightly fuzz run words -- -max_total_time=300`, in `crates/text`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut end = 0;
    for span in kinora_text::words(text) {
        assert!(text[end..span.start].trim().is_empty(), "between {end} and {span:?}");
        assert!(!text[span.clone()].is_empty());
        end = span.end;
    }
    assert!(text[end..].trim().is_empty(), "after {end}");
});
