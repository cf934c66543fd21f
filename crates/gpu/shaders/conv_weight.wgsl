// The partial of a convolution by its weights, for `product.wgsl`. The rows of the product are taps
// and input channels, the columns are output channels, and k runs over the positions of g.

const SIDE_BY_SIDE = false;

struct Params {
    sizes: Sizes,
    // The indices of the first elements of x, A, and of g, B.
    a: u32,
    b: u32,
    pictures: u32,
    channels: u32,
    // [t, h, w] of x, of g, and of the kernel.
    source: vec3<u32>,
    grid: vec3<u32>,
    kernel: vec3<u32>,
    stride: vec3<u32>,
    padding: vec3<u32>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// DEPTH, the step along k, as a position of g.
var<private> deep: vec4<i32>;

fn extent(batch: u32) -> vec2<u32> {
    deep = inner_of(DEPTH);
    return vec2(p.sizes.m, p.sizes.k);
}

// The offset of a position in x; t counts the frames of all n.
fn reach(at: vec3<i32>) -> i32 {
    let size = vec3<i32>(p.source);
    return ((at.x * size.y + at.y) * size.z + at.z) * i32(p.channels);
}

// The place of a row: x is the channel, yzw is the tap.
fn a_place(row: u32) -> vec4<i32> {
    let i = row / p.channels;
    let kernel = p.kernel;
    return vec4<i32>(
        vec4(row % p.channels, i / kernel.z / kernel.y, i / kernel.z % kernel.y, i % kernel.z),
    );
}

fn a_beside(place: vec4<i32>) -> vec4<i32> {
    return add_with_carry(place, vec4(1, 0, 0, 0), vec4<i32>(vec4(p.channels, p.kernel)));
}

// yzw: the tap. x: the memory offset of the tap and the channel.
fn a_outer(batch: u32, place: vec4<i32>) -> vec4<i32> {
    let tap = place.yzw;
    if tap.x >= i32(p.kernel.x) {
        return vec4(0, FAR, FAR, FAR);
    }
    return vec4(reach(tap) + place.x, tap);
}

// The position of g for a k: x is w, y is k itself, z is the frame (counted over all n), w is h.
fn inner_of(k: u32) -> vec4<i32> {
    let frame = k / p.grid.z / p.grid.y;
    return vec4<i32>(vec4(k % p.grid.z, k, frame, k / p.grid.z % p.grid.y));
}

fn next(inner: vec4<i32>) -> vec4<i32> {
    let size = vec4(i32(p.grid.z), 0, 1 << 30, i32(p.grid.y));
    return add_with_carry(inner, deep, size);
}

fn a_at(outer: vec4<i32>, inner: vec4<i32>) -> i32 {
    let picture = inner.z / i32(p.grid.x);
    let stride = vec3<i32>(p.stride);
    let first = vec3(inner.z - picture * i32(p.grid.x), inner.wx) * stride - vec3<i32>(p.padding);
    let of_picture = vec3(picture * i32(p.source.x), 0, 0);
    // A negative coordinate, before the source, becomes a huge unsigned number.
    let is_there = all(vec3<u32>(first + outer.yzw) < p.source) && picture < i32(p.pictures);
    return select(-1, i32(p.a) + reach(first + of_picture) + outer.x, is_there);
}

fn b_outer(batch: u32, place: vec4<i32>) -> vec4<i32> {
    return vec4(select(-1, place.x, place.x < i32(p.sizes.n)), 0, 0, 0);
}

fn b_at(outer: vec4<i32>, inner: vec4<i32>) -> i32 {
    let at = i32(p.b) + inner.y * i32(p.sizes.n) + outer.x;
    return select(at, -1, outer.x < 0 || inner.y >= i32(p.sizes.k));
}

fn y_row(batch: u32, place: vec4<i32>) -> u32 {
    let kernel = vec3<i32>(p.kernel);
    let tap = (place.y * kernel.y + place.z) * kernel.z + place.w;
    return u32(tap * i32(p.channels) + place.x) * p.sizes.n;
}
