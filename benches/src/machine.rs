//! What it runs on.

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
        "- what is measured and how: [peers/README.md](peers/README.md); ratios above 1 say that \
         ours is faster, or smaller"
            .into(),
        "- GFLOP/s count the products of the plain convolution, for all alike; ours often takes \
         fewer"
            .into(),
    ]
    .join("\n")
}

/// A warning, where the machine did something else.
pub fn busy(peak: &Peak) -> Option<String> {
    let running = load().split(' ').next()?.parse::<f64>().ok()?;
    let threads = rayon::current_num_threads() as f64;
    // This program itself has just measured the peak.
    let crowded = running > threads + 0.5;
    (crowded || peak.gemm < 0.75 * peak.fma)
        .then(|| "- **the machine was busy with something else: what follows says little**".into())
}

/// What a program prints, on one line.
fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string());
    text.unwrap_or_else(|_| format!("{program}: unknown"))
}

/// The mean number of programs that ran in the last 1, 5 and 15 minutes, as the system says it.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let three: Vec<&str> = load.split_whitespace().take(3).collect();
    if three.is_empty() { "unknown".into() } else { three.join(" ") }
}
