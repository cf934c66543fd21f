//! Any bytes as a text that is compressed by gzip.
//!
//! `cargo +nightly fuzz run packed -- -max_total_time=300 -malloc_limit_mb=64`, in `crates/embed`.

#![no_main]

mod reader;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| reader::check("a.vec.gz", bytes));
