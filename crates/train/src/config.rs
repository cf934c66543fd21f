use kinora_embed::EncoderConfig;
use kinora_gan::{DiscriminatorConfig, GeneratorConfig, Loss, MatcherConfig};
use kinora_model::{ClipConfig, MOST_REFERENCES, ModelConfig};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

mod read;

/// The built-in configs: names and TOML texts.
pub const PRESETS: [(&str, &str); 3] = [
    ("shapes", include_str!("../presets/shapes.toml")),
    ("digits", include_str!("../presets/digits.toml")),
    ("lpc", include_str!("../presets/lpc.toml")),
];

/// The config of a training: data, sizes of the networks, and schedule.
///
/// It is read from TOML, like the [`PRESETS`]. A key that a file leaves out has its value from the
/// preset `shapes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The seed of all random numbers, below 2^63.
    pub seed: u64,
    /// The spec of the dataset, such as `shapes` or `lpc:PATH`.
    pub data: String,
    /// The size and speed of the films.
    pub clip: ClipConfig,
    /// The training of the tokenizer.
    pub tokenizer: TokenizerConfig,
    /// The text encoder.
    pub encoder: EncoderConfig,
    /// The generator.
    pub generator: GeneratorConfig,
    /// The discriminators.
    pub discriminator: DiscriminatorConfig,
    /// The matcher.
    pub matcher: MatcherConfig,
    /// The first phase: text encoder and matcher learn to match clips and captions.
    pub reading: ReadingConfig,
    /// The second phase: the generator learns to copy real clips.
    pub copying: CopyingConfig,
    /// The third phase, and the settings of the whole training.
    pub train: TrainConfig,
}

/// The training of text encoder and matcher, and the weight of the matcher in the generator's loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingConfig {
    /// Steps of the phase.
    pub steps: u64,
    /// Clips per step.
    pub batch: usize,
    /// The initial learning rate; it falls to a twentieth along a cosine.
    pub rate: f32,
    /// The weight of the matcher's loss on films that are not copies, in the later phases; 0 for none.
    pub weight: f32,
    /// Whether text encoder and matcher continue to learn from real clips in the later phases, with
    /// the last learning rate of the first phase.
    pub thaw: bool,
}

/// The generator's training to copy real clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyingConfig {
    /// Steps of the phase.
    pub steps: u64,
    /// Clips per step of the phase. One clip in sixteen is a film with another clip as its reference (in a
    /// batch of eight, one clip of every second step); the others are copies. In the next phase half of a
    /// batch, rounded up, are copies. With `reading.weight` = 0, this phase copies all clips.
    pub batch: usize,
    /// The highest learning rate of the phase: it rises over the first 200 steps, then falls to a
    /// twentieth along a cosine.
    pub rate: f32,
    /// The weight of the loss mean(|d| + λ d² - κ log p + η e²), together with the losses on details and on
    /// the matcher's activations (the README of the crate has all terms). d: the copy minus the clip. p: the
    /// likelihood of the clip ([`kinora_gan::log_loss`]). e: the sketch of the copy minus the clip. η falls
    /// from 1 to 0 like λ. Weight 0 turns copying off in all phases, and requires `steps` = 0.
    pub weight: f32,
    /// The initial value of λ. λ is constant during the warm-up of the learning rate (200 steps);
    /// over the next `steps` / 2 steps it falls to 0. A generator with new weights needs λ or κ above
    /// 0.
    pub squared: f32,
    /// The initial value of κ; κ falls like λ, but to a third. It must be 0 where `generator.palette` is 0.
    pub likelihood: f32,
    /// The number of reference clips in the model's prior. With 0 there is no prior: z is normal noise, and no
    /// completer learns. A new run sets it to 0 if no completer can learn: the dataset makes no twins, and the run
    /// starts from no model with a completer.
    pub references: u64,
}

/// A phase of a training: which networks learn in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Text encoder and matcher learn.
    Reading,
    /// The generator learns to copy real clips, and the completer learns to complete sentences.
    Copying,
    /// Generator and discriminators play against each other.
    Playing,
}

/// The training of the tokenizer, which splits captions into pieces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerConfig {
    /// The largest size of the vocabulary, in pieces, including the alphabet.
    pub vocab: usize,
    /// Number of captions that the tokenizer is trained on.
    pub captions: u64,
}

