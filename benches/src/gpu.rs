//! The rows of a GPU: the speed of kinora, PyTorch and burn, and the work that kinora submits.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_gpu::{Adapter, GpuDevice, GpuTensor};
use kinora_model::noise;
use kinora_tensor::{Random, Tensor};
use serde_json::{Value, json};

use crate::layers::{self, Part};
use crate::peer::{Peers, Rival};
use crate::recorder::Recording;
use crate::time::{Timing, alternate, median};
use crate::workload::Workload;
use crate::{Args, machine, profile};

/// Sides of square matrices.
const SIDES: [usize; 3] = [512, 1024, 2048];
/// Largest number of floating-point operations of a row on a software driver.
const SOFTWARE: u64 = 300_000_000;

const NETWORKS: [Rival; 2] = [Rival::PyTorch, Rival::Tf32];
const CONVOLUTIONS: [Rival; 3] = [Rival::PyTorch, Rival::Tf32, Rival::BurnWgpu];

pub fn run(args: &Args, workloads: &[Workload], python: Option<PathBuf>) -> Result<()> {
    let adapters = Adapter::all();
    let adapter = adapters.first().context("no GPU and no software driver found; install one")?;
    let device = GpuDevice::of(adapter)?;
    println!("{}", machine::describe("GPU"));
    println!(
        "- {}, {}, driver {}{}",
        adapter.name(),
        adapter.backend(),
        adapter.driver(),
        if adapter.is_software() {
            ": a software driver, so the figures do not apply to a GPU; large rows are left out"
        } else {
            ""
        }
    );
    if args.profile {
        let wait: fn(&GpuDevice) -> kinora_tensor::Result<()> = GpuDevice::wait;
        return workloads.iter().try_for_each(|workload| {
            profile::print::<GpuTensor>(workload, Recording::new(device.clone(), wait))
        });
    }
    let (peers, lines) = match args.no_peer {
        true => (Peers::default(), vec!["- other libraries are skipped: --no-peer".into()]),
        false => Peers::on_gpu(python)?,
    };
    println!("{}", lines.join("\n"));
    let most = adapter.is_software().then_some(SOFTWARE);
    let mut meter = Meter { args, device, peers, most, rows: 0 };
    println!(
        "\n| what | ours | unit | of the peak | PyTorch | ratio | by default | ratio | burn | ratio |\n\
         |---|--:|---|--:|--:|--:|--:|--:|--:|--:|"
    );
    meter.recording()?;
    meter.products()?;
    workloads.iter().try_for_each(|workload| {
        meter.networks(workload)?;
        meter.convs(workload)
    })?;
    ensure!(meter.rows > 0, "no row has {:?} in its name", args.filter);
    Ok(())
}

struct Meter<'a> {
    args: &'a Args,
    device: GpuDevice,
    peers: Peers,
    /// Largest number of floating-point operations of a row.
    most: Option<u64>,
    /// Number of rows printed so far.
    rows: usize,
}

