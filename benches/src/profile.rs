//! The time of each operation in a training step and in a film.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::Result;
use kinora_model::noise;
use kinora_tensor::{Desc, Tensor};

use crate::recorder::{Call, Recorder, Recording};
use crate::workload::Workload;

/// Number of steps or films that are recorded, after one that does not count.
const STEPS: usize = 3;
/// Number of the slowest operations that are shown with their shapes.
const DEAREST: usize = 25;

#[derive(Default)]
struct Total {
    calls: usize,
    seconds: f64,
    flops: u64,
    bytes: u64,
}

/// Prints the operations of a step without R1, of a step with R1 and of a film, the slowest first.
pub fn print<T: Tensor>(workload: &Workload, device: Recording<T::Device>) -> Result<()> {
    steps::<T>(workload, &device, false)?;
    steps::<T>(workload, &device, true)?;
    film::<T>(workload, &device)
}

fn steps<T: Tensor>(workload: &Workload, device: &Recording<T::Device>, r1: bool) -> Result<()> {
    let config = workload.config_with(r1);
    let mut state = workload.state::<Recorder<T>>(device)?;
    (state, _) = workload.step(state, device, &config)?;
    device.take();
    let start = Instant::now();
    for _ in 0..STEPS {
        (state, _) = workload.step(state, device, &config)?;
    }
    let whole = start.elapsed().as_secs_f64();
    let what = if r1 { "a step with R1" } else { "a step without R1" };
    tables(workload, what, &device.take(), whole);
    Ok(())
}

fn film<T: Tensor>(workload: &Workload, device: &Recording<T::Device>) -> Result<()> {
    let state = workload.state::<Recorder<T>>(device)?;
    let (pieces, model) = (workload.pieces_of(1), workload.config.model());
    let film = || {
        let noise = noise::<Recorder<T>>(device, &model, &[0])?;
        state.model().forward(&pieces, &noise)?.to_vec()
    };
    film()?;
    device.take();
    let start = Instant::now();
    for _ in 0..STEPS {
        film()?;
    }
    let whole = start.elapsed().as_secs_f64();
    tables(workload, "a film", &device.take(), whole);
    Ok(())
}

fn tables(workload: &Workload, what: &str, calls: &[Call], whole: f64) {
    println!("\n## {}, {what}: {:.2} ms\n", workload.preset, whole / STEPS as f64 * 1e3);
    table(calls, whole, |call| call.name.into(), usize::MAX);
    println!("\nThe slowest by shape:\n");
    table(calls, whole, |call| format!("{} {}", call.name, shapes(&call.inputs)), DEAREST);
}

fn table(calls: &[Call], whole: f64, key: impl Fn(&Call) -> String, most: usize) {
    let mut totals: HashMap<String, Total> = HashMap::new();
    for call in calls {
        let total = totals.entry(key(call)).or_default();
        total.calls += 1;
        total.seconds += call.seconds;
        let [flops, bytes] = call.cost();
        total.flops += flops;
        total.bytes += bytes;
    }
    let within: f64 = totals.values().map(|total| total.seconds).sum();
    let mut totals: Vec<_> = totals.into_iter().collect();
    totals.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
    println!("| operation | calls | ms | share | GFLOP/s | GB/s |\n|---|--:|--:|--:|--:|--:|");
    let ms = |seconds: f64| seconds / STEPS as f64 * 1e3;
    for (name, Total { calls, seconds, flops, bytes }) in totals.into_iter().take(most) {
        let share = seconds / whole * 100.0;
        let (gflops, gigabytes) = (flops as f64 / seconds / 1e9, bytes as f64 / seconds / 1e9);
        let (calls, ms) = (calls / STEPS, ms(seconds));
        println!("| {name} | {calls} | {ms:.2} | {share:.1} % | {gflops:.1} | {gigabytes:.1} |");
    }
    if most == usize::MAX {
        let rest = whole - within;
        println!("| outside of them | | {:.2} | {:.1} % | | |", ms(rest), rest / whole * 100.0);
    }
}

fn shapes(inputs: &[Desc]) -> String {
    const MOST: usize = 3;
    let shown: Vec<String> = inputs.iter().take(MOST).map(|desc| desc.shape.to_string()).collect();
    let more = if inputs.len() > MOST {
        format!(" and {} more", inputs.len() - MOST)
    } else {
        String::new()
    };
    shown.join(" ") + &more
}
