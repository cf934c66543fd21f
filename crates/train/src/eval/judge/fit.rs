use std::f32::consts::PI;
use std::iter;
use std::ops::ControlFlow;
use std::sync::Arc;

use kinora_model::{ClipConfig, pixels};
use kinora_nn::{Adam, AdamConfig, clip_factor, gradient_norm, lift, parameters};
use kinora_tensor::{Random, Tensor, Var, grad};
use kinora_video::{Batch, Dataset, Feed, FeedConfig, Split};

use super::{Judge, Labels, Nets, ORDERS, Subject};
use crate::{Error, Result};

/// The training of a judge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitConfig {
    /// Number of steps.
    pub steps: u64,
    /// Clips per step.
    pub batch: usize,
    /// The highest learning rate. The rate rises to it over a twentieth of the steps, then falls to
    /// zero along a cosine (Loshchilov and Hutter, "SGDR", 2017).
    pub rate: f32,
    /// The seed of the first network and of the clips; the second network has the seed plus 1.
    pub seed: u64,
}

impl Default for FitConfig {
    fn default() -> Self {
        // A seed that no training is likely to use.
        Self { steps: 5000, batch: 32, rate: 1.5e-3, seed: 0x6a75_6467_6500 }
    }
}

/// The progress of a judge's training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitStep {
    /// Steps done so far.
    pub step: u64,
    /// Number of all steps.
    pub steps: u64,
    /// The mean cross entropy in nats, over attributes and the order of frames, and over both
    /// networks.
    pub loss: f32,
}

/// The largest gradient norm; a larger gradient is scaled down to it.
const CLIP: f32 = 5.0;
/// The largest amplitude of the uniform noise that is added to clips. The judge learns that blur
/// and roughness of a film do not change its attributes.
const NOISE: f32 = 0.15;
/// The stream of the noise; the number of the step is added to it.
const NOISE_STREAM: u64 = 1 << 60;
/// One clip in this many gets its frames reordered.
const REORDERED: usize = 4;
/// Steps between reports of progress, each of which waits for the device.
const EVERY: u64 = 10;

/// A batch of clips, `[n, t, h, w, c]`, and their targets, `[n, classes + ORDERS]`.
struct Fed {
    clips: Vec<f32>,
    targets: Vec<f32>,
}

/// Trains a judge for films of the size `clip` on real clips of the training split. `None` if
/// `watch` breaks.
///
/// The same data, config and device give the same bits.
///
/// # Errors
/// If the data has no attributes or cannot be drawn, the device fails, or the loss is not finite.
pub fn fit<T: Tensor>(
    device: &T::Device,
    dataset: &Arc<dyn Dataset>,
    clip: &ClipConfig,
    config: &FitConfig,
    watch: &mut dyn FnMut(FitStep) -> ControlFlow<()>,
) -> Result<Option<Judge<T>>> {
    let subject = Subject::of(&**dataset, clip)?;
    if subject.labels.is_empty() {
        return Err(Error::Judge(format!(
            "{} has no attributes, so there is nothing for a judge to learn; evaluate it without a \
             judge",
            dataset.info().spec
        )));
    }
    let feed = feed(dataset, &subject, config);
    let mut nets = Nets::<T>::fresh(device, &subject, config.seed)?;
    let adam = AdamConfig { rate: config.rate, beta1: 0.9, beta2: 0.99, ..AdamConfig::default() };
    let mut adam = Adam::new(&nets, adam)?;
    let ([t, h, w, c], n) = (subject.dims, config.batch);
    for step in 0..config.steps {
        let Fed { clips, targets } = feed.next()?;
        let clips = T::from_slice(device, &clips, [n, t, h, w, c])?;
        let targets = T::from_slice(device, &targets, [n, subject.labels.classes() + ORDERS])?;
        let lifted = lift(&nets);
        let seen = lifted.forward(&Var::constant(clips))?;
        let targets = Var::constant(targets);
        let [first, second] = [&seen[0].1, &seen[1].1];
        let loss = cross_entropy(first, &targets, &subject.labels)?.add(&cross_entropy(
            second,
            &targets,
            &subject.labels,
        )?)?;
        let value = loss.value().clone();
        drop(seen);
        let gradients = grad(loss, &parameters(&lifted))?;
        drop(lifted);
        adam.config.rate = config.rate * schedule(step, config.steps);
        let factor = clip_factor(&gradient_norm(&gradients)?, CLIP)?;
        nets = adam.step(nets, &gradients, &factor)?;
        if (step + 1).is_multiple_of(EVERY) || step + 1 == config.steps {
            let loss = value.to_vec()?[0] / 2.0;
            if !loss.is_finite() {
                return Err(Error::Judge(format!(
                    "the training of the judge has diverged: its loss is {loss} after {step} steps; look at \
                     the clips with `kinora data check`, and train the judge again"
                )));
            }
            let step = FitStep { step: step + 1, steps: config.steps, loss };
            if watch(step).is_break() {
                return Ok(None);
            }
        }
    }
    Ok(Some(Judge { subject, nets }))
}

