//! The judge: two networks that have learnt the attributes of clips from real clips.

mod file;
mod fit;
mod net;

use kinora_model::{ClipConfig, pixels};
use kinora_nn::{Fresh, Init, Module, join};
use kinora_tensor::{Random, Tensor};
use kinora_video::{Attributes, Clip, Dataset, Draw, Split, describe_dims};
use serde::{Deserialize, Serialize};

use self::net::{Films, Frames, Seen};
use super::Labels;
use super::reference::{clips_in, examples};
use crate::{Error, Result};

pub use self::fit::{FitConfig, FitStep, fit};

/// Clips per batch.
const BATCH: usize = 16;
/// The orders of frames that the networks also learn to tell apart: original, backwards, shuffled,
/// and one frame repeated. The features thus encode motion even if a single frame shows every
/// attribute.
const ORDERS: usize = 4;
/// The stream of the networks' initial weights.
const WEIGHTS: u64 = 1;

/// The data that a judge is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The kind of dataset: its spec up to the colon, such as `lpc`.
    pub kind: String,
    /// The size `[t, h, w, c]` of the clips.
    pub dims: [usize; 4],
    /// The attributes and their values.
    pub labels: Labels,
    /// A hash of the first four clips of the training split and of their attributes.
    pub clips: String,
}

impl Subject {
    /// The subject of a dataset and of films of the size `clip`.
    ///
    /// # Errors
    /// If an example or a caption cannot be drawn.
    pub fn of(dataset: &dyn Dataset, clip: &ClipConfig) -> Result<Self> {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for index in 0..4 {
            let example = dataset.example(Split::Train, Draw { seed: 0, index })?;
            let attributes = example.caption.attributes.into_iter();
            let text: String = attributes.map(|(name, value)| format!("{name}={value};")).collect();
            for byte in text.into_bytes().into_iter().chain(example.clip.into_data()) {
                // FNV-1a
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        Ok(Self {
            kind: dataset.info().spec.split(':').next().unwrap_or_default().into(),
            dims: clip.dims(),
            labels: Labels::of(dataset)?,
            clips: format!("{hash:016x}"),
        })
    }

    /// The file name of a judge, from the kind of dataset, height, width and frames, such as
    /// `judge-lpc-64x64x8.safetensors`.
    pub fn file_name(&self) -> String {
        let [t, h, w, _] = self.dims;
        format!("judge-{}-{h}x{w}x{t}.safetensors", self.kind)
    }
}

/// Two networks: the first sees frame after frame, the second the film as a whole. They differ in
/// architecture and seed, so that the second can confirm the first.
#[derive(Clone, Debug)]
pub(super) struct Nets<T> {
    frames: Frames<T>,
    films: Films<T>,
}

impl<T> Nets<T> {
    /// Makes the two networks from two initialisers.
    fn new<I: Init<T>>(inits: [&mut I; 2], subject: &Subject) -> kinora_tensor::Result<Self> {
        let [first, second] = inits;
        let classes = subject.labels.classes() + ORDERS;
        Ok(Self {
            frames: Frames::new(first, subject.dims, classes)?,
            films: Films::new(second, subject.dims, classes)?,
        })
    }
}

impl<T: Tensor> Nets<T> {
    fn fresh(device: &T::Device, subject: &Subject, seed: u64) -> kinora_tensor::Result<Self> {
        let mut init = [0, 1].map(|k| Fresh::<T>::new(device, Random::new(seed + k, WEIGHTS)));
        let [first, second] = &mut init;
        Self::new([first, second], subject)
    }

    /// The features and logits of clips `[n, t, h, w, c]` by each network.
    fn forward(&self, clips: &T) -> kinora_tensor::Result<[Seen<T>; 2]> {
        Ok([self.frames.forward(clips)?, self.films.forward(clips)?])
    }
}

impl<T> Module<T> for Nets<T> {
    type Of<U> = Nets<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Nets<U>, E> {
        Ok(Nets {
            frames: self.frames.try_map(&join(path, "frames"), f)?,
            films: self.films.try_map(&join(path, "films"), f)?,
        })
    }
}

/// Two networks that classify the attributes of a clip. They differ in architecture and seed, and
/// were trained only on real clips, never with a generator.
#[derive(Clone, Debug)]
pub struct Judge<T> {
    /// The data that the judge is for.
    pub subject: Subject,
    nets: Nets<T>,
}

/// The verdict of a judge on a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The probability of each class of the [`Labels`], by each network.
    pub probabilities: [Vec<f32>; 2],
    /// The probability that the frames are in the order of a real clip, by each network.
    pub in_order: [f32; 2],
    /// The features of the clip by the first network.
    pub features: Vec<f32>,
}

impl Verdict {
    /// The probability of the value of an attribute by the first network; `None` if the labels lack
    /// the value.
    pub fn probability(&self, labels: &Labels, attribute: &str, value: &str) -> Option<f32> {
        Some(self.probabilities[0][labels.class(attribute, value)?])
    }