/// The third phase, and the settings of the whole training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Steps of all phases together.
    pub steps: u64,
    /// Clips per step of the third phase.
    pub batch: usize,
    /// False captions per clip, in all phases.
    pub wrong: usize,
    /// The objective of generator and discriminators.
    pub loss: Loss,
    /// The generator's learning rate in the third phase.
    pub rate_generator: f32,
    /// The discriminators' learning rate.
    pub rate_discriminator: f32,
    /// Adam's β₁ in the third phase.
    pub beta1: f32,
    /// Adam's β₂ in the third phase.
    pub beta2: f32,
    /// The largest norm of the gradient of an optimiser; 0 for no limit. The first phase has its
    /// own limit of 1.
    pub clip_gradient: f32,
    /// The weight γ of the penalty γ / 2 E‖∇ₓ ℓ(x)‖² on real clips; 0 for none.
    pub r1: f32,
    /// Steps between penalties. Each penalty is multiplied by this number.
    pub r1_every: u64,
    /// The decay ρ of the generator's moving average.
    pub ema: f32,
    /// Steps between lines of the log.
    pub log_every: u64,
    /// Steps between sheets of samples.
    pub sample_every: u64,
    /// Steps between checkpoints.
    pub save_every: u64,
    /// Steps between evaluations by a judge; 0 for none.
    pub eval_every: u64,
}

impl Config {
    /// The config of the networks that learn. The prior is not one of them.
    pub fn model(&self) -> ModelConfig {
        ModelConfig {
            clip: self.clip,
            encoder: self.encoder.clone(),
            generator: self.generator.clone(),
            matcher: Some(self.matcher.clone()),
            references: 0,
        }
    }

    /// The phase of step `step`, counted from 1.
    pub fn phase(&self, step: u64) -> Phase {
        match step {
            _ if step <= self.reading.steps => Phase::Reading,
            _ if step - self.reading.steps <= self.copying.steps => Phase::Copying,
            _ => Phase::Playing,
        }
    }

    /// Whether films have completions as noise.
    pub(crate) fn completes(&self) -> bool {
        self.copying.weight > 0.0 && self.copying.references > 0
    }

    /// The number of copies among the `n` clips of step `step`, counted from 1: the first ones.
    pub(crate) fn copies(&self, step: u64, n: usize) -> usize {
        match self.phase(step) {
            Phase::Reading => 0,
            _ if self.copying.weight == 0.0 => 0,
            Phase::Copying if self.reading.weight == 0.0 => n,
            // One clip in sixteen is a film. In a batch of eight, every second step has one.
            Phase::Copying => {
                let films = |steps: u64| steps * n as u64 / 16;
                let step = step - self.reading.steps;
                n - (films(step) - films(step - 1)) as usize
            }
            Phase::Playing => n.div_ceil(2),
        }
    }

    /// Whether text encoder and matcher learn in step `step`, counted from 1.
    pub(crate) fn reads(&self, step: u64) -> bool {
        self.reading.thaw || self.phase(step) == Phase::Reading
    }

    /// The batch size of step `step`, counted from 1.
    pub fn batch(&self, step: u64) -> usize {
        match self.phase(step) {
            Phase::Reading => self.reading.batch,
            Phase::Copying => self.copying.batch,
            Phase::Playing => self.train.batch,
        }
    }

    /// The config for a training that is shorter than its reading and copying: both are shortened in
    /// proportion, and together take all steps. Otherwise a short training would only read. Reading keeps
    /// at least one step if it had any.
    pub fn shortened(mut self) -> Self {
        let (read, copied, steps) = (self.reading.steps, self.copying.steps, self.train.steps);
        let before = read.saturating_add(copied);
        if before > steps {
            let share = read as f64 / before as f64;
            self.reading.steps = ((steps as f64 * share) as u64).max(read.min(1));
            self.copying.steps = steps.saturating_sub(self.reading.steps);
        }
        self
    }

    /// The config for a resumed run whose config was `was`. If the run ends with copying, and only its last step is
    /// changed, the further steps are of copying, too.
    pub(crate) fn longer_than(mut self, was: &Self) -> Self {
        let is_end =
            was.copying.steps > 0 && was.reading.steps + was.copying.steps == was.train.steps;
        if is_end && self.copying.steps == was.copying.steps && self.train.steps > was.train.steps {
            self.copying.steps = self.train.steps - was.reading.steps;
        }
        self
    }

    /// The config with the sizes of a model, for a training that starts from its weights. A model
    /// with a matcher has already learnt to read, so the training then lacks the steps of reading; a
    /// training of no more steps than these keeps its steps.
    pub fn sized_as(&self, model: &ModelConfig) -> Self {
        let ModelConfig { clip, encoder, generator, matcher, references: _ } = model.clone();
        let mut config = Self { clip, encoder, generator, ..self.clone() };
        if let Some(matcher) = matcher {
            config.matcher = matcher;
            if config.reading.steps < config.train.steps {
                config.train.steps -= config.reading.steps;
            }
            config.reading.steps = 0;
        }
        config
    }

