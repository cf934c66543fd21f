//! The discriminators' side of the third phase.

use kinora_gan::Logits;
use kinora_nn::{Adam, clip_factor, gradient_norm, lift, parameters};
use kinora_tensor::{Tensor, Var, grad};

use crate::critic::{Critic, Judgement};
use crate::measured::{Guarded, Share};
use crate::playing::{Read, limit};
use crate::{Config, Result};

/// A step of the discriminators on real clips and films. Returns the logits from before the step.
pub(crate) fn play<T: Tensor>(
    (critic, adam): (Critic<T>, &mut Adam<T>),
    (config, step): (&Config, u64),
    [real, fake]: [&T; 2],
    read: &Read<T>,
    which: &[usize],
    guarded: &mut Guarded<T>,
) -> Result<(Critic<T>, Judgement<T>)> {
    let train = &config.train;
    let lifted = lift(&critic);
    let constant = |x: &T| Var::constant(x.clone());
    let (own, wrong) = (constant(&read.own.sentence), constant(&read.wrong));
    let judged = lifted.judge(&constant(real), &constant(fake), &own, &wrong, which)?;
    let loss = train.loss.discriminator(&judged.clips)?;
    let mut loss = loss.add(&train.loss.discriminator(&judged.frames)?)?;
    guarded.push(("loss_discriminator", loss.value().clone()));
    if train.r1 > 0.0 && step.is_multiple_of(train.r1_every) {
        let weight = 0.5 * train.r1 * train.r1_every as f32;
        let penalty = lifted.penalty(real, &read.own.sentence, which)?;
        loss = loss.add(&penalty.affine(weight, 0.0)?)?;
    }
    let values = |logits: Logits<Var<T>>| Logits {
        real: logits.real.value().clone(),
        fake: logits.fake.value().clone(),
        wrong: logits.wrong.value().clone(),
    };
    let judged = Judgement { clips: values(judged.clips), frames: values(judged.frames) };
    let gradients = grad(loss, &parameters(&lifted))?;
    drop(lifted);
    let norm = gradient_norm(&gradients)?;
    let factor = clip_factor(&norm, limit(train.clip_gradient))?;
    guarded.push(("gradient_discriminator", norm));
    Ok((adam.step(critic, &gradients, &factor)?, judged))
}

/// All logits, and the share that each run of logits measures.
pub(crate) fn flat<T: Tensor>(judged: Judgement<T>) -> (Vec<Share>, Vec<T>) {
    let (mut shares, mut logits) = (Vec::new(), Vec::new());
    let names = [
        ["accuracy_real", "accuracy_fake", "accuracy_wrong"],
        ["accuracy_frame_real", "accuracy_frame_fake", "accuracy_frame_wrong"],
    ];
    for (Logits { real, fake, wrong }, names) in
        [judged.clips, judged.frames].into_iter().zip(names)
    {
        let len = |x: &T| x.shape().elements();
        shares.push(Share::Real(names[0], len(&real)));
        shares.push(Share::False(names[1], len(&fake)));
        shares.push(Share::False(names[2], len(&wrong)));
        logits.extend([real, fake, wrong]);
    }
    (shares, logits)
}