/// Draws batches ahead, with noise and reordered frames.
fn feed(dataset: &Arc<dyn Dataset>, subject: &Subject, config: &FitConfig) -> Feed<Fed> {
    let (labels, seed) = (subject.labels.clone(), config.seed);
    let make = move |batch: Batch| {
        let mut random = Random::new(seed, NOISE_STREAM + batch.index);
        let (mut clips, mut targets) = (Vec::new(), Vec::new());
        for example in &batch.examples {
            let mut clip = pixels::to_values(&example.clip);
            let order = reorder(&mut clip, example.clip.dims()[0], &mut random);
            let most = 2.0 * NOISE * random.uniform();
            clips.extend(clip.into_iter().map(|value| value + most * (random.uniform() - 0.5)));
            targets.extend(match order {
                0 => labels.targets(&example.caption.attributes),
                // A reordered clip has no clear attributes: a walk played backwards may be none.
                _ => vec![0.0; labels.classes()],
            });
            targets.extend((0..ORDERS).map(|k| f32::from(u8::from(k == order))));
        }
        Fed { clips, targets }
    };
    let wanted = FeedConfig {
        split: Split::Train,
        seed,
        start: 0,
        batch: config.batch,
        dims: subject.dims,
        wrong: 0,
        copies: 0,
    };
    Feed::new(dataset.clone(), wanted, make)
}

/// Reorders the frames of a clip with probability 1 / [`REORDERED`]: 1 backwards, 2 shuffled, 3 the
/// first frame repeated. Returns the order, which is 0 if the clip has not changed.
fn reorder(clip: &mut Vec<f32>, frames: usize, random: &mut Random) -> usize {
    if random.below(REORDERED) != 0 {
        return 0;
    }
    let order = 1 + random.below(ORDERS - 1);
    let mut places: Vec<usize> = (0..frames).collect();
    match order {
        1 => places.reverse(),
        2 => random.shuffle(&mut places),
        _ => places.fill(0),
    }
    let size = clip.len() / frames;
    let frame = |&place: &usize| &clip[place * size..(place + 1) * size];
    let changed = places.iter().flat_map(frame).copied().collect();
    if changed == *clip {
        return 0;
    }
    *clip = changed;
    order
}

/// The mean of −ln p of the right value, over the clips and over the attributes and the order of
/// the frames; logits and targets `[n, classes + ORDERS]`. An attribute without a target has loss
/// 0.
fn cross_entropy<T: Tensor>(logits: &Var<T>, targets: &Var<T>, labels: &Labels) -> Result<Var<T>> {
    let attributes = labels.classes();
    let heads = labels.heads().map(|(.., classes)| classes);
    let right = heads
        .chain(iter::once(attributes..attributes + ORDERS))
        .map(|classes| {
            let logits = logits.slice(1, classes.start, classes.len())?;
            let targets = targets.slice(1, classes.start, classes.len())?;
            let without = targets.sum(&[1])?.affine(-1.0, 1.0)?;
            logits.softmax()?.mul(&targets)?.sum(&[1])?.add(&without)
        })
        .collect::<Result<Vec<Var<T>>, _>>()?;
    let right = Var::concat(&right.iter().collect::<Vec<_>>(), 1)?;
    // The logarithm of a probability of 0 would be infinite.
    Ok(right.affine(1.0, 1e-6)?.log()?.mean_all()?.neg()?)
}

/// The learning rate at a step, as a share of the highest rate.
fn schedule(step: u64, steps: u64) -> f32 {
    let warm = (steps / 20).max(1);
    match step < warm {
        true => (step + 1) as f32 / warm as f32,
        false => {
            let passed = (step - warm) as f32 / (steps - warm).max(1) as f32;
            0.5 + 0.5 * (PI * passed).cos()
        }
    }
}
