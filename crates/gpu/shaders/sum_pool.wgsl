// The sum of each block of [ft, fh, fw] elements of x [n, t, h, w, c].
//
// A workgroup computes 256 neighbouring elements of y, a thread one of them.

struct Params {
    // The index of the first element of x, the number of elements of y, and the channels.
    x: u32,
    len: u32,
    c: u32,
    // [t, h, w] of y, and the factors.
    size: vec3<u32>,
    factor: vec3<u32>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i >= p.len {
        return;
    }
    let c = i % p.c;
    var left = i / p.c;
    let w = left % p.size.z;
    left /= p.size.z;
    let h = left % p.size.y;
    left /= p.size.y;
    let t = left % p.size.x;
    let n = left / p.size.x;
    let seen = p.size * p.factor;
    var sum = 0.0;
    for (var dt = 0u; dt < p.factor.x; dt++) {
        for (var dh = 0u; dh < p.factor.y; dh++) {
            let line = ((n * seen.x + t * p.factor.x + dt) * seen.y + h * p.factor.y + dh) * seen.z;
            for (var dw = 0u; dw < p.factor.z; dw++) {
                sum += x[p.x + (line + w * p.factor.z + dw) * p.c + c];
            }
        }
    }
    y[i] = sum;
}
