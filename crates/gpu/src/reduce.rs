//! Sums over axes, and softmax. The order of every sum depends on the shape alone.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::strided::sum_passes;
use kinora_tensor::{Desc, Result, Tensor};

use crate::kernel::{self, Kernel};
use crate::{GpuTensor, layout, run};

pub(crate) fn sum(x: &GpuTensor, axes: &[usize], y: &GpuTensor) -> Result<()> {
    let passes = sum_passes(x.shape(), axes);
    let Some((&last, rest)) = passes.split_last() else { return layout::broadcast(x, y) };
    let mut held = x.clone();
    for &sizes in rest {
        let next = GpuTensor::empty(x.device(), Desc::f32([sizes[0], 1, sizes[2]]))?;
        sum_middle(&held, sizes, &next)?;
        held = next;
    }
    sum_middle(&held, last, y)
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SumParams {
    x: u32,
    outer: u32,
    len: u32,
    inner: u32,
    piece: u32,
    pieces: u32,
}

/// The number of threads that keeps a GPU busy. If there are fewer, long sums are split.
const SUMS: usize = 16 << 10;
/// The least number of elements that a thread sums in a piece.
const PIECE: usize = 64;
/// Rows longer than this are summed by a workgroup each.
const ROW: usize = 32;

/// Writes to y the sum over the middle axis of `[outer, len, inner]`.
pub(crate) fn sum_middle(
    x: &GpuTensor,
    [outer, len, inner]: [usize; 3],
    y: &GpuTensor,
) -> Result<()> {
    if outer * inner == 0 {
        return Ok(());
    }
    // The threads of a workgroup share the sum of a row.
    let is_row = inner == 1 && len > ROW;
    let share = if is_row { 256 } else { 1 };
    let most = (SUMS / (outer * inner * share)).clamp(1, len.div_ceil(PIECE * share).max(1));
    let piece = len.div_ceil(most).max(1);
    let pieces = len.div_ceil(piece).max(1);
    let params = SumParams {
        x: x.start(),
        outer: outer as u32,
        len: len as u32,
        inner: inner as u32,
        piece: piece as u32,
        pieces: pieces as u32,
    };
    let (entry, each) = if is_row { ("rows", 1) } else { ("columns", 64) };
    let kernel = Kernel::new(kernel::SUM, entry);
    let count = outer * pieces * inner;
    if pieces == 1 {
        return run(y.device(), &kernel, &[x, y], params, count, each);
    }
    let parts = GpuTensor::empty(x.device(), Desc::f32([outer, pieces, inner]))?;
    run(y.device(), &kernel, &[x, &parts], params, count, each)?;
    sum_middle(&parts, [outer, pieces, inner], y)
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SoftmaxParams {
    x: u32,
    rows: u32,
    len: u32,
}

pub(crate) fn softmax(x: &GpuTensor, y: &GpuTensor) -> Result<()> {
    let len = x.shape()[x.shape().len() - 1];
    let rows = y.len() / len;
    let params = SoftmaxParams { x: x.start(), rows: rows as u32, len: len as u32 };
    run(y.device(), &Kernel::new(kernel::SOFTMAX, "main"), &[x, y], params, rows, 1)
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PoolParams {
    x: u32,
    len: u32,
    c: u32,
    pad: u32,
    size: [u32; 4],
    factor: [u32; 4],
}

pub(crate) fn sum_pool(x: &GpuTensor, factor: [usize; 3], y: &GpuTensor) -> Result<()> {
    let &[_, t, h, w, c] = &y.shape()[..] else { unreachable!("checked by infer") };
    let params = PoolParams {
        x: x.start(),
        len: y.len() as u32,
        c: c as u32,
        pad: 0,
        size: [t as u32, h as u32, w as u32, 0],
        factor: [factor[0] as u32, factor[1] as u32, factor[2] as u32, 0],
    };
    run(y.device(), &Kernel::new(kernel::SUM_POOL, "main"), &[x, y], params, y.len(), 256)
}
