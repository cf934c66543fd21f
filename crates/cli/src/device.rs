//! What computes.

use std::str::FromStr;

use anyhow::Result;
use kinora_cpu::CpuDevice;
use serde_json::json;

use crate::args::Devices;
use crate::exit::Failure;
use crate::output::say;

/// What `--device` can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    Auto,
    Cpu,
    Gpu,
}

impl FromStr for Choice {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "gpu" => Ok(Self::Gpu),
            Some(("gpu", number)) if number.parse::<u16>().is_ok() => Ok(Self::Gpu),
            _ => Err("it is one of auto, cpu, gpu, gpu:N".into()),
        }
    }
}

impl Choice {
    /// The device.
    pub fn open(self) -> Result<CpuDevice> {
        match self {
            Self::Auto | Self::Cpu => Ok(CpuDevice::new()),
            Self::Gpu => Err(Failure::device(
                "--device gpu is not in this build yet; use --device cpu, or leave it out",
            )
            .into()),
        }
    }
}

pub fn list(args: &Devices) -> Result<()> {
    let threads = rayon::current_num_threads();
    let simd = simd();
    if args.json {
        let line = json!({
            "device": "cpu",
            "architecture": std::env::consts::ARCH,
            "threads": threads,
            "simd": simd,
        });
        return say(line);
    }
    let simd = if simd.is_empty() { "none".into() } else { simd.join(", ") };
    say(format_args!("cpu  {}, {threads} threads, SIMD: {simd}", std::env::consts::ARCH))
}

/// The vector instructions that this machine has, of those that make a difference here.
fn simd() -> Vec<&'static str> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    for (name, there) in [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ] {
        if there {
            found.push(name);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("neon") {
        found.push("neon");
    }
    found
}
