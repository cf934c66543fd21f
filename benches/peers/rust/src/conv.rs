//! A convolution that both libraries are asked for, in their own layout.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// More numbers than this in an operand are a mistake in the request.
const MOST: usize = 1 << 30;

/// Which of the three sides of a convolution is computed from the other two.
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

/// The numbers that a computation gave, still as its library keeps them; calling it copies them
/// out.
pub type Output = Box<dyn FnOnce() -> Result<Vec<f32>>>;

/// A computation whose operands are there.
pub struct Job {
    /// The function of the library that does it.
    pub way: &'static str,
    /// Does it once, in full.
    pub run: Box<dyn Fn() -> Result<Output>>,
    /// Waits until all of it is done.
    pub wait: Box<dyn Fn() -> Result<()>>,
}

/// A convolution of `[n, ci, t, h, w]` with `[co, ci, kt, kh, kw]` to `[n, co, ot, oh, ow]`; that
/// of frames has no axes of time.
#[derive(Clone, Debug)]
pub struct Conv {
    /// Batch; of frames, the batch times the time.
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
    /// Whether it is one of frames, each by itself: two-dimensional.
    pub flat: bool,
}

/// An operand: row-major numbers.
pub struct Operand {
    /// `[n, c, t, h, w]`, or `[n, c, h, w]` of frames.
    pub shape: Vec<usize>,
    /// From -1 to 1.
    pub values: Vec<f32>,
}

impl Conv {
    /// The convolution of `x: [n, t, h, w, ci]` with `kernel: [kt, kh, kw, ci, co]`.
    ///
    /// # Errors
    /// If there is no such convolution, or it is too large.
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

    /// Of the input, of the kernel, and of the output or its gradient.
    fn shapes(&self) -> [Vec<usize>; 3] {
        let Self { n, ci, co, size, kernel, out, flat, .. } = *self;
        let shape = |outer: [usize; 2], inner: [usize; 3]| {
            outer.into_iter().chain(inner.into_iter().skip(flat.into())).collect()
        };
        [shape([n, ci], size), shape([co, ci], kernel), shape([n, co], out)]
    }

    /// The input, the kernel and the gradient by the output, at random and always the same.
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
