use std::path::PathBuf;

use super::Device;

/// Measure whether films show what their sentences say
///
/// Makes films from captions of two splits of the dataset: with combinations of attributes (such as a
/// hair colour and a robe) that occur in training, and with held-out combinations. Prints a table of
/// metrics with 95% confidence intervals, next to the same metrics of real clips. A judge, two small
/// networks trained on real clips only, recognises the attributes in a film. Train it once for each
/// dataset and film size, with --fit-judge.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora eval --fit-judge --data lpc:sheets
  kinora eval --model lpc --data lpc:sheets --html report.html
  kinora eval --model runs/mine --data clips:my-art --n 200 --seeds 1
  kinora eval --model shapes --data shapes --json > shapes.json

A dataset without attributes (clips:PATH) needs no judge; metrics that need attributes are left out.
The README of crates/train explains each metric.")]
pub struct Eval {
    /// Model: lpc, shapes, or the path of a model file or run folder
    #[arg(long, value_name = "NAME|PATH", required_unless_present = "fit_judge")]
    pub model: Option<PathBuf>,
    /// Dataset of the prompts and the real clips
    #[arg(long, value_name = "SPEC")]
    pub data: String,
    /// Prompts per split (training, held out)
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub n: u32,
    /// Films per prompt
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub seeds: u32,
    /// Seed of the prompts and of the first film
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u32,
    /// Train the judge and stop. The film size is that of --model or, without --model, of --data
    #[arg(long, conflicts_with_all = ["json", "html"])]
    pub fit_judge: bool,
    /// Path of the judge: a .safetensors file, or a folder that holds the file
    /// judge-DATASET-HEIGHTxWIDTHxFRAMES.safetensors
    #[arg(long, value_name = "PATH", default_value = "runs")]
    pub judge: PathBuf,
    /// Training steps of the judge; for 8 frames of 64 x 64 pixels, 5000 take about half an hour on one core
    #[arg(long, value_name = "N", default_value_t = 5000, requires = "fit_judge", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub judge_steps: u32,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    /// Also write an HTML page with films, their sentences and all metrics
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    #[command(flatten)]
    pub device: Device,
}
