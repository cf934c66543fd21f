//! Element-wise functions of one and of two tensors.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::strided::{Dim, collapse};
use kinora_tensor::{Binary, MAX_RANK, Result, Tensor, Unary};

use crate::kernel::{self, Kernel};
use crate::strided::axes;
use crate::{GpuTensor, run};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct UnaryParams {
    x: u32,
    len: u32,
    a: f32,
    b: f32,
}

pub(crate) fn unary(unary: Unary, x: &GpuTensor, y: &GpuTensor) -> Result<()> {
    let (number, a) = match unary {
        Unary::Exp => (0, 0.0),
        Unary::Log => (1, 0.0),
        Unary::Sqrt => (2, 0.0),
        Unary::Recip => (3, 0.0),
        Unary::Tanh => (4, 0.0),
        Unary::Sigmoid => (5, 0.0),
        Unary::Softplus => (6, 0.0),
        Unary::Abs => (7, 0.0),
        Unary::Sign => (8, 0.0),
        Unary::LeakyRelu(slope) => (9, slope),
    };
    map(number, [a, 0.0], x, y)
}

pub(crate) fn affine(mul: f32, add: f32, x: &GpuTensor, y: &GpuTensor) -> Result<()> {
    map(10, [mul, add], x, y)
}

fn map(number: u32, [a, b]: [f32; 2], x: &GpuTensor, y: &GpuTensor) -> Result<()> {
    let kernel = Kernel::new(kernel::UNARY, "main").with("FN", number);
    let params = UnaryParams { x: x.start(), len: y.len() as u32, a, b };
    run(y.device(), &kernel, &[x, y], params, y.len(), 256)
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct BinaryParams {
    a: u32,
    b: u32,
    len: u32,
    rank: u32,
    slope: f32,
    pad: [u32; 3],
    axes: [[u32; 4]; MAX_RANK],
}

pub(crate) fn binary(f: Binary, a: &GpuTensor, b: &GpuTensor, y: &GpuTensor) -> Result<()> {
    let (number, slope) = match f {
        Binary::Add => (0, 0.0),
        Binary::Sub => (1, 0.0),
        Binary::Mul => (2, 0.0),
        Binary::Div => (3, 0.0),
        Binary::LeakyReluGrad(slope) => (4, slope),
    };
    let dims = collapse(y.shape(), [a.shape(), b.shape()]);
    let plain = matches!(dims[..], [] | [Dim { strides: [1, 1], .. }]);
    let kernel = Kernel::new(kernel::BINARY, "main").with("FN", number).with("PLAIN", plain.into());
    let params = BinaryParams {
        a: a.start(),
        b: b.start(),
        len: y.len() as u32,
        rank: dims.len() as u32,
        slope,
        pad: [0; 3],
        axes: axes(&dims),
    };
    run(y.device(), &kernel, &[a, b, y], params, y.len(), 256)
}
