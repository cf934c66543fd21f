//! Clips, their file formats, and datasets of captioned clips.

mod clip;
mod dataset;
mod error;
mod feed;
mod font;
mod format;
mod ops;

pub use clip::{Clip, MAX_PIXELS};
pub use dataset::{Attributes, Caption, Dataset, Draw, Example, Info, Split};
pub use error::{Error, Result};
pub use feed::{Batch, Feed};
pub use font::wrap;
pub use format::{DEFAULT_FPS, Format, SaveOptions, write_atomic};
pub use ops::grid;
