//! `kinora train`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use kinora_cpu::CpuTensor;
use kinora_gpu::GpuTensor;
use kinora_model::Model;
use kinora_tensor::Tensor;
use kinora_train::eval::Report;
use kinora_train::{Config, Estimate, Event, LogLine, Outcome, Training};

use crate::args::Train;
use crate::device::Device;
use crate::exit::{Failure, is_memory};
use crate::models;
use crate::output::{count, note};
use crate::signal::stop_on_signal;

pub fn run(args: &Train) -> Result<()> {
    if args.resume && args.preset.is_some() && args.out.is_some() {
        let message = "with --resume, --preset only names the folder of the run, as --out does; leave one of them out";
        return Err(Failure::usage(message).into());
    }
    let trained = match args.device.device.open()? {
        Device::Cpu(device) => {
            let peak = device.clone();
            train::<CpuTensor>(args, &device, "the CPU", &|| peak.memory().peak as u64)
        }
        Device::Gpu(device) => {
            let peak = device.clone();
            train::<GpuTensor>(args, &device, device.name(), &|| peak.memory().peak)
        }
    };
    let clip = if args.resume { "" } else { ", or clip.frames, clip.height and clip.width" };
    trained.map_err(|error| match is_memory(&error) {
        true => error.context(format!(
            "the training is too large for this device; lower reading.batch, copying.batch or \
             train.batch{clip}"
        )),
        false => error,
    })
}

