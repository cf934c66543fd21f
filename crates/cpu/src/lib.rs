#![doc = include_str!("../README.md")]

mod buffer;
mod conv;
mod elementwise;
mod gather;
mod kernel;
mod layout;
mod math;
mod matmul;
mod memory;
mod norm;
mod parallel;
mod reduce;
mod rnn;
mod simd;
mod strided;
mod update;
mod vector;

use std::sync::Arc;

use kinora_tensor::{Desc, Error, Op, Result, Shape, Tensor, Update};

use buffer::{Buffer, Form};
pub use buffer::{CpuDevice, Memory};
use kernel::Level;

/// A tensor in main memory: 32-bit floats, row-major, always contiguous.
///
/// Clones, reshapes, and slices along the outermost axis (or along an axis with only axes of length
/// 1 before it) are views of the same buffer.
#[derive(Clone)]
pub struct CpuTensor {
    buffer: Arc<Buffer>,
    offset: usize,
    desc: Desc,
}

impl CpuTensor {
    /// The elements in row-major order.
    pub fn data(&self) -> &[f32] {
        &self.buffer[self.offset..][..self.desc.shape.elements()]
    }

    /// The elements for writing. Copies them to a new buffer first if the buffer is shared.
    fn data_mut(&mut self) -> Result<&mut [f32]> {
        let len = self.desc.shape.elements();
        if Arc::get_mut(&mut self.buffer).is_none() {
            let desc = self.desc;
            *self = Self::filled(self.device(), desc, |out| out.copy_from_slice(self.data()))?;
        }
        let buffer = Arc::get_mut(&mut self.buffer).expect("it was just made");
        buffer.changes();
        Ok(&mut buffer[self.offset..][..len])
    }

    /// A new tensor. `fill` must write every element: the buffer has arbitrary content before.
    fn filled(device: &CpuDevice, desc: Desc, fill: impl FnOnce(&mut [f32])) -> Result<Self> {
        Self::try_filled(device, desc, |out| {
            fill(out);
            Ok(())
        })
    }

    fn try_filled(
        device: &CpuDevice,
        desc: Desc,
        fill: impl FnOnce(&mut [f32]) -> Result<()>,
    ) -> Result<Self> {
        let len = desc.shape.elements();
        let mut buffer = device.take(len)?;
        fill(&mut buffer[..len])?;
        Ok(Self { buffer: Arc::new(buffer), offset: 0, desc })
    }

    /// The elements in the form `name`, which also depends on `sizes`; see [`Buffer::prepared`].
    fn prepared(
        &self,
        name: &'static str,
        sizes: &[&[usize]],
        make: impl FnOnce() -> Result<Buffer>,
    ) -> Result<Arc<Buffer>> {
        self.buffer.prepared(Form::new(name, self.offset, sizes), make)
    }

    fn view(&self, offset: usize, desc: Desc) -> Self {
        Self { buffer: self.buffer.clone(), offset: self.offset + offset, desc }
    }
}

impl std::fmt::Debug for CpuTensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CpuTensor{} {:?}", self.desc.shape, self.data())
    }
}

impl Tensor for CpuTensor {
    type Device = CpuDevice;

    fn device(&self) -> &CpuDevice {
        self.buffer.device()
    }

    fn desc(&self) -> &Desc {
        &self.desc
    }

    fn from_slice(device: &CpuDevice, data: &[f32], shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape.elements() != data.len() {
            return Err(Error::Length { len: data.len(), shape });
        }
        Self::filled(device, Desc::f32(shape), |out| out.copy_from_slice(data))
    }

    async fn read(&self) -> Result<Vec<f32>> {
        Ok(self.data().to_vec())
    }

