//! Splits work into pieces for threads. The sizes of the pieces depend on shapes alone, never on
//! the number of threads, so the results are the same bits on any number of threads.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rayon::Yield;
use rayon::prelude::*;

/// An operation of at most this many elements stays on the calling thread.
const SMALL: usize = 32 << 10;

/// Elements in a piece of an element-wise operation.
pub(crate) const PIECE: usize = 16 << 10;

/// The time for which the threads of the pool poll for the next operation before they sleep. Waking
/// a thread can take 50 µs, longer than many operations of a small network.
const LOOKOUT: Duration = Duration::from_micros(400);

/// The number of operations so far that were given to several threads.
static OPERATIONS: AtomicU64 = AtomicU64::new(0);

/// Whether threads are polling.
static LOOKING: AtomicBool = AtomicBool::new(false);

/// Keeps the threads of the pool polling until [`LOOKOUT`] after the last call. Call it before work
/// is given to several threads. Polling threads still take other work of the pool.
pub(crate) fn awake() {
    thread_local!(static HERE: Cell<bool> = const { Cell::new(false) });
    OPERATIONS.fetch_add(1, Ordering::Relaxed);
    if rayon::current_num_threads() < 2 {
        return;
    }
    if LOOKING.load(Ordering::Relaxed) || LOOKING.swap(true, Ordering::Relaxed) {
        return;
    }
    let caller = rayon::current_thread_index();
    rayon::spawn_broadcast(move |context| {
        // The caller's thread must return to its operations. A thread that is already polling may
        // get here from inside `yield_now`.
        if Some(context.index()) == caller || HERE.replace(true) {
            return;
        }
        let (mut seen, mut since) = (0, Instant::now());
        while since.elapsed() < LOOKOUT {
            if rayon::yield_now() != Some(Yield::Executed) {
                std::thread::yield_now();
            }
            let operations = OPERATIONS.load(Ordering::Relaxed);
            if operations != seen {
                (seen, since) = (operations, Instant::now());
            }
        }
        HERE.set(false);
        LOOKING.store(false, Ordering::Relaxed);
    });
}

/// Calls `f` with the index and the elements of each piece of `out`. All pieces but the last have
/// `piece` elements.
pub(crate) fn pieces(out: &mut [f32], piece: usize, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
    if out.is_empty() {
        return;
    }
    if out.len() <= SMALL || out.len() <= piece {
        out.chunks_mut(piece).enumerate().for_each(|(i, out)| f(i, out));
    } else {
        awake();
        out.par_chunks_mut(piece).enumerate().for_each(|(i, out)| f(i, out));
    }
}

/// Calls `f` with groups of rows of `row` elements, each about a piece long, and with the index of
/// the group's first row.
pub(crate) fn rows(out: &mut [f32], row: usize, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
    let many = (PIECE / row.max(1)).max(1);
    pieces(out, many * row.max(1), |i, out| f(i * many, out));
}

/// Calls `f` with each of `0..count`, on several threads if `work` is large enough. The unit of
/// `work` is one element of an element-wise operation.
pub(crate) fn tasks(count: usize, work: usize, f: impl Fn(usize) + Sync + Send) {
    if count < 2 || work <= SMALL {
        (0..count).for_each(f);
    } else {
        awake();
        (0..count).into_par_iter().with_max_len(1).for_each(f);
    }
}

/// The results of `f` for each of `0..count`, in order; threads as in [`tasks`].
pub(crate) fn map<R: Send>(
    count: usize,
    work: usize,
    f: impl Fn(usize) -> R + Sync + Send,
) -> Vec<R> {
    if count < 2 || work <= SMALL {
        (0..count).map(f).collect()
    } else {
        awake();
        (0..count).into_par_iter().with_max_len(1).map(f).collect()
    }
}

/// An output that several tasks write at once. Each task must write only its own elements.
#[derive(Clone, Copy)]
pub(crate) struct Shared(*mut f32);

// SAFETY: it is only a pointer; tasks write through it only to their own elements.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub fn new(out: &mut [f32]) -> Self {
        Self(out.as_mut_ptr())
    }

    /// A pointer to element `index`, which must lie in the output.
    pub fn at(self, index: usize) -> *mut f32 {
        self.0.wrapping_add(index)
    }

    /// The elements `range` of the output.
    ///
    /// # Safety
    /// The range lies in the output, the output outlives the slice, and nobody else accesses the
    /// range.
    pub unsafe fn slice<'a>(self, range: Range<usize>) -> &'a mut [f32] {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

/// Like [`pieces`], but the work is `work` elements instead of the length of `out`.
pub(crate) fn tasks_over(
    out: &mut [f32],
    piece: usize,
    work: usize,
    f: impl Fn(usize, &mut [f32]) + Sync,
) {
    if work <= SMALL {
        out.chunks_mut(piece).enumerate().for_each(|(i, out)| f(i, out));
    } else {
        awake();
        out.par_chunks_mut(piece).enumerate().for_each(|(i, out)| f(i, out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_look_out_for_a_while() {
        for threads in [1, 2, 3, 1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let of_all = || (0..100).map(|i| map(4, SMALL + 1, |j| i * j).len()).sum::<usize>();
            assert_eq!(pool.install(of_all), 400);
            assert_eq!(of_all(), 400);
        }
        let start = Instant::now();
        while LOOKING.load(Ordering::Relaxed) {
            assert!(start.elapsed() < Duration::from_secs(30), "threads never sleep");
            std::thread::sleep(LOOKOUT);
        }
    }
}
