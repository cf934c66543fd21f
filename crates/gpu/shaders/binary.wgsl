// y = f(a, b), element by element; a and b are broadcast by their strides. FN selects f.
//
// A workgroup computes 256 neighbouring elements of y, a thread one of them.

override FN: u32;
// Whether a and b have the layout of y, so that one index serves all three.
override PLAIN: bool;

struct Params {
    // The indices of the first elements of a and b, the number of elements of y, and the number of
    // axes.
    a: u32,
    b: u32,
    len: u32,
    rank: u32,
    // The slope of LeakyReluGrad.
    slope: f32,
    // For each axis, innermost first: its length, and its strides in a and in b.
    axes: array<vec4<u32>, 6>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn f(a: f32, b: f32) -> f32 {
    switch FN {
        case 0u: { return a + b; }
        case 1u: { return a - b; }
        case 2u: { return a * b; }
        case 3u: { return a / b; }
        default: { return select(p.slope * b, b, a > 0.0); }
    }
}

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
    var at = vec2(p.a + i, p.b + i);
    if !PLAIN {
        at = vec2(p.a, p.b);
        var left = i;
        for (var axis = 0u; axis < p.rank; axis++) {
            let dim = p.axes[axis];
            at += (left % dim.x) * dim.yz;
            left /= dim.x;
        }
    }
    y[i] = f(a[at.x], b[at.y]);
}
