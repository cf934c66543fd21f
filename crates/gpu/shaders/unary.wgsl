// y = f(x), element by element. FN selects f.
//
// A workgroup computes 256 neighbouring elements, a thread one of them.

override FN: u32;

struct Params {
    // The index of the first element of x, and the number of elements.
    x: u32,
    len: u32,
    // For LeakyRelu, a is the slope; for Affine, a is the factor and b the summand.
    a: f32,
    b: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// log(1 + x) for x from 0 to 1. Near 0 the sum 1 + x would lose digits of x, so there the first
// terms of the series are used.
fn log_one_plus(x: f32) -> f32 {
    let near = x * (1.0 - x * (1.0 / 2.0 - x * (1.0 / 3.0 - x * (1.0 / 4.0 - x / 5.0))));
    return select(log(1.0 + x), near, x < 0.05);
}

fn f(x: f32) -> f32 {
    switch FN {
        case 0u: { return exp(x); }
        case 1u: { return log(x); }
        case 2u: { return sqrt(x); }
        case 3u: { return 1.0 / x; }
        case 4u: { return tanh_of(x); }
        case 5u: { return sigmoid(x); }
        case 6u: { return max(x, 0.0) + log_one_plus(exp(-abs(x))); }
        case 7u: { return abs(x); }
        case 8u: { return select(select(x, -1.0, x < 0.0), 1.0, x > 0.0); }
        case 9u: { return select(p.a * x, x, x > 0.0); }
        default: { return p.a * x + p.b; }
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i < p.len {
        y[i] = f(x[p.x + i]);
    }
}
