//! The cells of recurrent networks and their gradients, each in one pass over memory.

use kinora_tensor::Tensor;

use crate::CpuTensor;
use crate::math::{sigmoid, tanh};
use crate::parallel::{Shared, tasks};
use crate::simd::{side, simd};

/// Elements of the cell state in one task.
const PIECE: usize = 2 << 10;

/// Calls `f` with the index of each row of a state `[.., c]`.
fn each_row(cell: &CpuTensor, c: usize, f: impl Fn(usize) + Sync + Send) {
    if cell.data().is_empty() {
        return;
    }
    let rows = cell.data().len() / c;
    let many = (PIECE / c).max(1);
    // A cell element costs several times as much as one of an element-wise operation.
    tasks(rows.div_ceil(many), cell.data().len() * 8, |task| {
        simd(
            #[inline(always)]
            || {
                for row in task * many..((task + 1) * many).min(rows) {
                    f(row);
                }
            },
        );
    });
}

/// The `N` parts of length c of a row.
#[inline(always)]
fn parts<const N: usize>(row: &[f32], c: usize) -> [&[f32]; N] {
    std::array::from_fn(|part| &row[part * c..][..c])
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
    let c = cell.shape()[cell.shape().len() - 1];
    let len = cell.data().len();
    let shared = Shared::new(out);
    each_row(
        cell,
        c,
        #[inline(always)]
        |row| {
            let at = row * c;
            // SAFETY: one task writes each row; the rows lie in the output `[2, .., c]`.
            let (h, next) =
                unsafe { (shared.slice(at..at + c), shared.slice(len + at..len + at + c)) };
            lstm_row(parts(&gates.data()[4 * at..], c), &cell.data()[at..][..c], h, next);
        },
    );
}

// Each output of a row is an argument of its own. From that the compiler knows that the outputs
// overlap nothing, and it vectorises the loop.
#[inline(always)]
fn lstm_row(gates: [&[f32]; 4], cell: &[f32], h: &mut [f32], next: &mut [f32]) {
    let inputs = side(gates).zip(cell);
    for (([i, f, g, o], cell), (h, next)) in inputs.zip(h.iter_mut().zip(next)) {
        *next = sigmoid(f) * cell + sigmoid(i) * tanh(g);
        *h = sigmoid(o) * tanh(*next);
    }
}

pub(crate) fn lstm_cell_grad(
    gates: &CpuTensor,
    cell: &CpuTensor,
    grad: &CpuTensor,
    out: &mut [f32],
) {
    let c = cell.shape()[cell.shape().len() - 1];
    let (grad, len) = (grad.data(), cell.data().len());
    let shared = Shared::new(out);
    each_row(
        cell,
        c,
        #[inline(always)]
        |row| {
            let at = row * c;
            // SAFETY: one task writes each row; the rows lie in the output: gates, then cell.
            let by = |part: usize| unsafe {
                let start = if part < 4 { 4 * at + part * c } else { 4 * len + at };
                shared.slice(start..start + c)
            };
            let gates = parts(&gates.data()[4 * at..], c);
            let inputs = [&cell.data()[at..][..c], &grad[at..][..c], &grad[len + at..][..c]];
            lstm_row_grad(gates, inputs, by(0), by(1), by(2), by(3), by(4));
        },
    );
}

#[inline(always)]
fn lstm_row_grad(
    gates: [&[f32]; 4],
    [cell, by_h, by_c]: [&[f32]; 3],
    by_i: &mut [f32],
    by_f: &mut [f32],
    by_g: &mut [f32],
    by_o: &mut [f32],
    by_cell: &mut [f32],
) {
    let inputs = side(gates).zip(cell).zip(by_h.iter().zip(by_c));
    let outputs = by_i.iter_mut().zip(by_f).zip(by_g.iter_mut().zip(by_o)).zip(by_cell);
    for ((([i, f, g, o], cell), (by_h, by_c)), (((by_i, by_f), (by_g, by_o)), by_cell)) in
        inputs.zip(outputs)
    {
        let (i, f, g, o) = (sigmoid(i), sigmoid(f), tanh(g), sigmoid(o));
        let squashed = tanh(f * cell + i * g);
        let by_next = by_c + by_h * o * slope_tanh(squashed);
        *by_i = by_next * g * slope_sigmoid(i);
        *by_f = by_next * cell * slope_sigmoid(f);
        *by_g = by_next * i * slope_tanh(g);
        *by_o = by_h * squashed * slope_sigmoid(o);
        *by_cell = by_next * f;
    }
}

