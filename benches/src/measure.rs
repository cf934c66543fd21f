//! The rows of a preset.

use anyhow::{Context, Result};
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_model::noise;
use kinora_tensor::Tensor;
use serde_json::json;

use crate::Device;
use crate::bench::Bench;
use crate::layers::{self, Part};
use crate::memory;
use crate::peer::{Peer, Rival};
use crate::row::{Row, Table, Unit};
use crate::time::Timing;
use crate::workload::Workload;

/// Batches of films for sampling.
const FILMS: [usize; 2] = [1, 64];
const NETWORKS: [Rival; 2] = [Rival::PyTorch, Rival::Compiled];
const CONVOLUTIONS: [Rival; 3] = [Rival::PyTorch, Rival::Burn, Rival::Candle];
const MEBIBYTE: f64 = (1 << 20) as f64;

struct Meter<'a> {
    workload: &'a Workload,
    bench: &'a mut Bench,
}

/// Measures and prints the rows of a preset.
pub fn preset(workload: &Workload, bench: &mut Bench) -> Result<()> {
    let [t, h, w, c] = workload.config.clip.dims();
    let heading = format!(
        "{}, batches of {} clips of {t} frames of {h}×{w}×{c}",
        workload.preset, workload.config.train.batch
    );
    let device = CpuDevice::new();
    if let Some(torch) = &mut bench.peers.torch {
        torch.load(&workload.config, &workload.inputs(&workload.state(&device)?)?)?;
    }
    bench.section(&heading, Table::Networks);
    let mut meter = Meter { workload, bench };
    meter.steps(&device)?;
    meter.samples(&device)?;
    drop(device);
    meter.memory()?;
    let table = Table::Convolutions { peak: meter.bench.peak.best() };
    meter.bench.section(&format!("{heading}: convolutions"), table);
    meter.convs()
}

impl Meter<'_> {
    fn wants(&self, name: &str) -> bool {
        self.bench.wants(&format!("{}/{name}", self.workload.preset))
    }

    /// Adds a row; `amount` is the work of one timed call, in `unit · s`.
    fn row(&mut self, name: &str, timing: Timing, amount: f64, unit: Unit, dense: bool) {
        let Timing { ours, rivals, way } = timing;
        let rivals = rivals.into_iter().map(|(rival, seconds)| (rival, amount / seconds)).collect();
        let name = format!("{}/{name}", self.workload.preset);
        self.bench.add(Row { name, unit, ours: amount / ours, rivals, remark: way, dense });
    }

    /// Steps with and without the penalty R1, and the mean over the steps of a training.
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
            timings.push(self.bench.time(1, step, &NETWORKS, json!({ "op": "step", "r1": r1 }))?);
        }
        let train = &self.workload.config.train;
        let share = if train.r1 > 0.0 { 1.0 / train.r1_every as f64 } else { 0.0 };
        let whole = timings[0].between(&timings[1], share);
        let clips = train.batch as f64;
        for (name, timing) in NAMES.into_iter().zip([whole].into_iter().chain(timings)) {
            self.row(name, timing, clips, Unit::Clips, false);
        }
        Ok(())
    }

    /// From pieces of sentences to films on the host, with new noise.
    fn samples(&mut self, device: &CpuDevice) -> Result<()> {
        let state = self.workload.state::<CpuTensor>(device)?;
        for films in FILMS {
            let name = format!("sample {films}");
            if !self.wants(&name) {
                continue;
            }
            let model = self.workload.config.model();
            let pieces = self.workload.pieces_of(films);
            let seeds: Vec<u64> = (0..films as u64).collect();
            let net = state.model();
            let sample = || {
                net.forward(&pieces, &noise(device, &model, &seeds)?)?.to_vec()?;
                Ok(())
            };
            let request = json!({ "op": "sample", "films": films });
            let timing = self.bench.time(1, sample, &NETWORKS, request)?;
            self.row(&name, timing, films as f64, Unit::Films, false);
        }
        Ok(())
    }

    /// The peak memory of a process of its own, over steps without and with the penalty.
    fn memory(&mut self) -> Result<()> {
        const NAME: &str = "memory of a step";
        if !self.wants(NAME) {
            return Ok(());
        }
        let Some([own, ours]) = memory::of_a_child(&self.workload.preset, &self.bench.set)? else {
            return Ok(());
        };
        let mut row = Row {
            name: format!("{}/{NAME}", self.workload.preset),
            unit: Unit::Mebibytes,
            ours: ours / MEBIBYTE,
            rivals: Vec::new(),
            remark: String::new(),
            dense: false,
        };
        if let Some(python) = &self.bench.peers.python {
            let state = self.workload.state(&CpuDevice::new())?;
            let inputs = self.workload.inputs(&state)?;
            drop(state);
            for (last, way) in [(false, "contiguous"), (true, "channels-last")] {
                let mut torch = Peer::torch(python, rayon::current_num_threads(), Device::Cpu)?;
                torch.load(&self.workload.config, &inputs)?;
                let reply = torch.ask(&json!({ "op": "memory", "last": last }))?;
                let [peak, before] = ["peak", "before"].map(|key| reply[key].as_f64());
                let (Some(peak), Some(before)) = (peak, before) else { continue };
                let (peak, before) = (peak / MEBIBYTE, before / MEBIBYTE);
                // The memory format that needs less counts.
                if row.of(Rival::PyTorch).is_none_or(|other| peak < other) {
                    row.rivals = vec![(Rival::PyTorch, peak)];
                    row.remark = format!(
                        "{way}; before any network {:.0} MiB, PyTorch {before:.0}",
                        own / MEBIBYTE
                    );
                }
            }
        }
        self.bench.add(row);
        Ok(())
    }

    fn convs(&mut self) -> Result<()> {
        // Finding the convolutions costs a step, so skip it if the filter wants none.
        if ["step", "sample", "memory", "scaling"]
            .iter()
            .any(|other| self.bench.filter.contains(other))
        {
            return Ok(());
        }
        for layer in layers::of(self.workload)? {
            for part in Part::ALL {
                let name = format!("conv {}", layer.name(part));
                if self.wants(&name) {
                    let flops = layer.flops(part);
                    let ours = layer.ours::<CpuTensor>(CpuDevice::new(), part)?;
                    // burn and candle have no convolution of an enlarged picture; PyTorch uses two
                    // functions.
                    let rivals =
                        if layer.enlarged { &CONVOLUTIONS[..1] } else { &CONVOLUTIONS[..] };
                    let timing = self.bench.time(2, ours, rivals, layer.request(part))?;
                    let dense = layer.is_dense(flops);
                    self.row(&name, timing, flops as f64 / 1e9, Unit::Gflops, dense);
                }
            }
        }
        Ok(())
    }
}
