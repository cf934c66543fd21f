use kinora_gan::{Discriminator, Logits};
use kinora_nn::{Init, Module, freeze, join};
use kinora_tensor::{Result, Tensor, Var};

use crate::Config;

/// The discriminators of clips and of single frames.
#[derive(Clone, Debug)]
pub struct Critic<T> {
    clips: Discriminator<T>,
    frames: Discriminator<T>,
}

/// The logits of clips, and of the frames that were judged.
pub(crate) struct Judgement<T> {
    pub clips: Logits<T>,
    pub frames: Logits<T>,
}

impl<T> Critic<T> {
    /// The discriminators of a training.
    ///
    /// # Errors
    /// If a tensor cannot be made.
    ///
    /// # Panics
    /// If [`DiscriminatorConfig::check`](kinora_gan::DiscriminatorConfig::check) rejects the sizes.
    pub fn new<I: Init<T>>(init: &mut I, config: &Config) -> Result<Self> {
        let (sizes, film) = (&config.discriminator, config.clip.shape());
        let sentence = config.encoder.sentence;
        Ok(Self {
            clips: Discriminator::of_clips(init, sizes, film, sentence)?,
            frames: Discriminator::of_frames(init, sizes, film, sentence)?,
        })
    }
}

/// The frames `which` of clips `[n, t, h, w, c]` as films of one frame, `[which · n, 1, h, w, c]`:
/// one frame of every clip, then the next.
fn pick<T: Tensor>(clips: &T, which: &[usize]) -> Result<T> {
    let cuts = which.iter().map(|&t| clips.slice(1, t, 1)).collect::<Result<Vec<_>>>()?;
    T::concat(&cuts.iter().collect::<Vec<_>>(), 0)
}

/// `[n, d]` repeated to `[times · n, d]`.
fn repeat<T: Tensor>(x: &T, times: usize) -> Result<T> {
    T::concat(&vec![x; times], 0)
}

impl<T: Tensor> Critic<T> {
    /// Judges real and generated clips `[n, t, h, w, c]` under sentences. `own`, `[n, d]`, are the
    /// sentences of the real clips, from which the generated clips were made; `wrong`, `[k · n,
    /// d]`, are k false sentences for each real clip. The discriminator of frames sees the frames
    /// `which`.
    pub(crate) fn judge(
        &self,
        real: &T,
        fake: &T,
        own: &T,
        wrong: &T,
        which: &[usize],
    ) -> Result<Judgement<T>> {
        let n = real.shape()[0];
        let k = wrong.shape()[0] / n;
        let both = T::concat(&[real, fake], 0)?;
        let of = |judge: &Discriminator<T>, shown: &T, times: usize| {
            let features = judge.features(shown)?;
            // `pick` gives the first frame of all clips, real then generated, then the next frame.
            let part = |offset: usize| -> Result<T> {
                let cuts = (0..times)
                    .map(|frame| features.slice(0, (2 * frame + offset) * n, n))
                    .collect::<Result<Vec<_>>>()?;
                T::concat(&cuts.iter().collect::<Vec<_>>(), 0)
            };
            let (real, fake) = (part(0)?, part(1)?);
            let own = repeat(own, times)?;
            // Each false caption is judged with all frames of its clip.
            let wrong = (0..k)
                .map(|at| repeat(&wrong.slice(0, at * n, n)?, times))
                .collect::<Result<Vec<_>>>()?;
            let wrong = T::concat(&wrong.iter().collect::<Vec<_>>(), 0)?;
            Ok(Logits {
                wrong: judge.logits(&repeat(&real, k)?, &wrong)?,
                real: judge.logits(&real, &own)?,
                fake: judge.logits(&fake, &own)?,
            })
        };
        Ok(Judgement {
            clips: of(&self.clips, &both, 1)?,
            frames: of(&self.frames, &pick(&both, which)?, which.len())?,
        })
    }

    /// The logits `[n]` of clips and of their frames under their sentences `[n, d]`.
    pub(crate) fn logits(&self, clips: &T, sentence: &T, which: &[usize]) -> Result<(T, T)> {
        let frames = pick(clips, which)?;
        Ok((
            self.clips.logits(&self.clips.features(clips)?, sentence)?,
            self.frames.logits(&self.frames.features(&frames)?, &repeat(sentence, which.len())?)?,
        ))
    }
}

impl<T: Tensor> Critic<Var<T>> {
    /// R1 on real clips, of the sum of both discriminators' logits; a scalar. The sentences are
    /// constants.
    pub(crate) fn penalty(&self, real: &T, sentence: &T, which: &[usize]) -> Result<Var<T>> {
        let sentence = Var::constant(Var::constant(sentence.clone()));
        let critic: Critic<Var<Var<T>>> = freeze(self);
        kinora_gan::r1(real, |clips| {
            let (of_clips, of_frames) = critic.logits(clips, &sentence, which)?;
            // The gradient of the sum over films contains the gradient of each film. The logit of a
            // film is the logit of the clip plus the mean logit of its frames.
            of_clips.sum_all()?.add(&of_frames.sum_all()?.affine(1.0 / which.len() as f32, 0.0)?)
        })
    }
}

impl<T> Module<T> for Critic<T> {
    type Of<U> = Critic<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Critic<U>, E> {
        Ok(Critic {
            clips: self.clips.try_map(&join(path, "clips"), f)?,
            frames: self.frames.try_map(&join(path, "frames"), f)?,
        })
    }
}
