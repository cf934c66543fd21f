//! burn on its CPU backend, flex.
//!
//! Called are the functions of the backend that burn's autodiff calls, without autodiff around
//! them. Each computes one gradient alone: that by the input is a transposed convolution, that by
//! the weight a convolution dilated by the stride. Flex computes at once, nothing is lazy. The
//! gradient by the weight is left as the view that burn gives, its axes swapped.

use burn_backend::TensorData;
use burn_backend::ops::{ConvOptions, ModuleOps};
use burn_flex::{Flex, FlexTensor};

use crate::conv::{Conv, Job, Output, Part};

/// Makes the operands.
pub fn prepare(conv: &Conv, part: Part) -> Job {
    let [x, k, g] = conv
        .operands()
        .map(|operand| FlexTensor::from_data(TensorData::new(operand.values, operand.shape)));
    // A clone of a tensor is another view of its numbers.
    let operands = move || (x.clone(), k.clone(), g.clone());
    let (stride, padding) = (conv.stride, conv.padding);
    if conv.flat {
        let last = |axes: [usize; 3]| [axes[1], axes[2]];
        let options = ConvOptions::new(last(stride), last(padding), [1; 2], 1);
        let options = move || options.clone();
        match part {
            Part::Forward => job("conv2d", move || {
                let (x, k, _) = operands();
                Flex::conv2d(x, k, None, options())
            }),
            Part::Input => job("conv2d_x_backward", move || {
                let (x, k, g) = operands();
                Flex::conv2d_x_backward(x, k, g, options())
            }),
            Part::Weight => job("conv2d_weight_backward", move || {
                let (x, k, g) = operands();
                Flex::conv2d_weight_backward(x, k, g, options())
            }),
        }
    } else {
        let options = ConvOptions::new(stride, padding, [1; 3], 1);
        let options = move || options.clone();
        match part {
            Part::Forward => job("conv3d", move || {
                let (x, k, _) = operands();
                Flex::conv3d(x, k, None, options())
            }),
            Part::Input => job("conv3d_x_backward", move || {
                let (x, k, g) = operands();
                Flex::conv3d_x_backward(x, k, g, options())
            }),
            Part::Weight => job("conv3d_weight_backward", move || {
                let (x, k, g) = operands();
                Flex::conv3d_weight_backward(x, k, g, options())
            }),
        }
    }
}

fn job(way: &'static str, run: impl Fn() -> FlexTensor + 'static) -> Job {
    let run = move || {
        let result = run();
        Ok(Box::new(move || Ok(result.into_data().try_to_vec()?)) as Output)
    };
    Job { way, run: Box::new(run) }
}
