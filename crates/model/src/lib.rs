#![doc = include_str!("../README.md")]

mod config;
mod error;
mod file;
mod lexicon;
pub mod pixels;
mod words;

use kinora_embed::{Encoded, Encoder, Inputs, Pieces};
use kinora_gan::{Generator, Matcher, Noise, Prior};
use kinora_nn::{Init, Module, join};
use kinora_tensor::{Random, Tensor};
use kinora_video::{Clip, Palette, describe_dims};

pub use config::{Card, ClipConfig, MOST_REFERENCES, ModelConfig};
pub use error::{Error, Result};
pub use file::{Contents, FORMAT, contents, read};
pub use lexicon::{Lexicon, Source, Sources};
pub use words::{Reading, Strange};

/// The networks of a model.
#[derive(Clone, Debug)]
pub struct Net<T> {
    /// From a sentence to word vectors and a sentence vector.
    pub encoder: Encoder<T>,
    /// From vectors and noise to frames.
    pub generator: Generator<T>,
    /// Scores how well a clip and a sentence match; `None` in models of format 2 and before.
    pub matcher: Option<Matcher<T>>,
    /// The distribution of the noise z; `None` for normal noise.
    pub prior: Option<Prior<T>>,
}

impl<T> Net<T> {
    /// Networks with initial weights from `init`.
    ///
    /// # Errors
    /// If [`ModelConfig::check`] rejects the sizes, or a tensor cannot be created.
    pub fn new<I: Init<T>>(init: &mut I, config: &ModelConfig, inputs: &Inputs) -> Result<Self> {
        config.check()?;
        let ModelConfig { clip, encoder, generator, matcher, references } = config;
        let (word, sentence) = (encoder.word, encoder.sentence);
        let matcher = matcher.as_ref();
        Ok(Self {
            encoder: Encoder::new(init, encoder, inputs)?,
            generator: Generator::new(init, generator, clip.shape(), sentence, word)?,
            matcher: matcher
                .map(|matcher| Matcher::new(init, matcher, clip.shape(), sentence))
                .transpose()?,
            prior: match references {
                0 => None,
                &clips => Some(Prior::new(init, clips, sentence)?),
            },
        })
    }
}

impl<T: Tensor> Net<T> {
    /// Generates one film for each sentence of a batch, as in training: from this noise, so the prior takes no
    /// part, and not in the sharp colours of [`Model::sample`].
    ///
    /// # Shapes
    /// n sentences, noise `[n, noise]` and `[n, t, frame_noise]`; gives frames `[n, t, h, w, c]`
    /// with values in (-1, 1), in the encoding of [`pixels`].
    ///
    /// # Errors
    /// If the pieces or the noise do not fit the networks, or the device fails.
    pub fn forward(&self, pieces: &Pieces, noise: &Noise<T>) -> kinora_tensor::Result<T> {
        let Encoded { words, bias, sentence } = self.encoder.forward(pieces)?;
        self.generator.forward(&sentence, &words, &bias, noise)
    }
}

impl<T> Module<T> for Net<T> {
    type Of<U> = Net<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Net<U>, E> {
        Ok(Net {
            encoder: self.encoder.try_map(&join(path, "encoder"), f)?,
            generator: self.generator.try_map(&join(path, "generator"), f)?,
            matcher: self.matcher.try_map(&join(path, "matcher"), f)?,
            prior: self.prior.try_map(&join(path, "prior"), f)?,
        })
    }
}

/// Pixels of a batch at most, summed over its clips and their frames: ten clips of 8 x 64 x 64.
/// This bounds the memory.
const TOGETHER: usize = 10 * 8 * 64 * 64;

/// A trained model: sizes, networks and all that turns a sentence into their inputs.
#[derive(Clone, Debug)]
pub struct Model<T> {
    /// The sizes of the networks and of the films.
    pub config: ModelConfig,
    /// Name, training data, licence and credits.
    pub card: Card,
    /// Tokenizer, word vectors and tagger: turns sentences into the encoder's inputs.
    pub lexicon: Lexicon,
    /// The networks with their weights.
    pub net: Net<T>,
}

