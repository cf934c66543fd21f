//! The kinora command line.
fn main() {}
