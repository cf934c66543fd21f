// What several files use; it stands below each of them.

// Which workgroup this is, of those that a dispatch folds into two dimensions where one does not hold
// them all.
fn index_of(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}

// A place, or a tap, that is out of every picture wherever the other lies.
const FAR = -(1 << 24);

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + exp(-x));
}

// (1 - t) / (1 + t) with t = exp(-2 |x|), and near 0, where that cancels, the first terms of tanh's
// series, x - x³/3 + 2 x⁵/15 - 17 x⁷/315.
fn tanh_of(x: f32) -> f32 {
    let t = exp(-2.0 * abs(x));
    let far = (1.0 - t) / (1.0 + t);
    let square = x * x;
    let near = x * (1.0 + square * (-1.0 / 3.0 + square * (2.0 / 15.0 - square * (17.0 / 315.0))));
    return select(select(-far, far, x > 0.0), near, abs(x) < 0.1);
}

// a + b as numbers of mixed radix: x overflows into w, w into z, and z into y, which has no end. The
// digits of a are below their sizes, those of b below them or 1, so that one carry each is enough.
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
