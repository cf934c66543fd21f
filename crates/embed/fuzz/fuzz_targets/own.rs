//! Any bytes as kinora's own format.
//!
//! `cargo +nightly fuzz run own -- -max_total_time=300 -malloc_limit_mb=64`, in `crates/embed`.

#![no_main]

mod reader;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| reader::check("a.safetensors", bytes));