    fn apply(device: &CpuDevice, op: Op, inputs: &[&Self]) -> Result<Self> {
        let descs: Vec<&Desc> = inputs.iter().map(|input| &input.desc).collect();
        let desc = op.infer(&descs)?;
        let shape = &desc.shape;
        let x = inputs[0];
        let level = Level::detect();
        let fill = |fill: &dyn Fn(&mut [f32])| Self::filled(device, desc, fill);
        let try_fill =
            |fill: &dyn Fn(&mut [f32]) -> Result<()>| Self::try_filled(device, desc, fill);
        match op {
            Op::Unary(unary) => fill(&|out| elementwise::unary(unary, x, out)),
            Op::Affine { mul, add } => fill(&|out| elementwise::affine(mul, add, x, out)),
            Op::Binary(f) => fill(&|out| elementwise::binary(f, x, inputs[1], shape, out)),
            Op::Reshape(_) => Ok(x.view(0, desc)),
            Op::Permute(axes) => fill(&|out| layout::permute(x, &axes, out)),
            Op::Broadcast(_) => fill(&|out| layout::broadcast(x, shape, out)),
            Op::Slice { axis, start, .. } if x.shape()[..axis].iter().all(|&dim| dim == 1) => {
                Ok(x.view(start * x.shape()[axis + 1..].iter().product::<usize>(), desc))
            }
            Op::Slice { axis, start, len } => fill(&|out| layout::slice(x, axis, start, len, out)),
            Op::Pad { axis, before, .. } => fill(&|out| layout::pad(x, axis, before, shape, out)),
            Op::Concat { axis } => fill(&|out| layout::concat(inputs, axis, shape, out)),
            Op::Sum { axes } => try_fill(&|out| reduce::sum(x, &axes, out)),
            Op::Softmax => fill(&|out| reduce::softmax(x, out)),
            Op::Gather => fill(&|out| gather::gather(x, inputs[1], out)),
            Op::Scatter { .. } => fill(&|out| gather::scatter(x, inputs[1], shape, out)),
            Op::MatMul { transpose_a, transpose_b } => {
                let transposed = [transpose_a, transpose_b];
                try_fill(&|out| matmul::matmul(level, transposed, x, inputs[1], shape, out))
            }
            Op::Conv(geometry) => {
                try_fill(&|out| conv::conv(level, geometry, x, inputs[1], shape, out))
            }
            Op::ConvInput { geometry, .. } => {
                try_fill(&|out| conv::conv_input(level, geometry, x, inputs[1], shape, out))
            }
            Op::ConvWeight { geometry, .. } => {
                try_fill(&|out| conv::conv_weight(level, geometry, x, inputs[1], shape, out))
            }
            Op::Upsample { factor } => fill(&|out| layout::upsample(x, factor, out)),
            Op::SumPool { factor } => fill(&|out| layout::sum_pool(x, factor, out)),
            Op::ResizeConv => {
                let [k, bias] = [inputs[1], inputs[2]];
                try_fill(&|out| conv::resize_conv(level, x, k, bias, shape, out))
            }
            Op::Norm(spec) => fill(&|out| norm::norm(&spec, x, inputs[1], inputs[2], out)),
            Op::NormGrad(spec) => {
                let inputs = [x, inputs[1], inputs[2], inputs[3]];
                fill(&|out| norm::norm_grad(&spec, inputs, out))
            }
            Op::LstmCell => fill(&|out| rnn::lstm_cell(x, inputs[1], out)),
            Op::LstmCellGrad => fill(&|out| rnn::lstm_cell_grad(x, inputs[1], inputs[2], out)),
            Op::GruCell => fill(&|out| rnn::gru_cell(x, inputs[1], inputs[2], out)),
            Op::GruCellGrad => {
                let inputs = [x, inputs[1], inputs[2], inputs[3]];
                fill(&|out| rnn::gru_cell_grad(inputs, out))
            }
        }
    }

    fn update(&mut self, update: &Update, state: &mut [&mut Self], inputs: &[&Self]) -> Result<()> {
        update::update(self, update, state, inputs)
    }
}