impl<T: Tensor> Model<T> {
    /// Generates a film from a sentence. The same sentence and seed give the same film.
    ///
    /// # Errors
    /// If the sentence cannot be encoded or the device fails.
    pub fn sample(&self, prompt: &str, seed: u64) -> Result<Clip> {
        Ok(self.sample_batch(&[(prompt, seed)])?.remove(0))
    }

    /// Generates one film for each pair of sentence and seed, in that order.
    ///
    /// The films are computed in batches of bounded size, so the memory for the networks does not
    /// grow with their number. Each film differs from that of [`Model::sample`] only by rounding.
    ///
    /// # Errors
    /// As [`Model::sample`].
    pub fn sample_batch(&self, prompts: &[(&str, u64)]) -> Result<Vec<Clip>> {
        let [t, h, w, c] = self.config.clip.dims();
        let mut films = Vec::with_capacity(prompts.len());
        for part in prompts.chunks(self.together()) {
            let Drawing { read: Encoded { words, bias, sentence }, noise, .. } =
                self.inputs(part)?;
            let values = self.net.generator.sharp(&sentence, &words, &bias, &noise)?.to_vec()?;
            for film in values.chunks(t * h * w * c) {
                films.push(pixels::to_clip(film, &self.config.clip)?);
            }
        }
        Ok(films)
    }

    /// The attention weight of each piece of a sentence at each frame of its film.
    ///
    /// # Shapes
    /// `[t, pieces]`, with one column per piece in the order of the sentence. A word with an
    /// external word vector is a single piece. Pieces that were truncated have no column.
    ///
    /// # Errors
    /// If the sentence cannot be encoded or the device fails.
    pub fn attention(&self, prompt: &str, seed: u64) -> Result<Vec<Vec<f32>>> {
        let Drawing { pieces, read, noise } = self.inputs(&[(prompt, seed)])?;
        let Encoded { words, bias, sentence } = read;
        let weights = self.net.generator.attention(&sentence, &words, &bias, &noise)?.to_vec()?;
        let read = pieces.mask.iter().filter(|&&mask| mask > 0.0).count();
        Ok(weights.chunks(pieces.places).map(|frame| frame[..read].to_vec()).collect())
    }

    /// The matcher's logits for clips and a sentence, one per clip. The clip with the higher logit
    /// matches the sentence better.
    ///
    /// # Errors
    /// [`Error::Config`] if the model has no matcher or a clip does not have the model's size. An
    /// error too if the sentence cannot be encoded or the device fails.
    pub fn matches(&self, prompt: &str, clips: &[Clip]) -> Result<Vec<f32>> {
        let Some(matcher) = &self.net.matcher else {
            let name = &self.card.name;
            let reason =
                format!("the model {name:?} has no matcher to score films with; use another model");
            return Err(Error::Config(reason));
        };
        let dims = self.config.clip.dims();
        if let Some(clip) = clips.iter().find(|clip| clip.dims() != dims) {
            let reason = format!(
                "a clip has {}, but this model needs {}",
                describe_dims(clip.dims()),
                describe_dims(dims)
            );
            return Err(Error::Config(reason));
        }
        let sentence = self.net.encoder.forward(&self.lexicon.read(&[prompt])?)?.sentence;
        let mut logits = Vec::new();
        for part in clips.chunks(self.together()) {
            let values = part.iter().flat_map(pixels::to_values).collect::<Vec<f32>>();
            let [t, h, w, c] = dims;
            let part = T::from_slice(sentence.device(), &values, [part.len(), t, h, w, c])?;
            logits.extend(matcher.logits(&matcher.clips(&part)?, &sentence)?.to_vec()?);
        }
        Ok(logits)
    }

