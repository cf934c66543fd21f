// The LSTM and GRU cells and their gradients.
//
// A workgroup computes 256 neighbouring elements of the state, a thread one of them.

struct Params {
    // The index of the first element of each input, the number of elements of the state, and its
    // channels.
    a: u32,
    b: u32,
    h: u32,
    g: u32,
    len: u32,
    c: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> h: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

// The offset of the first gate of state element i in a tensor of `gates` gates. The next gates
// follow at distances of c.
fn place(i: u32, gates: u32) -> u32 {
    return i / p.c * p.c * gates + i % p.c;
}

// Inputs: a holds the gates i, f, g, o, and h the cell state. Output: h', then c'.
@compute @workgroup_size(256)
fn lstm(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i >= p.len {
        return;
    }
    let at = p.a + place(i, 4u);
    let next = sigmoid(a[at + p.c]) * h[p.h + i] + sigmoid(a[at]) * tanh_of(a[at + 2u * p.c]);
    y[i] = sigmoid(a[at + 3u * p.c]) * tanh_of(next);
    y[p.len + i] = next;
}

// Inputs: those of `lstm`, and g, the gradients of h' and c'. Output: the partials by the gates,
// then by the cell state.
@compute @workgroup_size(256)
fn lstm_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i >= p.len {
        return;
    }
    let gates = place(i, 4u);
    let at = p.a + gates;
    let input = sigmoid(a[at]);
    let forget = sigmoid(a[at + p.c]);
    let fresh = tanh_of(a[at + 2u * p.c]);
    let output = sigmoid(a[at + 3u * p.c]);
    let cell = h[p.h + i];
    let squashed = tanh_of(forget * cell + input * fresh);
    let by_h = g[p.g + i];
    let by_next = g[p.g + p.len + i] + by_h * output * (1.0 - squashed * squashed);
    y[gates] = by_next * fresh * input * (1.0 - input);
    y[gates + p.c] = by_next * cell * forget * (1.0 - forget);
    y[gates + 2u * p.c] = by_next * input * (1.0 - fresh * fresh);
    y[gates + 3u * p.c] = by_h * squashed * output * (1.0 - output);
    y[4u * p.len + i] = by_next * forget;
}

// Inputs: a and b hold the gates r, z, n from the input and from the state, and h the state.
// Output: h'.
@compute @workgroup_size(256)
fn gru(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i >= p.len {
        return;
    }
    let gates = place(i, 3u);
    let of_a = p.a + gates;
    let of_b = p.b + gates;
    let r = sigmoid(a[of_a] + b[of_b]);
    let z = sigmoid(a[of_a + p.c] + b[of_b + p.c]);
    let n = tanh_of(a[of_a + 2u * p.c] + r * b[of_b + 2u * p.c]);
    y[i] = n + z * (h[p.h + i] - n);
}

// Inputs: those of `gru`, and g, the gradient of h'. Output: the partials by a, b and h.
@compute @workgroup_size(256)
fn gru_grad(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = index_of(group, groups) * 256u + local;
    if i >= p.len {
        return;
    }
    let gates = place(i, 3u);
    let of_a = p.a + gates;
    let of_b = p.b + gates;
    let b_n = b[of_b + 2u * p.c];
    let r = sigmoid(a[of_a] + b[of_b]);
    let z = sigmoid(a[of_a + p.c] + b[of_b + p.c]);
    let n = tanh_of(a[of_a + 2u * p.c] + r * b_n);
    let by_h = g[p.g + i];
    let by_new = by_h * (1.0 - z) * (1.0 - n * n);
    let by_r = by_new * b_n * r * (1.0 - r);
    let by_z = by_h * (h[p.h + i] - n) * z * (1.0 - z);
    y[gates] = by_r;
    y[gates + p.c] = by_z;
    y[gates + 2u * p.c] = by_new;
    // r and z depend on a + b, so their partials by a and by b are equal.
    let to_b = 3u * p.len + gates;
    y[to_b] = by_r;
    y[to_b + p.c] = by_z;
    y[to_b + 2u * p.c] = by_new * r;
    y[6u * p.len + i] = by_h * z;
}
