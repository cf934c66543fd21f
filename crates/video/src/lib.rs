#![doc = include_str!("../README.md")]

#[cfg(test)]
mod auc;
mod clean;
mod clip;
mod clips;
mod dataset;
mod digits;
mod draws;
mod error;
mod feed;
mod file;
mod font;
mod format;
mod idx;
mod lpc;
mod ops;
mod palette;
mod shapes;
mod spec;

pub use clip::{Clip, MAX_PIXELS};
pub use clips::Clips;
pub use dataset::{Attributes, Caption, Dataset, Draw, Example, Info, Split};
pub use digits::Digits;
pub use error::{Error, Result, describe_dims};
pub use feed::{Batch, Feed, FeedConfig};
pub use file::read_regular;
pub use font::{GAP, wrap};
pub use format::{DEFAULT_FPS, Format, SaveOptions, probe, write_atomic};
pub use lpc::Lpc;
pub use ops::grid;
pub use palette::Palette;
pub use shapes::Shapes;
pub use spec::{check, open};
