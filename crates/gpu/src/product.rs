//! The tiled product behind matrix products and convolutions.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Desc, Result, Tensor};

use crate::kernel::Kernel;
use crate::{GpuTensor, layout, reduce};

/// The tile of a product: the rows and columns of a workgroup, its steps along k (`depth`), and the
/// rows of a thread (`each`), all multiples of four; and the memory layout of both factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tile {
    pub rows: u32,
    pub columns: u32,
    pub depth: u32,
    pub each: u32,
    pub factors: [Factor; 2],
}

/// The memory layout of a factor of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Factor {
    /// Whether neighbours in memory belong to neighbouring rows (of A) or columns (of B). Otherwise
    /// they belong to neighbouring k.
    pub along_side: bool,
    /// Whether neighbours come in runs of four that begin at multiples of four.
    pub fours: bool,
}

impl Factor {
    /// The layout of a tensor with runs of `run` neighbours, along the product's rows or columns
    /// (`along_side`) or along k.
    pub fn new(x: &GpuTensor, along_side: bool, run: usize) -> Self {
        let fours = run.is_multiple_of(4) && x.start().is_multiple_of(4);
        Self { along_side, fours }
    }
}

/// The first part of the parameters of every product.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Sizes {
    m: u32,
    n: u32,
    k: u32,
    batch: u32,
    pieces: u32,
    piece: u32,
    piece_stride: u32,
    unused: u32,
}

/// The number of workgroups that keeps a GPU busy. If there are fewer, long sums are split.
const WORKGROUPS: usize = 256;
/// The least number of terms in a piece of a sum.
const PIECE: usize = 256;

/// Runs tiled products `[batch, m, n]` with sums of k terms. `params` are the family's own
/// parameters, which follow the sizes.
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
    let [rows, columns, depth, each] = tile([m, n, k, batch]);
    kernel.tile = Some(Tile { rows, columns, depth, each, factors });
    let tiles = m.div_ceil(rows as usize) * n.div_ceil(columns as usize) * batch;
    let most = (WORKGROUPS / tiles).clamp(1, k.div_ceil(PIECE));
    let piece = k.div_ceil(most).next_multiple_of(depth as usize);
    let pieces = k.div_ceil(piece);
    let sizes = Sizes {
        m: m as u32,
        n: n as u32,
        k: k as u32,
        batch: batch as u32,
        pieces: pieces as u32,
        piece: piece as u32,
        piece_stride: y.len() as u32,
        unused: 0,
    };
    let params = [bytemuck::bytes_of(&sizes), bytemuck::bytes_of(&params)].concat();
    let workgroups = (tiles * pieces) as u64;
    let device = &y.device().0;
    if pieces == 1 {
        return device.dispatch(&kernel, &[a.raw(), b.raw(), y.raw()], &params, workgroups);
    }
    let parts = GpuTensor::empty(y.device(), Desc::f32([pieces, y.len()]))?;
    device.dispatch(&kernel, &[a.raw(), b.raw(), parts.raw()], &params, workgroups)?;
    reduce::sum_middle(&parts, [1, pieces, y.len()], y)
}

/// The rows and columns of a tile, its steps along k, and the rows of a thread, for products
/// `[batch, m, n]` with sums of k terms. More rows per thread reuse each loaded element more often,
/// but the tiles must be small enough to keep the GPU busy and to waste few rows.
pub(crate) fn tile([m, n, k, batch]: [usize; 4]) -> [u32; 4] {
    match n {
        ..=4 => return [256, 4, 8, 4],
        5..=16 => return [128, 16, 16, 4],
        _ if m <= 16 => return [16, 64, 16, 4],
        _ => {}
    }
    // The cost of a tile is its columns, plus about eight more for loading its rows.
    let time = |columns: usize| n.div_ceil(columns) * (columns + 8);
    let [mut columns, narrower @ ..] = [64, 48, 32, 24];
    for other in narrower {
        if time(other) < time(columns) {
            columns = other;
        }
    }
    let workgroups = m.div_ceil(128) * n.div_ceil(columns) * batch * k.div_ceil(PIECE);
    match m >= 256 && workgroups >= WORKGROUPS / 4 {
        true => [128, columns as u32, 16, 8],
        false => [64, columns as u32, 16, 4],
    }
}
