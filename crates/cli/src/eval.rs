//! `kinora eval`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use kinora_cpu::CpuTensor;
use kinora_gpu::GpuTensor;
use kinora_model::ClipConfig;
use kinora_tensor::Tensor;
use kinora_train::eval::{EvalConfig, FitConfig, Judge, Subject, evaluate, fit};
use kinora_video::Dataset;

use crate::args::Eval;
use crate::device::Device;
use crate::exit::Failure;
use crate::models;
use crate::output::{note, probe, say};
use crate::signal::stop_on_signal;

/// Number of held-out clips on which a new judge is tested.
const TRIED: u64 = 2000;

pub fn run(args: &Eval) -> Result<()> {
    match args.device.device.open()? {
        Device::Cpu(device) => eval::<CpuTensor>(args, &device),
        Device::Gpu(device) => eval::<GpuTensor>(args, &device),
    }
}

fn eval<T: Tensor>(args: &Eval, device: &T::Device) -> Result<()> {
    if let Some(path) = &args.html {
        probe(path)?;
    }
    let dataset: Arc<dyn Dataset> = kinora_video::open(&args.data)?.into();
    let model = args.model.as_ref().map(|model| models::load::<T>(device, model)).transpose()?;
    let clip = match &model {
        Some(model) => model.config.clip,
        None => {
            let ([frames, height, width, channels], fps) =
                (dataset.info().dims, dataset.info().fps);
            ClipConfig { frames, height, width, channels, fps }
        }
    };
    let subject = Subject::of(&*dataset, &clip)?;
    let path = place(&args.judge, &subject);
    let stop = stop_on_signal()?;
    let model = match model {
        Some(model) if !args.fit_judge => model,
        _ => return fit_judge::<T>(args, device, &dataset, &clip, &path, stop),
    };
    if subject.labels.is_empty() {
        note(format_args!(
            "{} has no attributes: the figures that need attributes are left out",
            args.data
        ));
    }
    let judge = Judge::<T>::open(device, &path, subject)?.ok_or_else(|| missing(args, &path))?;
    let config = EvalConfig {
        prompts: args.n as usize,
        seeds: args.seeds as usize,
        seed: u64::from(args.seed),
    };
    let bar = bar();
    let mut told = "";
    let report = evaluate(device, &model, &*dataset, judge, &config, &mut |step| {
        if bar.is_hidden() && told != step.what {
            note(format_args!("{}: {}", step.what, step.all));
        }
        told = step.what;
        bar.set_length(step.all as u64);
        bar.set_message(step.what);
        bar.set_position(step.done as u64);
        go_on(stop)
    });
    bar.finish_and_clear();
    let Some(report) = report? else {
        return Err(Failure::stopped("the evaluation is not finished; start it again").into());
    };
    if let Some(path) = &args.html {
        kinora_video::write_atomic(path, report.to_html()?.as_bytes())?;
        note(format_args!("films and figures: {}", path.display()));
    }
    match args.json {
        true => say(report.to_json()),
        false => say(report.to_table().trim_end()),
    }
}

/// Trains and saves a judge, and prints its accuracy.
fn fit_judge<T: Tensor>(
    args: &Eval,
    device: &T::Device,
    dataset: &Arc<dyn Dataset>,
    clip: &ClipConfig,
    path: &Path,
    stop: &AtomicBool,
) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let failed = |error| {
            Failure::write(format!("--judge: cannot make the folder {}: {error}", folder.display()))
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    probe(path)?;
    let config = FitConfig { steps: args.judge_steps.into(), ..FitConfig::default() };
    note(format_args!("training a judge of {} on real clips: {} steps", args.data, config.steps));
    let bar = bar();
    bar.set_length(config.steps);
    let judge = fit::<T>(device, dataset, clip, &config, &mut |step| {
        let loss = format!("loss {:.3}", step.loss);
        if bar.is_hidden() && (step.step.is_multiple_of(100) || step.step == step.steps) {
            note(format_args!("step {}/{}: {loss}", step.step, step.steps));
        }
        bar.set_message(loss);
        bar.set_position(step.step);
        go_on(stop)
    });
    bar.finish_and_clear();
    let Some(judge) = judge? else {
        return Err(Failure::stopped("no judge was saved; start again").into());
    };
    judge.save(path)?;
    note(format_args!("saved the judge: {}", path.display()));
    note(format_args!("accuracy on {TRIED} held-out real clips (network 1, network 2):"));
    for (name, shares) in judge.ceiling(device, &**dataset, TRIED, 0)? {
        let [first, second] = shares.map(|share| 100.0 * share);
        say(format_args!("{name:12} {first:5.1}% {second:5.1}%"))?;
    }
    Ok(())
}

/// The path of the judge's file.
fn place(judge: &Path, subject: &Subject) -> PathBuf {
    match judge.extension().is_some_and(|ending| ending == "safetensors") {
        true => judge.to_path_buf(),
        false => judge.join(subject.file_name()),
    }
}

fn missing(args: &Eval, path: &Path) -> Failure {
    let model = args.model.as_deref().unwrap_or(Path::new("lpc"));
    Failure::weights(format!(
        "there is no judge {}; train it once with: kinora eval --fit-judge --data {} --model {} --judge {}",
        path.display(),
        args.data,
        model.display(),
        args.judge.display()
    ))
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{bar:20} {pos}/{len}  {msg}");
    bar.set_style(style.expect("the template is right"));
    bar
}

fn go_on(stop: &AtomicBool) -> ControlFlow<()> {
    match stop.load(Ordering::Relaxed) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}
