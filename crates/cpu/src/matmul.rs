//! Matrix products, by the `gemm` crate, one call a block of the output.

use kinora_tensor::{Shape, Tensor};

use crate::CpuTensor;
use crate::parallel::{Shared, tasks};

/// Rows and columns of a block. A block is summed by one call, so the cut, which depends on the
/// shape alone, decides the bits.
const BLOCK: [usize; 2] = [128, 512];

pub(crate) fn matmul(
    [transpose_a, transpose_b]: [bool; 2],
    a: &CpuTensor,
    b: &CpuTensor,
    shape: &Shape,
    out: &mut [f32],
) {
    let rank = shape.len();
    let (m, n) = (shape[rank - 2], shape[rank - 1]);
    let k = a.shape()[if transpose_a { rank - 2 } else { rank - 1 }];
    let (a, b) = (a.data(), b.data());
    if out.is_empty() {
        return;
    }
    let batch = out.len() / (m * n);
    let blocks = [m.div_ceil(BLOCK[0]), n.div_ceil(BLOCK[1])];
    let each = blocks[0] * blocks[1];
    // Columns, then rows: the steps by one in memory.
    let a_steps = if transpose_a { (m, 1) } else { (1, k) };
    let b_steps = if transpose_b { (k, 1) } else { (1, n) };
    let shared = Shared::new(out);
    tasks(batch * each, batch * m * n * k / 8, |task| {
        let (index, block) = (task / each, task % each);
        let (row, column) = (block / blocks[1] * BLOCK[0], block % blocks[1] * BLOCK[1]);
        let (rows, columns) = (BLOCK[0].min(m - row), BLOCK[1].min(n - column));
        let a = &a[index * m * k + (row * a_steps.1).min(m * k)..];
        let b = &b[index * k * n + (column * b_steps.0).min(k * n)..];
        // SAFETY: the block lies in matrix `index` of the output and no other task writes to it;
        // the steps are those of a and b, of which rows and columns in range are read.
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
}
