use std::collections::{BTreeMap, BTreeSet};

use crate::{Clip, Error, Result};

/// Values of a clip by attribute: `{"motion": "left", "colour": "red"}`. Empty if the dataset has
/// no attributes.
pub type Attributes = BTreeMap<String, String>;

/// A sentence about a clip, and the attributes of the clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Caption {
    /// The sentence.
    pub text: String,
    /// All attributes of the clip, including those that the sentence does not state.
    pub attributes: Attributes,
    /// The keys of the attributes that the sentence states; empty if the dataset has no attributes.
    pub said: BTreeSet<String>,
}

/// A clip with its caption.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The clip.
    pub clip: Clip,
    /// Its caption.
    pub caption: Caption,
}

/// A split of a dataset. Held-out pairs of attributes occur in one split only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The split for training.
    Train,
    /// Clips with pairs of attributes that never occur together in training. Captions of draws with
    /// an odd index also use held-out phrases, if the dataset has such phrases.
    HeldOut,
}

/// Names an example of an endless stream: the same draw gives the same example, in any order and on
/// any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The seed of the stream.
    pub seed: u64,
    /// The place in the stream.
    pub index: u64,
}

/// Properties that all clips of a dataset share.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// The spec that opens the dataset, such as `digits:PATH`.
    pub spec: String,
    /// `[t, h, w, c]` of each clip as the dataset draws it.
    pub dims: [usize; 4],
    /// Frames per second.
    pub fps: f32,
    /// The licence of the clips, and so of models trained on them.
    pub licence: String,
    /// The people to credit; empty if the licence does not ask for credits.
    pub credits: String,
}

/// A source of captioned clips.
pub trait Dataset: Send + Sync {
    /// Spec, dims, frame rate, licence and credits of all clips.
    fn info(&self) -> &Info;

    /// The caption of a draw, without drawing the clip (for training a tokenizer).
    fn caption(&self, split: Split, draw: Draw) -> Result<Caption>;

    /// The clip of a draw, with the caption that [`Dataset::caption`] gives for the same draw.
    ///
    /// # Errors
    /// If a file of the dataset cannot be read or is damaged.
    fn example(&self, split: Split, draw: Draw) -> Result<Example>;

    /// A twin of the clip of a draw: the attributes that the caption states are drawn anew, and the
    /// others stay as far as they fit. Caption and twin together should determine the clip, so that a network
    /// can predict the clip from both. `None`, for all draws, if the dataset makes no twins.
    ///
    /// # Errors
    /// Those of [`Dataset::example`].
    fn twin(&self, _split: Split, _draw: Draw) -> Result<Option<Clip>> {
        Ok(None)
    }

    /// A variant of the clip of a draw: one of its attributes is drawn anew, whether or not the caption
    /// states it, and the rest stays where it fits. The pixels in which the two clips differ show this
    /// attribute. `None`, for all draws, if the dataset makes no variants.
    ///
    /// # Errors
    /// Those of [`Dataset::example`].
    fn variant(&self, _split: Split, _draw: Draw) -> Result<Option<Clip>> {
        Ok(None)
    }

    /// `count` sentences that are false of the clip of `draw`, whose caption is `caption`. If the
    /// dataset has attributes, each sentence is the caption with one attribute changed; else the
    /// sentences are captions of other clips. The sentences are distinct if there are enough.
    ///
    /// # Errors
    /// If the caption is not of this dataset, or no sentence is false of its clip.
    fn wrong_captions(
        &self,
        split: Split,
        caption: &Caption,
        draw: Draw,
        count: usize,
    ) -> Result<Vec<String>>;

    /// Reads all files of the dataset and lists all problems; empty if there are none.
    fn check(&self) -> Vec<Error>;
}
