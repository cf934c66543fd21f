use kinora_embed::Pieces;
use kinora_model::{Lexicon, pixels};
use kinora_video::Batch;

use crate::Result;

/// The input of a step: a batch of clips and captions as numbers on the host, for any device.
#[derive(Clone, Debug, PartialEq)]
pub struct Fed {
    /// Number of clips, n.
    pub clips: usize,
    /// The pixels of the clips, `[n, t, h, w, c]`, from -1 (black) to 1 (white).
    pub values: Vec<f32>,
    /// The pixels of the clips that the recogniser sees, `[n, t, h, w, c]`: the twins of a batch
    /// with twins, else empty.
    pub twins: Vec<f32>,
    /// The captions: the own caption of each clip, then a false caption of each clip, then a second
    /// false caption of each clip, and so on.
    pub captions: Pieces,
}

impl Fed {
    /// Converts a batch with false captions.
    ///
    /// # Errors
    /// If the lexicon cannot read a caption.
    pub fn new(lexicon: &Lexicon, batch: &Batch) -> Result<Self> {
        let clips = batch.examples.iter().map(|example| pixels::to_values(&example.clip));
        let own = batch.examples.iter().map(|example| example.caption.text.as_str());
        let wrong = batch.wrong_captions.iter().map(String::as_str);
        let captions: Vec<&str> = own.chain(wrong).collect();
        Ok(Self {
            clips: batch.examples.len(),
            values: clips.collect::<Vec<_>>().concat(),
            twins: batch.twins.iter().map(pixels::to_values).collect::<Vec<_>>().concat(),
            captions: lexicon.read(&captions)?,
        })
    }
}
