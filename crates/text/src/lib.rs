#![doc = include_str!("../README.md")]

mod analysis;
#[cfg(feature = "rust-bert")]
mod bert;
mod engine;
mod error;
mod labels;
mod learn;
mod score;
mod split;
mod tagger;
mod tokenizer;
mod treebank;
mod vocabulary;

pub use analysis::{Analysis, Entity, Tag, Token};
#[cfg(feature = "rust-bert")]
pub use bert::{Bert, BertTrainConfig, train_bert};
pub use engine::{Engine, Tagged};
pub use error::{Error, Result};
pub use labels::{BIO, ENTITIES, POS};
pub use learn::{Epoch, Progress};
pub use score::{Score, score, score_words};
pub use split::words;
pub use tagger::{Sizes, Tagger, TrainConfig, train};
pub use tokenizer::Tokenizer;
pub use treebank::{Sentence, Task, read};
