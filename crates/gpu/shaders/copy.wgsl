// Copies elements from x to y, both with strides. Permute, broadcast, upsample, slice, pad and
// concat use this kernel.
//
// A workgroup copies 256 elements, a thread one of them. It copies bits, so that NaNs stay
// unchanged.

struct Params {
    // The indices of the first elements of x and y, the number of elements to copy, and the number
    // of axes.
    x: u32,
    y: u32,
    len: u32,
    rank: u32,
    // For each axis, innermost first: its length, and its strides in x and in y.
    axes: array<vec4<u32>, 8>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

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
    var at = vec2(p.x, p.y);
    var left = i;
    for (var axis = 0u; axis < p.rank; axis++) {
        let dim = p.axes[axis];
        at += (left % dim.x) * dim.yz;
        left /= dim.x;
    }
    y[at.y] = x[at.x];
}
