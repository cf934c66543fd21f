//! The device and its pool of memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kinora_tensor::{Error, Result};

use crate::memory::available;

/// One cache line. Blocks are made of lines, so that a vector of 16 floats never crosses two.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

const LINE: usize = 16;
const LINE_BYTES: usize = size_of::<Line>();

/// Bytes that the pool may hold beyond a multiple of the peak use.
const SLACK: usize = 64 << 20;
/// A free block is idle once this many blocks have been returned after it; many training steps
/// return that many. All blocks of one step should stay in the pool, even if they are far more than
/// the peak use, because new memory costs a page fault for every page.
const IDLE: u64 = 1 << 18;
/// From this size in bytes on, a new block is allocated only if the system reports enough memory.
const LARGE: u64 = 1 << 20;
/// Bytes of available memory that are left to other programs.
const RESERVE: u64 = 64 << 20;

type Block = Vec<Line>;

/// The CPU, with the memory pool of its tensors. A clone is the same device and shares the pool.
///
/// Work runs on the current rayon pool. Results are the same bits on any number of threads.
#[derive(Clone, Default)]
pub struct CpuDevice {
    pool: Arc<Mutex<Pool>>,
}

/// The memory use of a [`CpuDevice`] in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes in use by tensors and by packed weights.
    pub live: usize,
    /// Bytes that the pool keeps for later tensors. Whenever the device allocates a new block,
    /// `live + pooled` is at most 2 `peak` + 64 MiB; idle blocks are freed down to
    /// 1.25 `peak` + 64 MiB.
    pub pooled: usize,
    /// The largest value that `live` ever had.
    pub peak: usize,
}

#[derive(Default)]
struct Pool {
    /// Free blocks by length in lines, with the `clock` at their return; the latest is at the end.
    free: BTreeMap<usize, Vec<(u64, Block)>>,
    /// The number of blocks returned so far.
    clock: u64,
    memory: Memory,
}

impl CpuDevice {
    /// A device with an empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// The memory that tensors use, and the memory that the pool keeps.
    pub fn memory(&self) -> Memory {
        self.lock().memory
    }

    /// A buffer of at least `len` elements with arbitrary content.
    pub(crate) fn take(&self, len: usize) -> Result<Buffer> {
        let none = || Error::Memory(format!("{len} elements exceed the address space"));
        let lines = size_class(len.div_ceil(LINE)).ok_or_else(none)?;
        let bytes = lines * LINE_BYTES;
        // Free the evicted blocks before a new block is allocated, and outside the lock.
        let (pooled, evicted) = self.lock().take(lines);
        drop(evicted);
        let made = pooled.or_else(|| new_block(lines)).or_else(|| {
            let kept = self.lock().let_go();
            drop(kept);
            new_block(lines)
        });
        let Some(block) = made else {
            let (wanted, live) = (bytes.div_ceil(1 << 20), self.memory().live >> 20);
            let free = available().map_or(String::new(), |free| format!(", {} free", free >> 20));
            return Err(Error::Memory(format!(
                "{wanted} MiB for {len} elements; {live} MiB are in use{free}"
            )));
        };
        let memory = &mut self.lock().memory;
        memory.live += bytes;
        memory.peak = memory.peak.max(memory.live);
        Ok(Buffer { block, device: self.clone(), prepared: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CpuDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuDevice").field("memory", &self.memory()).finish()
    }
}

impl Pool {
    /// A free block of this length, if there is one. Otherwise the caller allocates a new block;
    /// the second value holds blocks to free before that, the longest unused first, so that the
    /// pool stays within its limit.
    fn take(&mut self, lines: usize) -> (Option<Block>, Vec<Block>) {
        let mut evicted = Vec::new();
        if let Some(block) = self.free.get_mut(&lines).and_then(Vec::pop) {
            self.memory.pooled -= lines * LINE_BYTES;
            return (Some(block.1), evicted);
        }
        let live = self.memory.live + lines * LINE_BYTES;
        let peak = self.memory.peak.max(live);
        loop {
            let waiting = self.free.values_mut().filter(|blocks| !blocks.is_empty());
            let Some(blocks) = waiting.min_by_key(|blocks| blocks[0].0) else { break };
            let is_idle = self.clock - blocks[0].0 > IDLE;
            let limit = SLACK + if is_idle { peak + peak / 4 } else { 2 * peak };
            if live + self.memory.pooled <= limit {
                break;
            }
            let block = blocks.remove(0).1;
            self.memory.pooled -= block.len() * LINE_BYTES;
            evicted.push(block);
        }
        (None, evicted)
    }

    /// Empties the pool and returns its blocks.
    fn let_go(&mut self) -> BTreeMap<usize, Vec<(u64, Block)>> {
        self.memory.pooled = 0;
        std::mem::take(&mut self.free)
    }
}

/// A block of zeros; `None` if the system lacks memory.
fn new_block(lines: usize) -> Option<Block> {
    let wanted = (lines * LINE_BYTES) as u64;
    // Linux may grant more memory than it has, and later kill the process that uses it.
    if wanted >= LARGE && available().is_some_and(|free| free < wanted + RESERVE) {
        return None;
    }
    let mut block = Block::new();
    block.try_reserve_exact(lines).ok()?;
    block.resize(lines, Line([0.0; LINE]));
    Some(block)
}

/// `lines` rounded up to a length with three significant bits, so that a block wastes at most a
/// quarter.
fn size_class(lines: usize) -> Option<usize> {
    let step = (lines.max(1).ilog2()).saturating_sub(2);
    let rounded = lines.checked_next_multiple_of(1 << step)?;
    (rounded <= isize::MAX as usize / LINE_BYTES).then_some(rounded)
}

/// A block of the pool, which returns to the pool when dropped.
pub(crate) struct Buffer {
    block: Block,
    device: CpuDevice,
    /// The elements in the forms that kernels asked for, such as packed weights.
    prepared: Mutex<Vec<(Form, Arc<Buffer>)>>,
}

/// Identifies a form of a buffer's elements that a kernel reads, such as packed weights: its name,
/// the offset of the first element, and all sizes that the form depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub name: &'static str,
    pub offset: usize,
    pub sizes: [usize; 16],
}

impl Form {
    pub fn new(name: &'static str, offset: usize, sizes: &[&[usize]]) -> Self {
        let mut form = Self { name, offset, sizes: [0; 16] };
        let sizes = sizes.iter().copied().flatten();
        let mut places = form.sizes.iter_mut();
        sizes.for_each(|&size| *places.next().expect("a form has at most 16 sizes") = size);
        form
    }
}

impl Buffer {
    pub fn device(&self) -> &CpuDevice {
        &self.device
    }

