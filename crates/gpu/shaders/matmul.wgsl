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

fn a_at(batch: u32, row: u32, k: u32) -> f32 {
    return a[p.a + batch * p.m * p.k + row * p.a_row + k * p.a_column];
}

fn b_at(batch: u32, k: u32, column: u32) -> f32 {
    return b[p.b + batch * p.k * p.n + k * p.b_row + column * p.b_column];
}

fn store(batch: u32, row: u32, column: u32, value: f32) {
    y[(batch * p.m + row) * p.n + column] = value;
}
