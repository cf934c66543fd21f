use kinora_embed::Pieces;
use kinora_model::{Lexicon, Strange, pixels};
use kinora_tensor::Random;
use kinora_video::{Batch, Clip};

use crate::Result;

/// The input of a step: a batch of clips and captions as numbers on the host, for any device.
#[derive(Clone, Debug, PartialEq)]
pub struct Fed {
    /// Number of clips, n.
    pub clips: usize,
    /// The pixels of the clips, `[n, t, h, w, c]`, from -1 (black) to 1 (white).
    pub values: Vec<f32>,
    /// The pixels of the twins of the copies, `[copies, t, h, w, c]`; empty if the batch has no twins.
    pub twins: Vec<f32>,
    /// The weight of each pixel of the copies in the loss on details, `[copies, t, h, w, 1]`: 0 where the
    /// clip equals its variant. In a frame that differs in at least 16 pixels, the weights sum to h · w.
    /// Empty if the batch has no variants.
    pub details: Vec<f32>,
    /// The captions: the own caption of each clip, then a false caption of each clip, then a second
    /// false caption of each clip, and so on.
    pub captions: Pieces,
}

/// A frame that differs from its variant in fewer pixels weighs less, in proportion to their number.
const PIXELS: f32 = 16.0;

/// The weights of the pixels in the loss on details, `[t, h, w, 1]`: where the clips differ, (h · w) /
/// max([`PIXELS`], number of pixels that differ in the frame); elsewhere 0.
fn details(clip: &Clip, variant: &Clip) -> Vec<f32> {
    let [_, h, w, c] = clip.dims();
    let mut weights = Vec::with_capacity(clip.data().len() / c);
    for (a, b) in clip.data().chunks(h * w * c).zip(variant.data().chunks(h * w * c)) {
        let differs = || a.chunks(c).zip(b.chunks(c)).map(|(a, b)| a != b);
        let count = differs().filter(|&differs| differs).count() as f32;
        let weight = (h * w) as f32 / count.max(PIXELS);
        weights.extend(differs().map(|differs| if differs { weight } else { 0.0 }));
    }
    weights
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
        let clips = || batch.examples.iter().map(|example| &example.clip);
        let own = batch.examples.iter().map(|example| example.caption.text.as_str());
        let wrong = batch.wrong_captions.iter().map(String::as_str);
        let captions: Vec<&str> = own.chain(wrong).collect();
        let details = clips().zip(&batch.variants).flat_map(|(a, b)| details(a, b));
        Ok(Self {
            clips: batch.examples.len(),
            values: clips().map(pixels::to_values).collect::<Vec<_>>().concat(),
            twins: batch.twins.iter().map(pixels::to_values).collect::<Vec<_>>().concat(),
            details: details.collect(),
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
    fn details_weigh_the_pixels_that_differ() {
        let dims = [3, 8, 8, 3];
        let clip = Clip::new(dims, 8.0, vec![9; 3 * 8 * 8 * 3]).unwrap();
        // No pixel of the first frame differs, 4 of the second, and 32 of the third, each in one
        // channel.
        let mut data = clip.data().to_vec();
        for pixel in (64..68).chain(128..160) {
            data[3 * pixel + pixel % 3] += 1;
        }
        let weights = details(&clip, &Clip::new(dims, 8.0, data).unwrap());
        for (pixel, weight) in weights.iter().enumerate() {
            let wanted = match pixel {
                64..68 => 64.0 / 16.0,
                128..160 => 64.0 / 32.0,
                _ => 0.0,
            };
            assert_eq!(*weight, wanted, "pixel {pixel}");
        }
        assert_eq!(weights.len(), 3 * 8 * 8);
    }

    #[test]
    fn some_of_the_first_captions_are_disturbed() {
        let config = FeedConfig {
            split: Split::Train,
            seed: 1,
            start: 0,
            batch: 60,
            dims: [1, 8, 8, 3],
            wrong: 1,
            copies: 0,
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
