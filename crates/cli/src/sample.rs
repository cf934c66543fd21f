//! `kinora sample`

use anyhow::{Context, Result};
use kinora_cpu::CpuTensor;
use kinora_gpu::GpuTensor;
use kinora_tensor::Tensor;
use kinora_video::{Clip, Format, MAX_PIXELS, Palette, SaveOptions};
use serde_json::json;

use crate::args::Sample;
use crate::device::Device;
use crate::exit::Failure;
use crate::output::{Targets, copyright, note, say};
use crate::{models, prompts};

/// Pixels of the longer side of an enlarged film, at least, without `--scale`.
const VISIBLE: usize = 128;
/// Largest number of films of one call; more are taken for a mistake.
const MOST_FILMS: usize = 1_000_000;
/// Films made for each film kept, without `--count`.
const MADE_FOR_KEPT: u32 = 4;
/// Largest number of films in a grid, and how many of them lie side by side.
const MOST_IN_GRID: usize = 256;
const COLUMNS: usize = 6;
/// Lines of text below a film in a grid.
const LINES: usize = 5;
/// Largest frame rate of a GIF, in frames per second.
const MOST_FPS_OF_GIF: f32 = 50.0;

pub fn run(args: &Sample) -> Result<()> {
    let prompts = match &args.prompts {
        Some(file) => prompts::read(file)?,
        None => prompts::given(&[prompts::joined(&args.prompt)?])?,
    };
    let (count, kept) = counts(args)?;
    if args.seed.checked_add(u64::from(count - 1)).is_none() {
        return Err(Failure::usage(format!(
            "--seed {} is too large for --count {count}",
            args.seed
        ))
        .into());
    }
    let films = prompts.len() * count as usize;
    if films > MOST_FILMS {
        return Err(Failure::usage(format!(
            "{} prompts with --count {count} are {films} films, more than {MOST_FILMS} per call; \
             lower --count or split the prompts",
            prompts.len(),
        ))
        .into());
    }
    let films = prompts.len() * kept as usize;
    if args.grid && films > MOST_IN_GRID {
        return Err(Failure::usage(format!(
            "--grid takes at most {MOST_IN_GRID} films, not {films}; lower --count or split the \
             prompts"
        ))
        .into());
    }
    let targets = Targets::new(&args.out, if args.grid { 1 } else { films })?;
    if let Some(fps) = args.fps.filter(|fps| *fps > MOST_FPS_OF_GIF)
        && targets.format == Format::Gif
    {
        return Err(Failure::usage(format!(
            "--fps {fps}: a GIF has at most {MOST_FPS_OF_GIF} frames per second; use .apng or .mp4"
        ))
        .into());
    }
    match args.device.device.open()? {
        Device::Cpu(device) => films_of::<CpuTensor>(args, &device, &prompts, &targets),
        Device::Gpu(device) => films_of::<GpuTensor>(args, &device, &prompts, &targets),
    }
}

/// The numbers of films made and kept per prompt.
fn counts(args: &Sample) -> Result<(u32, u32)> {
    let Some(keep) = args.keep else {
        let count = args.count.unwrap_or(1);
        return Ok((count, count));
    };
    let count = args.count.unwrap_or(keep.saturating_mul(MADE_FOR_KEPT));
    if keep > count {
        return Err(Failure::usage(format!(
            "--keep {keep} is more than --count {count}; lower --keep or raise --count"
        ))
        .into());
    }
    Ok((count, keep))
}

/// Makes the films on a device.
fn films_of<T: Tensor>(
    args: &Sample,
    device: &T::Device,
    prompts: &[String],
    targets: &Targets,
) -> Result<()> {
    let model = models::load::<T>(device, &args.model)?;
    let readings = prompts::look(&model, prompts)?;
    let [frames, height, width, _] = model.config.clip.dims();
    let scale = match (args.scale, targets.format) {
        (Some(scale), _) => scale as usize,
        (None, Format::Sheet | Format::Sequence) => 1,
        (None, _) => VISIBLE.div_ceil(width.max(height)),
    };
    if frames * height * width * scale * scale > MAX_PIXELS {
        return Err(Failure::usage(format!(
            "--scale {scale} makes films of {frames} frames of {} x {} pixels, which is too large; \
             lower --scale",
            width * scale,
            height * scale
        ))
        .into());
    }

    let (count, kept) = counts(args)?;
    if args.keep.is_some() {
        // A model without a matcher gives its error here, before anything is written.
        model.matches("", &[])?;
    }
    targets.prepare()?;
    let copyright = copyright(&model.card.licence, &model.card.credits);
    let options = SaveOptions { background: args.background, copyright: copyright.clone() };
    let mut paths = targets.paths.iter().cycle();
    let mut cells = Vec::new();
    for (prompt, reading) in prompts.iter().zip(&readings) {
        let head = if prompts.len() > 1 { format!("{prompt:?}: ") } else { String::new() };
        prompts::tell(reading, &head);
        // Every prompt has the same seeds.
        let seeds: Vec<u64> = (0..count).map(|j| args.seed + u64::from(j)).collect();
        // Not batched: so each bit of a film depends on its prompt, seed and device alone.
        let sample = |&seed: &u64| Ok((seed, None, model.sample(&reading.text, seed)?));
        let films: Box<dyn Iterator<Item = kinora_model::Result<_>>> = match args.keep {
            None => Box::new(seeds.iter().map(sample)),
            Some(_) => {
                let best = model.best(&reading.text, &seeds, kept as usize)?;
                Box::new(best.into_iter().map(|(seed, logit, film)| Ok((seed, Some(logit), film))))
            }
        };
        for (film, path) in films.zip(&mut paths) {
            let (seed, logit, film) = film.with_context(|| format!("{prompt:?}"))?;
            let clip = finished(film, args)?.scale(scale)?;
            match args.grid {
                true => cells.push(clip.over(args.background).captioned(prompt, LINES)?),
                false => clip.save(path, &options)?,
            }
            let ([frames, height, width, _], fps) = (clip.dims(), short(clip.fps()));
            let seconds = frames as f64 / fps;
            let file = path.display();
            if args.json {
                say(json!({
                    "file": file.to_string(), "prompt": prompt, "seed": seed,
                    "frames": frames, "width": width, "height": height,
                    "fps": fps, "seconds": seconds,
                    "read_as": reading.text, "understood": reading.understood,
                    "not_understood": reading.not_understood, "match": logit,
                }))?;
            } else {
                say(format_args!(
                    "{file}: {prompt:?}, seed {seed}, {frames} frames of {width} x {height}, {fps} \
                     per second"
                ))?;
            }
        }
    }
    if args.grid {
        kinora_video::grid(&cells, COLUMNS, kinora_video::GAP)?
            .save(&targets.paths[0], &options)?;
    }
    note(if copyright.is_empty() { "licence: not stated" } else { &copyright });
    Ok(())
}

/// Applies `--palette`, `--raw` and `--fps` to a film.
fn finished(film: Clip, args: &Sample) -> Result<Clip> {
    let film = match &args.palette {
        _ if args.raw => film,
        Some(palette) => film.clean(palette),
        None => film.clean(&Palette::Auto),
    };
    Ok(match args.fps {
        Some(fps) => film.with_fps(fps)?,
        None => film,
    })
}

/// The frame rate with its shortest decimal digits: 12.3, not 12.300000190734863.
fn short(fps: f32) -> f64 {
    fps.to_string().parse().unwrap_or(f64::from(fps))
}
