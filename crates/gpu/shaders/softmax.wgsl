// y = exp(x - max) / Σ exp(x - max) along rows.
//
// A workgroup computes one row; each of its 64 threads takes every 64th element.

struct Params {
    x: u32,
    rows: u32,
    len: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> parts: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = index_of(group, groups);
    // Workgroups beyond the last row run too, with no elements, because every thread must reach the
    // barriers.
    let len = select(0u, p.len, row < p.rows);
    let start = row * p.len;
    var most = -0x1.fffffep+127f;
    for (var i = local; i < len; i += 64u) {
        most = max(most, x[p.x + start + i]);
    }
    parts[local] = most;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half {
            parts[local] = max(parts[local], parts[local + half]);
        }
    }
    most = workgroupUniformLoad(&parts[0]);
    var sum = 0.0;
    for (var i = local; i < len; i += 64u) {
        let e = exp(x[p.x + start + i] - most);
        y[start + i] = e;
        sum += e;
    }
    workgroupBarrier();
    parts[local] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half {
            parts[local] += parts[local + half];
        }
    }
    sum = workgroupUniformLoad(&parts[0]);
    for (var i = local; i < len; i += 64u) {
        y[start + i] /= sum;
    }
}
