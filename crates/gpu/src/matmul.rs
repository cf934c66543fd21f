//! Matrix products.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Result, Tensor};

use crate::kernel::{self, Factor, Kernel, Tile};
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
    let factors = [
        Factor::new(a, transpose_a, if transpose_a { m } else { k }),
        Factor::new(b, !transpose_b, if transpose_b { k } else { n }),
    ];
    product(kernel::MATMUL, [m, n, batch], factors, [a, b, y], params)
}

impl Factor {
    /// Of a tensor whose innermost neighbours are along a product's rows or columns, or along k,
    /// always `run` of them.
    pub fn new(x: &GpuTensor, along_side: bool, run: usize) -> Self {
        let fours = run.is_multiple_of(4) && x.start().is_multiple_of(4);
        Self { along_side, fours }
    }
}

/// Runs a tiled product of `[batch, m, n]`, on tiles that fit its shape.
pub(crate) fn product<P: Pod>(
    shader: kernel::Shader,
    [m, n, batch]: [usize; 3],
    factors: [Factor; 2],
    tensors: [&GpuTensor; 3],
    params: P,
) -> Result<()> {
    let [rows, columns, depth, each] = tile(m, n);
    let tile = Tile { rows, columns, depth, each, factors };
    let tiles = m.div_ceil(rows as usize) * n.div_ceil(columns as usize) * batch;
    run(tensors[2].device(), &Kernel::tiled(shader, tile), &tensors, params, tiles, 1)
}

/// Rows, columns, depth and rows of a thread, from few columns or few rows, which are not worth a wide
/// tile, to what is large and takes more for each thread.
pub(crate) const TILES: [[u32; 4]; 6] = [
    [256, 4, 8, 4],
    [128, 16, 16, 4],
    [16, 64, 16, 4],
    [64, 32, 16, 4],
    [64, 64, 16, 4],
    [128, 64, 16, 8],
];

fn tile(m: usize, n: usize) -> [u32; 4] {
    TILES[match (m, n) {
        (_, ..=4) => 0,
        (_, ..=16) => 1,
        (..=16, _) => 2,
        (_, ..=32) => 3,
        (2048.., 64..) => 5,
        _ => 4,
    }]
}
