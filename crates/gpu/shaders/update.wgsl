// The optimiser's steps, in place.
//
// A workgroup updates 256 neighbouring elements, a thread one of them.

struct Params {
    // The indices of the first elements of the parameter, its moments, the input, and the input's
    // factor; and the number of elements.
    p: u32,
    m: u32,
    v: u32,
    g: u32,
    factor: u32,
    len: u32,
    // For lerp, `rate` is the weight. For Adam: rate / (1 - β₁ᵗ), 1 / √(1 - β₂ᵗ), ε; and `decay` is the
    // learning rate times the weight decay. For SGD, `m` is the velocity and `beta1` the momentum.
    rate: f32,
    root: f32,
    epsilon: f32,
    beta1: f32,
    beta2: f32,
    decay: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(2) var<storage, read> input: array<f32>;
@group(0) @binding(3) var<storage, read> factor: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> square: array<f32>;

@compute @workgroup_size(256)
fn lerp(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i < p.len {
        let before = parameter[p.p + i];
        parameter[p.p + i] = before + p.rate * (input[p.g + i] - before);
    }
}

// Adam (Kingma and Ba, 2015).
@compute @workgroup_size(256)
fn adam(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i >= p.len {
        return;
    }
    let g = factor[p.factor] * input[p.g + i];
    let m = p.beta1 * mean[p.m + i] + (1.0 - p.beta1) * g;
    let v = p.beta2 * square[p.v + i] + (1.0 - p.beta2) * g * g;
    mean[p.m + i] = m;
    square[p.v + i] = v;
    let kept = (1.0 - p.decay) * parameter[p.p + i];
    parameter[p.p + i] = kept - p.rate * m / (p.root * sqrt(v) + p.epsilon);
}

// Gradient descent with momentum (Polyak, 1964).
@compute @workgroup_size(256)
fn sgd(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i >= p.len {
        return;
    }
    let before = parameter[p.p + i];
    let v = p.beta1 * mean[p.m + i] + factor[p.factor] * input[p.g + i] + p.decay * before;
    mean[p.m + i] = v;
    parameter[p.p + i] = before - p.rate * v;
}
