//! The rows of a preset.

use anyhow::{Context, Result};
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_model::noise;
use kinora_tensor::Tensor;
use serde_json::{Value, json};

use crate::layers::{self, Part};
use crate::peer::Peer;
use crate::row::Row;
use crate::time::{Timing, alternate};
use crate::workload::{self, Workload};

/// Films of a batch that is sampled.
const FILMS: [usize; 2] = [1, 64];

struct Meter<'a> {
    workload: &'a Workload,
    repeats: usize,
    filter: &'a str,
    peer: Option<&'a mut Peer>,
    rows: Vec<Row>,
}

/// Measures the rows whose names hold `filter`, and prints each when it is there.
pub fn preset(
    workload: &Workload,
    repeats: usize,
    filter: &str,
    mut peer: Option<&mut Peer>,
) -> Result<Vec<Row>> {
    let device = CpuDevice::new();
    if let Some(peer) = &mut peer {
        let file = tempfile::NamedTempFile::new()?;
        let state = workload.state(&device)?;
        std::fs::write(file.path(), workload::save(&workload.inputs(&state)?)?)?;
        let config = serde_json::to_value(&workload.config)?;
        peer.ask(&json!({ "op": "load", "config": config, "file": file.path() }))?;
    }
    let mut meter = Meter { workload, repeats, filter, peer, rows: Vec::new() };
    meter.steps(&device)?;
    meter.samples(&device)?;
    meter.convs()?;
    Ok(meter.rows)
}

impl Meter<'_> {
    fn wants(&self, name: &str) -> bool {
        format!("{}/{name}", self.workload.preset).contains(self.filter)
    }

    fn time(&mut self, ours: impl FnMut() -> Result<()>, request: Value) -> Result<Timing> {
        let peer = self.peer.as_mut().map(|peer| (&mut **peer, request));
        alternate(self.repeats, ours, peer)
    }

    /// `amount` is what one of the timed holds, in `unit · s`.
    fn row(&mut self, name: &str, timing: Timing, amount: f64, unit: &'static str) {
        if !self.wants(name) {
            return;
        }
        let name = format!("{}/{name}", self.workload.preset);
        let Timing { ours, peer, formats } = timing;
        let peer = peer.map(|seconds| amount / seconds);
        let row = Row { name, ours: amount / ours, peer, unit, formats };
        println!("{row}");
        self.rows.push(row);
    }

    /// Steps with and without the penalty, and the mean over the steps of a training.
    fn steps(&mut self, device: &CpuDevice) -> Result<()> {
        const NAMES: [&str; 3] = ["step", "step without R1", "step with R1"];
        if !NAMES.iter().any(|name| self.wants(name)) {
            return Ok(());
        }
        let mut timings = Vec::new();
        let mut state = Some(self.workload.state::<CpuTensor>(device)?);
        for r1 in [false, true] {
            let workload = self.workload;
            let config = workload.config_with(r1);
            let step = || {
                let taken = state.take().context("the step before failed")?;
                state = Some(workload.step(taken, device, &config)?.0);
                Ok(())
            };
            timings.push(self.time(step, json!({ "op": "step", "r1": r1 }))?);
        }
        let train = &self.workload.config.train;
        let share = if train.r1 > 0.0 { 1.0 / train.r1_every as f64 } else { 0.0 };
        let mean = |without: f64, with: f64| without + share * (with - without);
        let whole = Timing {
            ours: mean(timings[0].ours, timings[1].ours),
            peer: timings[0].peer.zip(timings[1].peer).map(|(without, with)| mean(without, with)),
            formats: timings[0].formats.clone(),
        };
        let clips = train.batch as f64;
        for (name, timing) in NAMES.into_iter().zip([whole].into_iter().chain(timings)) {
            self.row(name, timing, clips, "clips/s");
        }
        Ok(())
    }

    /// From pieces of sentences to films on the host, noise drawn anew.
    fn samples(&mut self, device: &CpuDevice) -> Result<()> {
        let state = self.workload.state::<CpuTensor>(device)?;
        for films in FILMS {
            let name = format!("sample {films}");
            if !self.wants(&name) {
                continue;
            }
            let model = self.workload.config.model();
            let pieces = self.workload.pieces_of(films)?;
            let seeds: Vec<u64> = (0..films as u64).collect();
            let net = &state.average.module;
            let sample = || {
                net.forward(&pieces, &noise(device, &model, &seeds)?)?.to_vec()?;
                Ok(())
            };
            let timing = self.time(sample, json!({ "op": "sample", "films": films }))?;
            self.row(&name, timing, films as f64, "films/s");
        }
        Ok(())
    }

    fn convs(&mut self) -> Result<()> {
        // Finding them costs a step.
        if ["step", "sample"].iter().any(|other| self.filter.contains(other)) {
            return Ok(());
        }
        for layer in layers::of(self.workload)? {
            for part in Part::ALL {
                let name = format!("conv {} {}", layer.name(), part.name());
                if self.wants(&name) {
                    let (ours, flops) = layer.ours(part)?;
                    let timing = self.time(ours, layer.request(part))?;
                    self.row(&name, timing, flops as f64 / 1e9, "GFLOP/s");
                }
            }
        }
        Ok(())
    }
}
