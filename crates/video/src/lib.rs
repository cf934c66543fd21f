//! Clips, their file formats, and datasets of captioned clips.

mod clip;
mod dataset;
mod error;

pub use clip::Clip;
pub use dataset::{Attributes, Caption, Dataset, Draw, Example, Info, Split};
pub use error::{Error, Result};