    /// The most probable value of an attribute by network `net` (0 or 1); `None` if the labels lack
    /// the attribute.
    pub fn value<'a>(&self, labels: &'a Labels, attribute: &str, net: usize) -> Option<&'a str> {
        let (_, values, classes) = labels.heads().find(|(name, ..)| *name == attribute)?;
        let of = |i: &usize| self.probabilities[net][classes.start + i];
        let best = (0..values.len()).max_by(|a, b| of(a).total_cmp(&of(b)))?;
        Some(&values[best])
    }

    /// The most probable value of each attribute by the first network.
    pub fn values(&self, labels: &Labels) -> Attributes {
        let value = |name| Some((String::from(name), self.value(labels, name, 0)?.into()));
        labels.names().filter_map(value).collect()
    }
}

impl<T: Tensor> Judge<T> {
    /// A judge with random weights, for data without attributes. Its features still serve to
    /// compare sets of clips (Naeem et al., "Reliable fidelity and diversity metrics for generative
    /// models", 2020).
    ///
    /// # Errors
    /// If the device fails.
    pub fn untrained(device: &T::Device, subject: Subject) -> Result<Self> {
        Ok(Self { nets: Nets::fresh(device, &subject, FitConfig::default().seed)?, subject })
    }

    /// Judges clips, which must have the size [`Subject::dims`].
    ///
    /// # Errors
    /// If a clip has another size, or the device fails.
    pub fn look(&self, device: &T::Device, clips: &[&Clip]) -> Result<Vec<Verdict>> {
        let mut verdicts = Vec::with_capacity(clips.len());
        for batch in clips.chunks(BATCH) {
            if let Some(other) = batch.iter().find(|clip| clip.dims() != self.subject.dims) {
                return Err(Error::Judge(format!(
                    "this judge is for {}, not {}; train a judge for this size with --fit-judge",
                    describe_dims(self.subject.dims),
                    describe_dims(other.dims())
                )));
            }
            let values: Vec<Vec<f32>> = batch.iter().map(|clip| pixels::to_values(clip)).collect();
            let [t, h, w, c] = self.subject.dims;
            let shape = [batch.len(), t, h, w, c];
            let seen = self.nets.forward(&T::from_slice(device, &values.concat(), shape)?)?;
            let features = seen[0].0.to_vec()?;
            let logits = [seen[0].1.to_vec()?, seen[1].1.to_vec()?];
            let each = |values: &[f32], k: usize| {
                let width = values.len() / batch.len();
                values[k * width..(k + 1) * width].to_vec()
            };
            verdicts.extend((0..batch.len()).map(|k| {
                let logits = logits.each_ref().map(|all| each(all, k));
                let attributes = self.subject.labels.classes();
                Verdict {
                    probabilities: logits.each_ref().map(|logits| self.softmax(logits)),
                    in_order: logits.map(|logits| softmax(&logits[attributes..])[0]),
                    features: each(&features, k),
                }
            }));
        }
        Ok(verdicts)
    }

    /// The accuracy of each network on real clips of the held-out split, which the networks have not
    /// seen in training: for each attribute, the share of the first `count` examples of the stream
    /// `seed` that are classified correctly.
    ///
    /// # Errors
    /// If an example cannot be drawn or the device fails.
    pub fn ceiling(
        &self,
        device: &T::Device,
        dataset: &dyn Dataset,
        count: u64,
        seed: u64,
    ) -> Result<Vec<(String, [f64; 2])>> {
        let labels = &self.subject.labels;
        let mut right = vec![[0.0; 2]; labels.names().count()];
        for start in (0..count).step_by(BATCH) {
            let places = start..count.min(start + BATCH as u64);
            let examples = examples(dataset, Split::HeldOut, seed, places, self.subject.dims)?;
            for (verdict, example) in self.look(device, &clips_in(&examples))?.iter().zip(&examples)
            {
                for (name, right) in labels.names().zip(&mut right) {
                    let truth = example.caption.attributes.get(name).map(String::as_str);
                    for (net, right) in right.iter_mut().enumerate() {
                        *right += f64::from(verdict.value(labels, name, net) == truth);
                    }
                }
            }
        }
        let share = |right: [f64; 2]| right.map(|right| right / count.max(1) as f64);
        Ok(labels.names().map(String::from).zip(right.into_iter().map(share)).collect())
    }

    /// The softmax over the classes of each attribute, concatenated.
    fn softmax(&self, logits: &[f32]) -> Vec<f32> {
        self.subject.labels.heads().flat_map(|(.., classes)| softmax(&logits[classes])).collect()
    }
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