pub(crate) fn gru_cell(a: &CpuTensor, b: &CpuTensor, h: &CpuTensor, out: &mut [f32]) {
    let c = h.shape()[h.shape().len() - 1];
    let shared = Shared::new(out);
    each_row(
        h,
        c,
        #[inline(always)]
        |row| {
            let at = row * c;
            // SAFETY: one task writes each row; the rows lie in the output, shaped like h.
            let out = unsafe { shared.slice(at..at + c) };
            let (a, b) = (parts(&a.data()[3 * at..], c), parts(&b.data()[3 * at..], c));
            gru_row(a, b, &h.data()[at..][..c], out);
        },
    );
}

#[inline(always)]
fn gru_row([a_r, a_z, a_n]: [&[f32]; 3], [b_r, b_z, b_n]: [&[f32]; 3], h: &[f32], out: &mut [f32]) {
    let inputs = side([a_r, b_r, a_z, b_z]).zip(side([a_n, b_n, h, h]));
    for (out, ([a_r, b_r, a_z, b_z], [a_n, b_n, h, _])) in out.iter_mut().zip(inputs) {
        let r = sigmoid(a_r + b_r);
        let z = sigmoid(a_z + b_z);
        let n = tanh(a_n + r * b_n);
        *out = n + z * (h - n);
    }
}

pub(crate) fn gru_cell_grad([a, b, h, g]: [&CpuTensor; 4], out: &mut [f32]) {
    let c = h.shape()[h.shape().len() - 1];
    let len = h.data().len();
    let shared = Shared::new(out);
    each_row(
        h,
        c,
        #[inline(always)]
        |row| {
            let at = row * c;
            // SAFETY: one task writes each row; the rows lie in the output: a, b, then h.
            let by = |start: usize| unsafe { shared.slice(start..start + c) };
            let by_a = |part: usize| by(3 * at + part * c);
            let by_b = |part: usize| by(3 * (len + at) + part * c);
            let (a, b) = (parts(&a.data()[3 * at..], c), parts(&b.data()[3 * at..], c));
            let (h, g) = (&h.data()[at..][..c], &g.data()[at..][..c]);
            gru_row_grad([a, b], [h, g], by_a(0), by_a(1), by_a(2), by_b(2), by(6 * len + at));
            // r and z depend on a + b, so their partials by a and by b are equal.
            by_b(0).copy_from_slice(by_a(0));
            by_b(1).copy_from_slice(by_a(1));
        },
    );
}

#[inline(always)]
fn gru_row_grad(
    [[a_r, a_z, a_n], [b_r, b_z, b_n]]: [[&[f32]; 3]; 2],
    [h, g]: [&[f32]; 2],
    by_r: &mut [f32],
    by_z: &mut [f32],
    by_n: &mut [f32],
    by_b_n: &mut [f32],
    by_h: &mut [f32],
) {
    let inputs = side([a_r, b_r, a_z, b_z]).zip(side([a_n, b_n, h, g]));
    let outputs = by_r.iter_mut().zip(by_z).zip(by_n.iter_mut().zip(by_b_n)).zip(by_h);
    for (([a_r, b_r, a_z, b_z], [a_n, b_n, h, g]), (((by_r, by_z), (by_n, by_b_n)), by_h)) in
        inputs.zip(outputs)
    {
        let r = sigmoid(a_r + b_r);
        let z = sigmoid(a_z + b_z);
        let n = tanh(a_n + r * b_n);
        let by_new = g * (1.0 - z) * slope_tanh(n);
        *by_r = by_new * b_n * slope_sigmoid(r);
        *by_z = g * (h - n) * slope_sigmoid(z);
        *by_n = by_new;
        *by_b_n = by_new * r;
        *by_h = g * z;
    }
}