/// Trains on a device of this name; `peak` gives the largest memory of its tensors, in bytes.
fn train<T: Tensor>(
    args: &Train,
    device: &T::Device,
    name_of_device: &str,
    peak: &dyn Fn() -> u64,
) -> Result<()> {
    let (set, command) = (settings(args), command_line());
    if let Some(item) = set.iter().find(|item| item.trim_start().starts_with("tokenizer."))
        && args.init.is_some()
    {
        return Err(Failure::usage(format!(
            "--set {item} cannot be used with --init: a training that starts from a model keeps the \
             model's tokenizer; leave one of them out"
        ))
        .into());
    }
    let init = args.init.as_ref().map(|model| models::load::<T>(device, model)).transpose()?;
    let name = match (&args.preset, &args.config) {
        (Some(name), _) => name.clone(),
        (None, Some(file)) => file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        (None, None) => {
            let fits = init.as_ref().and_then(|model| Config::preset_for(&model.config));
            fits.unwrap_or("shapes").into()
        }
    };
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&name));

    let training = if args.resume {
        Training::<T>::resume(device, kinora_video::open, &folder, &set, &command)?
    } else {
        // With --init, --set applies after the sizes of the model.
        let first = if init.is_some() { &[] } else { &set[..] };
        let mut config = match &args.config {
            Some(file) => Config::load(file, first)?,
            None => Config::preset(&name, first)?,
        };
        if let Some(model) = &init {
            config = config.sized_as(&model.config).with(&set)?;
        }
        if let (None, Some(name)) = (&args.data, config.data.strip_suffix(':')) {
            let message = format!(
                "the data is missing; add --data {name}:PATH, or --data clips:PATH for clips of your own"
            );
            return Err(Failure::usage(message).into());
        }
        // A short training shortens reading and copying, unless somebody chose their steps.
        let is_phase = |item: &String| {
            let key = item.split('=').next().unwrap_or_default().trim();
            matches!(key, "reading.steps" | "copying.steps")
        };
        let chosen = args.config.is_some() || set.iter().any(is_phase);
        let before = (config.reading.steps, config.copying.steps);
        // Two folders of clips may have nothing in common. A model without a matcher learns to read in full.
        let kind = config.data.split(':').next().unwrap_or_default();
        let is_other = |model: &Model<T>| {
            model.config.matcher.is_some() && (kind == "clips" || kind != model.card.data)
        };
        let adapts = !chosen && init.as_ref().is_some_and(is_other);
        if adapts {
            // Once more, so that a copying.rate of --set counts.
            config = config.adapting().with(&set)?;
        } else if !chosen {
            config = config.shortened();
        }
        let (read, copied) = (config.reading.steps, config.copying.steps);
        if (read, copied) != before {
            let (read, copied) = (count(read, "step"), count(copied, "step"));
            note(match adapts {
                true => format!(
                    "for data that may be new to the model: {read} of reading, {copied} of copying at the rate {}; \
                     to change this, set reading.steps, copying.steps and copying.rate",
                    config.copying.rate
                ),
                false => format!(
                    "a short training: {read} of reading, {copied} of copying, none of playing; to change this, set \
                     reading.steps and copying.steps"
                ),
            });
        }
        if let Some(clips) = config.data.strip_prefix("clips:")
            && let (Ok(clips), Ok(run)) =
                (Path::new(clips).canonicalize(), std::path::absolute(&folder))
            && run.starts_with(&clips)
        {
            return Err(Failure::usage(format!(
                "--out {} is inside the folder of clips, where the samples of the run would count as clips; \
                 name another folder",
                folder.display()
            ))
            .into());
        }
        note(format_args!("reading the data and its captions: {}", config.data));
        let mut training =
            Training::<T>::create(device, config, kinora_video::open, &folder, init, &command)?;
        let critic = args.init.as_ref().map(|model| models::discriminators(model)).transpose()?;
        if let Some((bytes, path)) = critic.flatten() {
            training = training.with_discriminators(&bytes, &path)?;
        }
        if !training.card().notes.is_empty() {
            note(&training.card().notes);
        }
        training
    };
    let config = training.config();
    let steps = config.train.steps;
    note(format_args!("training on {} in {}, on {name_of_device}", config.data, folder.display()));

    let stop = stop_on_signal()?;
    let mut progress = Progress::new(peak, &folder, config);
    let outcome = training.run(&mut |event| {
        progress.show(&event);
        match stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    progress.bar.finish_and_clear();
    match outcome? {
        Outcome::Finished(made) => {
            let model = folder.join("model.safetensors");
            let (done, model) = (count(made, "step"), model.display());
            note(match made > steps {
                true => format!(
                    "the run already has {done}, so it did not change; raise --steps: {model}"
                ),
                false => format!("{done} done; saved the model: {model}"),
            });
            Ok(())
        }
        Outcome::Stopped(step) => Err(Failure::stopped(format!(
            "checkpoint written after step {step} of {steps}; continue with --resume --out {}",
            folder.display()
        ))
        .into()),
    }
}

/// The values of `--set`, then those of the flags that stand for a key.
fn settings(args: &Train) -> Vec<String> {
    let mut set = args.set.clone();
    // A JSON string is also a TOML string.
    set.extend(args.data.as_ref().map(|spec| format!("data={}", serde_json::Value::from(&**spec))));
    set.extend(args.seed.map(|seed| format!("seed={seed}")));
    set.extend(args.steps.map(|steps| format!("train.steps={steps}")));
    set
}

/// The command line, quoted for a shell, for the model's card.
fn command_line() -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    let quoted = |arg: String| match !arg.is_empty() && arg.chars().all(plain) {
        true => arg,
        false => format!("'{}'", arg.replace('\'', r"'\''")),
    };
    let args = std::env::args_os().skip(1).map(|arg| quoted(arg.to_string_lossy().into_owned()));
    ["kinora".to_string()].into_iter().chain(args).collect::<Vec<_>>().join(" ")
}

/// Shows the progress of a run: a bar on a terminal, else one line per line of the log.
struct Progress<'a> {
    bar: ProgressBar,
    peak: &'a dyn Fn() -> u64,
    folder: PathBuf,
    steps: u64,
    /// The time at which training began, and the estimate made then.
    began: Option<(Instant, Estimate)>,
}

