//! The fused operations in 64-bit floating point, written from their formulas instead of by
//! expansion.

use super::Reference;
use super::reference::{leaky_step, sigmoid};
use crate::{NormSpec, Op, Tensor};

/// [`Op::Norm`] and its gradient.
pub(super) fn norm(op: &Op, inputs: &[&Reference]) -> Vec<f64> {
    let (Op::Norm(spec) | Op::NormGrad(spec)) = op else { unreachable!("called for norms alone") };
    let [x, scale, shift] = [inputs[0], inputs[1], inputs[2]].map(Reference::values);
    let &NormSpec { groups, epsilon, slope } = spec;
    let dims = inputs[0].shape();
    // An empty x may have a huge axis beside the one of length 0; do not loop over it.
    let (n, c) = (if x.is_empty() { 0 } else { dims[0] }, dims[dims.len() - 1]);
    let s: usize = dims[1..dims.len() - 1].iter().product();
    let own = inputs[1].shape()[0] == dims[0]; // each of the n samples has its own scale and shift
    let mut y = vec![0.0; x.len()];
    let mut by_x = vec![0.0; x.len()];
    let mut by_scale = vec![0.0; scale.len()];
    let mut by_shift = vec![0.0; scale.len()];
    for b in 0..n {
        for group in 0..groups {
            let channels = group * (c / groups)..(group + 1) * (c / groups);
            // For each element of the group: its index in x, and its index in scale and shift.
            let places: Vec<(usize, usize)> = (0..s)
                .flat_map(|i| channels.clone().map(move |ch| (i, ch)))
                .map(|(i, ch)| ((b * s + i) * c + ch, if own { b * c + ch } else { ch }))
                .collect();
            let count = places.len() as f64;
            let mean = places.iter().map(|&(i, _)| x[i]).sum::<f64>() / count;
            let variance = places.iter().map(|&(i, _)| (x[i] - mean).powi(2)).sum::<f64>() / count;
            let deviation = (variance + f64::from(epsilon)).sqrt();
            let x_hat = |i: usize| (x[i] - mean) / deviation;
            let before = |(i, p): (usize, usize)| x_hat(i) * scale[p] + shift[p];
            for &(i, p) in &places {
                y[i] = before((i, p)) * leaky_step(before((i, p)), slope);
            }
            if let [_, _, _, g] = inputs {
                // The gradient before the activation, and the gradient by x̂.
                let inner = |(i, p)| g.values()[i] * leaky_step(before((i, p)), slope);
                let by_x_hat = |(i, p)| inner((i, p)) * scale[p];
                let sum: f64 = places.iter().map(|&at| by_x_hat(at)).sum();
                let along: f64 = places.iter().map(|&at| by_x_hat(at) * x_hat(at.0)).sum();
                for &(i, p) in &places {
                    by_shift[p] += inner((i, p));
                    by_scale[p] += inner((i, p)) * x_hat(i);
                    by_x[i] =
                        (by_x_hat((i, p)) - sum / count - x_hat(i) * along / count) / deviation;
                }
            }
        }
    }
    match op {
        Op::Norm(_) => y,
        _ => [by_x, by_scale, by_shift].concat(),
    }
}

/// The number of rows and the length c of the innermost axis of a state `[.., c]`.
fn rows(state: &Reference) -> (usize, usize) {
    let (c, outer) = state.shape().split_last().expect("a state has an axis");
    (outer.iter().product(), *c)
}

/// [`Op::LstmCell`] and its gradient.
pub(super) fn lstm_cell(op: &Op, inputs: &[&Reference]) -> Vec<f64> {
    let (rows, c) = rows(inputs[1]);
    let [gates, cell] = [inputs[0], inputs[1]].map(Reference::values);
    let mut out = vec![0.0; 2 * rows * c];
    let mut by_gates = vec![0.0; gates.len()];
    let mut by_cell = vec![0.0; cell.len()];
    for r in 0..rows {
        for ch in 0..c {
            let at = r * c + ch;
            let gate = |k: usize| r * 4 * c + k * c + ch;
            let [i, f, o] = [0, 1, 3].map(|k| sigmoid(gates[gate(k)]));
            let g = gates[gate(2)].tanh();
            let new = f * cell[at] + i * g;
            let tanh = new.tanh();
            out[at] = o * tanh;
            out[rows * c + at] = new;
            if let [_, _, grad] = inputs {
                let by_h = grad.values()[at];
                let by_new = grad.values()[rows * c + at] + by_h * o * (1.0 - tanh * tanh);
                by_gates[gate(0)] = by_new * g * i * (1.0 - i);
                by_gates[gate(1)] = by_new * cell[at] * f * (1.0 - f);
                by_gates[gate(2)] = by_new * i * (1.0 - g * g);
                by_gates[gate(3)] = by_h * tanh * o * (1.0 - o);
                by_cell[at] = by_new * f;
            }
        }
    }
    match op {
        Op::LstmCell => out,
        _ => [by_gates, by_cell].concat(),
    }
}

/// [`Op::GruCell`] and its gradient.
pub(super) fn gru_cell(op: &Op, inputs: &[&Reference]) -> Vec<f64> {
    let (rows, c) = rows(inputs[2]);
    let [a, b, h] = [inputs[0], inputs[1], inputs[2]].map(Reference::values);
    let mut out = vec![0.0; h.len()];
    let [mut by_a, mut by_b, mut by_h] = [a, b, h].map(|part| vec![0.0; part.len()]);
    for row in 0..rows {
        for ch in 0..c {
            let at = row * c + ch;
            let gate = |k: usize| row * 3 * c + k * c + ch;
            let [r, z] = [0, 1].map(|k| sigmoid(a[gate(k)] + b[gate(k)]));
            let n = (a[gate(2)] + r * b[gate(2)]).tanh();
            out[at] = (1.0 - z) * n + z * h[at];
            if let [_, _, _, g] = inputs {
                let g = g.values()[at];
                let by_n = g * (1.0 - z) * (1.0 - n * n);
                by_a[gate(0)] = by_n * b[gate(2)] * r * (1.0 - r);
                by_a[gate(1)] = g * (h[at] - n) * z * (1.0 - z);
                by_a[gate(2)] = by_n;
                by_b[gate(0)] = by_a[gate(0)];
                by_b[gate(1)] = by_a[gate(1)];
                by_b[gate(2)] = by_n * r;
                by_h[at] = g * z;
            }
        }
    }
    match op {
        Op::GruCell => out,
        _ => [by_a, by_b, by_h].concat(),
    }
}
