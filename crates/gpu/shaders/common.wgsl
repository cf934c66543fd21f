// Functions that several files use. This file is appended to every other file.

// The index of the workgroup. A dispatch with more workgroups than one dimension allows is folded
// into two dimensions.
fn index_of(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}

// A position or a tap so far outside that position + tap lies in the padding, whatever the other
// summand is.
const FAR = -(1 << 24);

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + exp(-x));
}

// tanh x as (1 - t) / (1 + t) with t = exp(-2 |x|). Near 0 that formula cancels, so there the first
// terms of the series are used: x - x³/3 + 2 x⁵/15 - 17 x⁷/315.
fn tanh_of(x: f32) -> f32 {
    let t = exp(-2.0 * abs(x));
    let far = (1.0 - t) / (1.0 + t);
    let square = x * x;
    let near = x * (1.0 + square * (-1.0 / 3.0 + square * (2.0 / 15.0 - square * (17.0 / 315.0))));
    return select(select(-far, far, x > 0.0), near, abs(x) < 0.1);
}

// a + b as mixed-radix numbers: x carries into w, w into z, and z into y, which is unbounded. The
// digits of a are below their sizes, and those of b are below their sizes or 1, so one carry for
// each digit is enough.
fn add_with_carry(a: vec4<i32>, b: vec4<i32>, size: vec4<i32>) -> vec4<i32> {
    var sum = a + b;
    let x = sum.x >= size.x;
    sum += select(vec4(0), vec4(-size.x, 0, 0, 1), x);
    let w = sum.w >= size.w;
    sum += select(vec4(0), vec4(0, 0, 1, -size.w), w);
    let z = sum.z >= size.z;
    sum += select(vec4(0), vec4(0, 1, -size.z, 0), z);
    return sum;
}
