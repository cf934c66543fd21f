//! Models in memory and in files, on the CPU.

mod files;
mod films;
mod lexicon;
mod shipped;
mod tiny;
#[cfg(feature = "onnx")]
#[path = "../../../embed/tests/common/onnx.rs"]
mod written;
