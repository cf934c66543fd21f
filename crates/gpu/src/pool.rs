//! Memory that is used again.

use std::collections::BTreeMap;

/// Bytes that the pool may hold beyond a quarter more than was ever live.
const SLACK: u64 = 64 << 20;

/// A buffer of a class of sizes.
#[derive(Debug)]
pub(crate) struct Block {
    pub buffer: wgpu::Buffer,
    pub size: u64,
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
    /// By size; with each, the number of the recording in which it was freed.
    free: BTreeMap<u64, Vec<(u64, Block)>>,
    pub memory: Memory,
}

impl Pool {
    /// The next size with at most three significant bits, a multiple of 256 bytes.
    pub fn class(bytes: u64) -> u64 {
        let step = bytes.max(1).ilog2().saturating_sub(2);
        bytes.max(1).next_multiple_of(1 << step).next_multiple_of(256)
    }

    /// A block of this size that was freed in a recording before `before`.
    pub fn pop(&mut self, size: u64, before: u64) -> Option<Block> {
        let blocks = self.free.get_mut(&size)?;
        // The last is the most likely to be in a cache, the first the most likely to be idle.
        let at = if blocks.last()?.0 < before { blocks.len() - 1 } else { 0 };
        if blocks[at].0 >= before {
            return None;
        }
        let (_, block) = blocks.remove(at);
        self.memory.pooled -= size;
        self.make_live(size);
        Some(block)
    }

    pub fn make_live(&mut self, size: u64) {
        self.memory.live += size;
        self.memory.peak = self.memory.peak.max(self.memory.live);
    }

    /// Takes a block back, freed in recording `number`. Says whether others were let go for it.
    pub fn push(&mut self, block: Block, number: u64) -> bool {
        self.memory.live -= block.size;
        self.memory.pooled += block.size;
        self.free.entry(block.size).or_default().push((number, block));
        let limit = self.memory.peak + self.memory.peak / 4 + SLACK;
        let mut gone = false;
        while self.memory.live + self.memory.pooled > limit {
            let waiting = self.free.iter_mut().filter(|(_, blocks)| !blocks.is_empty());
            let Some((size, blocks)) = waiting.min_by_key(|(_, blocks)| blocks[0].0) else { break };
            // Commands that use it keep it until they have run.
            blocks.remove(0);
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
