#![doc = include_str!("../README.md")]

mod attention;
mod discriminator;
mod generator;
mod loss;
mod matcher;
mod recogniser;

use serde::{Deserialize, Serialize};

pub use attention::Attention;
pub use discriminator::{Discriminator, DiscriminatorConfig};
pub use generator::{Generator, GeneratorConfig, Noise};
pub use loss::{Logits, Loss, contrast, r1};
pub use matcher::{Matcher, MatcherConfig};
pub use recogniser::{Code, Recogniser};

/// The size of a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilmShape {
    /// How many frames, t.
    pub frames: usize,
    /// Rows of pixels, h.
    pub height: usize,
    /// Columns of pixels, w.
    pub width: usize,
    /// 1 for grey, 3 for colour, 4 for colour with premultiplied alpha, c.
    pub channels: usize,
}

impl FilmShape {
    /// Whether there is a film of this size at all.
    pub(crate) fn check(self) -> Result<(), String> {
        let Self { frames, height, width, channels } = self;
        for (key, size) in
            [("frames", frames), ("height", height), ("width", width), ("channels", channels)]
        {
            generator::check_size(&format!("clip.{key}"), size)?;
        }
        Ok(())
    }
}
