#![doc = include_str!("../README.md")]

mod attention;
mod completer;
mod discriminator;
mod generator;
mod loss;
mod matcher;

use serde::{Deserialize, Serialize};

pub use attention::Attention;
pub use completer::{Completer, Prior};
pub use discriminator::{Discriminator, DiscriminatorConfig};
pub use generator::{Drawn, Generator, GeneratorConfig, Mix, Noise};
pub use loss::{Logits, Loss, contrast, log_loss, r1};
pub use matcher::{Matcher, MatcherConfig, frames};

/// The size of a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilmShape {
    /// Number of frames, t.
    pub frames: usize,
    /// Height in pixels, h.
    pub height: usize,
    /// Width in pixels, w.
    pub width: usize,
    /// Channels, c: 1 for grey, 3 for colour, 4 for colour with premultiplied alpha.
    pub channels: usize,
}

impl FilmShape {
    /// Checks that each size is from 1 to 4096.
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
