//! Prints GFLOP/s of the convolutions of a small video GAN (forward and both partials) and GB/s of
//! the operations around them, each the best of several runs. `rates FILTER` runs only the cases
//! with FILTER in their name. The columns after "a core" are rates by CPU time (Linux only): on a
//! shared machine, with RAYON_NUM_THREADS=1, they are the rates of one core.

use std::time::Instant;

use anyhow::Result;
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_tensor::{Binary, Geometry, NormSpec, Op, Random, Shape, Tensor, Unary};

fn main() -> Result<()> {
    let filter = std::env::args().nth(1).unwrap_or_default();
    let device = CpuDevice::new();
    let run = |name: &str, op: Op, shapes: &[Shape]| -> Result<()> {
        if !name.contains(&filter) {
            return Ok(());
        }
        let mut random = Random::new(0, 0);
        let inputs = shapes
            .iter()
            .map(|shape| CpuTensor::randn(&device, &mut random, *shape))
            .collect::<kinora_tensor::Result<Vec<_>>>()?;
        let inputs: Vec<&CpuTensor> = inputs.iter().collect();
        let descs: Vec<_> = inputs.iter().map(|x| x.desc()).collect();
        CpuTensor::apply(&device, op.clone(), &inputs)?;
        let (mut best, mut runs) = (f64::INFINITY, 0);
        let (begin, cpu) = (Instant::now(), cpu_seconds()?);
        while runs < 5 || begin.elapsed().as_secs_f64() < 0.3 {
            let start = Instant::now();
            CpuTensor::apply(&device, op.clone(), &inputs)?;
            best = best.min(start.elapsed().as_secs_f64());
            runs += 1;
        }
        let cpu = (cpu_seconds()? - cpu) / f64::from(runs);
        let (flops, bytes) = (op.flops(&descs) as f64, op.bytes(&descs) as f64);
        println!(
            "{:9.3} ms {:7.1} GFLOP/s {:6.1} GB/s; a core {:6.1} {:6.1}  {name}",
            best * 1e3,
            flops / best / 1e9,
            bytes / best / 1e9,
            flops / cpu / 1e9,
            bytes / cpu / 1e9,
        );
        Ok(())
    };

    for (m, k, n) in
        [(1024, 1024, 1024), (16, 512, 6144), (512, 16, 6144), (16, 6144, 512), (16384, 64, 64)]
    {
        let op = Op::MatMul { transpose_a: false, transpose_b: false };
        run(&format!("matmul {m} {k} {n}"), op, &[[m, k].into(), [k, n].into()])?;
    }
    let op = Op::MatMul { transpose_a: false, transpose_b: true };
    run("matmul 16 6144 512 transposed b", op, &[[16, 6144].into(), [512, 6144].into()])?;

    // Name, input `[n, t, h, w, ci]`, output channels, kernel, stride.
    let convs = [
        ("gates", [16, 1, 8, 8, 96], 384, [1, 3, 3], [1; 3]),
        ("gates joined", [16, 1, 8, 8, 144], 384, [1, 3, 3], [1; 3]),
        ("gates one", [1, 1, 8, 8, 144], 384, [1, 3, 3], [1; 3]),
        ("decoder 16", [128, 1, 16, 16, 96], 64, [1, 3, 3], [1; 3]),
        ("decoder 32", [128, 1, 32, 32, 64], 32, [1, 3, 3], [1; 3]),
        ("decoder out", [128, 1, 32, 32, 32], 4, [1, 3, 3], [1; 3]),
        ("clip 1", [16, 8, 32, 32, 4], 32, [3, 4, 4], [1, 2, 2]),
        ("clip 2", [16, 8, 16, 16, 32], 64, [3, 4, 4], [1, 2, 2]),
        ("clip 3", [16, 8, 8, 8, 64], 128, [3, 4, 4], [1, 2, 2]),
        ("frame 1", [32, 1, 32, 32, 4], 32, [1, 4, 4], [1, 2, 2]),
        ("frame 2", [32, 1, 16, 16, 32], 64, [1, 4, 4], [1, 2, 2]),
        ("frame 3", [32, 1, 8, 8, 64], 128, [1, 4, 4], [1, 2, 2]),
        ("decoder 64", [128, 1, 64, 64, 32], 32, [1, 3, 3], [1; 3]),
        ("clip 1 of 64", [16, 8, 64, 64, 4], 32, [3, 4, 4], [1, 2, 2]),
        ("clip 2 of 64", [16, 8, 32, 32, 32], 64, [3, 4, 4], [1, 2, 2]),
        ("24 to 3", [256, 1, 32, 32, 24], 3, [1, 3, 3], [1; 3]),
        ("24 to 48", [256, 1, 32, 32, 24], 48, [1, 4, 4], [1, 2, 2]),
        ("1x1", [128, 1, 16, 16, 96], 64, [1, 1, 1], [1; 3]),
    ];
    for (name, x, co, kernel, stride) in convs {
        let [kt, kh, kw] = kernel;
        let padding = if kw == 1 { [0; 3] } else { [kt / 2, 1, 1] };
        let geometry = Geometry { stride, padding };
        let k = Shape::from([kt, kh, kw, x[4], co]);
        let size = [x[1], x[2], x[3]];
        let [t, h, w] = geometry.output(size, kernel).unwrap();
        let g = Shape::from([x[0], t, h, w, co]);
        let x = Shape::from(x);
        run(
            &format!("conv {name}: {x} to {co} by {kernel:?} / {stride:?}"),
            Op::Conv(geometry),
            &[x, k],
        )?;
        run(&format!("  input {name}"), Op::ConvInput { geometry, size }, &[g, k])?;
        run(&format!("  weight {name}"), Op::ConvWeight { geometry, kernel }, &[x, g])?;
    }

    // Both operations compute the same result. Compare their milliseconds: their GFLOP/s count
    // different numbers of products.
    for (n, h, ci, co) in
        [(16, 8, 64, 48), (16, 16, 48, 24), (256, 16, 48, 24), (128, 8, 96, 64), (128, 16, 64, 32)]
    {
        let [x, k, bias] = [Shape::from([n, 1, h, h, ci]), [1, 3, 3, ci, co].into(), [co].into()];
        run(&format!("resize_conv: {x} to {co}"), Op::ResizeConv, &[x, k, bias])?;
        let (geometry, size) =
            (Geometry { stride: [1, 2, 2], padding: [0, 1, 1] }, [1, 2 * h, 2 * h]);
        let k = Shape::from([1, 4, 4, co, ci]);
        run("  as a transposed convolution", Op::ConvInput { geometry, size }, &[x, k])?;
    }

    let frames = Shape::from([128, 1, 32, 32, 32]);
    let per_channel = Shape::from([32]);
    let add = Op::Binary(Binary::Add);
    run("add", add.clone(), &[frames, frames])?;
    run("add bias", add.clone(), &[frames, per_channel])?;
    run("add of 4 channels", add.clone(), &[[128, 1, 32, 32, 4].into(), [4].into()])?;
    run("add a row's number", add, &[[128, 1024, 32].into(), [128, 1024, 1].into()])?;
    run("leaky_relu", Op::Unary(Unary::LeakyRelu(0.2)), &[frames])?;
    run("tanh", Op::Unary(Unary::Tanh), &[[128, 1, 32, 32, 4].into()])?;
    run("sigmoid", Op::Unary(Unary::Sigmoid), &[frames])?;
    run("sum to channels", Op::Sum { axes: vec![0, 1, 2, 3] }, &[frames])?;
    run("sum of 4 channels", Op::Sum { axes: vec![0, 1, 2, 3] }, &[[128, 1, 32, 32, 4].into()])?;
    run("sum of all", Op::Sum { axes: vec![0, 1, 2, 3, 4] }, &[frames])?;
    run("sum of rows", Op::Sum { axes: vec![4] }, &[frames])?;
    run("sum of places", Op::Sum { axes: vec![1, 2, 3] }, &[frames])?;
    run("upsample", Op::Upsample { factor: [1, 2, 2] }, &[[128, 1, 16, 16, 64].into()])?;
    run("sum_pool", Op::SumPool { factor: [1, 2, 2] }, &[[128, 1, 32, 32, 64].into()])?;
    run("concat", Op::Concat { axis: 4 }, &[[16, 1, 8, 8, 48].into(), [16, 1, 8, 8, 96].into()])?;
    run("slice", Op::Slice { axis: 4, start: 0, len: 48 }, &[[128, 1, 16, 16, 96].into()])?;
    run("permute", Op::Permute(vec![0, 4, 1, 2, 3]), &[frames])?;
    let spec = NormSpec { groups: 8, epsilon: 1e-5, slope: 0.2 };
    run("norm", Op::Norm(spec), &[frames, [128, 32].into(), [128, 32].into()])?;
    run("norm_grad", Op::NormGrad(spec), &[frames, [1, 32].into(), [1, 32].into(), frames])?;
    let (gates, cell) = (Shape::from([16, 1, 8, 8, 384]), Shape::from([16, 1, 8, 8, 96]));
    run("lstm_cell", Op::LstmCell, &[gates, cell])?;
    run("lstm_cell_grad", Op::LstmCellGrad, &[gates, cell, [2, 16, 1, 8, 8, 96].into()])?;
    run("softmax", Op::Softmax, &[[4096, 32].into()])?;
    Ok(())
}

/// CPU time of all threads of this process, in seconds.
fn cpu_seconds() -> Result<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten() {
        let spent = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += spent.split(' ').next().unwrap_or("0").parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}
