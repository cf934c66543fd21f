//! The memory pool of a device, which keeps freed buffers for reuse.

use std::collections::BTreeMap;

/// Bytes that the pool may hold beyond a multiple of the peak use.
const SLACK: u64 = 64 << 20;
/// A free block is idle once this many blocks have been freed after it; many training steps free
/// that many. All blocks of one step should stay in the pool, even if they are far more than the
/// peak use, because creating a buffer and its bind groups takes longer than most kernels.
const IDLE: u64 = 1 << 18;

/// A buffer whose size is one of the size classes of [`class`].
#[derive(Debug)]
pub(crate) struct Block<B = wgpu::Buffer> {
    pub buffer: B,
    pub size: u64,
    /// The number of the block, ascending in the order of creation.
    id: u64,
}

/// The memory use of a [`GpuDevice`](crate::GpuDevice) in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes in use by tensors.
    pub live: u64,
    /// Bytes that the pool keeps for later tensors. Whenever a tensor is dropped, `live + pooled`
    /// is at most 2 `peak` + 64 MiB; idle blocks are freed down to 1.25 `peak` + 64 MiB. The limit
    /// is lower if the device ran out of memory before.
    pub pooled: u64,
    /// The largest value that `live` ever had.
    pub peak: u64,
}

pub(crate) struct Pool<B = wgpu::Buffer> {
    /// Free blocks by size and id, each with the value of `freed` at its return.
    free: BTreeMap<u64, BTreeMap<u64, (u64, Block<B>)>>,
    /// The size and the id of each free block, by the value of `freed` at its return.
    since: BTreeMap<u64, (u64, u64)>,
    pub memory: Memory,
    /// The number of blocks made so far.
    made: u64,
    /// The number of blocks returned so far.
    freed: u64,
    /// The bytes that were held when the device last ran out of memory.
    most: u64,
    /// The most bytes in use since the device last ran out of memory.
    since_then: u64,
}

/// `bytes` rounded up to a size with three significant bits, and to a multiple of 256 bytes.
pub(crate) fn class(bytes: u64) -> u64 {
    let step = bytes.max(1).ilog2().saturating_sub(2);
    bytes.max(1).next_multiple_of(1 << step).next_multiple_of(256)
}

impl<B> Default for Pool<B> {
    fn default() -> Self {
        let (free, since, memory) = Default::default();
        Self { free, since, memory, made: 0, freed: 0, most: u64::MAX, since_then: 0 }
    }
}

impl<B> Pool<B> {
    /// The oldest free block of this size. So a repeated step gets the same blocks, and finds its
    /// bind groups made.
    pub fn pop(&mut self, size: u64) -> Option<Block<B>> {
        let (_, (freed, block)) = self.free.get_mut(&size)?.pop_first()?;
        self.since.remove(&freed);
        self.memory.pooled -= size;
        self.take(size);
        Some(block)
    }

    /// Wraps a new buffer as a block in use.
    pub fn make(&mut self, buffer: B, size: u64) -> Block<B> {
        self.take(size);
        self.made += 1;
        Block { buffer, size, id: self.made }
    }

    fn take(&mut self, size: u64) {
        self.memory.live += size;
        self.memory.peak = self.memory.peak.max(self.memory.live);
        self.since_then = self.since_then.max(self.memory.live);
    }

    /// Frees all pooled blocks, because the device ran out of memory.
    pub fn let_go(&mut self) {
        self.most = self.memory.live + self.memory.pooled;
        self.since_then = self.memory.live;
        self.free.clear();
        self.since.clear();
        self.memory.pooled = 0;
    }

    /// Takes a block back, and frees the longest unused blocks beyond the limit. Returns whether it
    /// freed any.
    pub fn push(&mut self, block: Block<B>) -> bool {
        self.memory.live -= block.size;
        self.memory.pooled += block.size;
        self.freed += 1;
        self.since.insert(self.freed, (block.size, block.id));
        self.free.entry(block.size).or_default().insert(block.id, (self.freed, block));
        let Memory { peak, .. } = self.memory;
        let mut gone = false;
        while let Some(oldest) = self.since.first_entry() {
            let is_idle = self.freed - oldest.key() > IDLE;
            let limit = SLACK + if is_idle { peak + peak / 4 } else { 2 * peak };
            // `since_then` was in use at once, so the device has at least that much memory.
            let limit = limit.min(self.most.max(self.since_then));
            if self.memory.live + self.memory.pooled <= limit {
                break;
            }
            let (size, id) = oldest.remove();
            // Commands that use the buffer keep it alive until they have run.
            self.free.get_mut(&size).expect("its class is there").remove(&id);
            self.memory.pooled -= size;
            gone = true;
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let rows = [(0, 256), (4, 256), (256, 256), (257, 512), (1024, 1024), (1025, 1280)];
        for (bytes, class) in rows {
            assert_eq!(super::class(bytes), class);
        }
    }

    /// Takes blocks of these sizes, all in use at once, and returns them to the pool. Gives the
    /// number of new blocks, and whether the pool freed any.
    fn use_all(pool: &mut Pool<()>, sizes: &[u64]) -> (u64, bool) {
        let made = pool.made;
        let mut take = |&size: &u64| pool.pop(size).unwrap_or_else(|| pool.make((), size));
        let blocks: Vec<Block<()>> = sizes.iter().map(&mut take).collect();
        let gone = blocks.into_iter().fold(false, |gone, block| pool.push(block) | gone);
        (pool.made - made, gone)
    }

    #[test]
    fn a_step_keeps_its_blocks() {
        let mut pool = Pool::default();
        let mut step = || [56, 48, 40, 32].map(|size| use_all(&mut pool, &[size << 20]));
        assert_eq!(step(), [(1, false); 4]);
        assert_eq!(step(), [(0, false); 4]);
        assert_eq!((pool.memory.peak >> 20, pool.memory.pooled >> 20), (56, 176));
    }

    #[test]
    fn idle_and_excess_blocks_are_freed() {
        let mut pool = Pool::default();
        use_all(&mut pool, &[100 << 20]);
        // 2 × 100 + 64 MiB.
        assert_eq!(use_all(&mut pool, &[90 << 20]), (1, false));
        assert_eq!(use_all(&mut pool, &[93 << 20]), (1, true));
        assert_eq!(use_all(&mut pool, &[30 << 20]), (1, false));
        assert_eq!(pool.memory.pooled >> 20, 90 + 93 + 30);
        // 1.25 × 100 + 64 MiB, once the blocks are idle.
        for round in 0..=IDLE {
            let gone = use_all(&mut pool, &[256]).1;
            assert_eq!(gone, round == IDLE - 2, "{round}");
        }
        assert_eq!(pool.memory.pooled, ((93 + 30) << 20) + 256);
        // The device has no memory for more than these.
        pool.let_go();
        assert_eq!((pool.memory.live, pool.memory.pooled), (0, 0));
        assert_eq!(use_all(&mut pool, &[100 << 20]), (1, false));
        assert_eq!(use_all(&mut pool, &[24 << 20]), (1, true));
        assert_eq!(pool.memory.pooled >> 20, 24);
        // The device has more memory after all, so the limit rises.
        assert_eq!(use_all(&mut pool, &[110 << 20, 24 << 20]), (1, false));
        assert_eq!(use_all(&mut pool, &[110 << 20, 24 << 20]), (0, false));
    }
}
