use std::fmt;
use std::time::{Duration, Instant};

use super::{Case, Fill};
use crate::{Binary, Desc, Geometry, NormSpec, Op, Result, Shape, Tensor, Unary};

/// The measured speed of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// The operation and the shapes of its inputs.
    pub case: String,
    /// Seconds for one run of the operation.
    pub seconds: f64,
    /// GFLOP/s, with the operations counted by [`Op::flops`].
    pub gflops: f64,
    /// GB/s, with the bytes counted by [`Op::bytes`].
    pub gigabytes: f64,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, seconds, gflops, gigabytes } = self;
        let milliseconds = seconds * 1e3;
        write!(f, "{milliseconds:9.3} ms {gflops:8.1} GFLOP/s {gigabytes:7.1} GB/s  {case}")
    }
}

/// Runs a case (for example one of [`workloads`]) repeatedly for at least `time` and reports the
/// rate. The time includes sending the operations to the device and waiting for the last result.
///
/// # Errors
/// If the operation fails.
pub fn bench<T: Tensor>(device: &T::Device, case: &Case, time: Duration) -> Result<Rate> {
    let inputs = super::check::upload::<T>(device, case)?;
    let inputs: Vec<&T> = inputs.iter().collect();
    let run = |times: usize| -> Result<Duration> {
        let start = Instant::now();
        for _ in 1..times {
            T::apply(device, case.op.clone(), &inputs)?;
        }
        let last = T::apply(device, case.op.clone(), &inputs)?;
        // Reading one element waits for all operations.
        let elements = last.shape().elements();
        last.reshape([elements])?.slice(0, 0, elements.min(1))?.to_vec()?;
        Ok(start.elapsed())
    };
    run(1)?;
    let mut times = 1;
    let took = loop {
        let took = run(times)?;
        if took >= time {
            break took;
        }
        let missing = time.as_secs_f64() / took.as_secs_f64().max(1e-9);
        times = (times as f64 * (1.1 * missing).min(10.0)).ceil() as usize;
    };
    let seconds = took.as_secs_f64() / times as f64;
    let descs: Vec<&Desc> = inputs.iter().map(|input| input.desc()).collect();
    Ok(Rate {
        case: case.name.clone(),
        seconds,
        gflops: case.op.flops(&descs) as f64 / seconds / 1e9,
        gigabytes: case.op.bytes(&descs) as f64 / seconds / 1e9,
    })
}

/// Cases with the sizes of a small model: the operations of a generator and a discriminator on a
/// batch of 8 clips of 8 frames of 32×32 pixels.
pub fn workloads() -> Vec<Case> {
    let (x, frames): (&[usize], &[usize]) = (&[8, 8, 32, 32, 32], &[64, 1, 16, 16, 96]);
    let per_channel: &[usize] = &[8, 32];
    let norm = NormSpec { groups: 8, epsilon: 1e-5, slope: 0.2 };
    let (matrix, state): (&[usize], &[usize]) = (&[512, 512], &[16, 1, 8, 8, 96]);
    let (four, three): (&[usize], &[usize]) = (&[16, 1, 8, 8, 384], &[16, 1, 8, 8, 288]);
    let gates: &[usize] = &[2, 16, 1, 8, 8, 96];
    let rows: Vec<(Op, Vec<&[usize]>)> = vec![
        (Op::Unary(Unary::Tanh), vec![x]),
        (Op::Unary(Unary::LeakyRelu(0.2)), vec![x]),
        (Op::Affine { mul: 2.0, add: 1.0 }, vec![x]),
        (Op::Binary(Binary::Add), vec![x, x]),
        (Op::Binary(Binary::Mul), vec![x, &[32]]),
        (Op::Permute(vec![1, 0, 2, 3, 4]), vec![x]),
        (Op::Permute(vec![0, 4, 1, 2, 3]), vec![x]),
        (Op::Slice { axis: 4, start: 8, len: 16 }, vec![x]),
        (Op::Pad { axis: 4, before: 8, after: 8 }, vec![x]),
        (Op::Concat { axis: 4 }, vec![x, x]),
        (Op::Sum { axes: vec![0, 1, 2, 3] }, vec![x]),
        (Op::Sum { axes: vec![4] }, vec![x]),
        (Op::Softmax, vec![&[4096, 64]]),
        (Op::MatMul { transpose_a: false, transpose_b: false }, vec![matrix, matrix]),
        (Op::MatMul { transpose_a: true, transpose_b: false }, vec![matrix, matrix]),
        (Op::MatMul { transpose_a: false, transpose_b: true }, vec![matrix, matrix]),
        (Op::Upsample { factor: [1, 2, 2] }, vec![frames]),
        (Op::SumPool { factor: [1, 2, 2] }, vec![x]),
        (Op::ResizeConv, vec![&[64, 1, 16, 16, 64], &[1, 3, 3, 64, 32], &[32]]),
        (Op::Norm(norm), vec![x, per_channel, per_channel]),
        (Op::NormGrad(norm), vec![x, per_channel, per_channel, x]),
        (Op::LstmCell, vec![four, state]),
        (Op::LstmCellGrad, vec![four, state, gates]),
        (Op::GruCell, vec![three, three, state]),
        (Op::GruCellGrad, vec![three, three, state, state]),
    ];
    let mut cases: Vec<Case> = rows.into_iter().map(|(op, inputs)| case(op, &inputs)).collect();
    // n, [t, h, w], kernel, ci, co, stride, padding
    for (n, size, kernel, ci, co, stride, padding) in [
        (16, [1, 8, 8], [1, 3, 3], 192, 384, [1, 1, 1], [0, 1, 1]),
        (64, [1, 16, 16], [1, 3, 3], 96, 64, [1, 1, 1], [0, 1, 1]),
        (64, [1, 32, 32], [1, 3, 3], 32, 4, [1, 1, 1], [0, 1, 1]),
        (8, [8, 32, 32], [3, 4, 4], 4, 32, [1, 2, 2], [1, 1, 1]),
        (8, [8, 16, 16], [3, 4, 4], 32, 64, [1, 2, 2], [1, 1, 1]),
        (64, [1, 16, 16], [1, 1, 1], 64, 128, [1, 1, 1], [0, 0, 0]),
    ] {
        let geometry = Geometry { stride, padding };
        let [t, h, w] = geometry.output(size, kernel).expect("the workloads fit");
        let x = [n, size[0], size[1], size[2], ci];
        let k = [kernel[0], kernel[1], kernel[2], ci, co];
        let g = [n, t, h, w, co];
        cases.push(case(Op::Conv(geometry), &[&x, &k]));
        cases.push(case(Op::ConvInput { geometry, size }, &[&g, &k]));
        cases.push(case(Op::ConvWeight { geometry, kernel }, &[&x, &g]));
    }
    cases
}

fn case(op: Op, inputs: &[&[usize]]) -> Case {
    let inputs = inputs.iter().map(|&dims| (Shape::from(dims), Fill::Normal(1.0))).collect();
    Case::new(op, inputs, 0)
}
