//! Larger sizes than those of the conformance kit, which are split into tiles and tasks. The
//! results must match the reference, and be the same bits on any number of threads.

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Binary, Geometry, NormSpec, Op, Random, Shape, Tensor, Unary, Update};
use rayon::ThreadPoolBuilder;

fn normals(shape: Shape, stream: usize) -> Vec<f32> {
    Random::new(3, stream as u64).normals(shape.elements())
}

/// The largest |a - b| / (|b| + the root mean square of b) of any element.
fn distance(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let mean = b.iter().map(|b| b * b).sum::<f64>() / b.len().max(1) as f64;
    let error = |(&a, &b): (&f32, &f64)| (f64::from(a) - b).abs() / (b.abs() + mean.sqrt());
    let worst = a.iter().zip(b).map(error).fold(0.0, f64::max);
    assert!(!worst.is_nan() && a.iter().all(|a| a.is_finite()));
    worst
}

fn apply<T: Tensor>(device: &T::Device, op: &Op, inputs: &[(Shape, Vec<f32>)]) -> T {
    let inputs: Vec<T> = inputs
        .iter()
        .map(|(shape, values)| T::from_slice(device, values, *shape).unwrap())
        .collect();
    T::apply(device, op.clone(), &inputs.iter().collect::<Vec<_>>()).unwrap()
}

fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

fn check_values(op: Op, inputs: &[(Shape, Vec<f32>)]) {
    let device = CpuDevice::new();
    let run = |threads| {
        on_threads(threads, || apply::<CpuTensor>(&device, &op, inputs).to_vec().unwrap())
    };
    let shapes: Vec<&Shape> = inputs.iter().map(|(shape, _)| shape).collect();
    let one = run(1);
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for threads in [2, 5] {
        assert!(bits(&one) == bits(&run(threads)), "{op:?} of {shapes:?} on {threads} threads");
    }
    let reference = apply::<Reference>(&(), &op, inputs);
    let error = distance(&one, reference.values());
    assert!(error < 3e-5, "{op:?} of {shapes:?}: {error:e}");
}

fn check(op: Op, shapes: &[&[usize]]) {
    let with_values = |(i, &shape): (usize, &&[usize])| (shape.into(), normals(shape.into(), i));
    check_values(op, &shapes.iter().enumerate().map(with_values).collect::<Vec<_>>());
}

/// Checks all three convolutions for x, co, and `[kernel, stride, padding]`.
fn check_conv(x: [usize; 5], co: usize, [kernel, stride, padding]: [[usize; 3]; 3]) {
    let geometry = Geometry { stride, padding };
    let size = [x[1], x[2], x[3]];
    let [t, h, w] = geometry.output(size, kernel).unwrap();
    let g = [x[0], t, h, w, co];
    let k = [kernel[0], kernel[1], kernel[2], x[4], co];
    check(Op::Conv(geometry), &[&x, &k]);
    check(Op::ConvInput { geometry, size }, &[&g, &k]);
    check(Op::ConvWeight { geometry, kernel }, &[&x, &g]);
}

#[test]
fn convolutions_of_frames() {
    check_conv([3, 1, 17, 19, 20], 24, [[1, 3, 3], [1; 3], [0, 1, 1]]);
    check_conv([5, 1, 8, 8, 96], 100, [[1, 3, 3], [1; 3], [0, 1, 1]]);
    check_conv([40, 1, 4, 4, 24], 20, [[1, 4, 4], [1, 2, 2], [0, 1, 1]]);
    check_conv([9, 1, 16, 16, 32], 48, [[1, 4, 4], [1, 2, 2], [0, 1, 1]]);
    check_conv([6, 1, 20, 20, 32], 32, [[1, 3, 3], [1; 3], [0, 1, 1]]);
    check_conv([7, 1, 9, 9, 5], 64, [[1, 5, 3], [1, 3, 2], [0, 2, 3]]);
    check_conv([2, 1, 20, 20, 8], 16, [[1; 3], [1; 3], [0; 3]]);
}

