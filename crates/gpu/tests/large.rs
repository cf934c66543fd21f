//! Larger sizes than those of the conformance kit, which are split into tiles and pieces, or folded
//! into two dimensions.

mod common;

use kinora_gpu::{GpuDevice, GpuTensor};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Binary, Geometry, NormSpec, Op, Random, Result, Shape, Tensor};

fn apply<T: Tensor>(device: &T::Device, op: &Op, inputs: &[(Shape, Vec<f32>)]) -> Result<T> {
    let inputs = inputs.iter().map(|(shape, values)| T::from_slice(device, values, *shape));
    let inputs: Vec<T> = inputs.collect::<Result<_>>()?;
    T::apply(device, op.clone(), &inputs.iter().collect::<Vec<_>>())
}

/// Compares the operation with the reference, and demands the same bits from a second run.
fn check(device: &GpuDevice, op: Op, shapes: &[&[usize]]) {
    let normals = |(i, shape): (usize, &&[usize])| {
        let shape = Shape::from(*shape);
        (shape, Random::new(3, i as u64).normals(shape.elements()))
    };
    let inputs: Vec<(Shape, Vec<f32>)> = shapes.iter().enumerate().map(normals).collect();
    let run = || apply::<GpuTensor>(device, &op, &inputs).unwrap().to_vec().unwrap();
    let found = run();
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(bits(&found) == bits(&run()), "{op:?} of {shapes:?}, again");
    let reference = apply::<Reference>(&(), &op, &inputs).unwrap();
    let wanted = reference.values();
    let mean = wanted.iter().map(|w| w * w).sum::<f64>() / wanted.len() as f64;
    let error = |(&a, &b): (&f32, &f64)| (f64::from(a) - b).abs() / (b.abs() + mean.sqrt());
    let worst = found.iter().zip(wanted).map(error).fold(0.0, f64::max);
    assert!(worst < 3e-5 && found.iter().all(|x| x.is_finite()), "{op:?} of {shapes:?}: {worst:e}");
}

#[test]
fn products_of_every_tile() {
    let Some(adapter) = common::adapter() else { return };
    let device = GpuDevice::of(&adapter).unwrap();
    for [m, k, n] in [
        [1, 700, 130],
        [16, 3072, 70],
        [130, 33, 3],
        [200, 65, 17],
        [65, 129, 67],
        [2100, 20, 70],
        [2100, 20, 30],
        [132, 36, 4],
        [200, 64, 16],
        [64, 128, 30],
        [68, 64, 64],
        [70, 40, 24],
        [70, 40, 96],
        [130, 33, 130],
        [65, 129, 190],
        [260, 3000, 170],
        [260, 9000, 96],
        [4100, 520, 30],
        [4100, 520, 24],
    ] {
        for transpose_a in [false, true] {
            for transpose_b in [false, true] {
                let a = if transpose_a { [k, m] } else { [m, k] };
                let b = if transpose_b { [n, k] } else { [k, n] };
                check(&device, Op::MatMul { transpose_a, transpose_b }, &[&a, &b]);
            }
        }
    }
    let op = Op::MatMul { transpose_a: false, transpose_b: false };
    for (batch, m, n) in [(5, 70, 66), (8, 260, 66), (8, 260, 30), (24, 260, 62), (24, 260, 30)] {
        check(&device, op.clone(), &[&[batch, m, 30], &[batch, 30, n]]);
    }
}

#[test]
fn convolutions_that_are_cut() {
    let Some(adapter) = common::adapter() else { return };
    let device = GpuDevice::of(&adapter).unwrap();
    let taps = |kernel, stride, padding| (kernel, Geometry { stride, padding });
    for (x, co, (kernel, geometry)) in [
        ([3, 1, 20, 20, 32], 32, taps([1, 3, 3], [1; 3], [0, 1, 1])),
        ([2, 4, 16, 16, 3], 24, taps([3, 4, 4], [1, 2, 2], [1, 1, 1])),
        ([2, 4, 12, 16, 36], 33, taps([3, 4, 4], [2, 2, 2], [1, 1, 1])),
        ([2, 4, 16, 32, 64], 33, taps([3, 4, 4], [2, 2, 2], [1, 1, 1])),
        ([2, 4, 16, 32, 32], 66, taps([3, 4, 4], [2, 2, 2], [1, 1, 1])),
        ([4, 1, 24, 24, 24], 3, taps([1, 3, 3], [1; 3], [0, 1, 1])),
        ([2, 1, 30, 30, 5], 70, taps([1, 1, 1], [1; 3], [0; 3])),
    ] {
        let size = [x[1], x[2], x[3]];
        let [t, h, w] = geometry.output(size, kernel).unwrap();
        let g = [x[0], t, h, w, co];
        let k = [kernel[0], kernel[1], kernel[2], x[4], co];
        check(&device, Op::Conv(geometry), &[&x, &k]);
        check(&device, Op::ConvInput { geometry, size }, &[&g, &k]);
        check(&device, Op::ConvWeight { geometry, kernel }, &[&x, &g]);
    }
    check(&device, Op::ResizeConv, &[&[2, 1, 17, 9, 20], &[1, 3, 3, 20, 40], &[40]]);
}

#[test]
fn long_sums_and_wide_norms() {
    let Some(adapter) = common::adapter() else { return };
    let device = GpuDevice::of(&adapter).unwrap();
    for (shape, axes) in [
        (&[300_000][..], vec![0]),
        (&[3, 70_000], vec![1]),
        (&[70_000, 3], vec![0]),
        (&[50, 40, 30, 20], vec![0, 2]),
        (&[7, 9000, 5], vec![0, 1, 2]),
        (&[9000, 7], vec![1]),
    ] {
        check(&device, Op::Sum { axes }, &[shape]);
    }
    check(&device, Op::Softmax, &[&[30, 1000]]);
    for (x, groups) in [([2, 1, 20, 20, 24], 3), ([1, 2, 3, 5, 600], 1), ([3, 1, 1, 1, 300], 2)] {
        let spec = NormSpec { groups, epsilon: 1e-3, slope: 0.2 };
        for rows in [1, x[0]] {
            let per_channel = [rows, x[4]];
            check(&device, Op::Norm(spec), &[&x, &per_channel, &per_channel]);
            check(&device, Op::NormGrad(spec), &[&x, &per_channel, &per_channel, &x]);
        }
    }
}

/// Dispatches with more workgroups than one dimension allows.
#[test]
fn folded_dispatches() -> Result<()> {
    let Some(adapter) = common::adapter() else { return Ok(()) };
    let device = GpuDevice::portable(&adapter)?;
    let len = 65_535 * 256 + 1000;
    let x = GpuTensor::full(&device, 1.5, [len])?;
    let y = GpuTensor::apply(&device, Op::Binary(Binary::Mul), &[&x, &x])?.to_vec()?;
    assert!(y.len() == len && y.iter().all(|&y| y == 2.25));
    // Kernels with a workgroup for each row or product.
    check(&device, Op::Sum { axes: vec![1] }, &[&[70_001, 40]]);
    check(&device, Op::Softmax, &[&[70_001, 3]]);
    let spec = NormSpec { groups: 1, epsilon: 1e-3, slope: 0.2 };
    check(&device, Op::Norm(spec), &[&[70_001, 1, 1, 1, 4], &[1, 4], &[1, 4]]);
    let op = Op::MatMul { transpose_a: false, transpose_b: false };
    check(&device, op, &[&[70_001, 1, 2], &[70_001, 2, 1]]);
    Ok(())
}
