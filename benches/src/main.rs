//! Benchmarks of the training step, of sampling and of the convolutions of the presets, beside a twin
//! in PyTorch. See `cargo xtask bench --help`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use kinora_cpu::{CpuDevice, CpuTensor};

mod bench;
mod check;
mod gpu;
mod layers;
mod machine;
mod measure;
mod memory;
mod peak;
mod peer;
mod profile;
mod recorder;
mod row;
mod scaling;
mod time;
mod workload;

use bench::Bench;
use peak::Peak;
use peer::{Peer, Peers};
use recorder::Recording;
use workload::Workload;

/// Measure the training step, sampling and each convolution, beside PyTorch, burn and candle.
#[derive(Debug, Parser)]
///
/// A full run with PyTorch, burn and candle takes some ten minutes. Nothing else should run on the
/// machine.
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Args {
    /// A preset of `kinora train`; may be given several times [default: all of them]
    #[arg(long = "preset", value_name = "NAME")]
    presets: Vec<String>,
    /// Set a key of each preset, as in `kinora train`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Device to measure; for gpu there are also rows for its kernels, submits and memory
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
    /// Measure only rows whose names contain this text
    #[arg(long, value_name = "TEXT", default_value = "", conflicts_with = "out")]
    filter: String,
    /// Measurements per row; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// Python with PyTorch, for the twin [default: the value of KINORA_PEER_PYTHON]
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Measure kinora alone
    #[arg(long, conflicts_with = "peer")]
    no_peer: bool,
    /// Also measure PyTorch's networks with torch.compile, which takes minutes per preset
    #[arg(long, conflicts_with = "no_peer")]
    compiled: bool,
    /// Peak of the GPU in 32-bit floats according to its maker, for the column "of the peak"
    #[arg(long, value_name = "GFLOP/S", value_parser = positive)]
    peak: Option<f64>,
    /// Also write RESULTS.md (the printed text), results.json (the rows) and scaling.svg to this
    /// folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Check that the twin has the same parameters, outputs, losses and gradients, and stop
    #[arg(long, conflicts_with_all = ["no_peer", "profile", "out", "filter", "compiled"])]
    check: bool,
    /// Print the time of each operation in a training step and in a film, and stop
    #[arg(long, conflicts_with_all = ["out", "filter", "compiled"])]
    profile: bool,
    /// Print the peak memory of this process over some steps, in bytes
    #[arg(long, hide = true)]
    peak_memory: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
enum Device {
    Cpu,
    Gpu,
}

fn positive(text: &str) -> Result<f64, String> {
    let peak: f64 = text.parse().map_err(|_| "not a number")?;
    if peak.is_finite() && peak > 0.0 { Ok(peak) } else { Err("not above 0".into()) }
}

fn main() -> ExitCode {
    let args = Args::parse();
    // On a thread of the pool, like `kinora`.
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
    if args.device == Device::Gpu && (args.out.is_some() || args.compiled) {
        bail!("--device gpu only prints to the terminal; leave out --out and --compiled");
    }
    let known: Vec<String> =
        kinora_train::PRESETS.iter().map(|(name, _)| name.to_string()).collect();
    let presets = if args.presets.is_empty() { &known } else { &args.presets };
    // All presets first, so that a wrong key is found at once.
    let workloads =
        presets.iter().map(|name| Workload::new(name, &args.set)).collect::<Result<Vec<_>>>()?;
    if args.peak_memory {
        return workloads.iter().try_for_each(memory::print);
    }
    let python = match variable.filter(|path| !path.is_empty()) {
        _ if args.no_peer => None,
        variable => args.peer.clone().or(variable.map(PathBuf::from)),
    };
    if args.compiled && python.is_none() {
        bail!("--compiled needs --peer PYTHON or KINORA_PEER_PYTHON");
    }
    if args.check {
        let python = python.context("--check needs --peer PYTHON or KINORA_PEER_PYTHON")?;
        let mut torch = Peer::torch(&python, rayon::current_num_threads(), args.device)?;
        return workloads.iter().try_for_each(|workload| check::print(workload, &mut torch));
    }
    if args.device == Device::Gpu {
        return gpu::run(args, &workloads, python);
    }
    if args.profile {
        println!("{}", machine::describe("CPU"));
        return workloads.iter().try_for_each(|workload| {
            profile::print::<CpuTensor>(workload, Recording::new(CpuDevice::new(), |_| Ok(())))
        });
    }
    rows(args, &workloads, python)
}

/// Measures and prints all rows, and writes them to `--out`.
fn rows(args: &Args, workloads: &[Workload], python: Option<PathBuf>) -> Result<()> {
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    }
    let (peers, lines) = match args.no_peer {
        true => (Peers::default(), vec!["- other libraries are skipped: --no-peer".into()]),
        false => Peers::start(python, args.compiled)?,
    };
    let peak = Peak::measure()?;
    let mut bench = Bench::new(peers, peak, args.repeats.into(), &args.filter, &args.set);
    bench.say(&machine::describe("CPU"));
    lines.iter().for_each(|line| bench.say(line));
    bench.say(&format!(
        "- the peak is {:.0} GFLOP/s, the larger of {:.0} for independent multiply-adds and {:.0} \
         for a product of matrices (512×512)",
        peak.best(),
        peak.fma,
        peak.gemm
    ));
    if let Some(busy) = machine::busy(&bench.peak) {
        bench.say(&busy);
    }
    workloads.iter().try_for_each(|workload| measure::preset(workload, &mut bench))?;
    let last = workloads.last().context("there is a preset")?;
    let drawing = scaling::measure(last, &mut bench)?;
    if bench.rows.is_empty() {
        bail!("no row has {:?} in its name", args.filter);
    }
    if drawing.is_some() {
        bench.say(
            "\n![Clips per second against batch, frames, side and threads](scaling.svg)\n\n\
             Both axes are logarithmic. The dashed line is the speed at proportional cost: cost that \
             grows exactly as the work, from the preset's own value (for threads, from one). The \
             column \"of proportional\" is the measured speed over that speed.",
        );
    }
    let summary = bench.summary();
    if !summary.is_empty() {
        bench.say(&format!("\n## All convolutions\n\n{}", summary.join("\n")));
    }
    bench.say(&format!("\nLoad at the end: {}.", machine::load()));
    if let Some(folder) = &args.out {
        let json = row::to_json(&bench.rows);
        let files = [
            ("RESULTS.md", Some(bench.text)),
            ("results.json", Some(json)),
            ("scaling.svg", drawing),
        ];
        for (name, content) in files {
            if let Some(content) = content {
                kinora_video::write_atomic(&folder.join(name), content.as_bytes())?;
            }
        }
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
            "--compiled --no-peer",
            "--profile --out f",
            "--filter step --out f",
            "--profile --filter step",
            "--check --compiled",
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
            ("--preset shapes --check", "--check needs --peer"),
            ("--device gpu --out f", "--device gpu only prints to the terminal"),
            ("--preset shapes --compiled", "--compiled needs --peer"),
        ] {
            let error = format!("{:#}", run(&parse(line).unwrap(), None).unwrap_err());
            assert!(error.contains(wanted), "{line}: {error}");
        }
    }
}
