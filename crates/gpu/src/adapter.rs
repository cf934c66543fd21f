//! The adapters of the machine: GPUs and software drivers.

use std::path::Path;

/// A GPU of this machine, or a software driver that emulates one.
#[derive(Clone, Debug)]
pub struct Adapter(pub(crate) wgpu::Adapter);

impl Adapter {
    /// All adapters, the best first: discrete GPUs, then other GPUs, software drivers last.
    pub fn all() -> Vec<Self> {
        let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let mut adapters = pollster::block_on(instance.enumerate_adapters(backends));
        adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
            wgpu::DeviceType::DiscreteGpu => 0,
            wgpu::DeviceType::IntegratedGpu => 1,
            wgpu::DeviceType::VirtualGpu => 2,
            wgpu::DeviceType::Other => 3,
            wgpu::DeviceType::Cpu => 4,
        });
        adapters.into_iter().map(Self).collect()
    }

    /// The best adapter that is not a software driver; `None` if there is none. On Linux, if no GPU
    /// device file exists, it returns `None` at once and loads no driver.
    pub fn best_chip() -> Option<Self> {
        // The device files of NVIDIA, of Windows Subsystem for Linux, and of the kernel's drivers.
        let is_there = |node: &&str| Path::new(node).exists();
        let has_node = ["/dev/nvidiactl", "/dev/dxg"].iter().any(is_there)
            || std::fs::read_dir("/dev/dri").is_ok_and(|mut nodes| nodes.next().is_some());
        if cfg!(target_os = "linux") && !has_node {
            return None;
        }
        Self::all().into_iter().next().filter(|adapter| !adapter.is_software())
    }

    /// The adapter's name, as its driver reports it.
    pub fn name(&self) -> String {
        self.0.get_info().name
    }

    /// The graphics API of the adapter: vulkan, metal or dx12.
    pub fn backend(&self) -> String {
        self.0.get_info().backend.to_string()
    }

    /// The name and version of the driver.
    pub fn driver(&self) -> String {
        let info = self.0.get_info();
        format!("{} {}", info.driver, info.driver_info).trim().into()
    }

    /// Whether the adapter is a software driver instead of a GPU.
    pub fn is_software(&self) -> bool {
        self.0.get_info().device_type == wgpu::DeviceType::Cpu
    }

    /// The adapter's limits that matter to this crate.
    pub fn limits(&self) -> Limits {
        let limits = self.0.limits();
        Limits {
            tensor: largest(&limits),
            storage_buffers: limits.max_storage_buffers_per_shader_stage,
            workgroups: limits.max_compute_workgroups_per_dimension,
            threads: limits.max_compute_invocations_per_workgroup,
            shared: limits.max_compute_workgroup_storage_size,
        }
    }
}

/// Limits of an adapter. The kernels need only WebGPU's default limits, which every adapter has,
/// and no optional feature. A tensor larger than `tensor` is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest tensor, in bytes.
    pub tensor: u64,
    /// The most storage buffers that a kernel can bind.
    pub storage_buffers: u32,
    /// The most workgroups along a dimension. Larger dispatches are folded into two dimensions.
    pub workgroups: u32,
    /// The most threads of a workgroup.
    pub threads: u32,
    /// The workgroup memory, in bytes.
    pub shared: u32,
}

/// The bytes of the largest tensor. A tensor is one buffer, bound as a whole, and the shaders count
/// its elements in 32 bits.
pub(crate) fn largest(limits: &wgpu::Limits) -> u64 {
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(i32::MAX as u64)
}