impl<'a> Progress<'a> {
    fn new(peak: &'a dyn Fn() -> u64, folder: &Path, config: &Config) -> Self {
        let bar = ProgressBar::new(config.train.steps);
        let style = ProgressStyle::with_template("{bar:20} {pos}/{len}  {msg}")
            .expect("the template is right");
        bar.set_style(style);
        Self { bar, peak, folder: folder.into(), steps: config.train.steps, began: None }
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::Estimate(estimate) => {
                self.began = Some((Instant::now(), *estimate));
                self.bar.set_position(self.steps - estimate.steps());
                self.line(&self.before(estimate));
            }
            Event::Step { step, .. } => self.bar.set_position(*step),
            Event::Log(line) => {
                let text = format!("{}, {}", losses(line), self.left(line.step));
                match self.bar.is_hidden() {
                    true => note(format_args!("step {}/{}: {text}", line.step, self.steps)),
                    false => self.bar.set_message(text),
                }
            }
            Event::Unread(matched) => self.line(&format!(
                "warning: the matcher did not learn the captions. It prefers a clip's own caption to a \
                 false one in only {:.0}% of cases (chance is 50%). The films will hardly follow their \
                 sentences. Look at the captions with `kinora data check` and `kinora data preview`, or \
                 start a new run with more reading.steps.",
                100.0 * matched
            )),
            Event::Evaluating(step) if !self.bar.is_hidden() => {
                self.bar.set_message(format!("{}: {}/{}", step.what, step.done, step.all));
            }
            Event::Evaluating(_) => {}
            Event::Evaluated(report) => self.line(&shown(report)),
            Event::Samples(path) => self.line(&format!("samples: {}", path.display())),
            Event::Saved(_) => {}
        }
    }

    /// Prints a line above the bar.
    fn line(&self, text: &str) {
        self.bar.suspend(|| note(text));
    }

    /// Sizes of the networks, memory, and steps and time of the run.
    fn before(&self, estimate: &Estimate) -> String {
        let Estimate { parameters, parameters_discriminator, phases } = *estimate;
        let millions = |n: usize| format!("{:.2} M", n as f64 * 1e-6);
        let time = Duration::from_secs_f64(estimate.seconds_after(0));
        let steps = ["reading", "copying", "playing"].into_iter().zip(phases);
        let steps: Vec<String> = steps
            .filter(|(_, (steps, _))| *steps > 0)
            .map(|(phase, (steps, _))| format!("{} of {phase}", count(steps, "step")))
            .collect();
        format!(
            "{} parameters in the model, {} in the discriminators; about {} MiB of memory; {}, about \
             {}; log and samples in {}",
            millions(parameters),
            millions(parameters_discriminator),
            (self.peak)().div_ceil(1 << 20),
            steps.join(", "),
            HumanDuration(time),
            self.folder.display(),
        )
    }

    /// The time left: the estimate, scaled by the ratio of real to estimated time so far.
    fn left(&self, step: u64) -> String {
        let Some((began, estimate)) = &self.began else { return String::new() };
        let left = estimate.seconds_after(step + estimate.steps() - self.steps);
        let made = estimate.seconds_after(0) - left;
        let scale = if made > 0.0 { began.elapsed().as_secs_f64() / made } else { 1.0 };
        format!("{} left", HumanDuration(Duration::from_secs_f64(left * scale)))
    }
}

/// How often films of held-out combinations show what their sentences say.
fn shown(report: &Report) -> String {
    let side = report.sides.iter().find(|side| side.name == "held_out");
    let rows = side.into_iter().flat_map(|side| &side.rows);
    let shares: Vec<String> = rows
        .filter(|row| row.metric == "accuracy")
        .filter_map(|row| Some(format!("{} {}", row.of, row.unit.show(row.films?.value))))
        .collect();
    format!("accuracy of held-out films by the judge: {}", shares.join(", "))
}

/// The phase of a line of the log, with the most important numbers of that phase.
fn losses(line: &LogLine) -> String {
    let metric = |name: &str| line.metrics.get(name).copied().unwrap_or(f64::NAN);
    let percent = |name: &str| 100.0 * metric(name);
    // Only reading measures `matched_own`, and only playing the discriminators' loss.
    let measures = |name: &str| line.metrics.contains_key(name);
    let phase = if measures("matched_own") {
        format!(
            "reading: loss {:.3}, own caption above all others {:.0}%, above a false one {:.0}%",
            metric("loss_matcher"),
            percent("matched_own"),
            percent("matched_false"),
        )
    } else if measures("loss_discriminator") {
        format!(
            "playing: loss D {:.3} G {:.3} copies {:.4}, D right on real {:.0}% fake {:.0}% wrong {:.0}%",
            metric("loss_discriminator"),
            metric("loss_generator"),
            metric("loss_copy"),
            percent("accuracy_real"),
            percent("accuracy_fake"),
            percent("accuracy_wrong"),
        )
    } else if measures("loss_match") {
        format!("copying: copies {:.4}, matcher {:.3}", metric("loss_copy"), metric("loss_match"))
    } else {
        format!("copying: copies {:.4}", metric("loss_copy"))
    };
    format!("{phase}, {:.1} clips/s", line.clips_per_second)
}
