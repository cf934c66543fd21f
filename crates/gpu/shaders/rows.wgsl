// Rows of a table by their indices, which are whole numbers as floats; what is no row is skipped.
//
// gather: a thread moves one element of y [n, d] out of the table x [rows, d].
// scatter: y [rows, d], zeros so far, gets the rows of x [n, d] added up in order. A thread has one
// column of one index; the thread of the first of equal indices adds up all of them. That is n² d reads
// of indices, which suits the words of captions, not more.

struct Params {
    // Where x and the indices begin, and how many indices there are.
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

// The row of an index, or `rows`.
fn row_of(i: u32) -> u32 {
    let index = indices[p.indices + i];
    // As a whole number, since f32 does not hold every count of rows.
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
