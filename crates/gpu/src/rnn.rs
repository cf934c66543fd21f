//! The cells of recurrent networks and their gradients.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Result, Tensor};

use crate::kernel::{self, Kernel};
use crate::{GpuTensor, run};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    a: u32,
    b: u32,
    h: u32,
    g: u32,
    len: u32,
    c: u32,
}

/// Runs an entry point with one thread for each element of the state `h`.
fn cell(entry: &'static str, tensors: &[&GpuTensor], [a, b, h, g]: [&GpuTensor; 4]) -> Result<()> {
    let params = Params {
        a: a.start(),
        b: b.start(),
        h: h.start(),
        g: g.start(),
        len: h.len() as u32,
        c: h.shape()[h.shape().len() - 1] as u32,
    };
    run(h.device(), &Kernel::new(kernel::RNN, entry), tensors, params, h.len(), 256)
}

pub(crate) fn lstm_cell(gates: &GpuTensor, state: &GpuTensor, y: &GpuTensor) -> Result<()> {
    cell("lstm", &[gates, state, y], [gates, gates, state, state])
}

pub(crate) fn lstm_cell_grad(
    gates: &GpuTensor,
    state: &GpuTensor,
    g: &GpuTensor,
    y: &GpuTensor,
) -> Result<()> {
    cell("lstm_grad", &[gates, state, g, y], [gates, gates, state, g])
}

pub(crate) fn gru_cell([a, b, h]: [&GpuTensor; 3], y: &GpuTensor) -> Result<()> {
    cell("gru", &[a, b, h, y], [a, b, h, h])
}

pub(crate) fn gru_cell_grad([a, b, h, g]: [&GpuTensor; 4], y: &GpuTensor) -> Result<()> {
    cell("gru_grad", &[a, b, h, g, y], [a, b, h, g])
}