impl Meter<'_> {
    fn wants(&self, name: &str, flops: u64) -> bool {
        name.contains(&self.args.filter) && self.most.is_none_or(|most| flops <= most)
    }

    /// Prints a row without rivals.
    fn say(&mut self, name: &str, value: f64, unit: &str) {
        println!("| {name} | {value:.2} | {unit} | | | | | | | |");
        self.rows += 1;
    }

    /// Prints a row with rivals; `amount` is the work of one timed call, in `unit · s`.
    fn row(&mut self, name: &str, timing: &Timing, amount: f64, unit: &str) {
        let ours = amount / timing.ours;
        let share = match (self.args.peak, unit) {
            (Some(peak), "GFLOP/s") => format!("{:.0} %", 100.0 * ours / peak),
            _ => String::new(),
        };
        let mut line = format!("| {name} | {ours:.2} | {unit} | {share} |");
        for rival in CONVOLUTIONS {
            let found = timing.rivals.iter().find(|(who, _)| *who == rival);
            line += &found.map_or(" | |".into(), |(_, seconds)| {
                format!(" {:.2} | {:.2} |", amount / seconds, seconds / timing.ours)
            });
        }
        println!("{line}");
        self.rows += 1;
    }

    fn time(
        &mut self,
        run: impl FnMut() -> Result<()>,
        rivals: &[Rival],
        request: &Value,
    ) -> Result<Timing> {
        let wait = || Ok(self.device.wait()?);
        alternate(self.args.repeats.into(), run, wait, &mut self.peers, rivals, request)
    }

    /// The time of recording a kernel, before anything is submitted.
    fn recording(&mut self) -> Result<()> {
        // Fewer than one submit takes.
        const KERNELS: u32 = 400;
        let name = "recording a kernel";
        if !self.wants(name, 0) {
            return Ok(());
        }
        let x = GpuTensor::full(&self.device, 1.0, [16])?;
        let once = || -> Result<f64> {
            self.device.wait()?;
            let start = Instant::now();
            (0..KERNELS).try_for_each(|_| x.add(&x).map(drop))?;
            Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(KERNELS))
        };
        once()?;
        let rounds = (0..20 * self.args.repeats).map(|_| once());
        self.say(name, median(rounds.collect::<Result<Vec<f64>>>()?), "µs");
        Ok(())
    }

    fn products(&mut self) -> Result<()> {
        for side in SIDES {
            let (name, flops) = (format!("matmul {side}³"), 2 * (side as u64).pow(3));
            if !self.wants(&name, flops) {
                continue;
            }
            let mut random = Random::new(0, 0);
            let mut randn = || GpuTensor::randn(&self.device, &mut random, [side, side]);
            let (a, b) = (randn()?, randn()?);
            let run = || Ok(a.matmul(&b).map(drop)?);
            let request = json!({ "op": "matmul", "side": side });
            let timing = self.time(run, &NETWORKS, &request)?;
            self.row(&name, &timing, flops as f64 * 1e-9, "GFLOP/s");
        }
        Ok(())
    }

    /// Steps and films, with the kernels, submits, bind groups and memory of one step.
    fn networks(&mut self, workload: &Workload) -> Result<()> {
        let preset = &workload.preset;
        let steps = [("step without R1", false), ("step with R1", true)]
            .map(|(what, r1)| (format!("{preset}/{what}"), r1));
        let films = [1, 64].map(|films| (format!("{preset}/sample {films}"), films));
        let mut names =
            steps.iter().map(|(name, _)| name).chain(films.iter().map(|(name, _)| name));
        if !names.any(|name| self.wants(name, 0)) {
            return Ok(());
        }
        if let Some(torch) = &mut self.peers.torch {
            let device = CpuDevice::new();
            torch.load(
                &workload.config,
                &workload.inputs(&workload.state::<CpuTensor>(&device)?)?,
            )?;
        }
        for (name, r1) in steps {
            if !self.wants(&name, 0) {
                continue;
            }
            let config = workload.config_with(r1);
            let mut state = Some(workload.state::<GpuTensor>(&self.device)?);
            let device = self.device.clone();
            let mut step = || {
                let taken = state.take().context("the step before failed")?;
                state = Some(workload.step(taken, &device, &config)?.0);
                Ok(())
            };
            (0..3).try_for_each(|_| step())?;
            let before = self.device.counts();
            step()?;
            let after = self.device.counts();
            let timing = self.time(step, &NETWORKS, &json!({ "op": "step", "r1": r1 }))?;
            self.row(&name, &timing, config.train.batch as f64, "clips/s");
            let memory = self.device.memory();
            for (what, value) in [
                ("kernels", after.dispatches - before.dispatches),
                ("submits", after.submits - before.submits),
                ("new bind groups", after.bind_groups - before.bind_groups),
                ("MiB in the pool, used or free", (memory.live + memory.pooled) >> 20),
            ] {
                self.say(&format!("{name}, {what}"), value as f64, "");
            }
        }
        let state = workload.state::<GpuTensor>(&self.device)?;
        for (name, films) in films {
            if !self.wants(&name, 0) || (films > 1 && self.most.is_some()) {
                continue;
            }
            let (pieces, model) = (workload.pieces_of(films), workload.config.model());
            let seeds: Vec<u64> = (0..films as u64).collect();
            let device = self.device.clone();
            let run = || {
                let noise = noise(&device, &model, &seeds)?;
                state.model().forward(&pieces, &noise)?.to_vec()?;
                Ok(())
            };
            let timing = self.time(run, &NETWORKS, &json!({ "op": "sample", "films": films }))?;
            self.row(&name, &timing, films as f64, "films/s");
        }
        Ok(())
    }

    fn convs(&mut self, workload: &Workload) -> Result<()> {
        for layer in layers::of(workload)? {
            for part in Part::ALL {
                let name = format!("{}/conv {}", workload.preset, layer.name(part));
                let flops = layer.flops(part);
                if !self.wants(&name, flops) {
                    continue;
                }
                let ours = layer.ours::<GpuTensor>(self.device.clone(), part)?;
                // burn has no convolution of an enlarged picture.
                let rivals = &CONVOLUTIONS[..if layer.enlarged { 2 } else { 3 }];
                let timing = self.time(ours, rivals, &layer.request(part))?;
                self.row(&name, &timing, flops as f64 * 1e-9, "GFLOP/s");
            }
        }
        Ok(())
    }
}
