use serde::{Deserialize, Serialize};

use crate::FilmShape;

/// The sizes of a [`Generator`](crate::Generator).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeneratorConfig {
    /// Width of z, the noise of the whole film.
    pub noise: usize,
    /// Width of z_t, the noise of each frame.
    pub frame_noise: usize,
    /// Width of the embedding of the frame index.
    pub position: usize,
    /// Input channels of the recurrence.
    pub input: usize,
    /// Channels of the recurrent state.
    pub hidden: usize,
    /// Channels of each block of the decoder. A block doubles the resolution.
    pub decoder: Vec<usize>,
    /// Channels in a group of the decoder's norms.
    pub group: usize,
    /// Width of the style, the output of a network of two layers on s and z. With 0 there is no
    /// such network, and the later layers get s and z themselves.
    pub style: usize,
    /// Width of the hidden layers of two more paths: from s and z to the style, and from s, z, the
    /// style and the frame index to the recurrence. With 0 there are none. It needs a style.
    pub wide: usize,
    /// Colours in the palette of a film. With 0 the decoder draws the channels directly.
    pub palette: usize,
    /// Whether the recurrence's input is normalised, and added to the decoder's input by a skip
    /// connection.
    pub bypass: bool,
    /// Whether the norms of the decoder also get the sentence itself, past the style.
    pub direct: bool,
    /// Whether each cell of the recurrent state also attends to the words by itself, before the
    /// decoder.
    pub cells: bool,
    /// Whether a linear layer predicts the frames from the decoder's input, for an auxiliary loss.
    pub sketch: bool,
    /// Whether a residual block of two convolutions comes before each block of the decoder.
    pub refine: bool,
}

impl Default for GeneratorConfig {
    /// A key that a model file lacks has its value from here, so these values never change.
    fn default() -> Self {
        Self {
            noise: 64,
            frame_noise: 16,
            position: 32,
            input: 48,
            hidden: 96,
            decoder: vec![64, 32],
            group: 8,
            style: 0,
            wide: 0,
            palette: 0,
            bypass: false,
            direct: false,
            cells: false,
            sketch: false,
            refine: false,
        }
    }
}

impl GeneratorConfig {
    /// `[h, w]` of the recurrent state for films of shape `film`.
    ///
    /// # Errors
    /// A message that names the key to change, if the sizes make no generator.
    pub fn base(&self, film: FilmShape) -> Result<[usize; 2], String> {
        film.check()?;
        let sizes = [
            ("noise", self.noise),
            ("frame_noise", self.frame_noise),
            ("position", self.position),
            ("input", self.input),
            ("hidden", self.hidden),
            ("group", self.group),
        ];
        for (key, size) in sizes {
            check_size(&format!("generator.{key}"), size)?;
        }
        for (key, size) in [("style", self.style), ("wide", self.wide), ("palette", self.palette)] {
            if size > 4096 {
                return Err(format!("generator.{key} = {size} must be at most 4096"));
            }
        }
        if self.wide > 0 && self.style == 0 {
            return Err(format!(
                "generator.wide = {} adds to the style, so generator.style must be above 0",
                self.wide
            ));
        }
        if self.decoder.len() > 6 {
            return Err("generator.decoder has more than 6 layers; remove some".into());
        }
        for &channels in &self.decoder {
            check_size("generator.decoder", channels)?;
            if !channels.is_multiple_of(self.group) {
                return Err(format!(
                    "generator.decoder: {channels} channels are no multiple of generator.group = {}",
                    self.group
                ));
            }
        }
        if self.refine && !self.hidden.is_multiple_of(self.group) {
            return Err(format!(
                "generator.refine needs generator.hidden = {} as a multiple of generator.group = {}",
                self.hidden, self.group
            ));
        }
        let factor = 1 << self.decoder.len();
        if !film.height.is_multiple_of(factor) || !film.width.is_multiple_of(factor) {
            return Err(format!(
                "clip.height = {} and clip.width = {} must be multiples of {factor}, since generator.decoder has {} \
                 layers",
                film.height,
                film.width,
                self.decoder.len()
            ));
        }
        Ok([film.height / factor, film.width / factor])
    }
}

/// Checks that a size is from 1 to 4096. The upper bound keeps a typing error from allocating a
/// terabyte.
pub(crate) fn check_size(key: &str, size: usize) -> Result<(), String> {
    if (1..=4096).contains(&size) {
        Ok(())
    } else {
        Err(format!("{key} = {size} must be from 1 to 4096"))
    }
}
