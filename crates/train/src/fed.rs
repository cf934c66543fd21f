use kinora_embed::Pieces;
use kinora_model::{Lexicon, pixels};
use kinora_video::Batch;

use crate::Result;

/// What a step is fed: a batch as numbers on the host, ready for any device.
#[derive(Clone, Debug, PartialEq)]
pub struct Fed {
    /// The pixels of the clips, one after the other.
    pub values: Vec<f32>,
    /// The captions of the clips.
    pub own: Pieces,
    /// The same, followed by as many wrong ones.
    pub all: Pieces,
}

impl Fed {
    /// A batch with wrong captions.
    ///
    /// # Errors
    /// If a caption cannot be read.
    pub fn new(lexicon: &Lexicon, batch: &Batch) -> Result<Self> {
        let clips = batch.examples.iter().map(|example| pixels::to_values(&example.clip));
        let own = batch.examples.iter().map(|example| example.caption.text.as_str());
        let wrong = batch.wrong_captions.iter().map(String::as_str);
        let captions: Vec<&str> = own.chain(wrong).collect();
        let all = lexicon.read(&captions)?;
        Ok(Self {
            values: clips.collect::<Vec<_>>().concat(),
            own: all.first(batch.examples.len()),
            all,
        })
    }

    /// How many clips there are.
    pub fn clips(&self) -> usize {
        self.own.sentences
    }
}