    /// Generates a film for each seed and keeps the `keep` films that match the sentence best, the
    /// best first. Each comes as (seed, logit, film).
    ///
    /// The logit is that of [`Model::matches`] for the cleaned film ([`Clip::clean`]). The film
    /// itself is not cleaned: it is the one that [`Model::sample`] gives.
    ///
    /// # Errors
    /// As [`Model::sample`] and [`Model::matches`].
    pub fn best(&self, prompt: &str, seeds: &[u64], keep: usize) -> Result<Vec<(u64, f32, Clip)>> {
        let mut best = Vec::new();
        for part in seeds.chunks(self.together()) {
            let films = part.iter().map(|&seed| self.sample(prompt, seed));
            let films = films.collect::<Result<Vec<Clip>>>()?;
            let clean: Vec<Clip> = films.iter().map(|film| film.clean(&Palette::Auto)).collect();
            let logits = self.matches(prompt, &clean)?;
            best.extend(part.iter().zip(logits).zip(films).map(|((&s, l), film)| (s, l, film)));
            best.sort_by(|a, b| f32::total_cmp(&b.1, &a.1));
            best.truncate(keep);
        }
        Ok(best)
    }

    /// Clips of a batch.
    fn together(&self) -> usize {
        let [t, h, w, _] = self.config.clip.dims();
        (TOGETHER / (t * h * w)).max(1)
    }

    fn inputs(&self, prompts: &[(&str, u64)]) -> Result<Drawing<T>> {
        let texts: Vec<&str> = prompts.iter().map(|(prompt, _)| *prompt).collect();
        let pieces = self.lexicon.read(&texts)?;
        let seeds: Vec<u64> = prompts.iter().map(|&(_, seed)| seed).collect();
        let read = self.net.encoder.forward(&pieces)?;
        let device = read.sentence.device();
        let mut noise: Noise<T> = noise(device, &self.config, &seeds)?;
        if let Some(prior) = &self.net.prior {
            let which: Vec<usize> =
                seeds.iter().map(|&seed| reference(seed, prior.clips())).collect();
            noise.film = prior.complete(&which, &read.sentence)?;
        }
        Ok(Drawing { pieces, read, noise })
    }
}

/// The index of the reference clip of a seed. The seeds kn to kn + n - 1 have n different references.
fn reference(seed: u64, n: usize) -> usize {
    let mut random = Random::new(seed / n as u64, REFERENCE);
    let mut order: Vec<usize> = (0..n).collect();
    let at = (seed % n as u64) as usize;
    for k in 0..=at {
        order.swap(k, k + random.below(n - k));
    }
    order[at]
}

/// The inputs of the generator for a batch of sentences.
struct Drawing<T> {
    pieces: Pieces,
    read: Encoded<T>,
    noise: Noise<T>,
}

// The streams of random numbers of a seed.
const FILM: u64 = 0;
const FRAMES: u64 = 1;
const REFERENCE: u64 = 2;

/// Normal noise of one film per seed. The noise of a film depends on its seed alone, not on the rest
/// of the batch or on the device.
///
/// # Shapes
/// `[n, noise]` for the films and `[n, t, frame_noise]` for their frames, with n seeds.
///
/// # Errors
/// If the device fails.
pub fn noise<T: Tensor>(
    device: &T::Device,
    config: &ModelConfig,
    seeds: &[u64],
) -> kinora_tensor::Result<Noise<T>> {
    let (n, t) = (seeds.len(), config.clip.frames);
    let draw = |stream: u64, each: usize| -> Vec<f32> {
        seeds.iter().flat_map(|&seed| Random::new(seed, stream).normals(each)).collect()
    };
    let (film, frame) = (config.generator.noise, config.generator.frame_noise);
    Ok(Noise {
        film: T::from_slice(device, &draw(FILM, film), [n, film])?,
        frames: T::from_slice(device, &draw(FRAMES, t * frame), [n, t, frame])?,
    })
}