#[test]
fn convolutions_to_few_channels() {
    check_conv([2, 1, 64, 64, 33], 3, [[1, 3, 3], [1; 3], [0, 1, 1]]);
    check_conv([2, 1, 40, 50, 32], 4, [[1, 3, 3], [1; 3], [0, 1, 1]]);
    check_conv([2, 1, 40, 50, 1], 1, [[1, 5, 5], [1; 3], [0, 2, 2]]);
}

#[test]
fn convolutions_of_clips() {
    check_conv([2, 5, 33, 31, 4], 32, [[3, 4, 4], [1, 2, 2], [1; 3]]);
    check_conv([1, 7, 34, 34, 40], 8, [[3, 3, 3], [1; 3], [1; 3]]);
    check_conv([2, 6, 7, 5, 12], 50, [[2, 3, 2], [2, 1, 3], [1, 0, 2]]);
}

#[test]
fn products() {
    for [a, b] in [[false, false], [false, true], [true, false], [true, true]] {
        let op = Op::MatMul { transpose_a: a, transpose_b: b };
        let pick = |flip: bool, rows: usize, columns: usize| match flip {
            true => [columns, rows],
            false => [rows, columns],
        };
        for [m, k, n] in [[130, 300, 600], [16, 500, 300], [48, 64, 49], [3, 7, 1000]] {
            check(op.clone(), &[&pick(a, m, k), &pick(b, k, n)]);
        }
        let batch = |[rows, columns]: [usize; 2]| [9, rows, columns];
        check(op, &[&batch(pick(a, 20, 60)), &batch(pick(b, 60, 70))]);
    }
}

#[test]
fn elementwise() {
    let x: &[usize] = &[70, 33, 47];
    check(Op::Affine { mul: 0.3, add: -2.0 }, &[x]);
    let unary = [Unary::Exp, Unary::Tanh, Unary::Sigmoid, Unary::Softplus, Unary::LeakyRelu(0.2)];
    for unary in unary.into_iter().chain([Unary::Abs, Unary::Sign]) {
        check(Op::Unary(unary), &[x]);
    }
    let others: [&[usize]; 9] =
        [x, &[], &[47], &[33, 1], &[33, 47], &[70, 1, 1], &[70, 1, 47], &[70, 33, 1], &[1, 33, 1]];
    for other in others {
        let binary = [Binary::Add, Binary::Sub, Binary::Mul, Binary::LeakyReluGrad(0.2)];
        for op in binary.map(Op::Binary) {
            check(op.clone(), &[x, other]);
            check(op, &[other, x]);
        }
    }
    check(Op::Binary(Binary::Add), &[&[70, 1, 47], &[33, 1]]);
    check(Op::Binary(Binary::Mul), &[&[300, 1, 3], &[200, 1]]);
}

#[test]
fn sums() {
    let shape: &[usize] = &[9, 20, 30, 11];
    for mask in 0..16usize {
        let axes = (0..4).filter(|axis| mask >> axis & 1 == 1).collect();
        check(Op::Sum { axes }, &[shape]);
    }
    check(Op::Sum { axes: vec![0] }, &[&[20, 5000]]);
    check(Op::Sum { axes: vec![1] }, &[&[3, 20, 4100]]);
    check(Op::Sum { axes: vec![0, 1] }, &[&[300, 300, 4]]);
    check(Op::Sum { axes: vec![0, 1, 2] }, &[&[300, 300, 1]]);
    check(Op::Softmax, &[&[3000, 37]]);
}

