//! Matrix products: one call of the `gemm` crate for each block of the output. Products with few
//! rows use the kernel of this crate.

use kinora_tensor::{Result, Shape, Tensor};

use crate::CpuTensor;
use crate::kernel::{Block, Level, Row};
use crate::parallel::{Shared, tasks};

/// Rows of a block of the output. One call of `gemm` computes a block. The blocks depend on the
/// shape alone, so the bits are the same on any number of threads.
const ROWS: usize = 128;
/// The least and the largest number of columns of a block.
const COLUMNS: [usize; 2] = [64, 512];

/// The largest number of rows for which the kernel of this crate is used.
const FEW: usize = 48;

/// The largest number of elements of a transposed B that is packed once for all products with it.
const SMALL: usize = 32 << 10;

pub(crate) fn matmul(
    level: Level,
    [transpose_a, transpose_b]: [bool; 2],
    a: &CpuTensor,
    b: &CpuTensor,
    shape: &Shape,
    out: &mut [f32],
) -> Result<()> {
    let rank = shape.len();
    let (m, n) = (shape[rank - 2], shape[rank - 1]);
    let k = a.shape()[if transpose_a { rank - 2 } else { rank - 1 }];
    if out.is_empty() {
        return Ok(());
    }
    let batch = out.len() / (m * n);
    if batch == 1 && k > 0 && !transpose_a && m <= FEW && n >= FEW {
        return match transpose_b && k * n > SMALL {
            true => few_rows(level, a, b, [m, k, n], out),
            false => packed(level, a, b, transpose_b, [m, k, n], out),
        };
    }
    let (a, b) = (a.data(), b.data());
    let width = (n / 16).next_multiple_of(16).clamp(COLUMNS[0], COLUMNS[1]);
    let blocks = [m.div_ceil(ROWS), n.div_ceil(width)];
    let each = blocks[0] * blocks[1];
    // The strides from one column to the next, and from one row to the next.
    let a_steps = if transpose_a { (m, 1) } else { (1, k) };
    let b_steps = if transpose_b { (k, 1) } else { (1, n) };
    let shared = Shared::new(out);
    tasks(batch * each, batch * m * n * k / 8, |task| {
        let (index, block) = (task / each, task % each);
        let (row, column) = (block / blocks[1] * ROWS, block % blocks[1] * width);
        let (rows, columns) = (ROWS.min(m - row), width.min(n - column));
        let a = &a[index * m * k + (row * a_steps.1).min(m * k)..];
        let b = &b[index * k * n + (column * b_steps.0).min(k * n)..];
        // SAFETY: the block lies in matrix `index` of the output, and no other task writes to it.
        // The strides are those of a and b, and only rows and columns in range are read.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                k,
                shared.at(index * m * n + row * n + column),
                1,
                n as isize,
                false,
                a.as_ptr(),
                a_steps.0 as isize,
                a_steps.1 as isize,
                b.as_ptr(),
                b_steps.0 as isize,
                b_steps.1 as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    });
    Ok(())
}

/// A B or A Bᵀ for an A with few rows. B, most likely weights, is packed once for all products with
/// it.
fn packed(
    level: Level,
    a: &CpuTensor,
    b: &CpuTensor,
    transpose_b: bool,
    [m, k, n]: [usize; 3],
    out: &mut [f32],
) -> Result<()> {
    let panels = level.panels(n);
    let name = if transpose_b { "matrix turned" } else { "matrix" };
    let packed = b.prepared(name, &[b.shape(), &[level.lanes()]], || {
        level.packed(b.device(), n, k, |start, width, packed| {
            let used = width.min(n - start);
            for (p, row) in packed.chunks_exact_mut(width).enumerate() {
                let (row, rest) = row.split_at_mut(used);
                rest.fill(0.0);
                if transpose_b {
                    let column = b.data()[start * k + p..].iter().step_by(k);
                    row.iter_mut().zip(column).for_each(|(to, x)| *to = *x);
                } else {
                    row.copy_from_slice(&b.data()[p * n + start..][..used]);
                }
            }
        })
    })?;
    // Products of a task: a few microseconds of work.
    const TASK: usize = 256 << 10;
    let groups: Vec<_> = panels.chunks((TASK / (m * k * panels[0].1)).max(1)).collect();
    let shared = Shared::new(out);
    tasks(groups.len(), m * k * n / 8, |task| {
        for &(start, width) in groups[task] {
            let rows: Vec<Row> =
                (0..m).map(|row| Row { a: row * k, c: shared.at(row * n + start) }).collect();
            let block = Block {
                a: a.data(),
                a_step: 1,
                b: &packed[k * start..],
                b_step: width,
                segments: &[(0, 0)],
                len: k,
                rows: &rows,
                columns: width.min(n - start),
                add: false,
            };
            // SAFETY: A has m rows of k, the panel k rows of `width`; no other task has the panel's
            // columns of the output.
            unsafe { level.run(&block) };
        }
    });
    Ok(())
}

