//! The optimiser's step, in place and with one kernel.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Result, Tensor, Update, adam_factors};

use crate::kernel::{self, Kernel};
use crate::{GpuTensor, of_device, run};

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct Params {
    p: u32,
    m: u32,
    v: u32,
    g: u32,
    factor: u32,
    len: u32,
    rate: f32,
    root: f32,
    epsilon: f32,
    beta1: f32,
    beta2: f32,
    decay: f32,
}

pub(crate) fn update(
    p: &mut GpuTensor,
    update: &Update,
    state: &mut [&mut GpuTensor],
    inputs: &[&GpuTensor],
) -> Result<()> {
    update.check(p, state, inputs)?;
    of_device(p.device(), state.iter().map(|tensor| &**tensor).chain(inputs.iter().copied()))?;
    p.device().0.check()?;
    let input = inputs[0];
    p.unshare()?;
    let params =
        Params { p: p.start(), g: input.start(), len: p.len() as u32, ..Params::default() };
    let device = p.device().clone();
    match *update {
        Update::Adam { rate, beta1, beta2, epsilon, weight_decay, step } => {
            let ([m, v], factor) = (state, inputs[1]) else { unreachable!("checked") };
            m.unshare()?;
            v.unshare()?;
            let decay = rate * weight_decay;
            let (rate, root) = adam_factors(rate, beta1, beta2, step);
            let params = Params {
                m: m.start(),
                v: v.start(),
                rate,
                root,
                epsilon,
                factor: factor.start(),
                beta1,
                beta2,
                decay,
                ..params
            };
            run(
                &device,
                &Kernel::new(kernel::UPDATE, "adam"),
                &[p, input, factor, m, v],
                params,
                p.len(),
                256,
            )
        }
        Update::Sgd { rate, momentum, weight_decay } => {
            let ([v], factor) = (state, inputs[1]) else { unreachable!("checked") };
            v.unshare()?;
            let params = Params {
                m: v.start(),
                factor: factor.start(),
                rate,
                beta1: momentum,
                decay: weight_decay,
                ..params
            };
            let kernel = Kernel::new(kernel::UPDATE, "sgd");
            run(&device, &kernel, &[p, input, factor, v], params, p.len(), 256)
        }
        Update::Lerp { weight } => {
            let params = Params { rate: weight, ..params };
            run(&device, &Kernel::new(kernel::UPDATE, "lerp"), &[p, input], params, p.len(), 256)
        }
    }
}