    /// The elements in a form. `make` computes the form at the first request; later requests share
    /// the result, so that weights are packed only once.
    pub fn prepared(
        &self,
        form: Form,
        make: impl FnOnce() -> Result<Buffer>,
    ) -> Result<Arc<Buffer>> {
        let lock = || self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |forms: &[(Form, Arc<Buffer>)]| {
            forms.iter().find(|(known, _)| *known == form).map(|(_, made)| made.clone())
        };
        if let Some(made) = find(&lock()) {
            return Ok(made);
        }
        // Call `make` without the lock: it waits for other threads, which may need the lock too.
        let made = Arc::new(make()?);
        let mut forms = lock();
        // Another thread may have stored the form meanwhile.
        Ok(find(&forms).unwrap_or_else(|| {
            forms.push((form, made.clone()));
            made
        }))
    }

    /// Drops all forms. Call it before the elements change.
    pub fn changes(&mut self) {
        self.prepared.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: a `Line` is `LINE` floats without padding, so the block has `len · LINE` floats.
        unsafe { std::slice::from_raw_parts(self.block.as_ptr().cast(), self.block.len() * LINE) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        let len = self.block.len() * LINE;
        // SAFETY: as in `deref`; the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.block.as_mut_ptr().cast(), len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let block = std::mem::take(&mut self.block);
        let bytes = block.len() * LINE_BYTES;
        let mut pool = self.device.lock();
        pool.memory.live -= bytes;
        pool.memory.pooled += bytes;
        pool.clock += 1;
        let stamp = pool.clock;
        pool.free.entry(block.len()).or_default().push((stamp, block));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let rows = [(0, 0), (1, 1), (7, 7), (8, 8), (9, 10), (17, 20), (33, 40), (1025, 1280)];
        for (lines, class) in rows {
            assert_eq!(size_class(lines), Some(class));
        }
        assert_eq!(size_class(usize::MAX), None);
        assert_eq!(size_class(isize::MAX as usize / 8), None);
    }

    #[test]
    fn blocks_come_back() {
        let device = CpuDevice::new();
        let mut buffer = device.take(1000).unwrap();
        buffer.fill(7.0);
        let memory = device.memory();
        assert_eq!((memory.live, memory.pooled), (4096, 0));
        drop(buffer);
        assert_eq!((device.memory().live, device.memory().pooled), (0, 4096));
        assert_eq!(device.take(1020).unwrap()[0], 7.0);
        assert_eq!(device.memory().peak, 4096);
    }

    #[test]
    fn forms_are_made_once() {
        let device = CpuDevice::new();
        let mut buffer = device.take(16).unwrap();
        let form = |size: usize| Form::new("twice", 0, &[&[size], &[1, 2]]);
        let made = buffer.prepared(form(1), || device.take(16)).unwrap();
        let again = buffer.prepared(form(1), || panic!("the form is made again")).unwrap();
        assert!(Arc::ptr_eq(&made, &again));
        assert!(!Arc::ptr_eq(&made, &buffer.prepared(form(2), || device.take(16)).unwrap()));
        drop((made, again));
        buffer.changes();
        assert_eq!(device.memory().live, size_of_val(&buffer[..]));
        assert!(buffer.prepared(form(1), || device.take(usize::MAX / 2)).is_err());
    }

    #[test]
    fn the_pool_does_not_grow_without_end() {
        let device = CpuDevice::new();
        for mib in 1..=200 {
            device.take(mib << 18).unwrap();
            let Memory { live, pooled, peak } = device.memory();
            assert!(live + pooled <= 2 * peak + SLACK, "{pooled} kept, {peak} used");
        }
    }

    #[test]
    fn blocks_of_a_step_are_kept_until_idle() {
        let device = CpuDevice::new();
        let step = || [56, 48, 40, 32].map(|mib| device.take(mib << 18).unwrap()[0]);
        step();
        let kept = device.memory().pooled;
        assert_eq!(kept, 176 << 20);
        step();
        assert_eq!(device.memory().pooled, kept);
        for _ in 0..=IDLE {
            device.take(1).unwrap();
        }
        device.take(2000).unwrap();
        let Memory { live, pooled, peak } = device.memory();
        assert!(live + pooled <= peak + peak / 4 + SLACK, "{pooled} kept, {peak} used");
    }

    #[test]
    fn too_large_requests_are_errors() {
        let device = CpuDevice::new();
        assert!(matches!(device.take(usize::MAX / 2), Err(Error::Memory(_))));
        assert!(matches!(device.take(1 << 58), Err(Error::Memory(_))));
        assert_eq!(device.memory(), Memory::default());
        // The device frees the pool to make room; the block is still too large.
        drop(device.take(1000).unwrap());
        assert!(device.take(1 << 50).is_err());
        assert_eq!((device.memory().pooled, device.memory().peak), (0, 4096));
    }
}
