//! How a training begins: new, from a trained model, or from a checkpoint.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use kinora_model::{Card, Lexicon, Model, ModelConfig, Net};
use kinora_nn::{Module, Outline, describe};
use kinora_tensor::Tensor;
use kinora_text::Tokenizer;
use kinora_video::{Dataset, Draw, Split, read_regular, write_atomic};

use super::Training;
use crate::checkpoint::{self, Progress};
use crate::credits::{both, both_licences};
use crate::log::Window;
use crate::step::{State, fitting};
use crate::words::{captions, lexicon_of, strange};
use crate::{Config, Error, Result, folder};

impl<T: Tensor> Training<T> {
    /// A new run in a folder, on the dataset that `open` gives for [`Config::data`]:
    /// [`kinora_video::open`], or a function that returns a dataset of your own.
    ///
    /// The run starts from the trained model `init` if there is one: from the model's tokenizer, and
    /// from its tensors whose name and shape fit the config's network. The other tensors get new
    /// weights. [`Config::sized_as`] gives a config that all tensors fit. The model's card records
    /// `command` as the command that made the model. If no completer can learn, the run's
    /// [`references`](crate::CopyingConfig::references) are 0.
    ///
    /// # Errors
    /// If the folder already holds a run, another training runs in it, or it cannot be created; if
    /// the config is not valid; if the data cannot be opened, or makes twins although z is not as wide as a
    /// sentence vector; if no tensor of the model fits; or if
    /// the matcher has a weight in the generator's loss (`reading.weight`), but is untrained and
    /// has no steps to learn.
    pub fn create(
        device: &T::Device,
        mut config: Config,
        open: impl FnOnce(&str) -> kinora_video::Result<Box<dyn Dataset>>,
        folder: &Path,
        init: Option<Model<T>>,
        command: &str,
    ) -> Result<Self> {
        folder::is_free(folder)?;
        config.check()?;
        let dataset = checked(open(&config.data)?)?;
        let completes = init.as_ref().is_some_and(|model| {
            let ModelConfig { encoder, generator, .. } = &model.config;
            let widths = [config.encoder.sentence, config.generator.noise];
            model.net.prior.is_some() && [encoder.sentence, generator.noise] == widths
        });
        let info = dataset.info();
        let mut card = Card {
            command: command.into(),
            licence: info.licence.clone(),
            credits: info.credits.clone(),
            ..Card::default()
        };
        let mut can_read = false;
        let (lexicon, net) = match init {
            Some(model) => {
                let lexicon = lexicon_of(&config, &model, &*dataset)?;
                let outline = Net::new(&mut Outline, &config.model(), &lexicon.inputs())?;
                let named = outline.named();
                let all = named.len();
                let kept: Vec<bool> = {
                    let fits = fitting(&model.net);
                    named.iter().map(|(name, desc)| fits(name, &desc.shape).is_some()).collect()
                };
                can_read = (named.iter().zip(&kept))
                    .all(|((name, _), &kept)| kept || name.starts_with("generator."));
                let kept = kept.into_iter().filter(|&kept| kept).count();
                if kept == 0 {
                    return Err(Error::Config(format!(
                        "no tensor of the model {:?} has a shape that this config needs; start \
                         without --init",
                        model.card.name
                    )));
                }
                // The licence and credits of the model's training data apply to the new model too.
                let Card { name, data, licence, credits, .. } = model.card;
                card.notes = format!("Started from {name}, which was trained on {data}.");
                if kept < all {
                    let afresh = all - kept;
                    card.notes += &format!(" {afresh} of {all} tensors started from new weights.");
                }
                card.licence = both_licences(&licence, &card.licence);
                card.credits = both(&credits, &card.credits);
                (lexicon, Some(model.net))
            }
            None => {
                let captions = captions(&config, &*dataset, Split::Train)?;
                let texts = captions.iter().map(String::as_str);
                let wrong = |error| Error::Config(format!("tokenizer.vocab: {error}"));
                let tokenizer = Tokenizer::train(texts, config.tokenizer.vocab).map_err(wrong)?;
                (Lexicon::new(&config.encoder, tokenizer, &captions)?, None)
            }
        };
        if !can_read && config.reading.steps == 0 && config.reading.weight > 0.0 {
            return Err(Error::Config(
                "reading.steps = 0, but text encoder and matcher have new weights; set reading.steps, for \
                 example to 2000, or set reading.weight to 0 to train without the matcher's losses"
                    .into(),
            ));
        }
        // The completer predicts vectors of the model's matcher.
        let can_complete = completes && can_read;
        if !can_complete && !makes_twins(&*dataset, &config)? {
            config.copying.references = 0;
        }
        check_width(&config)?;
        let state = State::new(device, &config, &lexicon.inputs(), net)?;
        let make = |path: &Path| {
            let failed = |error: std::io::Error| Error::Write {
                path: path.into(),
                reason: error.to_string(),
            };
            std::fs::create_dir_all(path).map_err(failed)
        };
        make(folder)?;
        let lock = folder::lock(folder)?;
        // Another training may have started between the first check and the lock.
        folder::is_free(folder)?;
        folder::begin(folder, &config)?;
        folder::sweep(folder);
        make(&folder.join("samples"))?;
        let training = Self {
            strange: strange(&config, &lexicon, &*dataset)?,
            device: device.clone(),
            config,
            folder: folder.into(),
            card,
            dataset,
            lexicon,
            state,
            clips: 0,
            window: Window::default(),
            measured: Vec::new(),
            references: OnceLock::new(),
            _lock: lock,
        };
        training.save()?;
        folder::begun(folder)?;
        Ok(training)
    }

