use kinora_embed::EncoderConfig;
use kinora_gan::{FilmShape, GeneratorConfig, MatcherConfig};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The size and frame rate of a model's films.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipConfig {
    /// Frames of a film, t.
    pub frames: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// 1 for grey, 3 for colour, 4 for colour with alpha.
    pub channels: usize,
    /// Frames per second.
    pub fps: f32,
}

impl ClipConfig {
    /// The size of a film, without the frame rate.
    pub fn shape(&self) -> FilmShape {
        let Self { frames, height, width, channels, .. } = *self;
        FilmShape { frames, height, width, channels }
    }

    /// The size of a film as `[t, h, w, c]`.
    pub fn dims(&self) -> [usize; 4] {
        [self.frames, self.height, self.width, self.channels]
    }
}

/// The sizes of a model, as JSON in its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The films' size and frame rate.
    pub clip: ClipConfig,
    /// The text encoder's sizes and word vectors.
    pub encoder: EncoderConfig,
    /// The generator's sizes.
    pub generator: GeneratorConfig,
    /// The matcher's sizes; `None` in models of format 2 and before.
    #[serde(default)]
    pub matcher: Option<MatcherConfig>,
    /// The reference clips of the [`Prior`](kinora_gan::Prior). With 0 there is no prior, and z is normal.
    /// Formats 7 and 8 call this key `codes`.
    #[serde(default, alias = "codes")]
    pub references: usize,
}

/// The upper bound of [`ModelConfig::references`].
pub const MOST_REFERENCES: usize = 1 << 16;

impl ModelConfig {
    /// Checks that a model can have these sizes.
    ///
    /// # Errors
    /// [`Error::Config`] with the key to change.
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
            let reason = format!(
                "clip.channels = {channels} must be 1 for grey, 3 for colour or 4 for colour with alpha"
            );
            return Err(Error::Config(reason));
        }
        if !(0.1..=240.0).contains(&fps) {
            return Err(Error::Config(format!("clip.fps = {fps} must be from 0.1 to 240")));
        }
        self.encoder.check().map_err(Error::Config)?;
        self.generator.base(self.clip.shape()).map_err(Error::Config)?;
        if self.references > MOST_REFERENCES {
            let reason =
                format!("references = {} must be at most {MOST_REFERENCES}", self.references);
            return Err(Error::Config(reason));
        }
        let (noise, sentence) = (self.generator.noise, self.encoder.sentence);
        if self.references > 0 && noise != sentence {
            let reason = format!(
                "generator.noise = {noise} must equal encoder.sentence = {sentence} in a model with a prior"
            );
            return Err(Error::Config(reason));
        }
        if let Some(matcher) = &self.matcher {
            matcher.check(self.clip.shape()).map_err(Error::Config)?;
        }
        Ok(())
    }
}

/// A description of a model for its users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// The name of the model.
    pub name: String,
    /// The spec of the training data.
    pub data: String,
    /// The command that trained the model.
    pub command: String,
    /// Training steps.
    pub steps: u64,
    /// Clips seen in training.
    pub clips: u64,
    /// The training time and the machine.
    pub time: String,
    /// The licence of the weights and of the films.
    pub licence: String,
    /// Whom to credit.
    pub credits: String,
    /// What the model can and cannot do.
    pub notes: String,
}
