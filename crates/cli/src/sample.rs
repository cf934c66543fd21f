//! `kinora sample`

use anyhow::{Context, Result};
use kinora_cpu::CpuTensor;
use kinora_gpu::GpuTensor;
use kinora_model::Card;
use kinora_tensor::Tensor;
use kinora_video::{Format, MAX_PIXELS, SaveOptions};
use serde_json::json;

use crate::args::Sample;
use crate::device::Device;
use crate::exit::Failure;
use crate::output::{Targets, note, say};
use crate::{models, prompts};

/// How large a film is shown where nobody says otherwise.
const VISIBLE: usize = 128;
/// More films than this are a mistake.
const MOST_FILMS: usize = 1_000_000;
/// What a GIF can hold.
const MOST_FPS_OF_GIF: f32 = 50.0;

pub fn run(args: &Sample) -> Result<()> {
    let prompts = match (&args.prompt, &args.prompts) {
        (_, Some(file)) => prompts::read(file)?,
        (Some(prompt), None) if prompt.trim().is_empty() => {
            return Err(Failure::usage("the prompt is empty; say what is to be seen").into());
        }
        (prompt, None) => prompt.iter().cloned().collect(),
    };
    let films = prompts.len() * args.count as usize;
    if films > MOST_FILMS {
        return Err(Failure::usage(format!(
            "{} prompts with --count {} are {films} films; at most {MOST_FILMS} at a time",
            prompts.len(),
            args.count
        ))
        .into());
    }
    let targets = Targets::new(&args.out, films)?;
    if let Some(fps) = args.fps.filter(|fps| *fps > MOST_FPS_OF_GIF)
        && targets.format == Format::Gif
    {
        return Err(Failure::usage(format!(
            "--fps {fps}: a GIF shows at most {MOST_FPS_OF_GIF} frames a second; use .apng or .mp4"
        ))
        .into());
    }
    match args.device.device.open()? {
        Device::Cpu(device) => films_of::<CpuTensor>(args, &device, &prompts, &targets),
        Device::Gpu(device) => films_of::<GpuTensor>(args, &device, &prompts, &targets),
    }
}

/// Makes the films on a device.
fn films_of<T: Tensor>(
    args: &Sample,
    device: &T::Device,
    prompts: &[String],
    targets: &Targets,
) -> Result<()> {
    let model = models::load::<T>(device, &args.model)?;
    for prompt in prompts {
        prompts::check(&model, prompt)?;
    }
    let [frames, height, width, _] = model.config.clip.dims();
    let scale = match (args.scale, targets.format) {
        (Some(scale), _) => scale as usize,
        (None, Format::Sheet | Format::Sequence) => 1,
        (None, _) => VISIBLE.div_ceil(width.max(height)),
    };
    if frames * height * width * scale * scale > MAX_PIXELS {
        return Err(Failure::usage(format!(
            "--scale {scale} makes films of {frames} frames of {} x {} pixels, which is too large",
            width * scale,
            height * scale
        ))
        .into());
    }

    targets.prepare()?;
    let options = SaveOptions { background: args.background };
    let films = prompts.iter().flat_map(|prompt| (0..args.count).map(move |_| prompt));
    for ((k, prompt), path) in (0..).zip(films).zip(&targets.paths) {
        let seed = args.seed.wrapping_add(k);
        // One by one, so that a film depends on its prompt and seed alone, on one device to the last bit.
        let mut clip = model.sample(prompt, seed).with_context(|| format!("{prompt:?}"))?;
        if let Some(fps) = args.fps {
            clip = clip.with_fps(fps)?;
        }
        let clip = clip.scale(scale)?;
        clip.save(path, &options)?;
        let ([frames, height, width, _], fps) = (clip.dims(), short(clip.fps()));
        let seconds = frames as f64 / fps;
        let file = path.display();
        if args.json {
            say(json!({
                "file": file.to_string(), "prompt": prompt, "seed": seed,
                "frames": frames, "width": width, "height": height,
                "fps": fps, "seconds": seconds,
            }))?;
        } else {
            say(format_args!(
                "{file}: {prompt:?}, seed {seed}, {frames} frames of {width} x {height} at {fps} a \
                 second"
            ))?;
        }
    }
    note(licence(&model.card));
    Ok(())
}

/// Under which terms the films of a model stand.
fn licence(card: &Card) -> String {
    let licence = if card.licence.is_empty() { "not stated" } else { &card.licence };
    let credits = match card.credits.is_empty() {
        true => String::new(),
        false => format!("; credit: {}", card.credits),
    };
    format!("licence: {licence}{credits}").replace('\n', " ")
}

/// As it was written: 12.3 for the 32-bit number that is nearest to it.
fn short(fps: f32) -> f64 {
    fps.to_string().parse().unwrap_or(f64::from(fps))
}
