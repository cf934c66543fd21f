//! The arguments of the command line.

mod embed;
mod eval;
mod text;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use kinora_video::Palette;

use crate::device::Choice;

#[cfg(feature = "onnx")]
pub use embed::EmbedDistil;
pub use embed::{
    EmbedAnalogy, EmbedCommand, EmbedConvert, EmbedNear, EmbedScore, EmbedSimilar, EmbedTrain,
    List, Method, Table,
};
pub use eval::Eval;
pub use text::{Engine, EngineKind, TextCommand, TextScore, TextTag, TextTrain};

const CODES: &str = "\
Exit codes:
  0  done                        5  the device failed
  1  any other error             6  the training diverged
  2  wrong usage or config       7  an output cannot be written
  3  data missing or wrong     130  stopped by Ctrl-C (train first writes a
  4  weights missing or wrong        checkpoint, unless Ctrl-C comes twice)";

/// A sentence in, a short film out
#[derive(Parser)]
#[command(name = "kinora", version, after_help = CODES, arg_required_else_help = true)]
#[command(max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Train(Train),
    Sample(Sample),
    Eval(Eval),
    /// Preview and check datasets
    #[command(subcommand, arg_required_else_help = true)]
    Data(DataCommand),
    Inspect(Inspect),
    Devices(Devices),
    /// Find words, parts of speech and names in sentences
    #[command(subcommand, arg_required_else_help = true)]
    Text(TextCommand),
    /// Train, query and convert tables of word vectors
    #[command(subcommand, arg_required_else_help = true)]
    Embed(EmbedCommand),
}

#[derive(Subcommand)]
pub enum DataCommand {
    Preview(Preview),
    Check(Check),
}

/// Train a model
///
/// The run folder holds the resolved config, a log (JSON lines), sheets of samples, the last
/// checkpoint, and the model as trained so far. Ctrl-C finishes the current step and writes a
/// checkpoint.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora train                                         the preset shapes, which needs no data
  kinora train --preset lpc --data lpc:sheets --out runs/lpc
  kinora train --init lpc --data clips:my-art --out runs/mine --steps 1500
  kinora train --preset shapes --set train.batch=8 --set generator.hidden=32
  kinora train --out runs/lpc --resume --steps 40000

Data: shapes, or a folder: digits:PATH (MNIST), lpc:PATH (sprite sheets), clips:PATH (your clips).")]
pub struct Train {
    /// Built-in config: shapes, digits or lpc [default: the preset that fits the model of --init,
    /// else shapes]
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub preset: Option<String>,
    /// Config file; a key that the file leaves out gets its value from the preset shapes
    #[arg(long, value_name = "F.toml", conflicts_with = "resume")]
    pub config: Option<PathBuf>,
    /// Set a key of the config, for example train.batch=8; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Dataset to train on; the same as --set data=SPEC
    #[arg(long, value_name = "SPEC")]
    pub data: Option<String>,
    /// Start from a trained model, with its tokenizer and its config of clip, encoder, generator and
    /// matcher; --set can change these sections. Tensors of fitting shape are kept, the others get new
    /// weights. A model with a matcher skips the reading phase; for other data, and for any clips:, it reads
    /// for a sixth of the steps, at most 2000. --set reading.steps=N sets another number
    #[arg(long, value_name = "NAME|PATH", conflicts_with = "resume")]
    pub init: Option<PathBuf>,
    /// Run folder [default: runs/NAME, with the name of the preset or of the config file]
    #[arg(long, value_name = "RUN")]
    pub out: Option<PathBuf>,
    /// Continue the run in --out from the run's last checkpoint, with the run's config
    #[arg(long)]
    pub resume: bool,
    /// Steps of reading, copying and playing together, including those before a resume; the same as
    /// --set train.steps=N
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Seed of all random numbers, below 2^63; the same as --set seed=N
    #[arg(long, value_name = "N", conflicts_with = "resume", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub device: Device,
}

/// Make films from sentences
///
/// The same prompt, seed, model and device give the same film. Several films go to numbered files
/// (film-000.gif, ...). With --count C, the films of each prompt have the seeds S to S + C - 1,
/// where S is --seed.
///
/// A film with alpha is cleaned into a sprite: each pixel becomes opaque or empty, small loose parts are
/// removed, and all frames share one palette of at most 32 colours. --palette sets the palette; --raw
/// turns cleaning off.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora sample \"a woman with red hair in a blue robe walks to the left\"
  kinora sample \"a big red circle moves up\" --model shapes --seed 3 --out circle.mp4
  kinora sample \"a skeleton shoots\" --count 4 --out skeleton.sheet.png
  kinora sample \"a skeleton shoots\" --model runs/mine --keep 1          the best of 4
  kinora sample --prompts prompts.txt --model runs/mine --json
  kinora sample \"an orc walks to the right\" --palette 16 --out orc.apng
  kinora sample \"an orc walks to the right\" --palette endesga-32.hex --out orc.apng
  kinora sample \"an orc walks to the right\" --raw --out orc.apng

A file for --palette is a GIMP palette (.gpl), lines of RRGGBB (.hex, from lospec.com), a JASC
palette (.pal) or a picture of at most 256 colours (.png).

The extension of --out chooses the format: .gif, .apng, .mp4, .sheet.png (a sprite sheet with a JSON
atlas), or DIR/ for frames as PNG files (several films: DIR/000/, DIR/001/, ...).

