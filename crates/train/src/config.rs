use std::path::Path;

use kinora_embed::EncoderConfig;
use kinora_gan::{DiscriminatorConfig, GeneratorConfig, Loss, MatcherConfig};
use kinora_model::{ClipConfig, ModelConfig};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::{Error, Result};

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
    /// The matcher, and the recogniser, which has the same convolutions.
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
    /// The weight of the matcher's loss on films from random noise, in the later phases; 0 for
    /// none.
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
    /// Clips per step of the phase. This phase and the next copy half of each batch, rounded up.
    /// With `reading.weight` = 0, this phase copies all clips.
    pub batch: usize,
    /// The highest learning rate of the phase: it rises over the first 200 steps, then falls to a
    /// twentieth along a cosine.
    pub rate: f32,
    /// The weight of the loss mean(|d| + λ d²), where d is the difference between a real clip and
    /// its copy. 0 turns copying off in all phases, and requires `steps` = 0.
    pub weight: f32,
    /// λ until the learning rate has risen; then it falls to 0 over an eighth of `steps`. A
    /// generator that starts from new weights needs λ above 0.
    pub squared: f32,
    /// The weight of the KL divergence, in nats, of the recogniser's codes from normal noise.
    pub divergence: f32,
}

/// A phase of a training: which networks learn in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Text encoder and matcher learn.
    Reading,
    /// The generator and the recogniser learn to copy real clips.
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
    /// The preset `name` with some keys changed, each `"section.key=value"`.
    ///
    /// # Errors
    /// If there is no such preset, a key is not known, or a value is not valid.
    pub fn preset(name: &str, set: &[String]) -> Result<Self> {
        Self::from_table(preset(name)?, set)
    }

    /// The config in a TOML file, with some keys changed, each `"section.key=value"`.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, or has a key that is not known or a value that is
    /// not valid. The message has the path, and the line if one line is at fault.
    pub fn load(path: &Path, set: &[String]) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.into(), source })?;
        Self::parse(&text, &path.display().to_string(), set)
    }

    /// Like [`Config::load`], from TOML text. Errors name it `origin`.
    ///
    /// # Errors
    /// Those of [`Config::load`], except for reading the file.
    pub fn parse(text: &str, origin: &str, set: &[String]) -> Result<Self> {
        let line = |offset: usize| 1 + text.bytes().take(offset).filter(|&b| b == b'\n').count();
        let given: Table = toml::from_str(text).map_err(|error| {
            let at =
                error.span().map_or(origin.into(), |span| format!("{origin}:{}", line(span.start)));
            Error::Config(format!("{at}: {}", error.message()))
        })?;
        let mut table = preset("shapes")?;
        for (key, value) in leaves(&given) {
            put(&mut table, &key, value).map_err(|reason| {
                let at = line_of(text, &key)
                    .map_or(origin.to_string(), |line| format!("{origin}:{line}"));
                Error::Config(format!("{at}: {reason}"))
            })?;
        }
        Self::from_table(table, set)
    }

    /// The config with some keys changed, each `"section.key=value"`.
    ///
    /// # Errors
    /// If a key is not known, or a value is not valid.
    pub fn with(&self, set: &[String]) -> Result<Self> {
        let table = Table::try_from(self).map_err(|error| Error::Config(error.to_string()))?;
        Self::from_table(table, set)
    }

    fn from_table(mut table: Table, set: &[String]) -> Result<Self> {
        for item in set {
            let fail = |reason: String| Error::Config(format!("--set {item}: {reason}"));
            let (key, text) =
                item.split_once('=').ok_or_else(|| fail("write it as key=value".into()))?;
            let (key, text) = (key.trim(), text.trim());
            // A text that is not a TOML value is a string without its quotes.
            let value = toml::from_str::<Table>(&format!("v = {text}"))
                .ok()
                .and_then(|mut table| table.remove("v"))
                .unwrap_or_else(|| Value::String(text.into()));
            put(&mut table, key, value).map_err(fail)?;
        }
        let config: Self =
            table.try_into().map_err(|error: toml::de::Error| Error::Config(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// The config of the model that the training makes.
    pub fn model(&self) -> ModelConfig {
        ModelConfig {
            clip: self.clip,
            encoder: self.encoder.clone(),
            generator: self.generator.clone(),
            matcher: Some(self.matcher.clone()),
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

    /// The number of copies among the `n` clips of step `step`, counted from 1: the first ones.
    pub(crate) fn copies(&self, step: u64, n: usize) -> usize {
        match self.phase(step) {
            Phase::Reading => 0,
            _ if self.copying.weight == 0.0 => 0,
            Phase::Copying if self.reading.weight == 0.0 => n,
            _ => n.div_ceil(2),
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

    /// The config with steps left for the phase of playing. If reading and copying would take all
    /// steps of the training, both are shortened in proportion and get half of the steps together.
    /// Otherwise a short training would never reach its last phase. Reading keeps at least one step
    /// if it had any.
    pub fn with_room(mut self) -> Self {
        let (read, copied) = (self.reading.steps, self.copying.steps);
        let before = read.saturating_add(copied);
        if before >= self.train.steps {
            let half = self.train.steps / 2;
            let share = read as f64 / before as f64;
            self.reading.steps = ((half as f64 * share) as u64).max(read.min(1));
            self.copying.steps = half.saturating_sub(self.reading.steps);
        }
        self
    }

    /// The config with the sizes of a model, for a training that starts from its weights. A model
    /// with a matcher has already learnt to read, so the phase of reading then has no steps.
    pub fn sized_as(&self, model: &ModelConfig) -> Self {
        let ModelConfig { clip, encoder, generator, matcher } = model.clone();
        let mut config = Self { clip, encoder, generator, ..self.clone() };
        if let Some(matcher) = matcher {
            config.matcher = matcher;
            config.reading.steps = 0;
        }
        config
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
            ("copying.divergence", self.copying.divergence),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return fail(key, value.to_string(), "at least 0");
            }
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

fn preset(name: &str) -> Result<Table> {
    let found = PRESETS.iter().find(|(known, _)| *known == name);
    let Some((_, text)) = found else {
        let known = PRESETS.map(|(known, _)| known);
        let hint = nearest(name, known.iter().copied());
        return Err(Error::Config(format!(
            "there is no preset {name:?}{hint}; the presets are {}",
            known.join(", ")
        )));
    };
    Ok(toml::from_str(text).expect("the presets are TOML"))
}

/// All values of a table and its inner tables, with their dotted keys.
fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                let inner = leaves(inner).into_iter();
                all.extend(inner.map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => all.push((key.clone(), value.clone())),
        }
    }
    all
}

/// The line of a TOML file that sets a dotted key, or an inline table around the key.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let mut section = String::new();
    let sets = |line: &str| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = format!("{}.", name.trim());
            return false;
        }
        let Some((name, _)) = line.split_once('=') else { return false };
        let name = format!("{section}{}", name.trim());
        key.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    text.lines().position(sets).map(|line| line + 1)
}

/// Replaces the value of an existing dotted key by a value of the same type.
fn put(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let known: Vec<String> = leaves(table).into_iter().map(|(key, _)| key).collect();
    if !known.iter().any(|k| k == key) {
        return Err(format!("there is no key {key:?}{}", nearest(key, known.iter().map(|k| &**k))));
    }
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let parts = section.split('.').filter(|part| !part.is_empty());
    let table = parts.fold(table, |table, part| match &mut table[part] {
        Value::Table(inner) => inner,
        _ => unreachable!("a known key has its place"),
    });
    let slot = &mut table[name];
    let value = match (&*slot, value) {
        (Value::Float(_), Value::Integer(whole)) => Value::Float(whole as f64),
        (_, value) => value,
    };
    let wanted = slot.type_str();
    if value.type_str() != wanted {
        return Err(format!("{key} must be of type {wanted}, not {}", value.type_str()));
    }
    if matches!(value, Value::Integer(whole) if whole < 0) {
        return Err(format!("{key} = {value} must not be negative"));
    }
    let is_size = |item: &Value| matches!(item, Value::Integer(whole) if *whole >= 0);
    if value.as_array().is_some_and(|items| !items.iter().all(is_size)) {
        return Err(format!("{key} must be a list of whole numbers, such as [64, 32]"));
    }
    *slot = value;
    Ok(())
}

/// `; did you mean "x"?`, or nothing if no candidate is similar.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_string();
    let score = |c: &&str| {
        let whole = strsim::jaro_winkler(word, c);
        whole.max(strsim::jaro_winkler(&last(word), &last(c)) - 0.01)
    };
    let best = candidates.max_by(|a, b| score(a).total_cmp(&score(b)));
    best.filter(|best| score(best) > 0.75)
        .map_or(String::new(), |b| format!("; did you mean {b:?}?"))
}

#[cfg(test)]
mod tests;
