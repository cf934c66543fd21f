//! Looks up rows of a table by index (gather), and the adjoint (scatter).

use kinora_tensor::{Shape, Tensor};

use crate::CpuTensor;
use crate::parallel::rows;

/// The row of an index; `None` if the index is not a whole number in `0..rows`.
fn row(index: f32, rows: usize) -> Option<usize> {
    let row = index as usize;
    (row as f32 == index && row < rows).then_some(row)
}

pub(crate) fn gather(table: &CpuTensor, indices: &CpuTensor, out: &mut [f32]) {
    let (count, d) = (table.shape()[0], table.shape()[1]);
    let (table, indices) = (table.data(), indices.data());
    rows(out, d, |first, out| {
        for (out, &index) in out.chunks_exact_mut(d).zip(&indices[first..]) {
            match row(index, count) {
                Some(row) => out.copy_from_slice(&table[row * d..][..d]),
                None => out.fill(0.0),
            }
        }
    });
}

pub(crate) fn scatter(indices: &CpuTensor, values: &CpuTensor, shape: &Shape, out: &mut [f32]) {
    let (count, d) = (shape[0], shape[1]);
    out.fill(0.0);
    if d == 0 {
        return;
    }
    for (&index, value) in indices.data().iter().zip(values.data().chunks_exact(d)) {
        if let Some(row) = row(index, count) {
            out[row * d..][..d].iter_mut().zip(value).for_each(|(out, x)| *out += x);
        }
    }
}
