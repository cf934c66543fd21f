// Convolutions as products whose factors are gathered, with `product.wgsl`.
//
// forward: the rows are the places of y [n, t, h, w, co], k runs over taps and input channels.
// Its partial by the input has a dispatch for each phase, which is a remainder of the places by the
// stride: place q of a phase is q stride + at, and sees every stride-th tap alone, so that no zeros
// are put between the elements of g.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    batch: u32,
    // Where the gathered tensor and the weights begin.
    x: u32,
    w: u32,
    // Channels of the gathered tensor; of the weights [kt, kh, kw, ci, co], ci co, and a step along
    // the gathered channel and along a column.
    channels: u32,
    tap: u32,
    w_channel: u32,
    w_column: u32,
    // [t, h, w] of the gathered tensor, twice that along h and w where it is enlarged.
    source: vec3<u32>,
    enlarge: u32,
    // [t, h, w] of the grid of places, and of the target that they lie on.
    grid: vec3<u32>,
    size: vec3<u32>,
    // Place q sees the source from q step - before on.
    step: vec3<i32>,
    before: vec3<i32>,
    // Taps of the phase, and the taps of the kernel that they are: least + i tap_step.
    taps: vec3<u32>,
    least: vec3<i32>,
    tap_step: vec3<i32>,
    kernel: vec3<u32>,
    // Where the places lie on the target: q stride + at.
    stride: vec3<u32>,
    at: vec3<u32>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// n, t, h, w of a row.
fn place(row: u32) -> vec4<u32> {
    let w = row % p.grid.z;
    let h = row / p.grid.z % p.grid.y;
    let frame = row / p.grid.z / p.grid.y;
    return vec4(frame / p.grid.x, frame % p.grid.x, h, w);
}

// Out of every source.
const FAR = -(1 << 24);

// x: where its picture begins; yzw: where on the source its first tap lies.
fn a_row(batch: u32, row: u32) -> vec4<i32> {
    if row >= p.m {
        return vec4(0, FAR, FAR, FAR);
    }
    let q = place(row);
    let size = p.source >> vec3(0u, p.enlarge, p.enlarge);
    let start = p.x + q.x * size.x * size.y * size.z * p.channels;
    return vec4(i32(start), vec3<i32>(q.yzw) * p.step - p.before);
}

// x: the channel; yzw: the tap of the phase.
fn a_column(batch: u32, k: u32) -> vec4<i32> {
    if k >= p.k {
        return vec4(0, FAR, FAR, FAR);
    }
    let i = k / p.channels;
    let tap = vec3(i / p.taps.z / p.taps.y, i / p.taps.z % p.taps.y, i % p.taps.z);
    return vec4<i32>(vec4(k % p.channels, tap));
}

fn a_load(row: vec4<i32>, column: vec4<i32>) -> f32 {
    let at = row.yzw + column.yzw;
    if any(at < vec3(0)) || any(at >= vec3<i32>(p.source)) {
        return 0.0;
    }
    let seen = vec3<u32>(at) >> vec3(0u, p.enlarge, p.enlarge);
    let size = p.source >> vec3(0u, p.enlarge, p.enlarge);
    let pixel = (seen.x * size.y + seen.y) * size.z + seen.z;
    return x[u32(row.x) + pixel * p.channels + u32(column.x)];
}

fn b_row(batch: u32, k: u32) -> u32 {
    let i = a_column(batch, k);
    let seen = vec3<u32>(p.least + i.yzw * p.tap_step);
    let tap = (seen.x * p.kernel.y + seen.y) * p.kernel.z + seen.z;
    return p.w + tap * p.tap + u32(i.x) * p.w_channel;
}

fn b_load(row: u32, column: u32) -> f32 {
    return weights[row + column * p.w_column];
}

fn store(batch: u32, row: u32, column: u32, value: f32) {
    let q = place(row);
    let at = q.yzw * p.stride + p.at;
    if all(at < p.size) {
        y[(((q.x * p.size.x + at.x) * p.size.y + at.y) * p.size.z + at.z) * p.n + column] = value;
    }
}
