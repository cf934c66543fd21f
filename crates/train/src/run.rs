use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use kinora_model::{Card, Lexicon, Model, Net};
use kinora_nn::{Module, Outline, Precision};
use kinora_tensor::Tensor;
use kinora_text::Tokenizer;
use kinora_video::{Batch, Dataset, Example, Feed, FeedConfig, Split, write_atomic};

use crate::checkpoint::{self, Progress};
use crate::credits::{both, both_licences};
use crate::event::{Event, Outcome};
use crate::exam::Exam;
use crate::fed::disturb;
use crate::log::{Log, LogLine, Window};
use crate::measured::Measured;
use crate::sheet::{examples, sheet};
use crate::step::{State, fitting, stream};
use crate::words::{captions, lexicon_of};
use crate::{Config, Error, Fed, Phase, Result, folder};

mod estimate;

/// The name of the file of a run that holds its recogniser and its discriminators.
pub const PLAYERS: &str = "players.safetensors";
/// Films on a sheet of samples.
const SAMPLES: u64 = 8;
/// The least share of cases in which a matcher that has learnt the captions prefers the own caption
/// of a clip to a false one; chance is 0.5.
const LEARNT: f64 = 0.7;

/// A training in its folder:
///
/// | file | content |
/// |---|---|
/// | `config.toml` | the resolved config |
/// | `log.jsonl` | a line every `train.log_every` steps, and at the end of a phase |
/// | `samples/000500.gif` | real clips above generated ones, every `train.sample_every` steps |
/// | `checkpoint.safetensors` | everything needed to resume |
/// | `model.safetensors` | the model so far, in half precision |
/// | `players.safetensors` | recogniser and discriminators, in half precision, for `init` |
///
/// Every file but the log is written under a temporary name and renamed, so the folder is
/// consistent at every moment. A run that is killed and resumed ends with the same bytes as an
/// unbroken run (on one device, except for the times in the log). The training locks its folder if
/// the system can lock folders.
pub struct Training<T: Tensor> {
    device: T::Device,
    config: Config,
    folder: PathBuf,
    card: Card,
    dataset: Arc<dyn Dataset>,
    lexicon: Lexicon,
    state: State<T>,
    /// Clips seen so far. They are counted, since the batch size may have changed.
    clips: u64,
    window: Window,
    /// Measurements that are not in the window yet.
    measured: Vec<Measured<T>>,
    /// The lock of the folder.
    _lock: Option<File>,
}

