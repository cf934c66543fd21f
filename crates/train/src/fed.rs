use kinora_embed::Pieces;
use kinora_model::{Lexicon, pixels};
use kinora_video::Batch;

use crate::Result;

/// What a step is fed: a batch as numbers on the host, ready for any device.
#[derive(Clone, Debug, PartialEq)]
pub struct Fed {
    /// How many clips, n.
    pub clips: usize,
    /// The pixels of the clips, one after the other.
    pub values: Vec<f32>,
    /// The captions of the clips, then a false one for each clip, then a second one for each, and so
    /// on.
    pub captions: Pieces,
}

impl Fed {
    /// A batch with false captions.
    ///
    /// # Errors
    /// If a caption cannot be read.
    pub fn new(lexicon: &Lexicon, batch: &Batch) -> Result<Self> {
        let clips = batch.examples.iter().map(|example| pixels::to_values(&example.clip));
        let own = batch.examples.iter().map(|example| example.caption.text.as_str());
        let wrong = batch.wrong_captions.iter().map(String::as_str);
        let captions: Vec<&str> = own.chain(wrong).collect();
        Ok(Self {
            clips: batch.examples.len(),
            values: clips.collect::<Vec<_>>().concat(),
            captions: lexicon.read(&captions)?,
        })
    }
}
