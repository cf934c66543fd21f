use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use kinora_gan::{Matcher, Prior};
use kinora_model::{Card, Lexicon, Model, ModelConfig, Net, Strange, pixels};
use kinora_nn::{Module, Precision};
use kinora_tensor::Tensor;
use kinora_video::{Batch, Clip, Dataset, Draw, Example, Feed, FeedConfig, Split, write_atomic};

use crate::checkpoint::{self, Progress};
use crate::event::{Event, Outcome};
use crate::exam::Exam;
use crate::fed::disturb;
use crate::log::{Log, LogLine, Window};
use crate::measured::Measured;
use crate::sheet::{examples, sheet};
use crate::step::{State, stream};
use crate::{Config, Error, Fed, Phase, Result, folder};

mod begin;
mod estimate;

/// The name of the file of a run that holds its discriminators.
pub const DISCRIMINATORS: &str = "discriminators.safetensors";
/// The clips of the prior have this seed plus that of the run; no other draws of a run have it.
const REFERENCES_SEED: u64 = 0x657a_0000_0000;
/// Clips of a batch for the prior.
const TOGETHER: usize = 32;
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
/// | `discriminators.safetensors` | the discriminators, in half precision, for a run that starts from the model |
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
    strange: Arc<Strange>,
    state: State<T>,
    /// Clips seen so far. They are counted, since the batch size may have changed.
    clips: u64,
    window: Window,
    /// Measurements that are not in the window yet.
    measured: Vec<Measured<T>>,
    /// The frames that the matcher sees of each clip of the prior, once they are drawn.
    references: OnceLock<Vec<Clip>>,
    /// The lock of the folder.
    _lock: Option<File>,
}

impl<T: Tensor> Training<T> {
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
                sheet(&self.model()?, &shown, 0)?.save(&path, &Default::default())?;
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
                match exam.measure(&self.device, &*self.dataset, &self.model()?, watch)? {
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
        // The steps of copying differ in their number of copies.
        let copies = match self.config.phase(step) {
            Phase::Copying => size,
            _ => self.config.copies(step, size),
        };
        let (strange, config) = (self.strange.clone(), self.config.clone());
        let make = move |mut batch: Batch| {
            pool.install(|| {
                // The matcher scores a film that is not a copy by its caption, so this caption is not
                // disturbed.
                let step = batch.index + 1;
                let disturbed = match config.phase(step) {
                    Phase::Reading => size,
                    _ => config.copies(step, size),
                };
                let random = [seed, stream::WORDS + batch.index];
                disturb(&lexicon, &strange, &mut batch, disturbed, random)?;
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
            copies,
        };
        Ok(Feed::new(dataset, wanted, make))
    }

    /// The held-out examples on every sheet of samples.
    fn shown(&self) -> Result<Vec<Example>> {
        examples(&*self.dataset, Split::HeldOut, self.config.seed, SAMPLES, &self.config.clip)
    }

    /// The model so far, with the average of the generator. It shares its tensors with the state.
    ///
    /// # Errors
    /// If a clip of the prior cannot be drawn, or the device fails.
    fn model(&self) -> Result<Model<T>> {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let card = Card {
            name,
            data: self.dataset.info().spec.split(':').next().unwrap_or_default().into(),
            steps: self.state.step,
            clips: self.clips,
            ..self.card.clone()
        };
        let net = Net { prior: self.prior()?, ..self.state.model() };
        let references = net.prior.as_ref().map_or(0, Prior::clips);
        let config = ModelConfig { references, ..self.config.model() };
        Ok(Model { config, card, lexicon: self.lexicon.clone(), net })
    }

    /// The prior over clips of the training split; `None` if films have no completions.
    fn prior(&self) -> Result<Option<Prior<T>>> {
        if !self.config.completes() {
            return Ok(None);
        }
        let clips = match self.references.get() {
            Some(clips) => clips,
            None => {
                let clips = self.frames_of_prior()?;
                self.references.get_or_init(|| clips)
            }
        };
        let [_, h, w, c] = self.config.clip.dims();
        let matcher = self.state.net.matcher.as_ref().expect("a training has a matcher");
        let seen = clips.chunks(TOGETHER).map(|clips| {
            let values = clips.iter().map(pixels::to_values).collect::<Vec<_>>().concat();
            let shape = [clips.len(), clips[0].dims()[0], h, w, c];
            matcher.frames(&T::from_slice(&self.device, &values, shape)?)
        });
        let seen = seen.collect::<kinora_tensor::Result<Vec<T>>>()?;
        let seen = T::concat(&seen.iter().collect::<Vec<_>>(), 0)?;
        Ok(Some(Prior::of(self.state.completer.clone(), seen)))
    }

    /// The frames that the matcher sees of each clip of the prior.
    fn frames_of_prior(&self) -> Result<Vec<Clip>> {
        let dims @ [t, h, w, c] = self.config.clip.dims();
        let clip = |index| {
            let draw = Draw { seed: REFERENCES_SEED + self.config.seed, index };
            let clip = self.dataset.example(Split::Train, draw)?.clip.to_dims(dims)?;
            let frames: Vec<&[u8]> = Matcher::<T>::seen(t).iter().map(|&k| clip.frame(k)).collect();
            Ok(Clip::new([frames.len(), h, w, c], clip.fps(), frames.concat())?)
        };
        (0..self.config.copying.references).map(clip).collect()
    }

    /// Writes the model, then the discriminators, then the checkpoint. If the checkpoint of the last step
    /// exists, so does the model of the last step.
    fn save(&self) -> Result<()> {
        self.model()?.save(self.folder.join("model.safetensors"), Precision::F16)?;
        let (path, none) = (self.folder.join(DISCRIMINATORS), BTreeMap::new());
        let critic = kinora_nn::save(&self.state.critic.named(), &none, Precision::F16)
            .map_err(|error| Error::Write { path: path.clone(), reason: error.to_string() })?;
        write_atomic(&path, &critic)?;
        let (window, card) = (self.window.clone(), self.card.clone());
        let (step, clips) = (self.state.step, self.clips);
        let progress = Progress { step, clips, window, card };
        checkpoint::save(&self.folder, &self.state, &self.lexicon, &progress)
    }
}
