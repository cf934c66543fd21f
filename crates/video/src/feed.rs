//! Batches drawn in advance on another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::{Clip, Dataset, Draw, Error, Example, Result, Split};

/// Number of finished batches that wait in the queue.
const AHEAD: usize = 2;

/// The examples of one step of training.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The step.
    pub index: u64,
    /// Clips with their captions, as many as [`FeedConfig::batch`].
    pub examples: Vec<Example>,
    /// False captions, `wrong * n` for `n` examples: the first false caption of every example, then
    /// the second of every example, and so on.
    pub wrong_captions: Vec<String>,
    /// The twins ([`Dataset::twin`]) of the first [`FeedConfig::copies`] clips; empty if the dataset makes
    /// no twins.
    pub twins: Vec<Clip>,
    /// The variants ([`Dataset::variant`]) of the same clips; empty if the dataset makes no variants.
    pub variants: Vec<Clip>,
}

/// The examples that a [`Feed`] draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// The side of the dataset.
    pub split: Split,
    /// The seed of every draw.
    pub seed: u64,
    /// The first step.
    pub start: u64,
    /// Examples per step.
    pub batch: usize,
    /// `[t, h, w, c]` to which each clip is brought (see [`crate::Clip::to_dims`]).
    pub dims: [usize; 4],
    /// False captions per example.
    pub wrong: usize,
    /// The first examples of each step, which a generator copies. Each has a twin and a variant, if the
    /// dataset makes them, and is chosen from two draws.
    pub copies: usize,
}

/// A thread that draws batches of a dataset a few steps in advance, and converts each with the
/// caller's function.
///
/// Example `k` of step `s` is the draw `{ seed, index: s * batch + k }`. Each of the first `copies` examples
/// of a step has a second draw, with the seed `!seed`. Where `k` is odd, the feed takes the draw whose
/// caption mentions more attributes, since each mentioned attribute teaches words. Where `k` is even, it takes
/// the draw whose caption mentions fewer, since a model must also learn to draw what a caption leaves open. If
/// both mention equally many, it takes the first. A feed that starts at step `s` gives the same batches as a
/// feed that has reached step `s`. The thread ends when the feed is dropped.
pub struct Feed<B> {
    batches: Option<Receiver<Result<B>>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    nanoseconds: AtomicU64,
}

impl<B: Send + 'static> Feed<B> {
    /// Starts the thread at the step `config.start`. The thread calls `make` on each batch.
    pub fn new(
        dataset: Arc<dyn Dataset>,
        config: FeedConfig,
        make: impl Fn(Batch) -> B + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let (sender, batches) = sync_channel(AHEAD);
        let source = Source { dataset, config, shared: shared.clone() };
        let thread = std::thread::spawn(move || source.run(&sender, &make));
        Feed { batches: Some(batches), thread: Some(thread), shared }
    }

    /// The converted batch of the next step; waits until it is drawn.
    ///
    /// # Errors
    /// The error of the dataset; in later calls, [`Error::Stopped`].
    pub fn next(&self) -> Result<B> {
        let next = self.batches.as_ref().and_then(|batches| batches.recv().ok());
        next.unwrap_or(Err(Error::Stopped))
    }

    /// Seconds that the thread has worked so far, without the time it waited. Divided by the elapsed
    /// time, this is the share of a core that the feed uses.
    pub fn work_seconds(&self) -> f64 {
        self.shared.nanoseconds.load(Ordering::Relaxed) as f64 * 1e-9
    }
}

impl<B> Drop for Feed<B> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Dropping the receiver wakes a thread that waits to send a batch, and ends it.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The state of the thread.
struct Source {
    dataset: Arc<dyn Dataset>,
    config: FeedConfig,
    shared: Arc<Shared>,
}

impl Source {
    fn run<B>(&self, sender: &SyncSender<Result<B>>, make: &dyn Fn(Batch) -> B) {
        for index in self.config.start.. {
            let began = Instant::now();
            let Some(batch) = self.draw(index).transpose() else { return };
            let batch = batch.map(make);
            let spent = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.shared.nanoseconds.fetch_add(spent, Ordering::Relaxed);
            let failed = batch.is_err();
            if sender.send(batch).is_err() || failed {
                return;
            }
        }
    }

    /// The batch of a step; `None` if the feed was dropped.
    fn draw(&self, index: u64) -> Result<Option<Batch>> {
        let FeedConfig { split, seed, batch: size, dims, wrong, copies, .. } = self.config;
        let mut batch = Batch {
            index,
            examples: Vec::new(),
            wrong_captions: Vec::new(),
            twins: Vec::new(),
            variants: Vec::new(),
        };
        let mut false_of_each = Vec::with_capacity(size);
        for k in 0..size as u64 {
            if self.shared.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let place = index.wrapping_mul(size as u64).wrapping_add(k);
            let mut draw = Draw { seed, index: place };
            let is_copy = batch.examples.len() < copies;
            if is_copy {
                let other = Draw { seed: !seed, ..draw };
                let says = |draw| Ok::<_, Error>(self.dataset.caption(split, draw)?.said.len());
                let [own, second] = [says(draw)?, says(other)?];
                let is_better = if k.is_multiple_of(2) { second < own } else { second > own };
                if is_better {
                    draw = other;
                }
            }
            let mut example = self.dataset.example(split, draw)?;
            example.clip = example.clip.to_dims(dims)?;
            if wrong > 0 {
                let captions = self.dataset.wrong_captions(split, &example.caption, draw, wrong)?;
                false_of_each.push(captions.into_iter());
            }
            if is_copy {
                let sized = |clip: Option<Clip>| clip.map(|it| it.to_dims(dims)).transpose();
                batch.twins.extend(sized(self.dataset.twin(split, draw)?)?);
                batch.variants.extend(sized(self.dataset.variant(split, draw)?)?);
            }
            batch.examples.push(example);
        }
        for _ in 0..wrong {
            batch.wrong_captions.extend(false_of_each.iter_mut().filter_map(Iterator::next));
        }
        Ok(Some(batch))
    }
}
