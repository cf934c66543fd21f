#![doc = include_str!("../README.md")]

mod adapter;
mod conv;
mod device;
mod elementwise;
mod kernel;
mod layout;
mod matmul;
mod norm;
mod pool;
mod product;
mod recording;
mod reduce;
mod rnn;
mod rows;
mod strided;
mod update;

use std::sync::Arc;

use kinora_tensor::strided::Dim;
use kinora_tensor::{Desc, Error, Op, Result, Shape, Tensor, Update};

pub use adapter::{Adapter, Limits};
pub use device::GpuDevice;
use kernel::Kernel;
use pool::Block;
pub use pool::Memory;
pub use recording::Counts;

/// A tensor in the memory of a GPU: 32-bit floats, row-major, always contiguous.
///
/// Clones, reshapes, and slices along the outermost axis (or along an axis with only axes of length
/// 1 before it) are views of the same buffer.
#[derive(Clone)]
pub struct GpuTensor {
    buffer: Arc<Buffer>,
    /// The index of the tensor's first element in the buffer.
    offset: usize,
    desc: Desc,
}

/// A block of the pool, which returns to the pool when dropped.
struct Buffer {
    /// `None` only during the drop.
    block: Option<Block>,
    device: GpuDevice,
}

impl Buffer {
    fn raw(&self) -> &wgpu::Buffer {
        &self.block.as_ref().expect("it is not dropped").buffer
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.device.0.free(block);
        }
    }
}

impl GpuTensor {
    /// A tensor with arbitrary content. The operation recorded next must write it. It begins at
    /// element 0 of its buffer, where most shaders write.
    fn empty(device: &GpuDevice, desc: Desc) -> Result<Self> {
        let block = device.0.take(desc.shape.elements())?;
        let buffer = Arc::new(Buffer { block: Some(block), device: device.clone() });
        Ok(Self { buffer, offset: 0, desc })
    }

    fn view(&self, offset: usize, desc: Desc) -> Self {
        Self { buffer: self.buffer.clone(), offset: self.offset + offset, desc }
    }

    fn raw(&self) -> &wgpu::Buffer {
        self.buffer.raw()
    }

    /// The index of the first element in the buffer, as a shader's parameter.
    fn start(&self) -> u32 {
        self.offset as u32
    }

    fn len(&self) -> usize {
        self.desc.shape.elements()
    }

    /// Copies the elements to a new buffer if the buffer is shared.
    fn unshare(&mut self) -> Result<()> {
        if Arc::get_mut(&mut self.buffer).is_none() {
            let copy = Self::empty(self.device(), self.desc)?;
            layout::copy(self, &[Dim { len: self.len(), strides: [1, 1] }], 0, &copy, 0)?;
            *self = copy;
        }
        Ok(())
    }
}

/// Rejects tensors of another device.
fn of_device<'a>(device: &GpuDevice, tensors: impl Iterator<Item = &'a GpuTensor>) -> Result<()> {
    let mut others = tensors.map(GpuTensor::device);
    match others.find(|other| !Arc::ptr_eq(&device.0, &other.0)) {
        None => Ok(()),
        Some(other) => Err(Error::Device(format!(
            "tensors of two devices ({} and {}): operands must share one device; clone the \
             GpuDevice instead of creating another",
            device.name(),
            other.name()
        ))),
    }
}

/// Runs a kernel on `len` elements, in workgroups of `each` elements.
fn run<P: bytemuck::Pod>(
    device: &GpuDevice,
    kernel: &Kernel,
    tensors: &[&GpuTensor],
    params: P,
    len: usize,
    each: usize,
) -> Result<()> {
    let buffers: Vec<&wgpu::Buffer> = tensors.iter().map(|tensor| tensor.raw()).collect();
    let groups = len.div_ceil(each) as u64;
    device.0.dispatch(kernel, &buffers, bytemuck::bytes_of(&params), groups)
}

impl std::fmt::Debug for GpuTensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GpuTensor{}", self.desc.shape)
    }
}

impl Tensor for GpuTensor {
    type Device = GpuDevice;

    fn device(&self) -> &GpuDevice {
        &self.buffer.device
    }

    fn desc(&self) -> &Desc {
        &self.desc
    }

