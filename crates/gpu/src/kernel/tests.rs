use naga::back;

use super::*;
use crate::product::tile;

/// Products `[m, n, k, batch]`, each with the tile that it must get; all tiles differ.
const TILES: [([usize; 4], [u32; 4]); 11] = [
    ([1000, 4, 9, 1], [256, 4, 8, 4]),
    ([1000, 16, 9, 1], [128, 16, 16, 4]),
    ([16, 70, 9, 1], [16, 64, 16, 4]),
    ([65, 24, 9, 1], [64, 24, 16, 4]),
    ([65, 30, 9, 1], [64, 32, 16, 4]),
    ([65, 144, 9, 1], [64, 48, 16, 4]),
    ([65, 64, 9, 1], [64, 64, 16, 4]),
    ([4096, 24, 512, 1], [128, 24, 16, 8]),
    ([1024, 30, 512, 4], [128, 32, 16, 8]),
    ([1024, 96, 2304, 1], [128, 48, 16, 8]),
    ([4096, 384, 9, 1], [128, 64, 16, 8]),
];

#[test]
fn tiles_fit_their_shapes() {
    for (shape, wanted) in TILES {
        assert_eq!(tile(shape), wanted, "{shape:?}");
    }
    // A large batch of few rows does not get the large tile, nor does a product with few
    // workgroups.
    assert_eq!(tile([64, 64, 999, 100]), [64, 64, 16, 4]);
    assert_eq!(tile([1024, 64, 256, 1]), [64, 64, 16, 4]);
}

/// Every shader file. Tiled products come with every tile and every layout of both factors.
fn kernels() -> Vec<Kernel> {
    let plain = [UNARY, BINARY, COPY, FILL, SUM, SOFTMAX, ROWS, SUM_POOL, UPDATE, RNN, NORM];
    let mut kernels = plain.map(|shader| Kernel::new(shader, "main")).to_vec();
    let factor = |bits: u32| Factor { along_side: bits & 1 == 1, fours: bits & 2 == 2 };
    for [rows, columns, depth, each] in TILES.map(|(_, tile)| tile) {
        for bits in 0..16 {
            let factors = [factor(bits), factor(bits >> 2)];
            let tile = Tile { rows, columns, depth, each, factors };
            let tiled = |of| Kernel { tile: Some(tile), ..Kernel::new(of, "main") };
            kernels.extend([MATMUL, CONV, CONV_WEIGHT].map(tiled));
        }
    }
    kernels
}

#[test]
fn every_file_is_known() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into())
        .collect();
    let kernels = kernels();
    let mut known: Vec<&str> = kernels.iter().map(|kernel| kernel.shader.name).collect();
    known.extend([FACTOR.name, PRODUCT.name, COMMON.name]);
    files.sort();
    known.sort_unstable();
    known.dedup();
    assert_eq!(files, known);
}

/// Translates a module to SPIR-V, MSL and HLSL, with this value for all overrides.
fn translates(name: &str, module: &Module, info: &ModuleInfo, value: f64) {
    let values = module.overrides.iter().map(|(_, o)| (o.name.clone().unwrap(), value));
    let values = values.collect();
    let (module, info) = back::pipeline_constants::process_overrides(module, info, None, &values)
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    let words = back::spv::write_vec(&module, &info, &back::spv::Options::default(), None);
    assert!(words.unwrap_or_else(|e| panic!("{name}: {e}")).len() > 100);
    let (text, _) = back::msl::write_string(
        &module,
        &info,
        &back::msl::Options { fake_missing_bindings: true, ..Default::default() },
        &back::msl::PipelineOptions::default(),
    )
    .unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(text.contains("kernel void"), "{name}");
    let mut text = String::new();
    let options = back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
    let pipeline = back::hlsl::PipelineOptions::default();
    let mut writer = back::hlsl::Writer::new(&mut text, &options, &pipeline);
    writer.write(&module, &info, None).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(text.contains("numthreads"), "{name}");
}

#[test]
fn shaders_are_valid_and_translate() {
    for kernel in kernels() {
        let name = kernel.shader.name;
        let (module, info) = parse(name, &kernel.source()).unwrap_or_else(|e| panic!("{e}"));
        assert!(!module.entry_points.is_empty(), "{name}");
        for value in [0.0, 1.0] {
            translates(name, &module, &info, value);
        }
    }
}

#[test]
fn bindings_are_those_that_an_entry_point_uses() {
    let (module, info) = parse("rnn", &Kernel::new(RNN, "gru").source()).unwrap();
    let numbers = |entry| -> Vec<(u32, Kind)> {
        bindings(&module, &info, entry).iter().map(|b| (b.number, b.kind)).collect()
    };
    let params = (0, Kind::Params(24));
    assert_eq!(numbers("lstm"), [params, (1, Kind::Read), (3, Kind::Read), (5, Kind::Write)]);
    let reads = [1, 2, 3, 4].map(|number| (number, Kind::Read));
    assert_eq!(numbers("gru_grad"), [&[params], &reads[..], &[(5, Kind::Write)]].concat());
}

/// The kernels stay within the limits that wgpu guarantees on every adapter.
#[test]
fn kernels_fit_the_limits_of_every_adapter() {
    let limits = wgpu::Limits::default();
    for kernel in kernels() {
        let (module, info) = parse(kernel.shader.name, &kernel.source()).unwrap();
        for point in &module.entry_points {
            let bound = bindings(&module, &info, &point.name);
            let storage = bound.iter().filter(|b| !matches!(b.kind, Kind::Params(_))).count();
            assert!(storage <= limits.max_storage_buffers_per_shader_stage as usize);
            let threads: u32 = point.workgroup_size.iter().product();
            assert!(threads <= limits.max_compute_invocations_per_workgroup);
        }
        let shared: u32 = module
            .global_variables
            .iter()
            .filter(|(_, variable)| variable.space == AddressSpace::WorkGroup)
            .map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx()))
            .sum();
        assert!(shared <= limits.max_compute_workgroup_storage_size, "{shared}");
    }
}
