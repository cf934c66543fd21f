//! candle on the CPU.
//!
//! candle's `backward()` always computes both gradients of a convolution. To time one gradient alone,
//! this module makes only the calls for it (`Op::Conv2D` in candle's `backprop.rs`); a test compares the
//! results with `backward()`. It leaves out that `backward()` adds each gradient to zeros. candle computes
//! eagerly.

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};

use crate::conv::{Conv, Job, Output, Part};

/// The reason why candle cannot do a convolution; `None` if it can.
pub fn lacks(conv: &Conv, part: Part) -> Option<&'static str> {
    let Conv { flat, stride, padding, .. } = conv;
    if !flat {
        Some("candle has no three-dimensional convolution")
    } else if stride[1] != stride[2] || padding[1] != padding[2] {
        Some("candle has one stride and one padding for both axes")
    } else if part != Part::Forward && (rest(conv, 1).is_none() || rest(conv, 1) != rest(conv, 2)) {
        Some("candle's backward() needs equally many pixels left over at the right and the bottom")
    } else {
        None
    }
}

/// The number of pixels at the end of an axis that no kernel reaches; `None` where the kernels reach
/// only padding.
fn rest(conv: &Conv, axis: usize) -> Option<usize> {
    let reached = (conv.out[axis] - 1) * conv.stride[axis] + conv.kernel[axis];
    (conv.size[axis] + 2 * conv.padding[axis])
        .checked_sub(reached)
        .filter(|_| reached >= 2 * conv.padding[axis])
}

/// Makes the operands.
///
/// # Errors
/// If candle [`lacks`] the convolution.
pub fn prepare(conv: &Conv, part: Part) -> Result<Job> {
    if let Some(reason) = lacks(conv, part) {
        bail!(reason);
    }
    let tensors: Result<Vec<Tensor>, _> = conv
        .operands()
        .into_iter()
        .map(|operand| Tensor::from_vec(operand.values, operand.shape, &Device::Cpu))
        .collect();
    let [x, k, g]: [Tensor; 3] = tensors?.try_into().ok().context("three operands")?;
    let (stride, padding) = (conv.stride[1], conv.padding[1]);
    let [_, kh, kw] = conv.kernel;
    Ok(match part {
        Part::Forward => job("conv2d", move || x.conv2d(&k, padding, stride, 1, 1)),
        Part::Input => {
            let rest = rest(conv, 1).context("it lacks this")?;
            job("conv_transpose2d", move || g.conv_transpose2d(&k, padding, rest, stride, 1))
        }
        Part::Weight => job("conv2d, dilated by the stride", move || {
            let gradient = x
                .transpose(0, 1)?
                .conv2d(&g.transpose(0, 1)?, padding, 1, stride, 1)?
                .transpose(0, 1)?;
            gradient.narrow(2, 0, kh)?.narrow(3, 0, kw)
        }),
    })
}

fn job(way: &'static str, run: impl Fn() -> candle_core::Result<Tensor> + 'static) -> Job {
    let run = move || {
        let result = run()?;
        Ok(Box::new(move || Ok(result.flatten_all()?.to_vec1()?)) as Output)
    };
    Job { way, run: Box::new(run), wait: Box::new(|| Ok(())) }
}