    /// The config for a training on data that the model of [`sized_as`](Self::sized_as) has not seen. A sixth of the
    /// steps, at most 2,000, are of reading, because the captions may have new words. Then the generator copies at
    /// 0.3 times the learning rate: at the full rate it soon memorises few clips, and which colours occur together
    /// in them.
    pub fn adapting(mut self) -> Self {
        let steps = self.train.steps;
        self.reading.steps = (steps / 6).min(2000);
        self.copying.steps = self.copying.steps.min(steps - self.reading.steps);
        self.copying.rate *= 0.3;
        self
    }

    /// The name of the preset for models of these sizes, if there is one.
    pub fn preset_for(model: &ModelConfig) -> Option<&'static str> {
        let fits = |name: &str| {
            let preset = Self::preset(name, &[]).expect("presets are valid");
            (preset.clip, preset.generator) == (model.clip, model.generator.clone())
        };
        PRESETS.map(|(name, _)| name).into_iter().find(|name| fits(name))
    }

    /// The config as the text of a TOML file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("plain data becomes TOML")
    }

    /// Checks that all values are valid together.
    pub(crate) fn check(&self) -> Result<()> {
        self.model().check()?;
        self.discriminator.check(self.clip.shape()).map_err(Error::Config)?;
        let train = &self.train;
        let fail = |key: &str, value: String, wanted: &str| {
            Err(Error::Config(format!("{key} = {value} must be {wanted}")))
        };
        // TOML has no larger integers.
        if i64::try_from(self.seed).is_err() {
            return fail("seed", self.seed.to_string(), "below 2^63");
        }
        for (key, value) in [
            ("train.rate_generator", train.rate_generator),
            ("train.rate_discriminator", train.rate_discriminator),
            ("reading.rate", self.reading.rate),
            ("copying.rate", self.copying.rate),
        ] {
            if !(value > 0.0 && value <= 1.0) {
                return fail(key, value.to_string(), "above 0 and at most 1");
            }
        }
        for (key, value) in
            [("train.beta1", train.beta1), ("train.beta2", train.beta2), ("train.ema", train.ema)]
        {
            if !(0.0..1.0).contains(&value) {
                return fail(key, value.to_string(), "at least 0 and below 1");
            }
        }
        for (key, value) in [
            ("train.r1", train.r1),
            ("train.clip_gradient", train.clip_gradient),
            ("reading.weight", self.reading.weight),
            ("copying.weight", self.copying.weight),
            ("copying.squared", self.copying.squared),
            ("copying.likelihood", self.copying.likelihood),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return fail(key, value.to_string(), "at least 0");
            }
        }
        if self.copying.references > MOST_REFERENCES as u64 {
            let wanted = format!("at most {MOST_REFERENCES}");
            return fail("copying.references", self.copying.references.to_string(), &wanted);
        }
        if self.copying.likelihood > 0.0 && self.generator.palette == 0 {
            let wanted = "0 where generator.palette is 0";
            return fail("copying.likelihood", self.copying.likelihood.to_string(), wanted);
        }
        if self.copying.weight == 0.0 && self.copying.steps > 0 {
            let wanted = "0 where copying.weight is 0";
            return fail("copying.steps", self.copying.steps.to_string(), wanted);
        }
        for (key, value) in [
            ("train.steps", train.steps),
            ("train.r1_every", train.r1_every),
            ("train.log_every", train.log_every),
            ("train.sample_every", train.sample_every),
            ("train.save_every", train.save_every),
            ("tokenizer.captions", self.tokenizer.captions),
        ] {
            if value == 0 {
                return fail(key, value.to_string(), "at least 1");
            }
        }
        for (key, value, most) in [
            ("train.batch", train.batch, 4096),
            ("reading.batch", self.reading.batch, 4096),
            ("copying.batch", self.copying.batch, 4096),
            ("train.wrong", train.wrong, 64),
        ] {
            if !(1..=most).contains(&value) {
                return fail(key, value.to_string(), &format!("from 1 to {most}"));
            }
        }
        if self.tokenizer.captions > 1 << 20 {
            return fail(
                "tokenizer.captions",
                self.tokenizer.captions.to_string(),
                "at most 1048576",
            );
        }
        if self.tokenizer.vocab > 1 << 20 {
            return fail("tokenizer.vocab", self.tokenizer.vocab.to_string(), "at most 1048576");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
