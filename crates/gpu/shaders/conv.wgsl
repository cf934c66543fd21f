// Convolutions as products that gather factor A, for `product.wgsl`.
//
// The rows of the product are the positions ("places") of y [n, t, h, w, co], the columns its
// channels, and k runs over taps and input channels.
//
// A transposed convolution, the partial of a convolution by its input, has one batch for each
// phase. A phase is a remainder `at` of the positions modulo the stride: place q of the phase is
// the position q stride + at, and it uses only every stride-th tap. So no zeros are inserted
// between the elements of the gathered tensor.

// Whether the gathered tensor is upsampled by 2 along h and w.
override ENLARGED: bool;

// The phases read the same positions of the source, and some have shorter sums than others.
const SIDE_BY_SIDE = true;

struct Params {
    // m is the most places of any phase, k the longest sum of any phase; batch is the number of
    // phases.
    sizes: Sizes,
    // The indices of the first elements of the gathered tensor, A, and of the weights, B.
    a: u32,
    b: u32,
    // The channels of the gathered tensor. For the weights [kt, kh, kw, ci, co]: the stride of a
    // tap (ci co), of a gathered channel, and of a column.
    channels: u32,
    tap: u32,
    w_channel: u32,
    w_column: u32,
    // n; and 1 if the convolution is transposed, else 0.
    pictures: u32,
    is_transposed: u32,
    // [t, h, w] of the gathered tensor, after upsampling if ENLARGED.
    source: vec3<u32>,
    // [t, h, w] of y.
    size: vec3<u32>,
    kernel: vec3<u32>,
    stride: vec3<u32>,
    padding: vec3<u32>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// The phase of this workgroup. A plain convolution has one phase with all places.
struct Phase {
    // [t, h, w] of the grid of places; place q is the position q stride + at of y.
    grid: vec3<u32>,
    stride: vec3<u32>,
    at: vec3<u32>,
    // Place q reads the source from q step - before on.
    step: vec3<i32>,
    before: vec3<i32>,
    // The number of taps; tap i of the phase is tap least + i tap_step of the kernel.
    taps: vec3<u32>,
    least: vec3<i32>,
    tap_step: vec3<i32>,
    // DEPTH, the step along k, as channel and tap.
    deep: vec4<i32>,
}

var<private> phase: Phase;

fn extent(batch: u32) -> vec2<u32> {
    var f: Phase;
    f.grid = p.size;
    f.stride = vec3(1u);
    f.step = vec3<i32>(p.stride);
    f.before = vec3<i32>(p.padding);
    f.taps = p.kernel;
    f.tap_step = vec3(1);
    if p.is_transposed == 1u {
        let phases = min(p.stride, p.size);
        f.at = vec3(batch / phases.z / phases.y, batch / phases.z % phases.y, batch % phases.z);
        f.grid = (p.size - f.at + p.stride - 1u) / p.stride;
        f.stride = p.stride;
        f.step = vec3(1);
        let shifted = f.at + p.padding;
        let least = shifted % p.stride;
        f.taps = (max(p.kernel, least) - least + p.stride - 1u) / p.stride;
        f.before = vec3<i32>(f.taps) - 1 - vec3<i32>(shifted / p.stride);
        // The taps descend, because the elements of g ascend.
        f.tap_step = -vec3<i32>(p.stride);
        f.least = vec3<i32>(least) - (vec3<i32>(f.taps) - 1) * f.tap_step;
    }
    phase = f;
    phase.deep = inner_of(DEPTH);
    let places = f.grid.x * f.grid.y * f.grid.z;
    return vec2(p.pictures * places, f.taps.x * f.taps.y * f.taps.z * p.channels);
}

// The place of a row: x is w, y is n, z is t, w is h.
fn a_place(row: u32) -> vec4<i32> {
    let grid = phase.grid;
    let frame = row / grid.z / grid.y;
    return vec4<i32>(vec4(row % grid.z, frame / grid.x, frame % grid.x, row / grid.z % grid.y));
}

fn a_beside(place: vec4<i32>) -> vec4<i32> {
    let grid = vec3<i32>(phase.grid);
    return add_with_carry(place, vec4(1, 0, 0, 0), vec4(grid.z, 0, grid.x, grid.y));
}

// The offset of a position in the gathered tensor; t counts the frames of all n.
fn reach(at: vec3<i32>) -> i32 {
    let size = vec2<i32>(p.source.yz >> vec2(select(0u, 1u, ENLARGED)));
    return ((at.x * size.x + at.y) * size.y + at.z) * i32(p.channels);
}

// yzw: the source position of the place's first tap. x: the memory index of that position; if
// ENLARGED, that of the first element of its n.
fn a_outer(batch: u32, place: vec4<i32>) -> vec4<i32> {
    if place.y >= i32(p.pictures) {
        return vec4(0, FAR, FAR, FAR);
    }
    let first = place.zwx * phase.step - phase.before;
    let picture = vec3(place.y * i32(p.source.x), 0, 0);
    return vec4(i32(p.a) + reach(picture + select(first, vec3(0), ENLARGED)), first);
}

// A k as packed coordinates. x: the channel; yzw: the tap of the phase.
fn inner_of(k: u32) -> vec4<i32> {
    let i = k / p.channels;
    // A phase may have no taps; avoid a division by zero.
    let taps = max(phase.taps, vec3(1u));
    return vec4<i32>(vec4(k % p.channels, i / taps.z / taps.y, i / taps.z % taps.y, i % taps.z));
}

fn next(inner: vec4<i32>) -> vec4<i32> {
    return add_with_carry(inner, phase.deep, vec4<i32>(vec4(p.channels, phase.taps)));
}

fn a_at(outer: vec4<i32>, inner: vec4<i32>) -> i32 {
    let at = outer.yzw + inner.yzw;
    // A negative coordinate, before the source, becomes a huge unsigned number.
    let is_there = all(vec3<u32>(at) < p.source) && inner.y < i32(phase.taps.x);
    let within = select(inner.yzw, at >> vec3(0u, 1u, 1u), ENLARGED);
    return select(-1, outer.x + reach(within) + inner.x, is_there);
}

// x: the offset of a column's elements from the first column's, or -1 beyond the last column.
fn b_outer(batch: u32, place: vec4<i32>) -> vec4<i32> {
    return vec4(select(-1, place.x * i32(p.w_column), place.x < i32(p.sizes.n)), 0, 0, 0);
}

fn b_at(outer: vec4<i32>, inner: vec4<i32>) -> i32 {
    let seen = vec3<u32>(phase.least + inner.yzw * phase.tap_step);
    let tap = (seen.x * p.kernel.y + seen.y) * p.kernel.z + seen.z;
    let at = i32(p.b + tap * p.tap + u32(inner.x) * p.w_channel) + outer.x;
    return select(at, -1, outer.x < 0 || inner.y >= i32(phase.taps.x));
}

fn y_row(batch: u32, place: vec4<i32>) -> u32 {
    let at = vec3<u32>(place.zwx) * phase.stride + phase.at;
    return (((u32(place.y) * p.size.x + at.x) * p.size.y + at.y) * p.size.z + at.z) * p.sizes.n;
}
