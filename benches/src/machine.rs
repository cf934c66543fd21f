//! A description of the machine.

use std::process::Command;

use crate::peak::Peak;

/// The head of the results on a device, in Markdown: command, date, processor, threads, compiler,
/// load.
pub fn describe(device: &str) -> String {
    let quoted = |argument: String| match argument.contains(' ') {
        true => format!(" \"{argument}\""),
        false => format!(" {argument}"),
    };
    let arguments: String = std::env::args().skip(1).map(quoted).collect();
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let value =
            |line: &str| line.strip_prefix(name)?.split_once(": ").map(|(_, v)| v.to_string());
        cpus.lines().find_map(value).unwrap_or_else(|| "unknown".into())
    };
    let avx512 = if field("flags").contains("avx512f") { ", AVX-512" } else { "" };
    [
        format!("# Speed on the {device}"),
        String::new(),
        format!("- `cargo xtask bench{arguments}`, {}", output("date", &["-u", "+%F"])),
        format!(
            "- {} (family {}, model {}{avx512}), {} threads",
            field("model name"),
            field("cpu family"),
            field("model\t"),
            rayon::current_num_threads()
        ),
        format!("- {}", output("rustc", &["--version"])),
        format!("- load at the start: {}", load()),
        "- [peers/README.md](peers/README.md) describes the measurements; a ratio above 1 means that \
         kinora is faster, or needs less memory"
            .into(),
        "- GFLOP/s count the operations of the plain convolution for every library; kinora often \
         computes fewer"
            .into(),
    ]
    .join("\n")
}

/// A warning, if the machine was busy with other programs.
pub fn busy(peak: &Peak) -> Option<String> {
    let running = load().split(' ').next()?.parse::<f64>().ok()?;
    let threads = rayon::current_num_threads() as f64;
    // This program itself has just used all threads to measure the peak.
    let crowded = running > threads + 0.5;
    (crowded || peak.gemm < 0.75 * peak.fma).then(|| {
        "- **the machine was busy with other programs; the results are unreliable**".into()
    })
}

/// The trimmed stdout of a program.
fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string());
    text.unwrap_or_else(|_| format!("{program}: unknown"))
}

/// The load averages of the system over the last 1, 5 and 15 minutes.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let three: Vec<&str> = load.split_whitespace().take(3).collect();
    if three.is_empty() { "unknown".into() } else { three.join(" ") }
}
