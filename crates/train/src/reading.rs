//! The first phase of a training: the matcher and the text encoder learn from real clips which
//! captions are true of a clip.

use std::f32::consts::PI;

use kinora_embed::Encoder;
use kinora_gan::{Matcher, contrast};
use kinora_nn::{AdamConfig, clip_factor, gradient_norm, lift, parameters};
use kinora_tensor::{Tensor, Var, grad};

use crate::measured::{Guarded, Share};
use crate::{Config, Fed, Measured, Result, State};

/// The largest gradient norm: a few gradients of recurrent networks are far larger than the others.
const LONGEST: f32 = 1.0;

/// The config of Adam at step `step` of a training, counted from 1. After the phase, the rate stays
/// at its last value.
pub(crate) fn rate(config: &Config, step: u64) -> AdamConfig {
    let reading = &config.reading;
    AdamConfig {
        rate: reading.rate * cosine(step, reading.steps),
        beta1: 0.9,
        beta2: 0.99,
        ..AdamConfig::default()
    }
}

/// The learning rate at step `step` of `steps`, as a share of the initial rate: it falls to
/// [`LAST`] along a cosine (Loshchilov and Hutter, "SGDR", 2017).
pub(crate) fn cosine(step: u64, steps: u64) -> f32 {
    /// The last learning rate, as a share of the initial rate.
    const LAST: f32 = 0.05;
    let passed = step as f32 / steps.max(1) as f32;
    LAST + (1.0 - LAST) * (0.5 + 0.5 * (PI * passed.min(1.0)).cos())
}

impl<T: Tensor> State<T> {
    /// One step of the first phase: only matcher and text encoder learn.
    pub(crate) fn read(
        mut self,
        device: &T::Device,
        config: &Config,
        fed: &Fed,
    ) -> Result<(Self, Measured<T>)> {
        let [t, h, w, c] = config.clip.dims();
        let clips = T::from_slice(device, &fed.values, [fed.clips, t, h, w, c])?;
        let (guarded, logits);
        (self, guarded, logits) = self.learn_to_read(config, fed, &clips)?;
        self.step += 1;
        let (clips, captions) = (fed.clips, fed.captions.sentences);
        let shares = vec![Share::Matched { clips, captions }];
        let measured = Measured::new(self.step, guarded, shares, &[&logits])?;
        Ok((self, measured))
    }

    /// Updates matcher and text encoder once. Compares each clip of `clips`, `[n, t, h, w, c]`,
    /// with all captions of the batch, true and false, and each own caption with all clips. Returns
    /// the loss and the norm of the gradient by name, and the logits `[n, captions]`.
    pub(crate) fn learn_to_read(
        mut self,
        config: &Config,
        fed: &Fed,
        clips: &T,
    ) -> Result<(Self, Guarded<T>, T)> {
        let (Some(matcher), Some(mut adam)) = (self.net.matcher.take(), self.adam_reader.take())
        else {
            unreachable!("a training has a matcher, and an optimiser for it as long as it learns")
        };
        let n = fed.clips;
        let module = (self.net.encoder, matcher);
        let lifted: (Encoder<Var<T>>, Matcher<Var<T>>) = lift(&module);
        let sentences = lifted.0.forward(&fed.captions)?.sentence;
        let seen = lifted.1.clips(&Var::constant(clips.clone()))?;
        let logits = lifted.1.logits(&seen, &sentences)?;
        let by_caption = logits.slice(1, 0, n)?.permute(&[1, 0])?;
        let loss = contrast(&logits)?.add(&contrast(&by_caption)?)?;
        let (loss_value, logits) = (loss.value().clone(), logits.value().clone());
        let gradients = grad(loss, &parameters(&lifted))?;
        drop((lifted, sentences, seen, by_caption));
        let norm = gradient_norm(&gradients)?;
        adam.config = rate(config, self.step + 1);
        let (encoder, matcher) = adam.step(module, &gradients, &clip_factor(&norm, LONGEST)?)?;
        self.net.encoder = encoder;
        self.net.matcher = Some(matcher);
        self.adam_reader = Some(adam);
        Ok((self, vec![("loss_matcher", loss_value), ("gradient_matcher", norm)], logits))
    }
}
