#![doc = include_str!("../README.md")]

mod analysis;
mod engine;
mod error;
mod labels;
mod score;
mod split;
mod tagger;
mod tokenizer;
mod treebank;
mod vocabulary;

pub use analysis::{Analysis, Entity, Tag, Token};
pub use engine::{Engine, Tagged};
pub use error::{Error, Result};
pub use labels::{BIO, ENTITIES, POS};
pub use score::{Score, score, score_words};
pub use split::words;
pub use tagger::{Epoch, Progress, Sizes, Tagger, TrainConfig, train};
pub use tokenizer::Tokenizer;
pub use treebank::{Sentence, Task, read};
