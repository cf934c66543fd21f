//! Looks up rows of a table by index (gather), and the adjoint (scatter).

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Result, Tensor};

use crate::kernel::{self, Kernel};
use crate::{GpuTensor, layout, run};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    x: u32,
    indices: u32,
    n: u32,
    rows: u32,
    d: u32,
}

pub(crate) fn gather(table: &GpuTensor, indices: &GpuTensor, y: &GpuTensor) -> Result<()> {
    let params = Params {
        x: table.start(),
        indices: indices.start(),
        n: indices.len() as u32,
        rows: table.shape()[0] as u32,
        d: table.shape()[1] as u32,
    };
    let kernel = Kernel::new(kernel::ROWS, "gather");
    run(y.device(), &kernel, &[table, indices, y], params, y.len(), 256)
}

pub(crate) fn scatter(indices: &GpuTensor, values: &GpuTensor, y: &GpuTensor) -> Result<()> {
    layout::fill(0.0, y)?;
    let params = Params {
        x: values.start(),
        indices: indices.start(),
        n: indices.len() as u32,
        rows: y.shape()[0] as u32,
        d: y.shape()[1] as u32,
    };
    let kernel = Kernel::new(kernel::ROWS, "scatter");
    run(y.device(), &kernel, &[values, indices, y], params, values.len(), 256)
}
