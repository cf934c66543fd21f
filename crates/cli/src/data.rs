//! `kinora data`

use anyhow::Result;
use kinora_cpu::CpuTensor;
use kinora_gpu::GpuTensor;
use kinora_model::{Card, ClipConfig};
use kinora_video::{Error, MAX_PIXELS, SaveOptions, Split};
use serde_json::json;

use crate::args::{Check, Preview};
use crate::device::Device;
use crate::exit::Failure;
use crate::models;
use crate::output::{Targets, copyright, note, say};

pub fn preview(args: &Preview) -> Result<()> {
    Targets::new(&args.out, 1)?;
    let device = args.device.device.open()?;
    let dataset = kinora_video::open(&args.spec)?;
    let split = if args.held_out { Split::HeldOut } else { Split::Train };
    let count = u64::from(args.count);
    let draw = |clip: &ClipConfig| {
        let [frames, height, width, _] = clip.dims();
        if frames * height * width > MAX_PIXELS / args.count as usize {
            return Err(anyhow::Error::from(Failure::usage(format!(
                "a grid of {count} clips of {frames} frames of {width} x {height} is too large; \
                 lower --count"
            ))));
        }
        Ok(kinora_train::examples(&*dataset, split, args.seed, count, clip)?)
    };
    let info = dataset.info();
    let mut stated = copyright(&info.licence, &info.credits);
    let mut state = |card: &Card| {
        let films = copyright(&card.licence, &card.credits);
        let of = [("clips: ", &stated), ("films: ", &films)];
        let of = of.into_iter().filter(|(_, text)| !text.is_empty());
        stated = of.map(|(what, text)| format!("{what}{text}")).collect::<Vec<_>>().join("; ");
    };
    let sheet = match &args.model {
        Some(model) => match device {
            Device::Cpu(device) => {
                let model = models::load::<CpuTensor>(&device, model)?;
                state(&model.card);
                kinora_train::sheet(&model, &draw(&model.config.clip)?, args.seed)?
            }
            Device::Gpu(device) => {
                let model = models::load::<GpuTensor>(&device, model)?;
                state(&model.card);
                kinora_train::sheet(&model, &draw(&model.config.clip)?, args.seed)?
            }
        },
        None => {
            let ([frames, height, width, channels], fps) =
                (dataset.info().dims, dataset.info().fps);
            kinora_train::preview(&draw(&ClipConfig { frames, height, width, channels, fps })?)?
        }
    };
    sheet.save(&args.out, &SaveOptions { copyright: stated, ..Default::default() })?;
    note(format_args!(
        "{}: {} of {}",
        args.out.display(),
        crate::output::count(count, "clip"),
        args.spec
    ));
    Ok(())
}

pub fn check(args: &Check) -> Result<()> {
    let problems = kinora_video::check(&args.spec);
    for problem in &problems {
        if args.json {
            let (path, what) = match problem {
                Error::Read { path, source } => (Some(path), source.to_string()),
                Error::Data { path, reason } => (Some(path), reason.clone()),
                other => (None, other.to_string()),
            };
            say(json!({ "path": path.map(|path| path.display().to_string()), "problem": what }))?;
        } else {
            say(problem)?;
        }
    }
    match problems.len() {
        0 => {
            note(format_args!("{}: no problems", args.spec));
            Ok(())
        }
        1 => Err(Failure::data(format!("{}: 1 problem", args.spec)).into()),
        n => Err(Failure::data(format!("{}: {n} problems", args.spec)).into()),
    }
}
