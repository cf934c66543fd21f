//! `--device` and `kinora devices`

use std::str::FromStr;

use anyhow::Result;
use kinora_cpu::CpuDevice;
use kinora_gpu::{Adapter, GpuDevice, Limits};
use serde_json::json;

use crate::args::Devices;
use crate::exit::Failure;
use crate::output::{note, say};

/// A value of `--device`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// A GPU if there is one, else the CPU.
    Auto,
    Cpu,
    /// The adapter `gpu:n` of `kinora devices`.
    Gpu(usize),
}

const NO_GPU: &str =
    "no GPU found on this machine; install a driver for Vulkan, Metal or DirectX 12";

/// An opened device.
pub enum Device {
    Cpu(CpuDevice),
    Gpu(GpuDevice),
}

impl FromStr for Choice {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "gpu" => Ok(Self::Gpu(0)),
            Some(("gpu", number)) => match number.parse::<u16>() {
                Ok(number) => Ok(Self::Gpu(number.into())),
                Err(_) => Err("must be auto, cpu, gpu or gpu:N".into()),
            },
            _ => Err("must be auto, cpu, gpu or gpu:N".into()),
        }
    }
}

impl Choice {
    /// Opens the chosen device.
    pub fn open(self) -> Result<Device> {
        let adapter = match self {
            Self::Cpu => None,
            // A software adapter is slower than our CPU backend.
            Self::Auto => Adapter::best_chip(),
            Self::Gpu(number) => {
                let mut adapters = Adapter::all();
                if number >= adapters.len() {
                    let found = match adapters.len() {
                        0 => NO_GPU.into(),
                        1 => "there is only gpu:0".into(),
                        n => format!("the GPUs are gpu:0 to gpu:{} (see `kinora devices`)", n - 1),
                    };
                    let asked = if number == 0 { "gpu".into() } else { format!("gpu:{number}") };
                    return Err(Failure::device(format!(
                        "--device {asked}: {found}; use --device cpu"
                    ))
                    .into());
                }
                Some(adapters.swap_remove(number))
            }
        };
        let Some(adapter) = adapter else { return Ok(Device::Cpu(CpuDevice::new())) };
        if adapter.is_software() {
            note(format_args!(
                "{} is a software driver, not a GPU; --device cpu is faster",
                adapter.name()
            ));
        }
        match GpuDevice::of(&adapter) {
            Ok(device) => Ok(Device::Gpu(device)),
            Err(error) if self == Self::Auto => {
                note(format_args!("cannot use the GPU: {error}; using the CPU"));
                Ok(Device::Cpu(CpuDevice::new()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

pub fn list(args: &Devices) -> Result<()> {
    let threads = rayon::current_num_threads();
    let simd = simd();
    let adapters = Adapter::all();
    if args.json {
        say(json!({
            "device": "cpu",
            "architecture": std::env::consts::ARCH,
            "threads": threads,
            "simd": simd,
        }))?;
        for (number, adapter) in adapters.iter().enumerate() {
            let limits = adapter.limits();
            say(json!({
                "device": format!("gpu:{number}"),
                "name": adapter.name(),
                "backend": adapter.backend(),
                "driver": adapter.driver(),
                "software": adapter.is_software(),
                "limits": {
                    "tensor_bytes": limits.tensor,
                    "storage_buffers": limits.storage_buffers,
                    "workgroups_per_dimension": limits.workgroups,
                    "threads_per_workgroup": limits.threads,
                    "shared_bytes_per_workgroup": limits.shared,
                },
                "optional_features_used": [],
            }))?;
        }
        return Ok(());
    }
    let simd = if simd.is_empty() { "none".into() } else { simd.join(", ") };
    say(format_args!("cpu    {}, {threads} threads, SIMD: {simd}", std::env::consts::ARCH))?;
    if adapters.is_empty() {
        note(NO_GPU);
    }
    for (number, adapter) in adapters.iter().enumerate() {
        let software = match adapter.is_software() {
            true => "; a software driver, used only if --device asks for it",
            false => "",
        };
        let (name, backend, driver) = (adapter.name(), adapter.backend(), adapter.driver());
        say(format_args!("gpu:{number}  {name}, {backend}, driver {driver}{software}"))?;
        let Limits { tensor, storage_buffers, workgroups, threads, shared } = adapter.limits();
        let (tensor, shared) = (tensor >> 20, shared >> 10);
        say(format_args!(
            "       tensors up to {tensor} MiB, {storage_buffers} storage buffers per kernel, \
             workgroups of {threads} threads with {shared} KiB of shared memory, {workgroups} \
             workgroups per dimension; no optional features used"
        ))?;
    }
    Ok(())
}

/// The SIMD instruction sets of this machine, among those that our kernels use.
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
