//! Batches that are drawn ahead of their use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::{Dataset, Draw, Error, Example, Result, Split};

/// How many batches wait to be taken.
const AHEAD: usize = 2;

/// What one step of training looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The step.
    pub index: u64,
    /// Clips with their captions.
    pub examples: Vec<Example>,
    /// Sentences that are false of the examples, `wrong * n` for `n` examples: first the first false
    /// sentence of every example, then the second of every example, and so on.
    pub wrong_captions: Vec<String>,
}

/// Which examples a [`Feed`] draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// Which side of the dataset.
    pub split: Split,
    /// The seed of every draw.
    pub seed: u64,
    /// The first step.
    pub start: u64,
    /// Examples of a step.
    pub batch: usize,
    /// `[t, h, w, c]` that each clip is brought to (see [`crate::Clip::to_dims`]).
    pub dims: [usize; 4],
    /// False captions of an example.
    pub wrong: usize,
}

/// A thread that draws batches of a dataset, a few ahead, and makes of each what is wanted.
///
/// Example `k` of step `s` is the draw `{ seed, index: s * batch + k }`, so a feed that starts at
/// step `s` gives what a feed that has come to step `s` gives. The thread ends when the feed is
/// dropped.
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
    /// Starts with the batch of `config.start`; `make` is called on the thread.
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

    /// What was made of the batch of the next step; waits for it if it is not yet drawn.
    ///
    /// # Errors
    /// What the dataset gave as an error; after that, [`Error::Stopped`].
    pub fn next(&self) -> Result<B> {
        let next = self.batches.as_ref().and_then(|batches| batches.recv().ok());
        next.unwrap_or(Err(Error::Stopped))
    }

    /// Seconds of work that the thread has done so far, without those it waited: divided by the
    /// time that went by, the share of a core that feeding takes.
    pub fn work_seconds(&self) -> f64 {
        self.shared.nanoseconds.load(Ordering::Relaxed) as f64 * 1e-9
    }
}

impl<B> Drop for Feed<B> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Without a receiver a thread that waits to hand over a batch goes on, and ends.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
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

    /// `None` if nobody wants it any more.
    fn draw(&self, index: u64) -> Result<Option<Batch>> {
        let FeedConfig { split, seed, batch: size, dims, wrong, .. } = self.config;
        let mut batch = Batch { index, examples: Vec::new(), wrong_captions: Vec::new() };
        let mut false_of_each = Vec::with_capacity(size);
        for k in 0..size as u64 {
            if self.shared.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let place = index.wrapping_mul(size as u64).wrapping_add(k);
            let draw = Draw { seed, index: place };
            let mut example = self.dataset.example(split, draw)?;
            example.clip = example.clip.to_dims(dims)?;
            if wrong > 0 {
                let captions = self.dataset.wrong_captions(split, &example.caption, draw, wrong)?;
                false_of_each.push(captions.into_iter());
            }
            batch.examples.push(example);
        }
        for _ in 0..wrong {
            batch.wrong_captions.extend(false_of_each.iter_mut().filter_map(Iterator::next));
        }
        Ok(Some(batch))
    }
}
