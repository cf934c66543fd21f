//! Matrix products.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Result, Tensor};

use crate::kernel::{self, Kernel, Tile};
use crate::{GpuTensor, run};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    m: u32,
    n: u32,
    k: u32,
    batch: u32,
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
        m: m as u32,
        n: n as u32,
        k: k as u32,
        batch: batch as u32,
        a: a.start(),
        b: b.start(),
        a_row: a_row as u32,
        a_column: a_column as u32,
        b_row: b_row as u32,
        b_column: b_column as u32,
    };
    let beside = if transpose_a { m } else { k };
    product(kernel::MATMUL, [m, n, batch], (transpose_a, beside), [a, b, y], params)
}

/// Runs a tiled product of `[batch, m, n]`, on tiles that fit its shape. The neighbours of the first
/// factor in memory lie along the rows or along k, always a multiple of `beside` of them.
pub(crate) fn product<P: Pod>(
    shader: kernel::Shader,
    [m, n, batch]: [usize; 3],
    (along_rows, beside): (bool, usize),
    tensors: [&GpuTensor; 3],
    params: P,
) -> Result<()> {
    let tile = tile(m, n, along_rows, beside);
    let tiles = m.div_ceil(tile.rows as usize) * n.div_ceil(tile.columns as usize) * batch;
    run(tensors[2].device(), &Kernel::tiled(shader, tile), &tensors, params, tiles, 1)
}

/// Few columns or few rows are not worth a wide tile; what is large takes more for each thread.
pub(crate) fn tile(m: usize, n: usize, along_rows: bool, beside: usize) -> Tile {
    let fours = beside.is_multiple_of(4);
    let (rows, columns, depth, each) = match (m, n) {
        // One by one, the rows want as many threads.
        (_, ..=4) if along_rows && !fours => (256, 4, 8, 1),
        (_, ..=4) => (256, 4, 8, 2),
        (_, ..=16) => (128, 16, 16, 4),
        (..=16, _) => (16, 64, 16, 1),
        (_, ..=32) => (64, 32, 16, 4),
        (2048.., 64..) => (128, 64, 16, 8),
        _ => (64, 64, 16, 4),
    };
    // Of 16 rows a thread loads one element alone.
    let wide = if fours && rows > 16 { 4 } else { 1 };
    Tile { rows, columns, depth, each, along_rows, wide }
}
