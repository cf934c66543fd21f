use std::collections::{BTreeMap, BTreeSet};

use crate::{Clip, Error, Result};

/// What is true of a clip, by name: `{"motion": "left", "colour": "red"}`. Empty where a dataset
/// does not know.
pub type Attributes = BTreeMap<String, String>;

/// A sentence and what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Caption {
    /// The sentence.
    pub text: String,
    /// All attributes of the clip, those that the sentence leaves out too.
    pub attributes: Attributes,
    /// The keys of the attributes that the sentence states; empty where a dataset does not know.
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

/// Which side of a dataset: the two never share a held-out pair of attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// What a model is trained on.
    Train,
    /// Pairs of attributes that never meet in training. Draws with an odd index are worded with
    /// phrases that training never says either, where the dataset has such phrases.
    HeldOut,
}

/// Which example of an endless stream: the same draw gives the same example, in any order and on
/// any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The seed of the stream.
    pub seed: u64,
    /// The place in it.
    pub index: u64,
}

/// What is the same for all clips of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// The spec that opens it, as `digits:PATH`.
    pub spec: String,
    /// `[t, h, w, c]` of each clip as the dataset draws it.
    pub dims: [usize; 4],
    /// Frames a second.
    pub fps: f32,
    /// The licence of the clips, and so of what is learnt from them.
    pub licence: String,
    /// Whom to credit; empty where nobody asks for it.
    pub credits: String,
}

/// A source of captioned clips.
pub trait Dataset: Send + Sync {
    /// What is the same for all clips.
    fn info(&self) -> &Info;

    /// The caption of a draw, without drawing the clip (for training a tokenizer).
    fn caption(&self, split: Split, draw: Draw) -> Result<Caption>;

    /// The example of a draw; its caption is what [`Dataset::caption`] gives for the same draw.
    fn example(&self, split: Split, draw: Draw) -> Result<Example>;

    /// `count` sentences that are false of the clip behind `caption`, which is the caption of `draw`.
    /// Where the attributes are known, each is the caption with one thing told otherwise; else they
    /// are other clips' captions. They differ from each other where there are so many.
    ///
    /// # Errors
    /// If the caption is none of this dataset, or no sentence is false of its clip.
    fn wrong_captions(
        &self,
        split: Split,
        caption: &Caption,
        draw: Draw,
        count: usize,
    ) -> Result<Vec<String>>;

    /// Reads everything there is and lists all that is wrong; empty if nothing is.
    fn check(&self) -> Vec<Error>;
}
