// Matrix products, with `product.wgsl`.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    batch: u32,
    // Where a and b begin, and steps along rows and columns of each; one of the two is 1.
    a: u32,
    b: u32,
    a_row: u32,
    a_column: u32,
    b_row: u32,
    b_column: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn extent(batch: u32) -> vec2<u32> {
    return vec2(p.m, p.k);
}

// x: where it begins in a, or -1 beyond the last.
fn a_row(batch: u32, row: u32) -> vec4<i32> {
    let start = p.a + batch * p.m * p.k + row * p.a_row;
    return vec4(select(-1, i32(start), row < p.m), 0, 0, 0);
}

fn a_column(batch: u32, k: u32) -> vec4<i32> {
    return vec4(select(-1, i32(k * p.a_column), k < p.k), 0, 0, 0);
}

fn a_at(row: vec4<i32>, column: vec4<i32>) -> i32 {
    return select(row.x + column.x, -1, row.x < 0 || column.x < 0);
}

fn a_load(at: u32) -> f32 {
    return a[at];
}

fn b_row(batch: u32, k: u32) -> u32 {
    return p.b + batch * p.k * p.n + k * p.b_row;
}

fn b_load(row: u32, column: u32) -> f32 {
    return b[row + column * p.b_column];
}

fn store(batch: u32, row: u32, column: u32, value: f32) {
    y[(batch * p.m + row) * p.n + column] = value;
}
