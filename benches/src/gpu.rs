//! The rows of a GPU: ours alone, and what it was given to do.

use std::time::Instant;

use anyhow::{Context, Result};
use kinora_gpu::{Adapter, GpuDevice, GpuTensor};
use kinora_model::noise;
use kinora_tensor::{Random, Tensor};

use crate::layers::{self, Part};
use crate::recorder::Recording;
use crate::time::{LEAST, median};
use crate::workload::Workload;
use crate::{Args, machine, profile};

/// Sides of square matrices.
const SIDES: [usize; 3] = [512, 1024, 2048];
/// A program that stands in for a GPU is not given more than this to compute at a time.
const SOFTWARE: u64 = 300_000_000;

pub fn run(args: &Args, workloads: &[Workload]) -> Result<()> {
    let adapters = Adapter::all();
    let adapter = adapters.first().context("there is no GPU, nor a driver in software")?;
    let device = GpuDevice::of(adapter)?;
    println!("{}", machine::describe("GPU"));
    println!(
        "- {}, {}, driver {}{}",
        adapter.name(),
        adapter.backend(),
        adapter.driver(),
        if adapter.is_software() {
            ": a program, whose figures say nothing of a GPU, and large rows are left out"
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
    let meter = Meter { args, device, most: adapter.is_software().then_some(SOFTWARE) };
    println!("\n| what | is | unit |\n|---|--:|---|");
    meter.recording()?;
    meter.products()?;
    workloads.iter().try_for_each(|workload| {
        meter.networks(workload)?;
        meter.convs(workload)
    })
}

struct Meter<'a> {
    args: &'a Args,
    device: GpuDevice,
    /// Operations at most.
    most: Option<u64>,
}

impl Meter<'_> {
    fn wants(&self, name: &str, flops: u64) -> bool {
        name.contains(&self.args.filter) && self.most.is_none_or(|most| flops <= most)
    }

    fn row(&self, name: &str, value: f64, unit: &str) {
        println!("| {name} | {value:.2} | {unit} |");
    }

    /// Median seconds of one of what `run` records, after two that do not count.
    fn seconds(&self, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
        let mut time = |times: usize| -> Result<f64> {
            let start = Instant::now();
            (0..times).try_for_each(|_| run())?;
            self.device.wait()?;
            Ok(start.elapsed().as_secs_f64())
        };
        time(1)?;
        let times = ((LEAST / time(1)?).ceil() as usize).max(1);
        let rounds = (0..self.args.repeats).map(|_| Ok(time(times)? / times as f64));
        Ok(median(rounds.collect::<Result<Vec<f64>>>()?))
    }

    /// What a kernel costs before the GPU has any of it.
    fn recording(&self) -> Result<()> {
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
        self.row(name, median(rounds.collect::<Result<Vec<f64>>>()?), "µs");
        Ok(())
    }

    fn products(&self) -> Result<()> {
        for side in SIDES {
            let (name, flops) = (format!("matmul {side}³"), 2 * (side as u64).pow(3));
            if !self.wants(&name, flops) {
                continue;
            }
            let mut random = Random::new(0, 0);
            let mut randn = || GpuTensor::randn(&self.device, &mut random, [side, side]);
            let (a, b) = (randn()?, randn()?);
            let seconds = self.seconds(|| {
                a.matmul(&b)?;
                Ok(())
            })?;
            self.row(&name, flops as f64 / seconds * 1e-9, "GFLOP/s");
        }
        Ok(())
    }

    /// Steps and films, with what the device was given to do for one.
    fn networks(&self, workload: &Workload) -> Result<()> {
        let preset = &workload.preset;
        for (what, r1) in [("step without R1", false), ("step with R1", true)] {
            let name = format!("{preset}/{what}");
            if !self.wants(&name, 0) {
                continue;
            }
            let config = workload.config_with(r1);
            let mut state = Some(workload.state::<GpuTensor>(&self.device)?);
            let mut step = || {
                let taken = state.take().context("the step before failed")?;
                state = Some(workload.step(taken, &self.device, &config)?.0);
                Ok(())
            };
            (0..3).try_for_each(|_| step())?;
            let before = self.device.counts();
            step()?;
            let after = self.device.counts();
            let seconds = self.seconds(step)?;
            self.row(&name, config.train.batch as f64 / seconds, "clips/s");
            let memory = self.device.memory();
            for (what, value) in [
                ("kernels", after.dispatches - before.dispatches),
                ("submits", after.submits - before.submits),
                ("new bind groups", after.bind_groups - before.bind_groups),
                ("MiB in the pool, with what is in use", (memory.live + memory.pooled) >> 20),
            ] {
                self.row(&format!("{name}, {what}"), value as f64, "");
            }
        }
        let state = workload.state::<GpuTensor>(&self.device)?;
        for films in [1, 64] {
            let name = format!("{preset}/sample {films}");
            if !self.wants(&name, 0) || (films > 1 && self.most.is_some()) {
                continue;
            }
            let (pieces, model) = (workload.pieces_of(films), workload.config.model());
            let seeds: Vec<u64> = (0..films as u64).collect();
            let seconds = self.seconds(|| {
                let noise = noise(&self.device, &model, &seeds)?;
                state.average.module.forward(&pieces, &noise)?.to_vec()?;
                Ok(())
            })?;
            self.row(&name, films as f64 / seconds, "films/s");
        }
        Ok(())
    }

    fn convs(&self, workload: &Workload) -> Result<()> {
        for layer in layers::of(workload)? {
            for part in Part::ALL {
                let name = format!("{}/conv {}", workload.preset, layer.name(part));
                let flops = layer.flops(part);
                if !self.wants(&name, flops) {
                    continue;
                }
                let seconds = self.seconds(layer.ours::<GpuTensor>(self.device.clone(), part)?)?;
                self.row(&name, flops as f64 / seconds * 1e-9, "GFLOP/s");
            }
        }
        Ok(())
    }
}
