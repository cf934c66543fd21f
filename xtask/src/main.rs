//! Tasks of the workspace: train, test, bench, tidy.
fn main() {}
