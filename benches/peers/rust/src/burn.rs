//! burn, on its CPU backend flex, or on a GPU.
//!
//! This module calls the backend functions that burn's autodiff calls, without autodiff. Each computes
//! one gradient alone: the gradient by the input is a transposed convolution, the gradient by the weight
//! a convolution dilated by the stride. flex computes eagerly; on a GPU, [`Job::wait`] waits for the
//! result. The gradient by the weight stays the view that burn returns, with swapped axes.

use burn_backend::ops::ConvOptions;
use burn_backend::tensor::FloatTensor;
use burn_backend::{Backend, TensorData, read_sync};

use crate::conv::{Conv, Job, Output, Part};

/// Makes the operands.
pub fn prepare<B: Backend>(conv: &Conv, part: Part, device: &B::Device) -> Job {
    let [x, k, g] = conv
        .operands()
        .map(|operand| B::float_from_data(TensorData::new(operand.values, operand.shape), device));
    // Cloning a tensor copies no numbers.
    let operands = move || (x.clone(), k.clone(), g.clone());
    let (stride, padding) = (conv.stride, conv.padding);
    if conv.flat {
        let last = |axes: [usize; 3]| [axes[1], axes[2]];
        let options = ConvOptions::new(last(stride), last(padding), [1; 2], 1);
        let options = move || options.clone();
        match part {
            Part::Forward => job::<B>("conv2d", device, move || {
                let (x, k, _) = operands();
                B::conv2d(x, k, None, options())
            }),
            Part::Input => job::<B>("conv2d_x_backward", device, move || {
                let (x, k, g) = operands();
                B::conv2d_x_backward(x, k, g, options())
            }),
            Part::Weight => job::<B>("conv2d_weight_backward", device, move || {
                let (x, k, g) = operands();
                B::conv2d_weight_backward(x, k, g, options())
            }),
        }
    } else {
        let options = ConvOptions::new(stride, padding, [1; 3], 1);
        let options = move || options.clone();
        match part {
            Part::Forward => job::<B>("conv3d", device, move || {
                let (x, k, _) = operands();
                B::conv3d(x, k, None, options())
            }),
            Part::Input => job::<B>("conv3d_x_backward", device, move || {
                let (x, k, g) = operands();
                B::conv3d_x_backward(x, k, g, options())
            }),
            Part::Weight => job::<B>("conv3d_weight_backward", device, move || {
                let (x, k, g) = operands();
                B::conv3d_weight_backward(x, k, g, options())
            }),
        }
    }
}

fn job<B: Backend>(
    way: &'static str,
    device: &B::Device,
    run: impl Fn() -> FloatTensor<B> + 'static,
) -> Job {
    let device = device.clone();
    let run = move || {
        let result = run();
        let read = move || Ok(read_sync(B::float_into_data(result))?.try_to_vec()?);
        Ok(Box::new(read) as Output)
    };
    Job { way, run: Box::new(run), wait: Box::new(move || Ok(B::sync(&device)?)) }
}
