#![doc = include_str!("../README.md")]

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use conv::{Conv, Job, Part};

mod burn;
mod candle;
mod conv;
#[cfg(test)]
mod tests;

/// The lock file, which has the versions of the packages compiled in.
const LOCK: &str = include_str!("../Cargo.lock");

/// A request, one per line.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Request {
    Hello { threads: usize },
    Conv(Timed),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Backend {
    Burn,
    #[cfg(feature = "wgpu")]
    BurnWgpu,
    Candle,
}

/// A convolution of `x: [n, t, h, w, ci]` with `kernel: [kt, kh, kw, ci, co]`, `times` times.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Timed {
    backend: Backend,
    part: Part,
    x: [usize; 5],
    kernel: [usize; 5],
    stride: [usize; 3],
    padding: [usize; 3],
    times: usize,
}

/// Answers requests, and keeps the operands of the last convolution.
#[derive(Default)]
struct Bench {
    /// The last request, with `times` set to 0, and its computation.
    last: Option<(Timed, Job)>,
}

impl Bench {
    fn answer(&mut self, line: &str) -> Result<Value> {
        match serde_json::from_str(line)? {
            Request::Hello { threads } => hello(threads),
            Request::Conv(timed) => self.conv(timed),
        }
    }

    fn conv(&mut self, mut timed: Timed) -> Result<Value> {
        let times = std::mem::take(&mut timed.times);
        if self.last.as_ref().is_none_or(|(last, _)| *last != timed) {
            // Dropped first, so that not both are in memory.
            self.last = None;
            let Timed { backend, part, x, kernel, stride, padding, .. } = timed;
            let conv = Conv::new(x, kernel, stride, padding)?;
            let job = match backend {
                Backend::Burn => burn::prepare::<burn_flex::Flex>(&conv, part, &Default::default()),
                #[cfg(feature = "wgpu")]
                Backend::BurnWgpu => {
                    burn::prepare::<burn_wgpu::Wgpu>(&conv, part, &Default::default())
                }
                Backend::Candle => match candle::lacks(&conv, part) {
                    Some(reason) => return Ok(json!({ "skipped": reason })),
                    None => candle::prepare(&conv, part)?,
                },
            };
            drop((job.run)()?);
            (job.wait)()?;
            self.last = Some((timed, job));
        }
        let (_, job) = self.last.as_ref().context("no convolution")?;
        let start = Instant::now();
        for _ in 0..times {
            drop(black_box((job.run)()?));
        }
        (job.wait)()?;
        Ok(json!({ "seconds": start.elapsed().as_secs_f64(), "formats": job.way }))
    }
}

fn hello(threads: usize) -> Result<Value> {
    // candle has its own count of threads for splitting matrix products.
    for (whose, count) in
        [("rayon", rayon::current_num_threads()), ("candle", candle_core::utils::get_num_threads())]
    {
        ensure!(
            count == threads,
            "{whose} runs on {count} threads, not {threads}: set RAYON_NUM_THREADS={threads}"
        );
    }
    let (way, also) = if cfg!(feature = "x86-v4") { (", x86-v4", " (x86-v4)") } else { ("", "") };
    let mut said = json!({
        "threads": threads,
        "burn": format!("{} (flex{way})", version("burn-flex")?),
        "candle": format!("{}{also}", version("candle-core")?),
    });
    if cfg!(feature = "wgpu") {
        said["burn-wgpu"] = format!("{} (wgpu, autotuned)", version("burn-wgpu")?).into();
    }
    Ok(said)
}

/// The version of a package that is compiled in.
fn version(package: &str) -> Result<&'static str> {
    let mut lines = LOCK.lines().skip_while(|line| *line != format!("name = {package:?}"));
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    Ok(version.with_context(|| format!("no {package} in Cargo.lock"))?.trim_matches('"'))
}

fn main() -> Result<()> {
    let mut bench = Bench::default();
    let mut replies = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let reply =
            bench.answer(&line?).unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
        writeln!(replies, "{reply}")?;
        replies.flush()?;
    }
    Ok(())
}
