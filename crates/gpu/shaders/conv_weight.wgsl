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

fn extent(batch: u32) -> vec2<u32> {
    return vec2(p.m, p.k);
}

// Out of every source.
const FAR = -(1 << 24);

// x: the channel; yzw: the tap.
fn a_row(batch: u32, row: u32) -> vec4<i32> {
    if row >= p.m {
        return vec4(0, FAR, FAR, FAR);
    }
    let i = row / p.channels;
    let tap = vec3(i / p.kernel.z / p.kernel.y, i / p.kernel.z % p.kernel.y, i % p.kernel.z);
    return vec4<i32>(vec4(row % p.channels, tap));
}

// x: where the picture of a place begins; yzw: where on it its first tap lies.
fn a_column(batch: u32, k: u32) -> vec4<i32> {
    let index = batch * p.k + k;
    if k >= p.k || index >= p.places {
        return vec4(0, FAR, FAR, FAR);
    }
    let frame = index / p.grid.z / p.grid.y;
    let q = vec3(frame % p.grid.x, index / p.grid.z % p.grid.y, index % p.grid.z);
    let start = p.x + frame / p.grid.x * p.source.x * p.source.y * p.source.z * p.channels;
    return vec4(i32(start), vec3<i32>(q) * p.step - p.before);
}

fn a_at(row: vec4<i32>, column: vec4<i32>) -> i32 {
    let at = row.yzw + column.yzw;
    if any(at < vec3(0)) || any(at >= vec3<i32>(p.source)) {
        return -1;
    }
    let seen = vec3<u32>(at);
    let pixel = (seen.x * p.source.y + seen.y) * p.source.z + seen.z;
    return column.x + i32(pixel * p.channels) + row.x;
}

fn a_load(at: u32) -> f32 {
    return x[at];
}

// Beyond the last place.
const NONE = 0xffffffffu;

fn b_row(batch: u32, k: u32) -> u32 {
    let index = batch * p.k + k;
    return select(NONE, p.g + index * p.n, index < p.places);
}

fn b_load(row: u32, column: u32) -> f32 {
    if row == NONE {
        return 0.0;
    }
    return g[row + column];
}

fn store(batch: u32, row: u32, column: u32, value: f32) {
    y[(batch * p.m + row) * p.n + column] = value;
}
