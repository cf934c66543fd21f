// y = leaky_relu((x - mean) / √(variance + ε) · scale + shift) of x [n, places, c], and its
// gradient. The mean and the variance are over all places and the channels of a group.
//
// A workgroup computes one group of one n. Its 256 threads form `lanes` rows with one thread for
// each channel; in a group of more than 256 channels, a thread takes every 256th channel. A thread
// loops over every `lanes`-th place.

struct Params {
    // The indices of the first elements of x, scale, shift and g.
    x: u32,
    scale: u32,
    shift: u32,
    g: u32,
    n: u32,
    places: u32,
    c: u32,
    groups: u32,
    // The stride of n in scale and shift: c, or 0 if all n share them.
    step: u32,
    epsilon: f32,
    slope: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> shift: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
// [n, 2, c]: for each n the gradient by shift, then by scale.
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;

var<workgroup> parts: array<vec2<f32>, 256>;

// The sum of all threads' parts, added by halves.
fn total(local: u32, part: vec2<f32>) -> vec2<f32> {
    parts[local] = part;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half {
            parts[local] += parts[local + half];
        }
    }
    return workgroupUniformLoad(&parts[0]);
}

struct Walk {
    // The channels of a group, the threads of a row, and the rows of threads.
    channels: u32,
    width: u32,
    lanes: u32,
    // The n and the first channel of this workgroup.
    n: u32,
    first: u32,
    // The thread's first channel within the group, and its first place. The place is `places` for a
    // thread without work.
    channel: u32,
    place: u32,
}

fn walk(group: u32, local: u32) -> Walk {
    var w: Walk;
    w.channels = p.c / p.groups;
    w.width = min(w.channels, 256u);
    w.lanes = 256u / w.width;
    w.n = group / p.groups;
    w.first = group % p.groups * w.channels;
    w.channel = local % w.width;
    w.place = local / w.width;
    if w.place >= w.lanes || group >= p.n * p.groups {
        w.place = p.places;
    }
    return w;
}

// The offset in x of a channel of the group at the first place of this n.
fn start(w: Walk, channel: u32) -> u32 {
    return w.n * p.places * p.c + w.first + channel;
}

// The mean and 1 / √(variance + ε) of the group.
fn statistics(w: Walk, local: u32) -> vec2<f32> {
    let count = f32(p.places) * f32(w.channels);
    var sum = 0.0;
    for (var channel = w.channel; channel < w.channels; channel += w.width) {
        let at = p.x + start(w, channel);
        for (var place = w.place; place < p.places; place += w.lanes) {
            sum += x[at + place * p.c];
        }
    }
    let mean = total(local, vec2(sum, 0.0)).x / count;
    var square = 0.0;
    for (var channel = w.channel; channel < w.channels; channel += w.width) {
        let at = p.x + start(w, channel);
        for (var place = w.place; place < p.places; place += w.lanes) {
            let apart = x[at + place * p.c] - mean;
            square += apart * apart;
        }
    }
    let variance = total(local, vec2(square, 0.0)).x / count;
    return vec2(mean, 1.0 / sqrt(variance + p.epsilon));
}

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let w = walk(index_of(group, groups), local);
    let stats = statistics(w, local);
    for (var channel = w.channel; channel < w.channels; channel += w.width) {
        let at = start(w, channel);
        let modulate = w.n * p.step + w.first + channel;
        for (var place = w.place; place < p.places; place += w.lanes) {
            let hat = (x[p.x + at + place * p.c] - stats.x) * stats.y;
            let value = hat * scale[p.scale + modulate] + shift[p.shift + modulate];
            y[at + place * p.c] = select(p.slope * value, value, value > 0.0);
        }
    }
}

// With ĝ the gradient before the activation and m the mean over a group:
// ∂shift = Σ ĝ, ∂scale = Σ ĝ x̂, ∂x = inverse · (ĝ scale - m(ĝ scale) - x̂ m(ĝ scale x̂)).
@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let w = walk(index_of(group, groups), local);
    let stats = statistics(w, local);
    var means = vec2(0.0);
    // Every thread runs the same number of rounds, because of the barriers.
    let channels = p.c / p.groups;
    for (var first = 0u; first < channels; first += min(channels, 256u)) {
        let channel = first + w.channel;
        let is_channel = channel < w.channels && w.place < p.places;
        let at = start(w, channel);
        let modulate = w.n * p.step + w.first + channel;
        var plain = 0.0;
        var along = 0.0;
        if is_channel {
            let scale_of = scale[p.scale + modulate];
            let shift_of = shift[p.shift + modulate];
            for (var place = w.place; place < p.places; place += w.lanes) {
                let hat = (x[p.x + at + place * p.c] - stats.x) * stats.y;
                let by = g[p.g + at + place * p.c];
                let before = select(p.slope * by, by, hat * scale_of + shift_of > 0.0);
                plain += before;
                along += before * hat;
            }
            means += scale_of * vec2(plain, along);
        }
        // Sum each channel over the rows of threads, in their order.
        workgroupBarrier();
        parts[local] = vec2(plain, along);
        workgroupBarrier();
        if local < w.width && is_channel {
            var sum = vec2(0.0);
            for (var lane = 0u; lane < w.lanes; lane++) {
                sum += parts[lane * w.width + local];
            }
            let to = w.n * 2u * p.c + w.first + channel;
            sums[to] = sum.x;
            sums[to + p.c] = sum.y;
        }
        workgroupBarrier();
    }
    means = total(local, means) / (f32(p.places) * f32(w.channels));
    for (var channel = w.channel; channel < w.channels; channel += w.width) {
        let at = start(w, channel);
        let modulate = w.n * p.step + w.first + channel;
        let scale_of = scale[p.scale + modulate];
        let shift_of = shift[p.shift + modulate];
        for (var place = w.place; place < p.places; place += w.lanes) {
            let hat = (x[p.x + at + place * p.c] - stats.x) * stats.y;
            let by = g[p.g + at + place * p.c];
            let before = select(p.slope * by, by, hat * scale_of + shift_of > 0.0);
            y[at + place * p.c] = stats.y * (before * scale_of - means.x - hat * means.y);
        }
    }
}
