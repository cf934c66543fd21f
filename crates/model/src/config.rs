use kinora_embed::EncoderConfig;
use kinora_gan::{FilmShape, GeneratorConfig, MatcherConfig};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The films that a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipConfig {
    /// Frames of a film.
    pub frames: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
    /// 1 for grey, 3 for colour, 4 for colour with alpha.
    pub channels: usize,
    /// Frames a second.
    pub fps: f32,
}

impl ClipConfig {
    /// The size of a film, without its rate.
    pub fn shape(&self) -> FilmShape {
        let Self { frames, height, width, channels, .. } = *self;
        FilmShape { frames, height, width, channels }
    }

    /// `[t, h, w, c]`.
    pub fn dims(&self) -> [usize; 4] {
        [self.frames, self.height, self.width, self.channels]
    }
}

/// The sizes of a model, as they stand in its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The films.
    pub clip: ClipConfig,
    /// How sentences are read.
    pub encoder: EncoderConfig,
    /// The generator.
    pub generator: GeneratorConfig,
    /// The matcher; models of format 2 and before have none.
    #[serde(default)]
    pub matcher: Option<MatcherConfig>,
}

impl ModelConfig {
    /// Whether a model can be made of these sizes.
    ///
    /// # Errors
    /// [`Error::Config`] with the key that is to be changed.
    pub fn check(&self) -> Result<()> {
        let ClipConfig { frames, height, width, channels, fps } = self.clip;
        for (key, value, most) in
            [("frames", frames, 256), ("height", height, 1024), ("width", width, 1024)]
        {
            if !(1..=most).contains(&value) {
                return Err(Error::Config(format!(
                    "clip.{key} = {value} must be from 1 to {most}"
                )));
            }
        }
        if !matches!(channels, 1 | 3 | 4) {
            let reason =
                format!("clip.channels = {channels} must be 1 (grey), 3 or 4 (with alpha)");
            return Err(Error::Config(reason));
        }
        if !(0.1..=240.0).contains(&fps) {
            return Err(Error::Config(format!("clip.fps = {fps} must be from 0.1 to 240")));
        }
        self.encoder.check().map_err(Error::Config)?;
        self.generator.base(self.clip.shape()).map_err(Error::Config)?;
        if let Some(matcher) = &self.matcher {
            matcher.check(self.clip.shape()).map_err(Error::Config)?;
        }
        Ok(())
    }
}

/// What a model is, for whoever finds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// The spec of the data it was trained on.
    pub data: String,
    /// The command that trained it.
    pub command: String,
    /// Steps of training.
    pub steps: u64,
    /// Clips it has seen.
    pub clips: u64,
    /// Hours of training, on what.
    pub time: String,
    /// The licence of its weights and its films.
    pub licence: String,
    /// Whom to credit.
    pub credits: String,
    /// What it can and cannot do.
    pub notes: String,
}
