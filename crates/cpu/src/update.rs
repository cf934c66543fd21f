//! The optimiser's step, in place and in one pass over memory.

use kinora_tensor::{Result, Update, adam_factors};
use rayon::prelude::*;

use crate::CpuTensor;
use crate::parallel::{PIECE, awake};
use crate::simd::simd;

pub(crate) fn update(
    p: &mut CpuTensor,
    update: &Update,
    state: &mut [&mut CpuTensor],
    inputs: &[&CpuTensor],
) -> Result<()> {
    update.check(p, state, inputs)?;
    let input = inputs[0];
    if p.desc.shape.elements() > PIECE {
        awake();
    }
    match *update {
        Update::Adam { rate, beta1, beta2, epsilon, weight_decay, step } => {
            let [m, v] = state else { unreachable!("checked") };
            let factor = inputs[1].data()[0];
            let keep = 1.0 - rate * weight_decay;
            let (rate, root) = adam_factors(rate, beta1, beta2, step);
            let all = p.data_mut()?.par_chunks_mut(PIECE);
            let all = all.zip(m.data_mut()?.par_chunks_mut(PIECE));
            let all = all.zip(v.data_mut()?.par_chunks_mut(PIECE));
            all.zip(input.data().par_chunks(PIECE)).for_each(|(((p, m), v), g)| {
                simd(
                    #[inline(always)]
                    || {
                        for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
                            let g = factor * g;
                            *m = beta1 * *m + (1.0 - beta1) * g;
                            *v = beta2 * *v + (1.0 - beta2) * g * g;
                            *p = keep * *p - rate * *m / (root * v.sqrt() + epsilon);
                        }
                    },
                );
            });
        }
        Update::Sgd { rate, momentum, weight_decay } => {
            let [v] = state else { unreachable!("checked") };
            let factor = inputs[1].data()[0];
            let all = p.data_mut()?.par_chunks_mut(PIECE);
            let all = all.zip(v.data_mut()?.par_chunks_mut(PIECE));
            all.zip(input.data().par_chunks(PIECE)).for_each(|((p, v), g)| {
                simd(
                    #[inline(always)]
                    || {
                        for ((p, v), g) in p.iter_mut().zip(v).zip(g) {
                            *v = momentum * *v + factor * g + weight_decay * *p;
                            *p -= rate * *v;
                        }
                    },
                );
            });
        }
        Update::Lerp { weight } => {
            let all = p.data_mut()?.par_chunks_mut(PIECE);
            all.zip(input.data().par_chunks(PIECE)).for_each(|(p, x)| {
                simd(
                    #[inline(always)]
                    || p.iter_mut().zip(x).for_each(|(p, x)| *p += weight * (x - *p)),
                );
            });
        }
    }
    Ok(())
}
