//! The conformance kit: the specification as a plain backend, and what tests another against it.

mod fused;
mod reference;

pub use reference::Reference;
