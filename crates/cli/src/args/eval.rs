use std::path::PathBuf;

use super::Device;

/// Measure whether films show what their sentences say
///
/// Makes films of prompts that the data draws, once with combinations of attributes as in training
/// and once with combinations that were held out, and prints a table of figures with intervals of
/// 95%, each beside the same figure of real clips. What a film shows is told by a judge: two small
/// networks that have learnt from real clips alone. Make it once for each dataset and size of films,
/// with --fit-judge.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora eval --fit-judge --data lpc:sheets
  kinora eval --model lpc --data lpc:sheets --html report.html
  kinora eval --model runs/mine --data clips:my-art --n 200 --seeds 1
  kinora eval --model shapes --data shapes --json > shapes.json

A dataset without attributes (clips:PATH) needs no judge; the figures that need attributes are left
out. README.md of crates/train explains each figure.")]
pub struct Eval {
    /// Model: lpc, shapes, or the path of a model file or run folder
    #[arg(long, value_name = "NAME|PATH", required_unless_present = "fit_judge")]
    pub model: Option<PathBuf>,
    /// What the prompts and the real clips are from
    #[arg(long, value_name = "SPEC")]
    pub data: String,
    /// Prompts of each side
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub n: u32,
    /// Films of each prompt
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub seeds: u32,
    /// Seed of the prompts and of the first film
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u32,
    /// Train the judge for films of the size of --model, or of the size of the data without it, and
    /// stop
    #[arg(long, conflicts_with_all = ["json", "html"])]
    pub fit_judge: bool,
    /// Where the judge is: a .safetensors file, or a folder that has it under the name
    /// judge-KIND-HEIGHTxWIDTHxFRAMES.safetensors
    #[arg(long, value_name = "PATH", default_value = "runs")]
    pub judge: PathBuf,
    /// Steps of training of the judge
    #[arg(long, value_name = "N", default_value_t = 1200, requires = "fit_judge", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub judge_steps: u32,
    /// Print one object of JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Also write a page with films, their sentences and all figures
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    #[command(flatten)]
    pub device: Device,
}
