// Matrix products, for `product.wgsl`.

const SIDE_BY_SIDE = false;

struct Params {
    sizes: Sizes,
    // The indices of the first elements of a and b, and the strides of rows and columns of each;
    // one of the two strides is 1.
    a: u32,
    b: u32,
    a_row: u32,
    a_column: u32,
    b_row: u32,
    b_column: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn extent(batch: u32) -> vec2<u32> {
    return vec2(p.sizes.m, p.sizes.k);
}

fn a_place(row: u32) -> vec4<i32> {
    return vec4(i32(row), 0, 0, 0);
}

fn a_beside(place: vec4<i32>) -> vec4<i32> {
    return place + vec4(1, 0, 0, 0);
}

// x: the memory index of the row's first element, or -1 beyond the last row.
fn a_outer(batch: u32, place: vec4<i32>) -> vec4<i32> {
    let start = p.a + batch * p.sizes.m * p.sizes.k + u32(place.x) * p.a_row;
    return vec4(select(-1, i32(start), place.x < i32(p.sizes.m)), 0, 0, 0);
}

fn inner_of(k: u32) -> vec4<i32> {
    return vec4(i32(k), 0, 0, 0);
}

fn next(inner: vec4<i32>) -> vec4<i32> {
    return vec4(inner.x + i32(DEPTH), 0, 0, 0);
}

fn a_at(outer: vec4<i32>, inner: vec4<i32>) -> i32 {
    return select(outer.x + inner.x * i32(p.a_column), -1, outer.x < 0 || inner.x >= i32(p.sizes.k));
}

// x: the memory index of the column's first element, or -1 beyond the last column.
fn b_outer(batch: u32, place: vec4<i32>) -> vec4<i32> {
    let start = p.b + batch * p.sizes.k * p.sizes.n + u32(place.x) * p.b_column;
    return vec4(select(-1, i32(start), place.x < i32(p.sizes.n)), 0, 0, 0);
}

fn b_at(outer: vec4<i32>, inner: vec4<i32>) -> i32 {
    return select(outer.x + inner.x * i32(p.b_row), -1, outer.x < 0 || inner.x >= i32(p.sizes.k));
}

fn y_row(batch: u32, place: vec4<i32>) -> u32 {
    return (batch * p.sizes.m + u32(place.x)) * p.sizes.n;
}