/// A Bᵀ for an A with few rows, computed as B Aᵀ. It reads the large matrix B once, along its rows,
/// and transposes only A. (`gemm` packs B, and has an eighth of the speed at 16 · 6144 · 512.)
fn few_rows(
    level: Level,
    a: &CpuTensor,
    b: &CpuTensor,
    [m, k, n]: [usize; 3],
    out: &mut [f32],
) -> Result<()> {
    // Rows of B in a task: few, so that all threads finish at about the same time.
    const TASK: usize = 16;
    let panels = level.panels(m);
    let width = panels.iter().map(|panel| panel.1).sum::<usize>();
    let mut turned = a.device().take(k * width)?;
    for (p, row) in turned[..k * width].chunks_exact_mut(width).enumerate() {
        let (used, rest) = row.split_at_mut(m);
        used.iter_mut().zip(a.data()[p..].iter().step_by(k)).for_each(|(to, x)| *to = *x);
        rest.fill(0.0);
    }
    let shared = Shared::new(out);
    tasks(n.div_ceil(TASK), m * k * n / 8, |task| {
        let first = task * TASK;
        let count = TASK.min(n - first);
        let mut sums = [0.0; TASK * FEW];
        let sum = Shared::new(&mut sums);
        for &(start, panel) in &panels {
            let rows: Vec<Row> = (0..count)
                .map(|i| Row { a: (first + i) * k, c: sum.at(i * width + start) })
                .collect();
            let block = Block {
                a: b.data(),
                a_step: 1,
                b: &turned[start..],
                b_step: width,
                segments: &[(0, 0)],
                len: k,
                rows: &rows,
                columns: panel,
                add: false,
            };
            // SAFETY: B has n rows of k, the transposed A has k rows of `width`, and the sums have
            // `TASK` rows of `width`, which is at most `FEW`, a multiple of every vector width.
            unsafe { level.run(&block) };
        }
        for (i, sums) in sums.chunks_exact(width).take(count).enumerate() {
            for (row, &sum) in sums[..m].iter().enumerate() {
                // SAFETY: no other task has column first + i of the output.
                unsafe { *shared.at(row * n + first + i) = sum };
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CpuDevice;

    #[test]
    fn sums_of_nothing_are_zero() {
        let device = CpuDevice::new();
        let [a, b] = [48, 64].map(|rows| CpuTensor::from_slice(&device, &[], [rows, 0]).unwrap());
        for level in Level::all() {
            let mut out = vec![f32::NAN; 48 * 64];
            matmul(level, [false, true], &a, &b, &[48, 64].into(), &mut out).unwrap();
            assert!(out.iter().all(|&x| x == 0.0), "{level:?}");
        }
    }

    #[test]
    fn few_rows_on_every_width_of_vectors() {
        let device = CpuDevice::new();
        for level in Level::all() {
            for [m, k, n] in [[1, 3, 50], [5, 40, 48], [17, 9, 70], [48, 20, 101]] {
                let numbers = |count: usize| (0..count).map(|i| (i % 13) as f32 - 6.0);
                let a: Vec<f32> = numbers(m * k).collect();
                let b: Vec<f32> = numbers(n * k).collect();
                // Sums of small whole numbers are exact in every order.
                let want = |i: usize| {
                    let pairs = a[i / n * k..][..k].iter().zip(&b[i % n * k..][..k]);
                    pairs.map(|(a, b)| a * b).sum::<f32>()
                };
                let mut out = vec![f32::NAN; m * n];
                let on_device =
                    |x: &[f32], rows| CpuTensor::from_slice(&device, x, [rows, k]).unwrap();
                let (a, b) = (on_device(&a, m), on_device(&b, n));
                let wanted: Vec<f32> = (0..m * n).map(want).collect();
                few_rows(level, &a, &b, [m, k, n], &mut out).unwrap();
                assert_eq!(out, wanted, "{level:?} {m} {k} {n}");
                out.fill(f32::NAN);
                packed(level, &a, &b, true, [m, k, n], &mut out).unwrap();
                assert_eq!(out, wanted, "{level:?} {m} {k} {n}");
                let turned: Vec<f32> = (0..k * n).map(|i| b.data()[i % n * k + i / n]).collect();
                let turned = CpuTensor::from_slice(&device, &turned, [k, n]).unwrap();
                out.fill(f32::NAN);
                packed(level, &a, &turned, false, [m, k, n], &mut out).unwrap();
                assert_eq!(out, wanted, "{level:?} {m} {k} {n}");
            }
        }
    }
}
