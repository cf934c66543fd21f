//! A convolution in the layout of both libraries.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Largest number of elements of an operand; a request for more is a mistake.
const MOST: usize = 1 << 30;

/// The part of a convolution that is computed: the output, or one of the two gradients.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The output, from the input and the kernel.
    Forward,
    /// The gradient by the input, from the kernel and the gradient by the output.
    Input,
    /// The gradient by the kernel, from the input and the gradient by the output.
    Weight,
}

/// The result of a computation, still in the library's storage; calling it copies the numbers out.
pub type Output = Box<dyn FnOnce() -> Result<Vec<f32>>>;

/// A computation with its operands.
pub struct Job {
    /// The name of the library's function.
    pub way: &'static str,
    /// Computes once.
    pub run: Box<dyn Fn() -> Result<Output>>,
    /// Waits until all computations are done.
    pub wait: Box<dyn Fn() -> Result<()>>,
}

/// A convolution of `[n, ci, t, h, w]` with `[co, ci, kt, kh, kw]` to `[n, co, ot, oh, ow]`; a
/// convolution of frames has no time axes.
#[derive(Clone, Debug)]
pub struct Conv {
    /// Batch; for a convolution of frames, the batch times the number of frames.
    pub n: usize,
    /// Channels of the input.
    pub ci: usize,
    /// Channels of the output.
    pub co: usize,
    /// `[t, h, w]`.
    pub size: [usize; 3],
    /// `[kt, kh, kw]`.
    pub kernel: [usize; 3],
    /// Along `[t, h, w]`.
    pub stride: [usize; 3],
    /// Along `[t, h, w]`, on both sides.
    pub padding: [usize; 3],
    /// `[ot, oh, ow]`.
    pub out: [usize; 3],
    /// Whether each frame is convolved by itself, in two dimensions.
    pub flat: bool,
}

/// An operand: row-major numbers.
pub struct Operand {
    /// `[n, c, t, h, w]`, or `[n, c, h, w]` for frames.
    pub shape: Vec<usize>,
    /// Values from -1 to 1.
    pub values: Vec<f32>,
}

impl Conv {
    /// The convolution of `x: [n, t, h, w, ci]` with `kernel: [kt, kh, kw, ci, co]`.
    ///
    /// # Errors
    /// If the shapes do not fit each other, or an operand is too large.
    pub fn new(
        x: [usize; 5],
        kernel: [usize; 5],
        stride: [usize; 3],
        padding: [usize; 3],
    ) -> Result<Self> {
        let [mut n, t, h, w, ci] = x;
        let [kt, kh, kw, channels, co] = kernel;
        ensure!(channels == ci, "x {x:?} has {ci} channels, the kernel {kernel:?} {channels}");
        let positive = x.iter().chain(&kernel).chain(&stride).all(|&dim| dim > 0);
        ensure!(
            positive,
            "an axis or a stride is 0: x {x:?}, kernel {kernel:?}, stride {stride:?}"
        );
        let (mut size, mut kernel, mut stride) = ([t, h, w], [kt, kh, kw], stride);
        let flat = kt == 1 && padding[0] == 0 && (stride[0] == 1 || t == 1);
        if flat {
            n = n.checked_mul(t).context("x is too large")?;
            (size[0], kernel[0], stride[0]) = (1, 1, 1);
        }
        let mut out = [0; 3];
        for axis in 0..3 {
            let padded = padding[axis].checked_mul(2).and_then(|p| p.checked_add(size[axis]));
            let room = padded.and_then(|padded| padded.checked_sub(kernel[axis]));
            let room = room.with_context(|| {
                format!("a kernel of {kernel:?} on {size:?} with padding {padding:?}")
            })?;
            out[axis] = room / stride[axis] + 1;
        }
        let conv = Self { n, ci, co, size, kernel, stride, padding, out, flat };
        for shape in conv.shapes() {
            let count = shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
            ensure!(count.is_some_and(|count| count <= MOST), "an operand of {shape:?}");
        }
        Ok(conv)
    }

    /// The shapes of the input, of the kernel, and of the output or its gradient.
    fn shapes(&self) -> [Vec<usize>; 3] {
        let Self { n, ci, co, size, kernel, out, flat, .. } = *self;
        let shape = |outer: [usize; 2], inner: [usize; 3]| {
            outer.into_iter().chain(inner.into_iter().skip(flat.into())).collect()
        };
        [shape([n, ci], size), shape([co, ci], kernel), shape([n, co], out)]
    }

    /// Pseudo-random input, kernel and gradient by the output, the same at each call.
    pub fn operands(&self) -> [Operand; 3] {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            // Marsaglia's xorshift64.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        self.shapes().map(|shape| {
            let values = (0..shape.iter().product()).map(|_| random()).collect();
            Operand { shape, values }
        })
    }
}
