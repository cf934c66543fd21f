//! What there is to compute on.

use std::path::Path;

/// A GPU of this machine, or a program that stands in for one.
#[derive(Clone, Debug)]
pub struct Adapter(pub(crate) wgpu::Adapter);

impl Adapter {
    /// All there are, the best first: a chip of its own, then others, a program last.
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

    /// The best of all that are no program. On Linux without a device of a GPU it is `None` at once,
    /// and no driver is loaded to say so.
    pub fn best_chip() -> Option<Self> {
        // NVIDIA's, that of Windows beneath Linux, and the kernel's own in a folder.
        let is_there = |node: &&str| Path::new(node).exists();
        let has_node = ["/dev/nvidiactl", "/dev/dxg"].iter().any(is_there)
            || std::fs::read_dir("/dev/dri").is_ok_and(|mut nodes| nodes.next().is_some());
        if cfg!(target_os = "linux") && !has_node {
            return None;
        }
        Self::all().into_iter().next().filter(|adapter| !adapter.is_software())
    }

    /// Its name, as its driver says it.
    pub fn name(&self) -> String {
        self.0.get_info().name
    }

    /// The interface that it is reached by: vulkan, metal or dx12.
    pub fn backend(&self) -> String {
        self.0.get_info().backend.to_string()
    }

    /// Its driver, with its version.
    pub fn driver(&self) -> String {
        let info = self.0.get_info();
        format!("{} {}", info.driver, info.driver_info).trim().into()
    }

    /// Whether it is no chip but a program.
    pub fn is_software(&self) -> bool {
        self.0.get_info().device_type == wgpu::DeviceType::Cpu
    }

    /// What it can do, as far as that decides what runs on it.
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

/// Limits of an adapter. Kernels need no more than WebGPU's least, which every adapter has, and no
/// optional feature; what is larger than the first of these is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a tensor.
    pub tensor: u64,
    /// Buffers that a kernel binds.
    pub storage_buffers: u32,
    /// Workgroups along a dimension; more of them are folded.
    pub workgroups: u32,
    /// Threads of a workgroup.
    pub threads: u32,
    /// Bytes that a workgroup shares.
    pub shared: u32,
}

/// The bytes of the largest tensor: it is one buffer, bound as a whole, whose elements the shaders
/// count in 32 bits, also where an adapter has more.
pub(crate) fn largest(limits: &wgpu::Limits) -> u64 {
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(i32::MAX as u64)
}
