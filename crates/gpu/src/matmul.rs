//! Matrix products.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Desc, Result, Tensor};

use crate::kernel::{self, Factor, Kernel, Tile};
use crate::{GpuTensor, layout, reduce};

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

impl Factor {
    /// Of a tensor whose innermost neighbours are along a product's rows or columns, or along k,
    /// always `run` of them.
    pub fn new(x: &GpuTensor, along_side: bool, run: usize) -> Self {
        let fours = run.is_multiple_of(4) && x.start().is_multiple_of(4);
        Self { along_side, fours }
    }
}

/// What every product begins its parameters with.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Sizes {
    m: u32,
    n: u32,
    k: u32,
    batch: u32,
    pieces: u32,
    piece: u32,
    apart: u32,
    unused: u32,
}

/// Workgroups to have, so that a GPU is busy, and sums that are cut where they are longer.
const GROUPS: usize = 256;
const PIECE: usize = 256;

/// Runs tiled products of `[batch, m, n]`, on tiles that fit their shape. `params` are those that
/// stand behind the sizes in the family's.
pub(crate) fn product<P: Pod>(
    mut kernel: Kernel,
    [m, n, k, batch]: [usize; 4],
    factors: [Factor; 2],
    [a, b, y]: [&GpuTensor; 3],
    params: P,
) -> Result<()> {
    if k == 0 {
        return layout::fill(0.0, y);
    }
    let [rows, columns, depth, each] = tile(m, n, batch);
    kernel.tile = Some(Tile { rows, columns, depth, each, factors });
    let tiles = m.div_ceil(rows as usize) * n.div_ceil(columns as usize) * batch;
    let most = (GROUPS / tiles).clamp(1, k.div_ceil(PIECE));
    let piece = k.div_ceil(most).next_multiple_of(depth as usize);
    let pieces = k.div_ceil(piece);
    let sizes = Sizes {
        m: m as u32,
        n: n as u32,
        k: k as u32,
        batch: batch as u32,
        pieces: pieces as u32,
        piece: piece as u32,
        apart: y.len() as u32,
        unused: 0,
    };
    let params = [bytemuck::bytes_of(&sizes), bytemuck::bytes_of(&params)].concat();
    let groups = (tiles * pieces) as u64;
    let device = &y.device().0;
    if pieces == 1 {
        return device.dispatch(&kernel, &[a.raw(), b.raw(), y.raw()], &params, groups);
    }
    let parts = GpuTensor::empty(y.device(), Desc::f32([pieces, y.len()]))?;
    device.dispatch(&kernel, &[a.raw(), b.raw(), parts.raw()], &params, groups)?;
    reduce::sum_middle(&parts, [1, pieces, y.len()], y, 0)
}

/// Rows, columns, depth and rows of a thread, from few columns or few rows, which are not worth a wide
/// tile, to what is large and takes more for each thread.
pub(crate) const TILES: [[u32; 4]; 7] = [
    [256, 4, 8, 4],
    [128, 16, 16, 4],
    [16, 64, 16, 4],
    [64, 32, 16, 4],
    [128, 32, 16, 8],
    [64, 64, 16, 4],
    [128, 64, 16, 8],
];

fn tile(m: usize, n: usize, batch: usize) -> [u32; 4] {
    let is_large = m >= 256 && m * batch >= 2048;
    TILES[match (n, is_large) {
        (..=4, _) => 0,
        (5..=16, _) => 1,
        _ if m <= 16 => 2,
        (17..=32, false) => 3,
        (17..=32, true) => 4,
        (64.., true) => 6,
        _ => 5,
    }]
}
