//! Element-wise functions of one and of two tensors.

use kinora_tensor::strided::{Dim, collapse};
use kinora_tensor::{Binary, Shape, Tensor, Unary};

use crate::parallel::{PIECE, pieces, rows};
use crate::simd::simd;
use crate::strided::offsets;
use crate::{CpuTensor, math};

pub(crate) fn unary(unary: Unary, x: &CpuTensor, out: &mut [f32]) {
    let x = x.data();
    match unary {
        Unary::Exp => map(x, out, math::exp),
        Unary::Log => map(x, out, f32::ln),
        Unary::Sqrt => map(x, out, f32::sqrt),
        Unary::Recip => map(x, out, f32::recip),
        Unary::Tanh => map(x, out, math::tanh),
        Unary::Sigmoid => map(x, out, math::sigmoid),
        Unary::Softplus => map(x, out, math::softplus),
        Unary::Abs => map(x, out, f32::abs),
        Unary::Sign => map(x, out, |x| {
            let sign = if x > 0.0 { 1.0 } else { -1.0 };
            // ±0 and NaN stay as they are.
            if x == 0.0 || x.is_nan() { x } else { sign }
        }),
        Unary::LeakyRelu(slope) => map(x, out, move |x| if x > 0.0 { x } else { slope * x }),
    }
}

pub(crate) fn affine(mul: f32, add: f32, x: &CpuTensor, out: &mut [f32]) {
    map(x.data(), out, move |x| mul * x + add);
}

pub(crate) fn binary(binary: Binary, a: &CpuTensor, b: &CpuTensor, shape: &Shape, out: &mut [f32]) {
    match binary {
        Binary::Add => zip(a, b, shape, out, |a, b| a + b),
        Binary::Sub => zip(a, b, shape, out, |a, b| a - b),
        Binary::Mul => zip(a, b, shape, out, |a, b| a * b),
        Binary::Div => zip(a, b, shape, out, |a, b| a / b),
        Binary::LeakyReluGrad(slope) => {
            zip(a, b, shape, out, move |a, b| if a > 0.0 { b } else { slope * b });
        }
    }
}

fn map(x: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32 + Sync + Copy) {
    pieces(out, PIECE, |i, out| {
        let x = &x[i * PIECE..][..out.len()];
        simd(
            #[inline(always)]
            || out.iter_mut().zip(x).for_each(|(out, &x)| *out = f(x)),
        );
    });
}

fn zip(
    a: &CpuTensor,
    b: &CpuTensor,
    shape: &Shape,
    out: &mut [f32],
    f: impl Fn(f32, f32) -> f32 + Sync + Copy,
) {
    let dims = collapse(shape, [a.shape(), b.shape()]);
    let (a, b) = (a.data(), b.data());
    match dims[..] {
        [Dim { strides: [1, 1], .. }] => {
            pieces(out, PIECE, |i, out| both(&a[i * PIECE..], &b[i * PIECE..], out, f));
        }
        [Dim { strides: [1, 0], .. }] => map(a, out, |a| f(a, b[0])),
        [Dim { strides: [0, 1], .. }] => map(b, out, |b| f(a[0], b)),
        [Dim { strides: [_, 0], .. }, Dim { strides: [1, 1], len }] if len <= SHORT => {
            let b = repeated(b, len);
            short_rows(&b, out, |start, b, out| both(&a[start..], b, out, f));
        }
        [Dim { strides: [0, _], .. }, Dim { strides: [1, 1], len }] if len <= SHORT => {
            let a = repeated(a, len);
            short_rows(&a, out, |start, a, out| both(a, &b[start..], out, f));
        }
        [ref outer @ .., Dim { strides, len }] => rows(out, len, |row, out| {
            for (i, out) in out.chunks_exact_mut(len).enumerate() {
                let [a_start, b_start] = offsets(outer, row + i);
                match strides {
                    [1, 1] => both(&a[a_start..], &b[b_start..], out, f),
                    [1, _] => each(&a[a_start..], out, |a| f(a, b[b_start])),
                    _ => each(&b[b_start..], out, |b| f(a[a_start], b)),
                }
            }
        }),
        [] => out.iter_mut().for_each(|out| *out = f(a[0], b[0])),
    }
}

/// Rows of at most this length are processed several at a time.
const SHORT: usize = 256;

/// The row repeated to about a thousand elements.
fn repeated(row: &[f32], len: usize) -> Vec<f32> {
    row[..len].repeat((1024 / len).max(1))
}

fn short_rows(repeated: &[f32], out: &mut [f32], f: impl Fn(usize, &[f32], &mut [f32]) + Sync) {
    let piece = PIECE.next_multiple_of(repeated.len());
    pieces(out, piece, |i, out| {
        for (j, out) in out.chunks_mut(repeated.len()).enumerate() {
            f(i * piece + j * repeated.len(), repeated, out);
        }
    });
}

fn both(a: &[f32], b: &[f32], out: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    let (a, b) = (&a[..out.len()], &b[..out.len()]);
    simd(
        #[inline(always)]
        || out.iter_mut().zip(a).zip(b).for_each(|((out, &a), &b)| *out = f(a, b)),
    );
}

fn each(x: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) {
    let x = &x[..out.len()];
    simd(
        #[inline(always)]
        || out.iter_mut().zip(x).for_each(|(out, &x)| *out = f(x)),
    );
}
