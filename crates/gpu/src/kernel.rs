//! Kernels: their sources, and their compiled pipelines. The bindings of a kernel are read from its
//! source.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kinora_tensor::{Error, Result};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, StorageAccess};

use crate::device::Inner;
use crate::product::{Factor, Tile};

/// A shader file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shader {
    pub name: &'static str,
    pub source: &'static str,
}

macro_rules! shaders {
    ($($constant:ident = $name:literal),* $(,)?) => {
        $(pub(crate) const $constant: Shader = Shader {
            name: $name,
            source: include_str!(concat!("../shaders/", $name, ".wgsl")),
        };)*
    };
}

shaders! {
    COMMON = "common",
    UNARY = "unary",
    BINARY = "binary",
    COPY = "copy",
    FILL = "fill",
    SUM = "sum",
    SOFTMAX = "softmax",
    ROWS = "rows",
    SUM_POOL = "sum_pool",
    UPDATE = "update",
    RNN = "rnn",
    NORM = "norm",
    FACTOR = "factor",
    PRODUCT = "product",
    MATMUL = "matmul",
    CONV = "conv",
    CONV_WEIGHT = "conv_weight",
}

/// An entry point of a shader with its constants.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    pub shader: Shader,
    pub entry: &'static str,
    /// Values of the shader's overrides.
    pub constants: Vec<(&'static str, u32)>,
    /// The tile, for kernels that are tiled products.
    pub tile: Option<Tile>,
}

