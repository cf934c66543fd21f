// Sums over the middle axis of x [outer, len, inner], in pieces of `piece` elements. The output is
// [outer, pieces, inner]. The order of every sum depends on these numbers alone.
//
// rows, for inner = 1 and a large len: a workgroup computes one sum. Each thread sums every 256th
// element, and the 256 sums are added by halves.
// columns: a thread computes one sum.

struct Params {
    // The index of the first element of x.
    x: u32,
    outer: u32,
    len: u32,
    inner: u32,
    piece: u32,
    pieces: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = index_of(group, groups);
    let piece = row % p.pieces;
    let end = min((piece + 1u) * p.piece, p.len);
    var sum = 0.0;
    if row < p.outer * p.pieces {
        for (var i = piece * p.piece + local; i < end; i += 256u) {
            sum += x[p.x + row / p.pieces * p.len + i];
        }
    }
    sums[local] = sum;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half {
            sums[local] += sums[local + half];
        }
    }
    if local == 0u && row < p.outer * p.pieces {
        y[row] = sums[0];
    }
}

@compute @workgroup_size(64)
fn columns(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 64u + local;
    if i >= p.outer * p.pieces * p.inner {
        return;
    }
    let column = i % p.inner;
    let row = i / p.inner;
    let piece = row % p.pieces;
    let end = min((piece + 1u) * p.piece, p.len);
    var sum = 0.0;
    for (var k = piece * p.piece; k < end; k++) {
        sum += x[p.x + (row / p.pieces * p.len + k) * p.inner + column];
    }
    y[i] = sum;
}
