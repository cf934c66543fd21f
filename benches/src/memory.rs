//! The peak memory of a process.

use std::process::Command;

use anyhow::{Context, Result, bail};
use kinora_cpu::{CpuDevice, CpuTensor};

use crate::workload::Workload;

/// The argument that makes this program only take steps and print its peak memory.
const ARGUMENT: &str = "--peak-memory";

/// The peak memory of this process in bytes, if the system reports it.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kib| kib * 1024.0)
}

/// Takes steps without and with the penalty, and prints two peaks in bytes: before any network, and at
/// the end.
pub fn print(workload: &Workload) -> Result<()> {
    let before = peak();
    let device = CpuDevice::new();
    let mut state = workload.state::<CpuTensor>(&device)?;
    for r1 in [false, true, false, true] {
        state = workload.step(state, &device, &workload.config_with(r1))?.0;
    }
    if let (Some(before), Some(peak)) = (before, peak()) {
        println!("{before} {peak}");
    }
    Ok(())
}

/// The two numbers of [`print()`] in a process of its own; `None` if the system does not report them.
pub fn of_a_child(preset: &str, set: &[String]) -> Result<Option<[f64; 2]>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([ARGUMENT, "--preset", preset]);
    set.iter().for_each(|set| {
        command.args(["--set", set]);
    });
    command.env("RAYON_NUM_THREADS", rayon::current_num_threads().to_string());
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let printed = String::from_utf8(output.stdout)?;
    if printed.is_empty() {
        return Ok(None);
    }
    let numbers: Vec<f64> = printed.split_whitespace().flat_map(str::parse).collect();
    let both = numbers.try_into().ok().with_context(|| format!("{command:?} said {printed:?}"))?;
    Ok(Some(both))
}
