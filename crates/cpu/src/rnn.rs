//! The cells of recurrent networks, and their gradients, in one sweep each.

use kinora_tensor::Tensor;

use crate::CpuTensor;
use crate::math::{sigmoid, tanh};
use crate::parallel::{PIECE, Shared, tasks};
use crate::simd::simd;

/// Calls `f` with ranges of cells, one task each.
fn cells(cell: &CpuTensor, f: impl Fn(usize) + Sync) {
    let c = cell.shape()[cell.shape().len() - 1];
    if cell.data().is_empty() {
        return;
    }
    let count = cell.data().len() / c;
    let many = (PIECE / 4 / c).max(1);
    // A cell costs several times what an element of a sweep does.
    tasks(count.div_ceil(many), cell.data().len() * 4, |task| {
        (task * many..((task + 1) * many).min(count)).for_each(&f);
    });
}

/// `N` parts of length c of a row.
#[inline(always)]
fn cut<const N: usize>(row: &[f32], c: usize) -> [&[f32]; N] {
    std::array::from_fn(|part| &row[part * c..][..c])
}

#[inline(always)]
fn cut_mut<const N: usize>(mut row: &mut [f32], c: usize) -> [&mut [f32]; N] {
    std::array::from_fn(|_| {
        let (part, rest) = std::mem::take(&mut row).split_at_mut(c);
        row = rest;
        part
    })
}

#[inline(always)]
fn slope_sigmoid(y: f32) -> f32 {
    y * (1.0 - y)
}

#[inline(always)]
fn slope_tanh(y: f32) -> f32 {
    1.0 - y * y
}

pub(crate) fn lstm_cell(gates: &CpuTensor, cell: &CpuTensor, out: &mut [f32]) {
    let c = *cell.shape().last().expect("checked by infer");
    let (gates, len) = (gates.data(), cell.data().len());
    let shared = Shared::new(out);
    cells(cell, |row| {
        let [i, f, g, o] = cut(&gates[row * 4 * c..], c);
        let cell = &cell.data()[row * c..][..c];
        // SAFETY: each row is written by one task, and lies in the output, [2, .., c].
        let (h_out, c_out) = unsafe {
            (shared.slice(row * c..row * c + c), shared.slice(len + row * c..len + row * c + c))
        };
        simd(
            #[inline(always)]
            || {
                for k in 0..c {
                    let next = sigmoid(f[k]) * cell[k] + sigmoid(i[k]) * tanh(g[k]);
                    c_out[k] = next;
                    h_out[k] = sigmoid(o[k]) * tanh(next);
                }
            },
        );
    });
}

pub(crate) fn lstm_cell_grad(
    gates: &CpuTensor,
    cell: &CpuTensor,
    grad: &CpuTensor,
    out: &mut [f32],
) {
    let c = *cell.shape().last().expect("checked by infer");
    let (gates, len) = (gates.data(), cell.data().len());
    let shared = Shared::new(out);
    cells(cell, |row| {
        let [i, f, g, o] = cut(&gates[row * 4 * c..], c);
        let cell = &cell.data()[row * c..][..c];
        let by_h = &grad.data()[row * c..][..c];
        let by_c = &grad.data()[len + row * c..][..c];
        // SAFETY: each row is written by one task, and lies in the output: gates, then cell.
        let (by_gates, by_cell) = unsafe {
            let at = 4 * len + row * c;
            (shared.slice(row * 4 * c..(row + 1) * 4 * c), shared.slice(at..at + c))
        };
        let [by_i, by_f, by_g, by_o] = cut_mut(by_gates, c);
        simd(
            #[inline(always)]
            || {
                for k in 0..c {
                    let (i, f, g, o) = (sigmoid(i[k]), sigmoid(f[k]), tanh(g[k]), sigmoid(o[k]));
                    let squashed = tanh(f * cell[k] + i * g);
                    let by_next = by_c[k] + by_h[k] * o * slope_tanh(squashed);
                    by_i[k] = by_next * g * slope_sigmoid(i);
                    by_f[k] = by_next * cell[k] * slope_sigmoid(f);
                    by_g[k] = by_next * i * slope_tanh(g);
                    by_o[k] = by_h[k] * squashed * slope_sigmoid(o);
                    by_cell[k] = by_next * f;
                }
            },
        );
    });
}

pub(crate) fn gru_cell(a: &CpuTensor, b: &CpuTensor, h: &CpuTensor, out: &mut [f32]) {
    let c = *h.shape().last().expect("checked by infer");
    let (a, b) = (a.data(), b.data());
    let shared = Shared::new(out);
    cells(h, |row| {
        let [a_r, a_z, a_n] = cut(&a[row * 3 * c..], c);
        let [b_r, b_z, b_n] = cut(&b[row * 3 * c..], c);
        let h = &h.data()[row * c..][..c];
        // SAFETY: each row is written by one task, and lies in the output, which is as h.
        let out = unsafe { shared.slice(row * c..row * c + c) };
        simd(
            #[inline(always)]
            || {
                for k in 0..c {
                    let r = sigmoid(a_r[k] + b_r[k]);
                    let z = sigmoid(a_z[k] + b_z[k]);
                    let n = tanh(a_n[k] + r * b_n[k]);
                    out[k] = n + z * (h[k] - n);
                }
            },
        );
    });
}

pub(crate) fn gru_cell_grad([a, b, h, g]: [&CpuTensor; 4], out: &mut [f32]) {
    let c = *h.shape().last().expect("checked by infer");
    let (a, b, len) = (a.data(), b.data(), h.data().len());
    let shared = Shared::new(out);
    cells(h, |row| {
        let [a_r, a_z, a_n] = cut(&a[row * 3 * c..], c);
        let [b_r, b_z, b_n] = cut(&b[row * 3 * c..], c);
        let h = &h.data()[row * c..][..c];
        let g = &g.data()[row * c..][..c];
        // SAFETY: each row is written by one task, and lies in the output: a, b, then h.
        let (by_a, by_b, by_h) = unsafe {
            let part = |start: usize, width: usize| start + row * width..start + (row + 1) * width;
            (
                shared.slice(part(0, 3 * c)),
                shared.slice(part(3 * len, 3 * c)),
                shared.slice(part(6 * len, c)),
            )
        };
        let [a_by_r, a_by_z, a_by_n] = cut_mut(by_a, c);
        let [b_by_r, b_by_z, b_by_n] = cut_mut(by_b, c);
        simd(
            #[inline(always)]
            || {
                for k in 0..c {
                    let r = sigmoid(a_r[k] + b_r[k]);
                    let z = sigmoid(a_z[k] + b_z[k]);
                    let n = tanh(a_n[k] + r * b_n[k]);
                    let by_z = g[k] * (h[k] - n) * slope_sigmoid(z);
                    let by_n = g[k] * (1.0 - z) * slope_tanh(n);
                    let by_r = by_n * b_n[k] * slope_sigmoid(r);
                    (a_by_r[k], b_by_r[k]) = (by_r, by_r);
                    (a_by_z[k], b_by_z[k]) = (by_z, by_z);
                    (a_by_n[k], b_by_n[k]) = (by_n, by_n * r);
                    by_h[k] = g[k] * z;
                }
            },
        );
    });
}