type Key = (&'static str, &'static str, Vec<(&'static str, u32)>, Option<Tile>);

impl Kernel {
    pub fn new(shader: Shader, entry: &'static str) -> Self {
        Self { shader, entry, constants: Vec::new(), tile: None }
    }

    pub fn with(mut self, name: &'static str, value: u32) -> Self {
        self.constants.push((name, value));
        self
    }

    fn key(&self) -> Key {
        (self.shader.name, self.entry, self.constants.clone(), self.tile)
    }

    /// The complete source: the constants of the tile, the file, and the files that it uses.
    pub fn source(&self) -> String {
        let (file, common) = (self.shader.source, COMMON.source);
        let Some(tile) = self.tile else { return format!("{file}\n{common}") };
        let Tile { rows, columns, depth, each, factors } = tile;
        let mut source = format!(
            "const ROWS = {rows}u;\nconst COLUMNS = {columns}u;\nconst DEPTH = {depth}u;\n\
             const EACH = {each}u;\n{file}\n"
        );
        for ((upper, lower), side, Factor { along_side, fours }) in
            [(("A", "a"), "ROWS", factors[0]), (("B", "b"), "COLUMNS", factors[1])]
        {
            source += &format!(
                "const {upper}_SIDE = {side};\nconst {upper}_ALONG_SIDE = {along_side};\n\
                 const {upper}_FOURS = {fours};\n"
            );
            source += &FACTOR.source.replace("FACTOR", upper).replace("factor", lower);
        }
        source + PRODUCT.source + common
    }
}

/// All kernels compiled so far.
#[derive(Default)]
pub(crate) struct Kernels {
    compiled: HashMap<Key, Arc<Compiled>>,
}

pub(crate) struct Compiled {
    pub pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    /// The bindings, ascending by number.
    bindings: Vec<Binding>,
    groups: Mutex<HashMap<Vec<wgpu::Buffer>, wgpu::BindGroup>>,
}

/// A buffer that an entry point uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub number: u32,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A uniform buffer of this many bytes.
    Params(u64),
    Read,
    Write,
}

/// The most bind groups kept for a kernel.
const GROUPS: usize = 4096;

impl Kernels {
    pub fn get(&mut self, device: &Inner, kernel: &Kernel) -> Result<Arc<Compiled>> {
        let key = kernel.key();
        if let Some(compiled) = self.compiled.get(&key) {
            return Ok(compiled.clone());
        }
        let compiled = Arc::new(compile(device, kernel)?);
        self.compiled.insert(key, compiled.clone());
        Ok(compiled)
    }

    pub fn forget_groups(&self) {
        for compiled in self.compiled.values() {
            compiled.groups.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

impl Compiled {
    /// The size of the kernel's parameters in bytes.
    pub fn params(&self) -> u64 {
        let sizes = self.bindings.iter().map(|binding| match binding.kind {
            Kind::Params(size) => size,
            _ => 0,
        });
        sizes.sum()
    }

    /// The bind group of these buffers, given in the order of the bindings, and whether it is new.
    pub fn group(&self, device: &Inner, buffers: &[&wgpu::Buffer]) -> (wgpu::BindGroup, bool) {
        let key: Vec<wgpu::Buffer> = buffers.iter().map(|&buffer| buffer.clone()).collect();
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(&key) {
            return (group.clone(), false);
        }
        let mut buffers = buffers.iter();
        let entries: Vec<wgpu::BindGroupEntry> = self
            .bindings
            .iter()
            .map(|binding| wgpu::BindGroupEntry {
                binding: binding.number,
                resource: match binding.kind {
                    Kind::Params(size) => wgpu::BindingResource::Buffer(device.params(size)),
                    _ => buffers.next().expect("a buffer for each").as_entire_binding(),
                },
            })
            .collect();
        assert!(buffers.next().is_none(), "more buffers than the kernel binds");
        let group = device.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.layout,
            entries: &entries,
        });
        if groups.len() == GROUPS {
            groups.clear();
        }
        groups.insert(key, group.clone());
        (group, true)
    }
}

/// Parses and validates a WGSL source.
pub(crate) fn parse(name: &str, source: &str) -> Result<(Module, ModuleInfo)> {
    let failed = |what: String| Error::Device(format!("shader {name}: {what}"));
    let module = naga::front::wgsl::parse_str(source)
        .map_err(|error| failed(error.emit_to_string(source)))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map_err(|error| failed(error.emit_to_string(source)))?;
    Ok((module, info))
}

/// The bindings that an entry point uses, ascending by number.
pub(crate) fn bindings(module: &Module, info: &ModuleInfo, entry: &str) -> Vec<Binding> {
    let index = module.entry_points.iter().position(|point| point.name == entry);
    let used = info.get_entry_point(index.expect("the entry point is in its file"));
    let mut bindings: Vec<Binding> = module
        .global_variables
        .iter()
        .filter(|&(handle, _)| !used[handle].is_empty())
        .filter_map(|(_, variable)| {
            let kind = match variable.space {
                AddressSpace::Uniform => {
                    Kind::Params(module.types[variable.ty].inner.size(module.to_ctx()).into())
                }
                AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => {
                    Kind::Write
                }
                AddressSpace::Storage { .. } => Kind::Read,
                _ => return None,
            };
            Some(Binding { number: variable.binding.as_ref()?.binding, kind })
        })
        .collect();
    bindings.sort_by_key(|binding| binding.number);
    bindings
}

fn compile(device: &Inner, kernel: &Kernel) -> Result<Compiled> {
    let (name, source) = (kernel.shader.name, kernel.source());
    let (module, info) = parse(name, &source)?;
    let bindings = bindings(&module, &info, kernel.entry);
    let entries: Vec<wgpu::BindGroupLayoutEntry> = bindings
        .iter()
        .map(|binding| wgpu::BindGroupLayoutEntry {
            binding: binding.number,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: match binding.kind {
                    Kind::Params(_) => wgpu::BufferBindingType::Uniform,
                    kind => wgpu::BufferBindingType::Storage { read_only: kind == Kind::Read },
                },
                has_dynamic_offset: matches!(binding.kind, Kind::Params(_)),
                min_binding_size: match binding.kind {
                    Kind::Params(size) => wgpu::BufferSize::new(size),
                    _ => None,
                },
            },
            count: None,
        })
        .collect();
    let device = &device.device;
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(name),
        entries: &entries,
    });
    // Only the index checks stay: all loops end, and no divisor is zero.
    let checks = wgpu::ShaderRuntimeChecks {
        force_loop_bounding: false,
        int_div_checks: false,
        ..wgpu::ShaderRuntimeChecks::checked()
    };
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    };
    // SAFETY: loops count up to a parameter, a constant, or a product's `extent`, which is no more
    // than the parameters. Their steps are at most 256, and `largest` keeps the parameters so small
    // that no count wraps. Divisors are lengths and strides, and no kernel runs if one is zero: a
    // product whose sums have no terms is a fill with zeros, and a phase without taps divides by 1.
    let module = unsafe { device.create_shader_module_trusted(descriptor, checks) };
    let constants: Vec<(&str, f64)> =
        kernel.constants.iter().map(|&(name, value)| (name, value.into())).collect();
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(name),
        layout: Some(&device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        })),
        module: &module,
        entry_point: Some(kernel.entry),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &constants,
            // The kernels write workgroup memory before they read it.
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    });
    Ok(Compiled { pipeline, layout, bindings, groups: Mutex::default() })
}

#[cfg(test)]
mod tests;
