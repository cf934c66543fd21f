use kinora_embed::Pieces;
use kinora_model::{Lexicon, Strange, pixels};
use kinora_tensor::Random;
use kinora_video::Batch;

use crate::Result;

/// The input of a step: a batch of clips and captions as numbers on the host, for any device.
#[derive(Clone, Debug, PartialEq)]
pub struct Fed {
    /// Number of clips, n.
    pub clips: usize,
    /// The pixels of the clips, `[n, t, h, w, c]`, from -1 (black) to 1 (white).
    pub values: Vec<f32>,
    /// The pixels of the clips that the recogniser sees, `[copies, t, h, w, c]`: the twins of the
    /// batch. If it has none, the recogniser sees the clips.
    pub twins: Vec<f32>,
    /// The captions: the own caption of each clip, then a false caption of each clip, then a second
    /// false caption of each clip, and so on.
    pub captions: Pieces,
}

/// The share of the captions that [`disturb`] changes.
const DISTURBED: f32 = 0.5;

/// Puts strange words into some captions, true and false ones alike, of the first `count` clips of a batch
/// ([`Lexicon::disturbed`]). The random numbers are those of `stream`.
pub(crate) fn disturb(
    lexicon: &Lexicon,
    strange: &Strange,
    batch: &mut Batch,
    count: usize,
    [seed, stream]: [u64; 2],
) -> Result<()> {
    let mut random = Random::new(seed, stream);
    let n = batch.examples.len();
    let own = batch.examples.iter_mut().map(|example| &mut example.caption.text);
    for (at, caption) in own.chain(&mut batch.wrong_captions).enumerate() {
        if at % n < count && random.uniform() < DISTURBED {
            *caption = lexicon.disturbed(caption, strange, &mut random)?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kinora_embed::EncoderConfig;
    use kinora_text::Tokenizer;
    use kinora_video::{Feed, FeedConfig, Shapes, Split};

    use super::*;

    #[test]
    fn some_of_the_first_captions_are_disturbed() {
        let config = FeedConfig {
            split: Split::Train,
            seed: 1,
            start: 0,
            batch: 60,
            dims: [1, 8, 8, 3],
            wrong: 1,
            twins: 0,
        };
        let batch = Feed::new(Arc::new(Shapes::new()), config, |batch| batch).next().unwrap();
        let texts = |batch: &Batch| -> Vec<String> {
            let own = batch.examples.iter().map(|example| example.caption.text.clone());
            own.chain(batch.wrong_captions.iter().cloned()).collect()
        };
        let captions = texts(&batch);
        let encoder = EncoderConfig { vectors: "builtin".into(), ..EncoderConfig::default() };
        let tokenizer = Tokenizer::train(captions.iter().map(String::as_str), 300).unwrap();
        let lexicon = Lexicon::new(&encoder, tokenizer, &captions).unwrap();
        let strange = lexicon.strange(Default::default());
        for count in [0, 20, 40, 60, usize::MAX] {
            let disturbed = |stream| {
                let mut batch = batch.clone();
                disturb(&lexicon, &strange, &mut batch, count, [0, stream]).unwrap();
                texts(&batch)
            };
            let once = disturbed(5);
            assert_eq!(once, disturbed(5));
            assert!(count == 0 || once != disturbed(6));
            let among = count.min(60);
            // True and false captions alike.
            for first in [0, 60] {
                let changed = (first..first + 60).filter(|&i| once[i] != captions[i]);
                let changed: Vec<usize> = changed.map(|i| i - first).collect();
                assert!(changed.iter().all(|&i| i < among), "{count}: {changed:?}");
                let share = changed.len() as f32 / among.max(1) as f32;
                assert!(among == 0 || (0.25..0.8).contains(&share), "{count}: {share}");
            }
        }
    }
}
