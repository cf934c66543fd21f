//! The optimiser's step, in one sweep and in place.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Desc, Result, Tensor, Update, adam_factors};

use crate::kernel::{self, Kernel};
use crate::{GpuTensor, run};

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct Params {
    p: u32,
    m: u32,
    v: u32,
    g: u32,
    len: u32,
    rate: f32,
    root: f32,
    epsilon: f32,
    scale: f32,
    beta1: f32,
    beta2: f32,
}

pub(crate) fn update(
    p: &mut GpuTensor,
    update: &Update,
    state: &mut [&mut GpuTensor],
    input: &GpuTensor,
) -> Result<()> {
    let descs: Vec<Desc> = state.iter().map(|s| s.desc).collect();
    update.check(&p.desc, &descs.iter().collect::<Vec<_>>(), &input.desc)?;
    p.unshare()?;
    let params =
        Params { p: p.start(), g: input.start(), len: p.len() as u32, ..Params::default() };
    let device = p.device().clone();
    match *update {
        Update::Adam { rate, beta1, beta2, epsilon, step, scale } => {
            let [m, v] = state else { unreachable!("checked") };
            m.unshare()?;
            v.unshare()?;
            let (rate, root) = adam_factors(rate, beta1, beta2, step);
            let (m_start, v_start) = (m.start(), v.start());
            let params = Params {
                m: m_start,
                v: v_start,
                rate,
                root,
                epsilon,
                scale,
                beta1,
                beta2,
                ..params
            };
            run(
                &device,
                &Kernel::new(kernel::UPDATE, "adam"),
                &[p, input, m, v],
                params,
                p.len(),
                256,
            )
        }
        Update::Lerp { weight } => {
            let params = Params { rate: weight, ..params };
            run(&device, &Kernel::new(kernel::UPDATE, "lerp"), &[p, input], params, p.len(), 256)
        }
    }
}
