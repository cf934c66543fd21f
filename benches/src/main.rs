//! Benchmarks: the training step, sampling and the convolutions of the presets, beside a twin in
//! PyTorch. `cargo xtask bench --help` says how.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::json;

mod layers;
mod machine;
mod measure;
mod peer;
mod profile;
mod recorder;
mod row;
mod time;
mod workload;

use peer::Peer;
use workload::Workload;

/// Speed of the training step, of sampling and of each convolution, beside PyTorch.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", arg_required_else_help = false)]
struct Args {
    /// A preset of `kinora train`; may be given several times [default: all of them]
    #[arg(long = "preset", value_name = "NAME")]
    presets: Vec<String>,
    /// Changes a key of each preset, as in `kinora train`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Only the rows whose name holds this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Measurements of each, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// A Python with PyTorch, for the twin [default: what KINORA_PEER_PYTHON names]
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Without the twin
    #[arg(long, conflicts_with = "peer")]
    no_peer: bool,
    /// Writes every row to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Instead of speed, whether the twin has the same parameters, outputs, losses and gradients
    #[arg(long, conflicts_with_all = ["no_peer", "profile", "json"])]
    check: bool,
    /// Instead of rows, where a training step and a film spend their time
    #[arg(long, conflicts_with = "json")]
    profile: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // On a thread of the pool, as `kinora` runs.
    let result = rayon::scope(|_| run(&args, std::env::var_os("KINORA_PEER_PYTHON")));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, variable: Option<OsString>) -> Result<()> {
    let known: Vec<String> =
        kinora_train::PRESETS.iter().map(|(name, _)| name.to_string()).collect();
    let presets = if args.presets.is_empty() { &known } else { &args.presets };
    // All of them first: a wrong key should not be found after minutes.
    let workloads =
        presets.iter().map(|name| Workload::new(name, &args.set)).collect::<Result<Vec<_>>>()?;
    println!("{}", machine::describe());
    if args.profile {
        return workloads.iter().try_for_each(|workload| {
            profile::print(workload, false)?;
            profile::print(workload, true)?;
            profile::print_film(workload)
        });
    }
    let mut peer = start_peer(args, variable)?;
    if args.check {
        let peer = peer.as_mut().context("--check wants --peer PYTHON or KINORA_PEER_PYTHON")?;
        return workloads.iter().try_for_each(|workload| check(workload, peer));
    }
    let mut rows = Vec::new();
    for workload in &workloads {
        println!("\n## {}, batch {}\n", workload.preset, workload.config.train.batch);
        println!("{}", row::HEAD);
        rows.extend(measure::preset(workload, args.repeats.into(), &args.filter, peer.as_mut())?);
    }
    if rows.is_empty() {
        bail!("no row holds {:?} in its name", args.filter);
    }
    let convs = rows.iter().filter(|row| row.name.contains("/conv "));
    if let Some(mean) = row::mean_ratio(convs) {
        println!("\nGeometric mean of the ratios of the convolutions: {mean:.2}");
    }
    println!("\nLoad at the end: {}", machine::load());
    if let Some(path) = &args.json {
        kinora_video::write_atomic(path, row::to_json(&rows).as_bytes())?;
    }
    Ok(())
}

/// The twin; without a Python the reason why there is none.
fn start_peer(args: &Args, variable: Option<OsString>) -> Result<Option<Peer>> {
    let variable = variable.filter(|path| !path.is_empty()).map(PathBuf::from);
    let python = match (&args.peer, variable) {
        _ if args.no_peer => {
            println!("- PyTorch is skipped: --no-peer");
            return Ok(None);
        }
        (Some(python), _) => python.clone(),
        (None, Some(python)) => python,
        (None, None) => {
            println!(
                "- PyTorch is skipped: neither --peer PYTHON nor KINORA_PEER_PYTHON says where it \
                 is (see benches/peers/README.md)"
            );
            return Ok(None);
        }
    };
    let peer = Peer::start(&python, rayon::current_num_threads())?;
    println!("- PyTorch {}", peer.version);
    Ok(Some(peer))
}