    /// The training with the discriminators of another run: a trained generator needs trained
    /// opponents to play. `bytes` is the content of that run's file
    /// [`DISCRIMINATORS`](super::DISCRIMINATORS), `origin` its path. Discriminators of other sizes keep their new
    /// weights, and the model's card says so.
    ///
    /// # Errors
    /// If the bytes are not a safetensors file or are damaged, or the training cannot be saved.
    pub fn with_discriminators(mut self, bytes: &[u8], origin: &Path) -> Result<Self> {
        use kinora_nn::Error as Wrong;
        match kinora_nn::load(&describe(&self.state.critic), &self.device, bytes, "") {
            Ok(critic) => self.state.critic = critic,
            Err(Wrong::Tensor(error)) => return Err(error.into()),
            Err(error @ (Wrong::Header(_) | Wrong::Damaged)) => {
                return Err(Error::Checkpoint { path: origin.into(), reason: error.to_string() });
            }
            Err(error) => {
                self.card.notes +=
                    &format!(" The discriminators started from new weights: {error}.");
            }
        }
        self.save()?;
        Ok(self)
    }

    /// Resumes the run in a folder from its last checkpoint, on the dataset that `open` gives for
    /// [`Config::data`], as in [`Training::create`]. `set` changes some keys of the config, each
    /// `"section.key=value"`. If the config has changed, the model's card also records `command`.
    ///
    /// # Errors
    /// If the folder holds no run, another training runs in it, a changed key is not known or must
    /// not change in a resumed run, or the checkpoint does not fit the config.
    pub fn resume(
        device: &T::Device,
        open: impl FnOnce(&str) -> kinora_video::Result<Box<dyn Dataset>>,
        folder: &Path,
        set: &[String],
        command: &str,
    ) -> Result<Self> {
        let path = folder.join(folder::CONFIG);
        if !path.exists() {
            return Err(Error::Config(format!(
                "{} holds no run to resume; start one without --resume",
                folder.display()
            )));
        }
        let lock = folder::lock(folder)?;
        let mut was = Config::load(&path, &[])?;
        // A run of an earlier version may have references, but no prior.
        let model = read_regular(&folder.join("model.safetensors"), u64::MAX).ok();
        let model = model.and_then(|bytes| kinora_model::contents(&bytes, "").ok());
        if model.is_some_and(|model| model.config.references == 0) {
            was.copying.references = 0;
        }
        let config = was.with(set)?.longer_than(&was);
        if config.model() != was.model() || config.discriminator != was.discriminator {
            return Err(Error::Config(
                "--resume cannot change the sections clip, encoder, generator, matcher and discriminator; start \
                 a new run"
                    .into(),
            ));
        }
        let reading = |config: &Config| (config.reading.steps, config.reading.thaw);
        if reading(&config) != reading(&was) {
            let message = "--resume cannot change reading.steps and reading.thaw; start a new run";
            return Err(Error::Config(message.into()));
        }
        if config.tokenizer != was.tokenizer {
            let message = "--resume cannot change the section tokenizer; start a new run";
            return Err(Error::Config(message.into()));
        }
        folder::sweep(folder);
        if config.completes() != was.completes() {
            let message = "--resume cannot set copying.weight or copying.references to 0 or from 0; start a new run";
            return Err(Error::Config(message.into()));
        }
        let dataset = checked(open(&config.data)?)?;
        let (state, lexicon, Progress { clips, window, mut card, .. }) =
            checkpoint::load(device, &config, folder)?;
        let has_copied = state.step > config.reading.steps;
        if config.data != was.data
            && config.completes()
            && !has_copied
            && !makes_twins(&*dataset, &config)?
        {
            return Err(Error::Config(format!(
                "the run has not copied yet, and {} makes no twins, from which its completer could learn; resume it \
                 with {} until a step of copying is done",
                config.data, was.data
            )));
        }
        if config != was {
            card.command = format!("{} && {command}", card.command);
        }
        // Even for an unchanged config: a run that was killed after its data changed may not have
        // saved its card.
        card.licence = both_licences(&card.licence, &dataset.info().licence);
        card.credits = both(&card.credits, &dataset.info().credits);
        // A run that already has all steps does nothing, so its config stays true of it.
        if state.step < config.train.steps {
            write_atomic(&path, config.to_toml().as_bytes())?;
        }
        Ok(Self {
            strange: strange(&config, &lexicon, &*dataset)?,
            device: device.clone(),
            config,
            folder: folder.into(),
            card,
            dataset,
            lexicon,
            state,
            clips,
            window,
            measured: Vec::new(),
            references: OnceLock::new(),
            _lock: lock,
        })
    }
}

/// Checks all of a dataset, so that a missing file does not end a run after hours.
fn checked(dataset: Box<dyn Dataset>) -> Result<Arc<dyn Dataset>> {
    match dataset.check().into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(dataset.into()),
    }
}

fn makes_twins(dataset: &dyn Dataset, config: &Config) -> Result<bool> {
    let first = Draw { seed: config.seed, index: 0 };
    Ok(dataset.twin(Split::Train, first)?.is_some())
}

/// Checks that a completion can be the noise z.
fn check_width(config: &Config) -> Result<()> {
    let (noise, sentence) = (config.generator.noise, config.encoder.sentence);
    if config.completes() && noise != sentence {
        return Err(Error::Config(format!(
            "{} makes twins, so generator.noise = {noise} must equal encoder.sentence = {sentence}; set \
             generator.noise={sentence}, or copying.references=0 for normal noise",
            config.data
        )));
    }
    Ok(())
}
