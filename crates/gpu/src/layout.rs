//! Operations that only move elements.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::strided::{Dim, collapse, contiguous, merge};
use kinora_tensor::{Result, Shape, Tensor};

use crate::kernel::{self, Kernel};
use crate::strided::axes;
use crate::{GpuTensor, run};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct CopyParams {
    x: u32,
    y: u32,
    len: u32,
    rank: u32,
    axes: [[u32; 4]; 8],
}

/// Copies elements along `dims`, with the strides of x and of y, beginning at element `from` of x
/// and element `to` of y.
pub(crate) fn copy(
    x: &GpuTensor,
    dims: &[Dim<2>],
    from: usize,
    y: &GpuTensor,
    to: usize,
) -> Result<()> {
    let dims = merge(dims.iter().copied());
    let len: usize = dims.iter().map(|dim| dim.len).product();
    let params = CopyParams {
        x: x.start() + from as u32,
        y: y.start() + to as u32,
        len: len as u32,
        rank: dims.len() as u32,
        axes: axes(&dims),
    };
    run(y.device(), &Kernel::new(kernel::COPY, "main"), &[x, y], params, len, 256)
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct FillParams {
    len: u32,
    value: f32,
}

pub(crate) fn fill(value: f32, y: &GpuTensor) -> Result<()> {
    let params = FillParams { len: y.len() as u32, value };
    run(y.device(), &Kernel::new(kernel::FILL, "main"), &[y], params, y.len(), 256)
}

/// Copies to a contiguous y; `dims` has the strides of x only.
fn gather_strided(
    x: &GpuTensor,
    dims: impl DoubleEndedIterator<Item = Dim<1>>,
    y: &GpuTensor,
) -> Result<()> {
    let mut dims: Vec<Dim<2>> =
        dims.map(|Dim { len, strides: [stride] }| Dim { len, strides: [stride, 0] }).collect();
    let mut step = 1;
    for dim in dims.iter_mut().rev() {
        dim.strides[1] = step;
        step *= dim.len;
    }
    copy(x, &dims, 0, y, 0)
}

pub(crate) fn broadcast(x: &GpuTensor, y: &GpuTensor) -> Result<()> {
    gather_strided(x, collapse(y.shape(), [x.shape()]).into_iter(), y)
}

pub(crate) fn permute(x: &GpuTensor, order: &[usize], y: &GpuTensor) -> Result<()> {
    let strides = contiguous(x.shape());
    let dims = order.iter().map(|&axis| Dim { len: x.shape()[axis], strides: [strides[axis]] });
    gather_strided(x, dims, y)
}

/// The number of contiguous elements that the axes from `axis` on cover.
fn span(shape: &Shape, axis: usize) -> usize {
    shape[axis..].iter().product()
}

/// For each index of the axes before `axis`, copies `run` elements: from element `from` of x's
/// contiguous part to element `to` of y's.
fn runs(
    x: &GpuTensor,
    from: usize,
    y: &GpuTensor,
    to: usize,
    axis: usize,
    run: usize,
) -> Result<()> {
    let outer: usize = y.shape()[..axis].iter().product();
    let strides = [span(x.shape(), axis), span(y.shape(), axis)];
    let dims = [Dim { len: outer, strides }, Dim { len: run, strides: [1, 1] }];
    copy(x, &dims, from, y, to)
}

pub(crate) fn slice(x: &GpuTensor, axis: usize, start: usize, y: &GpuTensor) -> Result<()> {
    let inner: usize = x.shape()[axis + 1..].iter().product();
    runs(x, start * inner, y, 0, axis, span(y.shape(), axis))
}

pub(crate) fn pad(x: &GpuTensor, axis: usize, before: usize, y: &GpuTensor) -> Result<()> {
    fill(0.0, y)?;
    let inner: usize = x.shape()[axis + 1..].iter().product();
    runs(x, 0, y, before * inner, axis, span(x.shape(), axis))
}

pub(crate) fn concat(parts: &[&GpuTensor], axis: usize, y: &GpuTensor) -> Result<()> {
    let mut to = 0;
    for part in parts {
        let run = span(part.shape(), axis);
        runs(part, 0, y, to, axis, run)?;
        to += run;
    }
    Ok(())
}

pub(crate) fn upsample(x: &GpuTensor, [ft, fh, fw]: [usize; 3], y: &GpuTensor) -> Result<()> {
    let &[n, t, h, w, c] = &x.shape()[..] else { unreachable!("checked by infer") };
    let dims = [(n * t, h * w * c), (ft, 0), (h, w * c), (fh, 0), (w, c), (fw, 0), (c, 1)];
    gather_strided(x, dims.into_iter().map(|(len, stride)| Dim { len, strides: [stride] }), y)
}
