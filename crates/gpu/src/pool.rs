//! Memory that is used again.

use std::collections::BTreeMap;

/// Bytes that the pool may hold beyond its share of what was ever live.
const SLACK: u64 = 64 << 20;
/// Blocks freed since, after which one is idle: many steps of a training. What a step uses is kept even
/// where the sizes of tensors let it hold far more than is ever live at once, since to make a buffer,
/// and to bind it anew, takes longer than most kernels.
const IDLE: u64 = 1 << 18;

/// A buffer of a class of sizes.
#[derive(Debug)]
pub(crate) struct Block<B = wgpu::Buffer> {
    pub buffer: B,
    pub size: u64,
    /// Counts the blocks of a device.
    id: u64,
}

/// Bytes of memory of a [`GpuDevice`](crate::GpuDevice).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// In use by tensors.
    pub live: u64,
    /// Kept for tensors to come: when one is dropped, `live + pooled` is at most 2 `peak` + 64 MiB, or
    /// 1.25 `peak` + 64 MiB where what is kept lies idle, and less where the device had no more.
    pub pooled: u64,
    /// The most that was ever in use at once.
    pub peak: u64,
}

pub(crate) struct Pool<B = wgpu::Buffer> {
    /// By size, then by id; with each, how many blocks were freed until it was.
    free: BTreeMap<u64, BTreeMap<u64, (u64, Block<B>)>>,
    /// The size and the id of each by that.
    since: BTreeMap<u64, (u64, u64)>,
    pub memory: Memory,
    made: u64,
    freed: u64,
    /// What was held when there was no memory for more, and the most that was in use since.
    most: u64,
    since_then: u64,
}

/// The next size with at most three significant bits, a multiple of 256 bytes.
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
    /// A block of this size: always the one that was made first, so that a step that takes and frees
    /// as the one before gets the same blocks, and finds its bind groups made.
    pub fn pop(&mut self, size: u64) -> Option<Block<B>> {
        let (_, (freed, block)) = self.free.get_mut(&size)?.pop_first()?;
        self.since.remove(&freed);
        self.memory.pooled -= size;
        self.take(size);
        Some(block)
    }

    /// A new buffer as a block in use.
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

    /// Gives up all that is kept for tensors to come, since there is no memory for more.
    pub fn let_go(&mut self) {
        self.most = self.memory.live + self.memory.pooled;
        self.since_then = self.memory.live;
        self.free.clear();
        self.since.clear();
        self.memory.pooled = 0;
    }

    /// Takes a block back. Says whether others were let go for it, those that lay there longest.
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
            // What was in use since was there after all.
            let limit = limit.min(self.most.max(self.since_then));
            if self.memory.live + self.memory.pooled <= limit {
                break;
            }
            let (size, id) = oldest.remove();
            // Commands that use it keep it until they have run.
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

    /// Makes blocks of these sizes, all in use at once, and gives them back; how many were new, and
    /// whether any were let go.
    fn use_all(pool: &mut Pool<()>, sizes: &[u64]) -> (u64, bool) {
        let made = pool.made;
        let mut take = |&size: &u64| pool.pop(size).unwrap_or_else(|| pool.make((), size));
        let blocks: Vec<Block<()>> = sizes.iter().map(&mut take).collect();
        let gone = blocks.into_iter().fold(false, |gone, block| pool.push(block) | gone);
        (pool.made - made, gone)
    }

    #[test]
    fn a_step_keeps_what_it_uses() {
        let mut pool = Pool::default();
        let mut step = || [56, 48, 40, 32].map(|size| use_all(&mut pool, &[size << 20]));
        assert_eq!(step(), [(1, false); 4]);
        assert_eq!(step(), [(0, false); 4]);
        assert_eq!((pool.memory.peak >> 20, pool.memory.pooled >> 20), (56, 176));
    }

    #[test]
    fn what_lies_idle_or_is_far_too_much_is_let_go() {
        let mut pool = Pool::default();
        use_all(&mut pool, &[100 << 20]);
        // 2 × 100 + 64 MiB.
        assert_eq!(use_all(&mut pool, &[90 << 20]), (1, false));
        assert_eq!(use_all(&mut pool, &[93 << 20]), (1, true));
        assert_eq!(use_all(&mut pool, &[30 << 20]), (1, false));
        assert_eq!(pool.memory.pooled >> 20, 90 + 93 + 30);
        // 1.25 × 100 + 64 MiB, once they are idle.
        for round in 0..=IDLE {
            let gone = use_all(&mut pool, &[256]).1;
            assert_eq!(gone, round == IDLE - 2, "{round}");
        }
        assert_eq!(pool.memory.pooled, ((93 + 30) << 20) + 256);
        // There is no memory for more than these.
        pool.let_go();
        assert_eq!((pool.memory.live, pool.memory.pooled), (0, 0));
        assert_eq!(use_all(&mut pool, &[100 << 20]), (1, false));
        assert_eq!(use_all(&mut pool, &[24 << 20]), (1, true));
        assert_eq!(pool.memory.pooled >> 20, 24);
        // As it turns out, there is.
        assert_eq!(use_all(&mut pool, &[110 << 20, 24 << 20]), (1, false));
        assert_eq!(use_all(&mut pool, &[110 << 20, 24 << 20]), (0, false));
    }
}
