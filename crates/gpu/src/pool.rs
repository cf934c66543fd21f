//! Memory that is used again.

use std::collections::BTreeMap;

/// Bytes that the pool may hold beyond a quarter more than was ever live.
const SLACK: u64 = 64 << 20;

/// A buffer of a class of sizes.
#[derive(Debug)]
pub(crate) struct Block {
    pub buffer: wgpu::Buffer,
    pub size: u64,
    /// Counts the blocks of a device.
    id: u64,
}

/// Bytes of memory of a [`GpuDevice`](crate::GpuDevice).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// In use by tensors.
    pub live: u64,
    /// Kept for tensors to come: `live + pooled` never exceeds 1.25 `peak` + 64 MiB.
    pub pooled: u64,
    /// The most that was ever in use at once.
    pub peak: u64,
}

#[derive(Default)]
pub(crate) struct Pool {
    /// By size, then by id; with each, how many blocks were freed before it.
    free: BTreeMap<u64, BTreeMap<u64, (u64, Block)>>,
    pub memory: Memory,
    made: u64,
    freed: u64,
}

impl Pool {
    /// The next size with at most three significant bits, a multiple of 256 bytes.
    pub fn class(bytes: u64) -> u64 {
        let step = bytes.max(1).ilog2().saturating_sub(2);
        bytes.max(1).next_multiple_of(1 << step).next_multiple_of(256)
    }

    /// A block of this size: always the one that was made first, so that a step that takes and frees
    /// as the one before gets the same blocks, and finds its bind groups made.
    pub fn pop(&mut self, size: u64) -> Option<Block> {
        let (_, (_, block)) = self.free.get_mut(&size)?.pop_first()?;
        self.memory.pooled -= size;
        self.take(size);
        Some(block)
    }

    /// A new buffer as a block in use.
    pub fn make(&mut self, buffer: wgpu::Buffer, size: u64) -> Block {
        self.take(size);
        self.made += 1;
        Block { buffer, size, id: self.made }
    }

    fn take(&mut self, size: u64) {
        self.memory.live += size;
        self.memory.peak = self.memory.peak.max(self.memory.live);
    }

    /// Gives up all that is kept for tensors to come.
    pub fn let_go(&mut self) {
        self.free.clear();
        self.memory.pooled = 0;
    }

    /// Takes a block back. Says whether others were let go for it, those that lay idle longest.
    pub fn push(&mut self, block: Block) -> bool {
        self.memory.live -= block.size;
        self.memory.pooled += block.size;
        self.freed += 1;
        self.free.entry(block.size).or_default().insert(block.id, (self.freed, block));
        let limit = self.memory.peak + self.memory.peak / 4 + SLACK;
        let mut gone = false;
        while self.memory.live + self.memory.pooled > limit {
            let all = self.free.values().flatten();
            let Some((&id, (_, block))) = all.min_by_key(|(_, (freed, _))| *freed) else { break };
            let size = block.size;
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
            assert_eq!(Pool::class(bytes), class);
        }
    }
}
