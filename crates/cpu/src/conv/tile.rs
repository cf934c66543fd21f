use std::cell::RefCell;

use crate::CpuTensor;

/// The most floats in a tile's scratch, so that scratch and weights stay in the L2 cache.
const SCRATCH: usize = 48 << 10;

/// Floats after the tile in the scratch. The last vector may read them, but their values are
/// unused.
const MARGIN: usize = 64;

/// The grid of positions `[n, t, h, w]` to compute, its place on the source, and its tiles. Along
/// each axis, position q reads `reach` elements of the source from `q · step - before` on.
pub(super) struct Tiling {
    /// n, and `[t, h, w]` of the grid of positions.
    pub images: usize,
    pub grid: [usize; 3],
    pub step: [usize; 3],
    pub before: [usize; 3],
    pub reach: [usize; 3],
    /// `[t, h, w]` and channels of the source.
    pub source: [usize; 3],
    pub channels: usize,
    /// Images in a tile, and its positions along t and h; along w a tile has all positions.
    tile: [usize; 3],
}

/// A range of images, and ranges of positions along t and h.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub first: [usize; 3],
    pub len: [usize; 3],
}

impl Tiling {
    /// Cuts the grid into tiles of at least `least` positions, if there are as many.
    pub fn new(
        images: usize,
        grid: [usize; 3],
        [step, before, reach]: [[usize; 3]; 3],
        source: [usize; 3],
        channels: usize,
        least: usize,
    ) -> Self {
        let tile = [1, grid[0], grid[1]];
        let mut tiling = Self { images, grid, step, before, reach, source, channels, tile };
        let places = |tile: [usize; 3]| tile[0] * tile[1] * tile[2] * grid[2];
        while tiling.scratch() > SCRATCH && (tiling.tile[1] > 1 || tiling.tile[2] > 1) {
            let axis = if tiling.tile[2] >= tiling.tile[1] { 2 } else { 1 };
            tiling.tile[axis] = tiling.tile[axis].div_ceil(2);
        }
        // Enough tiles for several threads, but no tile with few positions.
        while tiling.count() < 32 && tiling.tile[2] > 1 && places(tiling.tile) >= 2 * least.max(128)
        {
            tiling.tile[2] = tiling.tile[2].div_ceil(2);
        }
        while tiling.tile[1..] == grid[..2]
            && tiling.tile[0] * 2 <= images
            && places(tiling.tile) < least
            && tiling.scratch() * 2 <= SCRATCH
        {
            tiling.tile[0] *= 2;
        }
        tiling
    }

    fn parts(&self) -> [usize; 3] {
        let whole = [self.images, self.grid[0], self.grid[1]];
        std::array::from_fn(|axis| whole[axis].div_ceil(self.tile[axis].max(1)))
    }

    /// The number of tiles.
    pub fn count(&self) -> usize {
        self.parts().iter().product()
    }

    pub fn tile(&self, index: usize) -> Tile {
        let [_, t, h] = self.parts();
        let whole = [self.images, self.grid[0], self.grid[1]];
        let index = [index / h / t, index / h % t, index % h];
        let first = std::array::from_fn(|axis| index[axis] * self.tile[axis]);
        let len = std::array::from_fn(|axis| self.tile[axis].min(whole[axis] - first[axis]));
        Tile { first, len }
    }

    /// `[t, h, w]` of one image in the scratch of a tile with `len` positions along t and h.
    pub fn extent(&self, len: [usize; 3]) -> [usize; 3] {
        let places = [len[1], len[2], self.grid[2]];
        std::array::from_fn(|a| (places[a].max(1) - 1) * self.step[a] + self.reach[a])
    }

    fn scratch(&self) -> usize {
        self.tile[0] * self.extent(self.tile).iter().product::<usize>() * self.channels
    }

    /// Copies the part of the source that a tile reads into `scratch`, with zeros for padding.
    pub fn load(&self, tile: &Tile, x: &CpuTensor, scratch: &mut Vec<f32>) {
        let [et, eh, ew] = self.extent(tile.len);
        let [st, sh, sw] = self.source;
        let c = self.channels;
        let len = tile.len[0] * et * eh * ew * c;
        if scratch.len() < len + MARGIN {
            scratch.resize(len + MARGIN, 0.0);
        }
        let left = self.before[2].min(ew);
        let width = sw.min(ew - left);
        let x = x.data();
        let mut lines = scratch[..len].chunks_exact_mut((ew * c).max(1));
        for n in tile.first[0]..tile.first[0] + tile.len[0] {
            for t in 0..et {
                let t = (tile.first[1] * self.step[0] + t).checked_sub(self.before[0]);
                for h in 0..eh {
                    let h = (tile.first[2] * self.step[1] + h).checked_sub(self.before[1]);
                    let Some(line) = lines.next() else { return };
                    match (t.filter(|&t| t < st), h.filter(|&h| h < sh)) {
                        (Some(t), Some(h)) => {
                            let x = &x[((n * st + t) * sh + h) * sw * c..][..width * c];
                            line[..left * c].fill(0.0);
                            line[left * c..][..width * c].copy_from_slice(x);
                            line[(left + width) * c..].fill(0.0);
                        }
                        _ => line.fill(0.0),
                    }
                }
            }
        }
    }
}

thread_local! {
    static SCRATCHES: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Calls `f` with two scratch buffers of this thread, with arbitrary content.
pub(super) fn with_scratch<R>(f: impl FnOnce(&mut [Vec<f32>; 2]) -> R) -> R {
    SCRATCHES.with_borrow_mut(f)
}
