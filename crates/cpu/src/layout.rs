//! Operations that only move elements, and sum pooling, the adjoint of upsampling.

use kinora_tensor::strided::{Dim, collapse, contiguous, merge};
use kinora_tensor::{Shape, Tensor};

use crate::CpuTensor;
use crate::parallel::{PIECE, pieces, rows};
use crate::strided::offsets;

pub(crate) fn broadcast(x: &CpuTensor, shape: &Shape, out: &mut [f32]) {
    strided_copy(x.data(), &collapse(shape, [x.shape()]), out);
}

pub(crate) fn permute(x: &CpuTensor, axes: &[usize], out: &mut [f32]) {
    let strides = contiguous(x.shape());
    let dims = axes.iter().map(|&axis| Dim { len: x.shape()[axis], strides: [strides[axis]] });
    strided_copy(x.data(), &merge(dims), out);
}

fn strided_copy(x: &[f32], dims: &[Dim<1>], out: &mut [f32]) {
    let Some((&Dim { len, strides: [stride] }, outer)) = dims.split_last() else {
        return out.copy_from_slice(&x[..out.len()]);
    };
    rows(out, len, |row, out| {
        for (i, out) in out.chunks_exact_mut(len).enumerate() {
            let [start] = offsets(outer, row + i);
            match stride {
                0 => out.fill(x[start]),
                1 => out.copy_from_slice(&x[start..][..len]),
                _ => {
                    let x = x[start..].iter().step_by(stride);
                    out.iter_mut().zip(x).for_each(|(out, &x)| *out = x);
                }
            }
        }
    });
}

/// The number of contiguous elements that the axes from `axis` on cover.
fn run(shape: &Shape, axis: usize) -> usize {
    shape[axis..].iter().product()
}

pub(crate) fn slice(x: &CpuTensor, axis: usize, start: usize, len: usize, out: &mut [f32]) {
    let from = run(x.shape(), axis);
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let (start, to) = (start * inner, len * inner);
    let x = x.data();
    rows(out, to, |row, out| {
        for (i, out) in out.chunks_exact_mut(to.max(1)).enumerate() {
            out.copy_from_slice(&x[(row + i) * from + start..][..to]);
        }
    });
}

pub(crate) fn pad(x: &CpuTensor, axis: usize, before: usize, shape: &Shape, out: &mut [f32]) {
    let (from, to) = (run(x.shape(), axis), run(shape, axis));
    let before = before * shape[axis + 1..].iter().product::<usize>();
    let x = x.data();
    rows(out, to, |row, out| {
        for (i, out) in out.chunks_exact_mut(to).enumerate() {
            out[..before].fill(0.0);
            out[before..][..from].copy_from_slice(&x[(row + i) * from..][..from]);
            out[before + from..].fill(0.0);
        }
    });
}

pub(crate) fn concat(parts: &[&CpuTensor], axis: usize, shape: &Shape, out: &mut [f32]) {
    let to = run(shape, axis);
    let parts: Vec<(&[f32], usize)> =
        parts.iter().map(|part| (part.data(), run(part.shape(), axis))).collect();
    if to == out.len() {
        // The output is one long row: split the copy of each part among threads.
        let mut out = out;
        for (part, len) in parts {
            let (now, rest) = out.split_at_mut(len);
            pieces(now, PIECE, |i, out| out.copy_from_slice(&part[i * PIECE..][..out.len()]));
            out = rest;
        }
        return;
    }
    rows(out, to, |row, out| {
        for (i, mut out) in out.chunks_exact_mut(to).enumerate() {
            for &(part, len) in &parts {
                let (now, rest) = out.split_at_mut(len);
                now.copy_from_slice(&part[(row + i) * len..][..len]);
                out = rest;
            }
        }
    });
}

/// Each piece of the output is the `fh` lines that repeat one line of the input.
pub(crate) fn upsample(x: &CpuTensor, factor: [usize; 3], out: &mut [f32]) {
    let &[_, t, h, w, c] = &x.shape()[..] else { unreachable!("checked by infer") };
    let [ft, fh, fw] = factor;
    let line = w * fw * c;
    let x = x.data();
    if out.is_empty() {
        return;
    }
    pieces(out, fh * line, |i, out| {
        let (image, y) = (i / h, i % h);
        let (n, at) = (image / (t * ft), image % (t * ft));
        let x = &x[((n * t + at / ft) * h + y) * w * c..][..w * c];
        let (first, rest) = out.split_at_mut(line);
        for (pixel, out) in x.chunks_exact(c).zip(first.chunks_exact_mut(fw * c)) {
            out.chunks_exact_mut(c).for_each(|out| out.copy_from_slice(pixel));
        }
        rest.chunks_exact_mut(line).for_each(|out| out.copy_from_slice(first));
    });
}

/// Each piece of the output is one line, the sum of `ft · fh` lines of the input.
pub(crate) fn sum_pool(x: &CpuTensor, factor: [usize; 3], out: &mut [f32]) {
    let &[_, t, h, w, c] = &x.shape()[..] else { unreachable!("checked by infer") };
    let [ft, fh, fw] = factor;
    let (t_out, h_out) = (t / ft, h / fh);
    let x = x.data();
    pieces(out, (w / fw * c).max(1), |i, out| {
        let (image, y) = (i / h_out, i % h_out);
        let (n, at) = (image / t_out, image % t_out);
        out.fill(0.0);
        for dt in 0..ft {
            for dh in 0..fh {
                let line = ((n * t + at * ft + dt) * h + y * fh + dh) * w * c;
                let pixels = x[line..][..w * c].chunks_exact(fw * c);
                for (out, pixels) in out.chunks_exact_mut(c).zip(pixels) {
                    for pixel in pixels.chunks_exact(c) {
                        out.iter_mut().zip(pixel).for_each(|(out, x)| *out += x);
                    }
                }
            }
        }
    });
}
