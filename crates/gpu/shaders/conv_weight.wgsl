// The partial of a convolution by its weights, with `product.wgsl`: the rows are the weights' taps
// and input channels, the columns their output channels, and k runs over the places of g. These are
// cut into pieces, one after another in y, which are added up afterwards.

struct Params {
    m: u32,
    n: u32,
    // Places of a piece.
    k: u32,
    // Pieces.
    batch: u32,
    // Where x and g begin, and how many places there are in all.
    x: u32,
    g: u32,
    places: u32,
    channels: u32,
    // [t, h, w] of x and of g, and the kernel.
    source: vec3<u32>,
    grid: vec3<u32>,
    kernel: vec3<u32>,
    step: vec3<i32>,
    before: vec3<i32>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn a_at(batch: u32, row: u32, k: u32) -> f32 {
    let index = batch * p.k + k;
    let channel = row % p.channels;
    let tap = row / p.channels;
    let i = vec3(tap / p.kernel.z / p.kernel.y, tap / p.kernel.z % p.kernel.y, tap % p.kernel.z);
    let frame = index / p.grid.z / p.grid.y;
    let q = vec3(frame % p.grid.x, index / p.grid.z % p.grid.y, index % p.grid.z);
    let at = vec3<i32>(q) * p.step - p.before + vec3<i32>(i);
    if index >= p.places || any(at < vec3(0)) || any(at >= vec3<i32>(p.source)) {
        return 0.0;
    }
    let seen = vec3<u32>(at);
    let n = frame / p.grid.x;
    let size = p.source;
    return x[p.x + (((n * size.x + seen.x) * size.y + seen.y) * size.z + seen.z) * p.channels + channel];
}

fn b_at(batch: u32, k: u32, column: u32) -> f32 {
    let index = batch * p.k + k;
    if index >= p.places {
        return 0.0;
    }
    return g[p.g + index * p.n + column];
}

fn store(batch: u32, row: u32, column: u32, value: f32) {
    y[(batch * p.m + row) * p.n + column] = value;
}