    fn from_slice(device: &GpuDevice, data: &[f32], shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape.elements() != data.len() {
            return Err(Error::Length { len: data.len(), shape });
        }
        let x = Self::empty(device, Desc::f32(shape))?;
        device.0.upload(x.raw(), data)?;
        Ok(x)
    }

    fn full(device: &GpuDevice, value: f32, shape: impl Into<Shape>) -> Result<Self> {
        let x = Self::empty(device, Desc::f32(shape))?;
        layout::fill(value, &x)?;
        Ok(x)
    }

    async fn read(&self) -> Result<Vec<f32>> {
        if self.len() == 0 {
            return self.device().0.check().map(|()| Vec::new());
        }
        self.device().0.read(self.raw(), self.offset as u64 * 4, self.len() as u64 * 4)
    }

    fn apply(device: &GpuDevice, op: Op, inputs: &[&Self]) -> Result<Self> {
        let descs: Vec<&Desc> = inputs.iter().map(|input| &input.desc).collect();
        let desc = op.infer(&descs)?;
        of_device(device, inputs.iter().copied())?;
        let x = inputs[0];
        match op {
            Op::Reshape(_) => return Ok(x.view(0, desc)),
            Op::Slice { axis, start, .. }
                if x.len() > 0 && x.shape()[..axis].iter().all(|&dim| dim == 1) =>
            {
                let start = start * x.shape()[axis + 1..].iter().product::<usize>();
                return Ok(x.view(start, desc));
            }
            _ => {}
        }
        let y = Self::empty(device, desc)?;
        if y.len() == 0 {
            return Ok(y);
        }
        match op {
            Op::Unary(unary) => elementwise::unary(unary, x, &y)?,
            Op::Affine { mul, add } => elementwise::affine(mul, add, x, &y)?,
            Op::Binary(f) => elementwise::binary(f, x, inputs[1], &y)?,
            Op::Reshape(_) => unreachable!("a view"),
            Op::Permute(axes) => layout::permute(x, &axes, &y)?,
            Op::Broadcast(_) => layout::broadcast(x, &y)?,
            Op::Slice { axis, start, .. } => layout::slice(x, axis, start, &y)?,
            Op::Pad { axis, before, .. } => layout::pad(x, axis, before, &y)?,
            Op::Concat { axis } => layout::concat(inputs, axis, &y)?,
            Op::Sum { axes } => reduce::sum(x, &axes, &y)?,
            Op::Softmax => reduce::softmax(x, &y)?,
            Op::Gather => rows::gather(x, inputs[1], &y)?,
            Op::Scatter { .. } => rows::scatter(x, inputs[1], &y)?,
            Op::MatMul { transpose_a, transpose_b } => {
                matmul::matmul([transpose_a, transpose_b], x, inputs[1], &y)?;
            }
            Op::Conv(geometry) => conv::conv(geometry, x, inputs[1], &y)?,
            Op::ConvInput { geometry, .. } => conv::conv_input(geometry, x, inputs[1], &y)?,
            Op::ConvWeight { geometry, .. } => conv::conv_weight(geometry, x, inputs[1], &y)?,
            Op::Upsample { factor } => layout::upsample(x, factor, &y)?,
            Op::SumPool { factor } => reduce::sum_pool(x, factor, &y)?,
            Op::ResizeConv => {
                conv::enlarged(x, inputs[1], &y)?;
                return y.add(inputs[2]);
            }
            Op::Norm(spec) => norm::norm(&spec, x, [inputs[1], inputs[2]], &y)?,
            Op::NormGrad(spec) => {
                norm::norm_grad(&spec, x, [inputs[1], inputs[2], inputs[3]], &y)?;
            }
            Op::LstmCell => rnn::lstm_cell(x, inputs[1], &y)?,
            Op::LstmCellGrad => rnn::lstm_cell_grad(x, inputs[1], inputs[2], &y)?,
            Op::GruCell => rnn::gru_cell([x, inputs[1], inputs[2]], &y)?,
            Op::GruCellGrad => rnn::gru_cell_grad([x, inputs[1], inputs[2], inputs[3]], &y)?,
        }
        Ok(y)
    }

    fn update(&mut self, update: &Update, state: &mut [&mut Self], inputs: &[&Self]) -> Result<()> {
        update::update(self, update, state, inputs)
    }
}
