//! Normalisation over groups of channels with its activation, and its gradient.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::strided::Dim;
use kinora_tensor::{Desc, NormSpec, Result, Tensor};

use crate::kernel::{self, Kernel};
use crate::{GpuTensor, layout, reduce, run};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    x: u32,
    scale: u32,
    shift: u32,
    g: u32,
    n: u32,
    places: u32,
    c: u32,
    groups: u32,
    step: u32,
    epsilon: f32,
    slope: f32,
}

impl Params {
    fn new(spec: &NormSpec, x: &GpuTensor, [scale, shift]: [&GpuTensor; 2]) -> Self {
        let (n, c) = (x.shape()[0], x.shape()[x.shape().len() - 1]);
        Self {
            x: x.start(),
            scale: scale.start(),
            shift: shift.start(),
            g: 0,
            n: n as u32,
            places: (x.len() / (n * c)) as u32,
            c: c as u32,
            groups: spec.groups as u32,
            step: if scale.shape()[0] == 1 { 0 } else { c as u32 },
            epsilon: spec.epsilon,
            slope: spec.slope,
        }
    }

    fn workgroups(&self) -> usize {
        self.n as usize * self.groups as usize
    }
}

pub(crate) fn norm(
    spec: &NormSpec,
    x: &GpuTensor,
    [scale, shift]: [&GpuTensor; 2],
    y: &GpuTensor,
) -> Result<()> {
    let params = Params::new(spec, x, [scale, shift]);
    let kernel = Kernel::new(kernel::NORM, "forward");
    run(y.device(), &kernel, &[x, scale, shift, y], params, params.workgroups(), 1)
}

/// Writes to y the partials by x, scale and shift, flattened and concatenated.
pub(crate) fn norm_grad(
    spec: &NormSpec,
    x: &GpuTensor,
    [scale, shift, g]: [&GpuTensor; 3],
    y: &GpuTensor,
) -> Result<()> {
    if x.len() == 0 {
        return layout::fill(0.0, y);
    }
    let params = Params { g: g.start(), ..Params::new(spec, x, [scale, shift]) };
    let (n, c) = (params.n as usize, params.c as usize);
    let sums = GpuTensor::empty(y.device(), Desc::f32([n, 2, c]))?;
    let kernel = Kernel::new(kernel::NORM, "backward");
    run(y.device(), &kernel, &[x, scale, shift, g, y, &sums], params, params.workgroups(), 1)?;
    let rows = scale.shape()[0];
    let sums = if rows == n {
        sums
    } else {
        let total = GpuTensor::empty(y.device(), Desc::f32([1, 2, c]))?;
        reduce::sum_middle(&sums, [1, n, 2 * c], &total)?;
        total
    };
    // From [rows, 2, c], shift first, to [rows, c] by scale and then [rows, c] by shift.
    for (part, from) in [c, 0].into_iter().enumerate() {
        let dims = [Dim { len: rows, strides: [2 * c, c] }, Dim { len: c, strides: [1, 1] }];
        layout::copy(&sums, &dims, from, y, x.len() + part * rows * c)?;
    }
    Ok(())
}