#[test]
fn layouts() {
    let x: &[usize] = &[8, 5, 16, 18, 12];
    check(Op::Permute(vec![0, 4, 1, 2, 3]), &[x]);
    check(Op::Permute(vec![3, 0, 2, 4, 1]), &[x]);
    check(Op::Broadcast([8, 5, 16, 18, 12].into()), &[&[5, 1, 18, 1]]);
    check(Op::Slice { axis: 4, start: 2, len: 7 }, &[x]);
    check(Op::Slice { axis: 2, start: 3, len: 9 }, &[x]);
    check(Op::Pad { axis: 3, before: 2, after: 1 }, &[x]);
    check(Op::Concat { axis: 4 }, &[x, &[8, 5, 16, 18, 7], &[8, 5, 16, 18, 1]]);
    check(Op::Concat { axis: 0 }, &[x, x]);
    check(Op::Upsample { factor: [2, 2, 3] }, &[x]);
    check(Op::SumPool { factor: [5, 4, 2] }, &[x]);
}

#[test]
fn norms() {
    for slope in [1.0, 0.2] {
        let spec = |groups| NormSpec { groups, epsilon: 1e-5, slope };
        // Large samples with many pieces, and one sample split into several tasks; one, few and
        // many channels.
        let cases: [(&[usize], usize, usize); 4] = [
            (&[3, 50, 50, 20], 5, 3),
            (&[1, 70, 70, 64], 4, 1),
            (&[2, 90, 3], 3, 2),
            (&[40, 600], 1, 1),
        ];
        for (x, groups, n) in cases {
            let per_channel: &[usize] = &[n, x[x.len() - 1]];
            check(Op::Norm(spec(groups)), &[x, per_channel, per_channel]);
            check(Op::NormGrad(spec(groups)), &[x, per_channel, per_channel, x]);
        }
    }
}

#[test]
fn cells() {
    for c in [24, 96, 5] {
        let (gates, cell) = ([700, 4 * c], [700, c]);
        check(Op::LstmCell, &[&gates, &cell]);
        check(Op::LstmCellGrad, &[&gates, &cell, &[2, 700, c]]);
        let gates = [700, 3 * c];
        check(Op::GruCell, &[&gates, &gates, &cell]);
        check(Op::GruCellGrad, &[&gates, &gates, &cell, &cell]);
    }
}

#[test]
fn rows_of_tables() {
    let indices: Vec<f32> = (0..3000).map(|i| ((i * 7) % 50) as f32 - 2.0).collect();
    let indices = ([3000].into(), indices);
    let table = Shape::from([40, 33]);
    check_values(Op::Gather, &[(table, normals(table, 0)), indices.clone()]);
    let values = Shape::from([3000, 33]);
    check_values(Op::Scatter { rows: 40 }, &[indices, (values, normals(values, 0))]);
}

#[test]
fn updates() {
    let adam = |step| Update::Adam {
        rate: 0.1,
        beta1: 0.5,
        beta2: 0.9,
        epsilon: 1e-8,
        weight_decay: 0.1,
        step,
    };
    let sgd = Update::Sgd { rate: 0.1, momentum: 0.9, weight_decay: 0.1 };
    let shape = Shape::from([300, 301]);
    fn run<T: Tensor>(device: &T::Device, shape: Shape, rules: &[Update]) -> T {
        let new = |stream| T::from_slice(device, &normals(shape, stream), shape).unwrap();
        let (mut p, mut m) = (new(0), T::full(device, 0.0, shape).unwrap());
        let mut v = m.clone();
        for (i, rule) in rules.iter().enumerate() {
            let (input, factor) = (new(1 + i), T::full(device, 0.7, [1]).unwrap());
            match rule {
                Update::Adam { .. } => p.update(rule, &mut [&mut m, &mut v], &[&input, &factor]),
                Update::Sgd { .. } => p.update(rule, &mut [&mut m], &[&input, &factor]),
                Update::Lerp { .. } => p.update(rule, &mut [], &[&input]),
            }
            .unwrap();
        }
        p
    }
    let rules = [adam(1), adam(2), sgd, Update::Lerp { weight: 0.3 }];
    let device = CpuDevice::new();
    let cpu = |n| on_threads(n, || run::<CpuTensor>(&device, shape, &rules).to_vec().unwrap());
    let one = cpu(1);
    assert!(one == cpu(2) && one == cpu(5));
    assert!(distance(&one, run::<Reference>(&(), shape, &rules).values()) < 1e-5);
}