impl<T: Tensor> Training<T> {
    /// A new run in a folder, on the dataset that `open` gives for [`Config::data`]:
    /// [`kinora_video::open`], or a function that returns a dataset of your own.
    ///
    /// The run starts from the trained model `init` if there is one: from the model's tokenizer, and
    /// from its tensors whose name and shape fit the config's network. The other tensors get new
    /// weights. [`Config::sized_as`] gives a config that all tensors fit. The model's card records
    /// `command` as the command that made the model.
    ///
    /// # Errors
    /// If the folder already holds a run, another training runs in it, or it cannot be created; if
    /// the config is not valid; if the data cannot be opened; if no tensor of the model fits; or if
    /// the matcher has a weight in the generator's loss (`reading.weight`), but is untrained and
    /// has no steps to learn.
    pub fn create(
        device: &T::Device,
        config: Config,
        open: impl FnOnce(&str) -> kinora_video::Result<Box<dyn Dataset>>,
        folder: &Path,
        init: Option<Model<T>>,
        command: &str,
    ) -> Result<Self> {
        folder::is_free(folder)?;
        config.check()?;
        let dataset = checked(open(&config.data)?)?;
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
                let captions = captions(&config, &*dataset)?;
                let texts = captions.iter().map(String::as_str);
                let wrong = |error| Error::Config(format!("tokenizer.vocab: {error}"));
                let tokenizer = Tokenizer::train(texts, config.tokenizer.vocab).map_err(wrong)?;
                (Lexicon::new(&config.encoder, tokenizer, &captions)?, None)
            }
        };
        if !can_read && config.reading.steps == 0 && config.reading.weight > 0.0 {
            return Err(Error::Config(
                "reading.steps = 0, but text encoder and matcher are not trained for clips and captions \
                 of these sizes; set reading.steps to 2000, for example, or reading.weight to 0"
                    .into(),
            ));
        }
        let state = State::new(device, &config, &lexicon.inputs(), net)?;
        let samples = folder.join("samples");
        std::fs::create_dir_all(&samples)
            .map_err(|error| Error::Write { path: samples, reason: error.to_string() })?;
        let lock = folder::lock(folder)?;
        // Another training may have started between the first check and the lock.
        folder::is_free(folder)?;
        folder::sweep(folder);
        let training = Self {
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
            _lock: lock,
        };
        // The config is written last: a folder with a config has a checkpoint.
        training.save()?;
        let path = folder.join("config.toml");
        write_atomic(&path, training.config.to_toml().as_bytes())?;
        Ok(training)
    }

    /// The training with the recogniser and the discriminators of another run: a trained generator
    /// needs a trained recogniser to copy, and trained opponents to play. `bytes` is the content of
    /// that run's file [`PLAYERS`], `origin` its path. Networks that are missing or have other
    /// sizes keep their new weights, and the model's card says so.
    ///
    /// # Errors
    /// If the bytes are not a safetensors file, or the training cannot be saved.
    pub fn with_players(mut self, bytes: &[u8], origin: &Path) -> Result<Self> {
        match self.state.take_players(&self.device, bytes) {
            Ok(notes) => notes.iter().for_each(|note| self.card.notes += &format!(" {note}")),
            Err(kinora_nn::Error::Tensor(error)) => return Err(error.into()),
            Err(error) => {
                return Err(Error::Checkpoint { path: origin.into(), reason: error.to_string() });
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
        let path = folder.join("config.toml");
        if !path.exists() {
            return Err(Error::Config(format!(
                "{} holds no run to resume; start one without --resume",
                folder.display()
            )));
        }
        let lock = folder::lock(folder)?;
        let was = Config::load(&path, &[])?;
        let config = was.with(set)?;
        if config.model() != was.model() || config.discriminator != was.discriminator {
            return Err(Error::Config(
                "a resumed run keeps its clip, encoder, generator, matcher and discriminator; start a \
                 new one to change them"
                    .into(),
            ));
        }
        let reading = |config: &Config| (config.reading.steps, config.reading.thaw);
        if reading(&config) != reading(&was) {
            let message = "a resumed run keeps its reading.steps and reading.thaw; start a new one to \
                           change them";
            return Err(Error::Config(message.into()));
        }
        if config.tokenizer != was.tokenizer {
            let message = "a resumed run keeps its tokenizer; start a new one to change it";
            return Err(Error::Config(message.into()));
        }
        folder::sweep(folder);
        let dataset = checked(open(&config.data)?)?;
        let (state, lexicon, Progress { clips, window, mut card, .. }) =
            checkpoint::load(device, &config, folder)?;
        if config != was {
            card.command = format!("{} && {command}", card.command);
        }
        // Even for an unchanged config: a run that was killed after its data changed may not have
        // saved its card.
        card.licence = both_licences(&card.licence, &dataset.info().licence);
        card.credits = both(&card.credits, &dataset.info().credits);
        write_atomic(&path, config.to_toml().as_bytes())?;
        Ok(Self {
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
            _lock: lock,
        })
    }

    /// The resolved config.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The model's card so far, without the name, the data, the steps and the clips.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Trains until all steps are done or `observe` breaks. After a break, the current step is the
    /// last one. In both cases the run ends with a checkpoint.
    ///
    /// # Errors
    /// [`Error::Diverged`] for the first loss or gradient that was not finite. It is returned when
    /// the next line of the log, sheet of samples, evaluation or checkpoint is due. Any other error
    /// of the data, the device or the files. The last checkpoint stays intact after every error. A
    /// new run whose first step is impossible removes its files.
    pub fn run(mut self, observe: &mut dyn FnMut(Event) -> ControlFlow<()>) -> Result<Outcome> {
        let steps = self.config.train.steps;
        let (log, before) = Log::open(&self.folder, self.state.step)?;
        let mut feed = self.feed(self.state.step)?;
        let shown = self.shown()?;
        let mut exam = Exam::open(&self.device, &self.config, &self.folder, &*self.dataset)?;
        let mut next = None;
        let mut stop = false;
        if self.state.step < steps {
            let first = feed.next()??;
            let estimate = self.estimate(&first).inspect_err(|_| {
                if self.state.step == 0 {
                    folder::discard(&self.folder);
                }
            })?;
            stop |= observe(Event::Estimate(estimate)).is_break();
            next = Some(first);
        }
        let start = Instant::now();
        let mut line_start = Instant::now();
        let mut line_clips = self.clips;
        let mut line_fed = feed.work_seconds();
        while self.state.step < steps {
            let made = self.state.step;
            if next.is_none() && self.config.phase(made) != self.config.phase(made + 1) {
                // The next phase may have another batch size.
                feed = self.feed(self.state.step)?;
                line_fed = 0.0;
            }
            let fed = match next.take() {
                Some(fed) => fed,
                None => feed.next()??,
            };
            let measured;
            (self.state, measured) = self.state.step(&self.device, &self.config, &fed)?;
            self.clips += fed.clips as u64;
            self.measured.push(measured);
            let step = self.state.step;
            let train = &self.config.train;
            let is_due = |every: u64| step.is_multiple_of(every) || step == steps;
            let [is_log_due, are_samples_due, is_eval_due, is_save_due] =
                [train.log_every, train.sample_every, train.eval_every, train.save_every]
                    .map(is_due);
            let phase = self.config.phase(step);
            let is_phase_over = phase != self.config.phase(step + 1);
            // Phases measure different metrics, so no line spans two phases.
            if is_log_due || is_phase_over {
                self.look()?;
                let passed = line_start.elapsed().as_secs_f64();
                let line = LogLine {
                    step,
                    clips: self.clips,
                    metrics: self.window.take(),
                    seconds: before + start.elapsed().as_secs_f64(),
                    clips_per_second: (self.clips - line_clips) as f64 / passed,
                    feed_share: (feed.work_seconds() - line_fed) / passed,
                };
                (line_start, line_clips, line_fed) =
                    (Instant::now(), self.clips, feed.work_seconds());
                log.append(&line.to_json())?;
                stop |= observe(Event::Log(&line)).is_break();
                let matched = line.metrics.get("matched_false");
                if let Some(&matched) = matched.filter(|&&it| is_phase_over && it < LEARNT) {
                    stop |= observe(Event::Unread(matched)).is_break();
                }
            }
            if are_samples_due && phase != Phase::Reading {
                self.look()?;
                let path = self.folder.join(format!("samples/{step:06}.gif"));
                sheet(&self.model(), &shown, 0)?.save(&path, &Default::default())?;
                stop |= observe(Event::Samples(&path)).is_break();
            }
            if let Some(exam) = &mut exam
                && is_eval_due
                && phase != Phase::Reading
                && !stop
            {
                let began = Instant::now();
                self.look()?;
                let watch = &mut |at| observe(Event::Evaluating(at));
                match exam.measure(&self.device, &*self.dataset, &self.model(), watch)? {
                    Some(report) => {
                        log.append(&report.to_log(step))?;
                        stop |= observe(Event::Evaluated(&report)).is_break();
                    }
                    None => stop = true,
                }
                // The clips per second of a line exclude the time of the evaluation.
                line_start += began.elapsed();
            }
            stop |= observe(Event::Step { step, steps }).is_break();
            if is_save_due || stop {
                // A diverged state is not saved.
                self.look()?;
                self.save()?;
                stop |= observe(Event::Saved(step)).is_break();
            }
            if stop && step < steps {
                return Ok(Outcome::Stopped(step));
            }
        }
        Ok(Outcome::Finished(self.state.step))
    }

    /// Waits for the measurements, checks that they are finite, and adds them to the window.
    fn look(&mut self) -> Result<()> {
        let measured = std::mem::take(&mut self.measured);
        Measured::read(&measured)?.iter().for_each(|metrics| self.window.add(metrics));
        Ok(())
    }

    fn feed(&self, start: u64) -> Result<Feed<Result<Fed>>> {
        let Config { train, clip, .. } = &self.config;
        let lexicon = self.lexicon.clone();
        // Captions are read on a thread of their own. The global pool may have only one thread, and
        // that thread may wait for the captions.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|error| Error::Thread(error.to_string()))?;
        let (seed, step) = (self.config.seed, start + 1);
        let size = self.config.batch(step);
        let copies = self.config.copies(step, size);
        // A film from random noise must not follow a strange word, so the captions of such films
        // have none.
        let disturbed = if self.config.phase(step) == Phase::Reading { size } else { copies };
        let make = move |mut batch: Batch| {
            pool.install(|| {
                let random = [seed, stream::WORDS + batch.index];
                disturb(&lexicon, &mut batch, disturbed, random)?;
                Fed::new(&lexicon, &batch)
            })
        };
        let dataset = self.dataset.clone();
        let wanted = FeedConfig {
            split: Split::Train,
            seed,
            start,
            batch: size,
            dims: clip.dims(),
            wrong: train.wrong,
            twins: copies,
        };
        Ok(Feed::new(dataset, wanted, make))
    }

    /// The held-out examples on every sheet of samples.
    fn shown(&self) -> Result<Vec<Example>> {
        examples(&*self.dataset, Split::HeldOut, self.config.seed, SAMPLES, &self.config.clip)
    }

    /// The model so far, with the average of the generator. It shares its tensors with the state.
    fn model(&self) -> Model<T> {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let card = Card {
            name,
            data: self.dataset.info().spec.split(':').next().unwrap_or_default().into(),
            steps: self.state.step,
            clips: self.clips,
            ..self.card.clone()
        };
        Model {
            config: self.config.model(),
            card,
            lexicon: self.lexicon.clone(),
            net: self.state.model(),
        }
    }

    /// Writes the model, then the players, then the checkpoint. If the checkpoint of the last step
    /// exists, so does the model of the last step.
    fn save(&self) -> Result<()> {
        self.model().save(self.folder.join("model.safetensors"), Precision::F16)?;
        let players = self.state.players();
        let none = BTreeMap::new();
        let players = kinora_nn::save(&players, &none, Precision::F16).map_err(|error| {
            Error::Write { path: self.folder.join(PLAYERS), reason: error.to_string() }
        })?;
        write_atomic(&self.folder.join(PLAYERS), &players)?;
        let (window, card) = (self.window.clone(), self.card.clone());
        let (step, clips) = (self.state.step, self.clips);
        let progress = Progress { step, clips, window, card };
        checkpoint::save(&self.folder, &self.state, &self.lexicon, &progress)
    }
}

/// Checks all of a dataset, so that a missing file does not end a run after hours.
fn checked(dataset: Box<dyn Dataset>) -> Result<Arc<dyn Dataset>> {
    match dataset.check().into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(dataset.into()),
    }
}
