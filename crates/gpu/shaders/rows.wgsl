// Rows of a table by index. Indices are whole numbers, stored as floats.
//
// gather: a thread copies one element of the table x [rows, d] to y [n, d], or writes 0 if the
// index is not a row of the table.
//
// scatter: adds the rows of x [n, d], in order, to y [rows, d], which must be zero before; it skips
// indices that are not rows. A thread has one column of one index. The thread of the first of equal
// indices adds the rows of all of them. The threads read n² d indices: fast enough for the words of
// captions, too slow for larger n.

struct Params {
    // The positions of the first elements of x and of the indices, and the number of indices.
    x: u32,
    indices: u32,
    n: u32,
    rows: u32,
    d: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> indices: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// The row of index i, or `rows` if it is not a row.
fn row_of(i: u32) -> u32 {
    let index = indices[p.indices + i];
    // Compare with `rows` as integers, because f32 cannot represent every number of rows.
    if index >= 0.0 && index < 0x1p31 && floor(index) == index {
        return min(u32(index), p.rows);
    }
    return p.rows;
}

@compute @workgroup_size(256)
fn gather(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i >= p.n * p.d {
        return;
    }
    let row = row_of(i / p.d);
    if row < p.rows {
        y[i] = x[p.x + row * p.d + i % p.d];
    } else {
        y[i] = 0.0;
    }
}

@compute @workgroup_size(256)
fn scatter(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i >= p.n * p.d {
        return;
    }
    let own = i / p.d;
    let column = i % p.d;
    let row = row_of(own);
    if row == p.rows {
        return;
    }
    for (var before = 0u; before < own; before++) {
        if row_of(before) == row {
            return;
        }
    }
    var sum = 0.0;
    for (var k = own; k < p.n; k++) {
        if row_of(k) == row {
            sum += x[p.x + k * p.d + column];
        }
    }
    y[row * p.d + column] = sum;
}
