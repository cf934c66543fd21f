#![doc = include_str!("../README.md")]

mod analysis;
mod error;
mod tokenizer;
mod train;

pub use analysis::{Analysis, Entity, Tag, Token};
pub use error::{Error, Result};
pub use tokenizer::Tokenizer;
