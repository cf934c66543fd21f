#![doc = include_str!("../README.md")]

mod init;
mod linear;
mod module;

pub use init::{Fill, Fresh, Init, MAX_ELEMENTS, Outline, kaiming, xavier};
pub use linear::{Embedding, Linear};
pub use module::{Module, count, describe, freeze, is_buffer, join, lift, parameters};
