//! Matrix products.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Result, Tensor};

use crate::GpuTensor;
use crate::kernel::{self, Kernel};
use crate::product::{Factor, product};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    a: u32,
    b: u32,
    a_row: u32,
    a_column: u32,
    b_row: u32,
    b_column: u32,
}

pub(crate) fn matmul(
    [transpose_a, transpose_b]: [bool; 2],
    a: &GpuTensor,
    b: &GpuTensor,
    y: &GpuTensor,
) -> Result<()> {
    let rank = y.shape().len();
    let (m, n) = (y.shape()[rank - 2], y.shape()[rank - 1]);
    let k = a.shape()[if transpose_a { rank - 2 } else { rank - 1 }];
    let batch = y.len() / (m * n);
    let [a_row, a_column] = if transpose_a { [1, m] } else { [k, 1] };
    let [b_row, b_column] = if transpose_b { [1, k] } else { [n, 1] };
    let params = Params {
        a: a.start(),
        b: b.start(),
        a_row: a_row as u32,
        a_column: a_column as u32,
        b_row: b_row as u32,
        b_column: b_column as u32,
    };
    let factors = [
        Factor::new(a, transpose_a, if transpose_a { m } else { k }),
        Factor::new(b, !transpose_b, if transpose_b { k } else { n }),
    ];
    product(Kernel::new(kernel::MATMUL, "main"), [m, n, k, batch], factors, [a, b, y], params)
}
