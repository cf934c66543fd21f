//! What it runs on.

use std::process::Command;

/// Processor, threads, load and compiler.
pub fn describe() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name);
    let rustc = Command::new("rustc").arg("--version").output().ok();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string());
    let threads = rayon::current_num_threads();
    let rustc = rustc.unwrap_or_default();
    format!("{model}, {threads} threads, {rustc}; load at the start: {}", load())
}

/// The mean number of programs that ran in the last 1, 5 and 15 minutes, as the system says it.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let three: Vec<&str> = load.split_whitespace().take(3).collect();
    if three.is_empty() { "unknown".into() } else { three.join(" ") }
}