/// Holds the twin against ours: parameters, films, logits, and the losses and gradients of two
/// steps, the second with R1.
fn check(workload: &Workload, peer: &mut Peer) -> Result<()> {
    /// What comes before the optimiser's first step; tolerances are of the largest value.
    const BEFORE: [&str; 5] =
        ["films", "logits_clips", "logits_frames", "loss_critic.1", "norm_critic.1"];
    const TOLERANCE: f64 = 1e-4;
    /// Behind it. Adam's first step is the sign of the gradient where β₁ = 0, so that rounding
    /// decides where gradients are near zero; and one unit of a discriminator's last layer on the
    /// other side of the leaky ReLU's kink moves the gradients by some thousandths, which is seen
    /// between PyTorch's own memory formats. Twice the rate is off by a tenth.
    const TOLERANCE_BEHIND: f64 = 2e-2;
    let mut config = workload.config.clone();
    config.train.r1_every = 2;
    let device = kinora_cpu::CpuDevice::new();
    let state = workload.state(&device)?;
    let mut tensors = workload.inputs(&state)?;
    tensors.extend(workload.outputs(state)?);
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), workload::save(&tensors)?)?;
    let reply = peer.ask(&json!({
        "op": "load", "config": serde_json::to_value(&config)?, "file": file.path(),
    }))?;
    println!("\n## {}: ours against the twin\n", workload.preset);
    println!("| what | largest | difference |\n|---|--:|--:|");
    let mut failed = Vec::new();
    for part in ["net", "critic"] {
        let [ours, theirs] = [&reply[part][0], &reply[part][1]];
        println!("| parameters of {part} | {ours} | {theirs} in the twin |");
        if ours != theirs {
            failed.push(part.to_string());
        }
    }
    let reply = peer.ask(&json!({ "op": "check" }))?;
    let errors = reply["errors"].as_object().context("the twin gave no differences")?;
    for (name, values) in errors {
        let [error, largest] = [values[0].as_f64(), values[1].as_f64()];
        let (error, largest) = (error.unwrap_or(f64::NAN), largest.unwrap_or(f64::NAN));
        println!("| {name} | {largest:.6} | {error:.2e} |");
        let before = BEFORE.contains(&name.as_str());
        let tolerance = if before { TOLERANCE } else { TOLERANCE_BEHIND } * largest.max(1.0);
        // NaN does not agree.
        let agrees = error <= tolerance;
        if !agrees {
            failed.push(name.clone());
        }
    }
    if errors.len() != 11 || !failed.is_empty() {
        bail!("{}: the twin differs in {failed:?} ({} outputs)", workload.preset, errors.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("bench").chain(line.split_whitespace()))
    }

    #[test]
    fn arguments() {
        let args =
            parse("--preset lpc --preset shapes --filter step --repeats 7 --peer p").unwrap();
        assert_eq!(args.presets, ["lpc", "shapes"]);
        assert_eq!((args.filter.as_str(), args.repeats), ("step", 7));
        assert_eq!(args.peer, Some("p".into()));
        let none = parse("").unwrap();
        assert!(none.presets.is_empty() && none.repeats == 5 && !none.no_peer, "{none:?}");
        for wrong in [
            "--repeats 0",
            "--repeats five",
            "--peer p --no-peer",
            "--check --no-peer",
            "--check --profile",
            "--profile --json f",
            "--preset",
            "shapes",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, wanted) in [
            ("--no-peer --preset shape", "did you mean \"shapes\""),
            ("--no-peer --set train.batsh=1", "did you mean \"train.batch\""),
            ("--preset shapes --peer no/such/python", "cannot start no/such/python"),
            ("--preset shapes --check", "--check wants --peer"),
        ] {
            let error = format!("{:#}", run(&parse(line).unwrap(), None).unwrap_err());
            assert!(error.contains(wanted), "{line}: {error}");
        }
    }
}
