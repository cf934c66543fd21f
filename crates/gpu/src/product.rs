//! The tiled product behind matrix products and convolutions.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Desc, Result, Tensor};

use crate::kernel::Kernel;
use crate::{GpuTensor, layout, reduce};

/// How a product is cut: the rows and columns of a workgroup's tile, its steps along k, and the rows of
/// a thread, all multiples of four; and how the factors lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tile {
    pub rows: u32,
    pub columns: u32,
    pub depth: u32,
    pub each: u32,
    pub factors: [Factor; 2],
}

/// How a factor of a product lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Factor {
    /// Whether neighbours are of neighbouring rows (of A) or columns (of B), rather than of
    /// neighbouring k.
    pub along_side: bool,
    /// Whether they come in runs of four, each from a multiple of four on.
    pub fours: bool,
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
    piece_stride: u32,
    unused: u32,
}

/// Workgroups to have, so that a GPU is busy: long sums are cut where there are fewer.
const WORKGROUPS: usize = 256;
/// Elements of a sum that are worth a piece.
const PIECE: usize = 256;

/// Runs tiled products of `[batch, m, n]`, on tiles that fit their shape. `params` are the family's own,
/// which follow the sizes.
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

/// The rows and columns of a tile, its steps along k, and the rows of a thread, for a product of
/// `[batch, m, n]` with sums of k. One that takes more for each thread does more with what it loads, but
/// needs rows enough that the GPU is busy and few are wasted.
pub(crate) fn tile([m, n, k, batch]: [usize; 4]) -> [u32; 4] {
    match n {
        ..=4 => return [256, 4, 8, 4],
        5..=16 => return [128, 16, 16, 4],
        _ if m <= 16 => return [16, 64, 16, 4],
        _ => {}
    }
    // A tile takes the time of its columns, and that of about eight more to load its rows.
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