Before the films of each prompt, the program lists on stderr which words of the prompt the model
understands and which it does not. A model understands the words of its training captions. A typing
error of one letter is corrected.

--json prints one line per film on stdout: {\"file\",\"prompt\",\"seed\",\"frames\",\"width\",\"height\",
\"fps\",\"seconds\",\"read_as\",\"understood\",\"not_understood\",\"match\"}. \"seconds\" is the length of
the film; \"read_as\" is the prompt with typing errors corrected; \"understood\" and \"not_understood\"
are lists of words; \"match\" is the matcher's score with --keep (higher is better), else null.")]
pub struct Sample {
    /// The sentence that describes the film, with or without quotes
    #[arg(required_unless_present = "prompts", conflicts_with = "prompts")]
    pub prompt: Vec<String>,
    /// File of prompts, one per line (blank lines and # comments are skipped); - is stdin
    #[arg(long, value_name = "FILE|-")]
    pub prompts: Option<PathBuf>,
    /// Model: lpc, shapes, or the path of a model file or run folder
    #[arg(long, value_name = "NAME|PATH", default_value = "lpc")]
    pub model: PathBuf,
    /// File or folder to write; the extension chooses the format
    #[arg(long, value_name = "FILE|DIR/", default_value = "film.gif")]
    pub out: PathBuf,
    /// Seed of the first film of each prompt
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Films per prompt [default: 1; with --keep K, 4 x K]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub count: Option<u32>,
    /// Keep the K best films of each prompt by the score of the model's matcher, the best first
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=2_500))]
    pub keep: Option<u32>,
    /// Write one grid with all films, each above its prompt, instead of a file per film
    #[arg(long)]
    pub grid: bool,
    /// Enlarge each pixel to N x N [default: the smallest N that makes the longer side at least 128
    /// pixels; 1 for sprite sheets and PNG files]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub scale: Option<u32>,
    /// Frames per second [default: the model's]
    #[arg(long, value_name = "N", value_parser = fps)]
    pub fps: Option<f32>,
    /// Colour behind transparent pixels in .mp4 and in a grid
    #[arg(long, value_name = "RRGGBB", default_value = "ffffff", value_parser = colour)]
    pub background: [u8; 3],
    /// Palette of each film: at most N colours (2 to 256), or the colours of FILE [default: at most 32
    /// for films with alpha; other films keep all colours]
    #[arg(long, value_name = "N|FILE", value_parser = palette, conflicts_with = "raw")]
    pub palette: Option<Palette>,
    /// Leave the films as the network generated them
    #[arg(long)]
    pub raw: bool,
    #[command(flatten)]
    pub device: Device,
    /// Print one JSON line per film
    #[arg(long)]
    pub json: bool,
}

/// Save clips of a dataset with their captions as one animated grid
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora data preview shapes --out shapes.gif
  kinora data preview lpc:sheets --held-out --model lpc --out grid.gif")]
pub struct Preview {
    /// shapes, digits:PATH, lpc:PATH or clips:PATH
    pub spec: String,
    /// File to write; the extension chooses the format, as for sample
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Show held-out clips: clips with pairs of attributes that never occur together in training
    #[arg(long)]
    pub held_out: bool,
    /// Seed of the choice of clips, and of the first film
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Number of clips
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub count: u32,
    /// Also make a film of each caption with this model, and show it under the real clip: lpc, shapes,
    /// or a path
    #[arg(long, value_name = "NAME|PATH")]
    pub model: Option<PathBuf>,
    #[command(flatten)]
    pub device: Device,
}

/// List all problems of a dataset
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora data check clips:my-art
  kinora data check lpc:sheets --json

Prints one line per problem on stdout; the exit code is 3 if there is a problem. With --json a line
is {\"path\",\"problem\"}; \"path\" is null if the problem is not about a file or folder.")]
pub struct Check {
    /// shapes, digits:PATH, lpc:PATH or clips:PATH
    pub spec: String,
    /// Print one JSON line per problem
    #[arg(long)]
    pub json: bool,
}

/// Print the card of a model, with its licence and sizes
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora inspect lpc
  kinora inspect runs/mine --json")]
pub struct Inspect {
    /// lpc, shapes, or the path of a model file or run folder
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Print everything, including the list of tensors, as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// List the devices that can train and sample
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora devices
  kinora devices --json")]
pub struct Devices {
    /// Print one JSON line per device
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
pub struct Device {
    /// Device to compute on: auto (a GPU if there is one), cpu, gpu or gpu:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Choice,
}

fn fps(text: &str) -> Result<f32, String> {
    let fps = text.parse().ok().filter(|fps| (0.1..=240.0).contains(fps));
    fps.ok_or_else(|| "must be a number from 0.1 to 240".into())
}

fn palette(text: &str) -> Result<Palette, String> {
    if text.is_empty() || text.contains(|c: char| !c.is_ascii_digit()) {
        return Palette::load(text).map_err(|error| error.to_string());
    }
    let most = text.parse().ok().filter(|most| (2..=256).contains(most));
    most.map(Palette::Most).ok_or_else(|| "the number of colours must be from 2 to 256".into())
}

fn colour(text: &str) -> Result<[u8; 3], String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let number = u32::from_str_radix(digits, 16).ok();
    let number = number.filter(|_| digits.len() == 6 && !digits.starts_with('+'));
    let [_, r, g, b] = number.ok_or("must be RRGGBB in hex, for example ff8000")?.to_be_bytes();
    Ok([r, g, b])
}
