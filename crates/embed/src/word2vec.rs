//! word2vec: skip-gram and CBOW with negative sampling (Mikolov et al., "Distributed
//! representations of words and phrases and their compositionality", 2013).

mod draws;
mod rows;
mod work;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use kinora_tensor::Random;

use crate::corpus::Corpus;
use crate::{Error, Result, Vectors};
use work::{Scratch, Work, add, stream};

/// The configuration of word2vec.
#[derive(Clone, Debug, PartialEq)]
pub struct Word2Vec {
    /// The length of a vector.
    pub dim: usize,
    /// Neighbours on each side at most. For each occurrence of a word the number is drawn from 1 to
    /// `window`.
    pub window: usize,
    /// Negative samples per positive word. In skip-gram, up to four neighbours of a word share
    /// them.
    pub negative: usize,
    /// Passes over the corpus.
    pub epochs: usize,
    /// A word has a vector if it occurs at least this often.
    pub least: u64,
    /// The subsampling threshold: occurrences of words with a larger share of the corpus are
    /// randomly left out; 0 leaves none out.
    pub sample: f64,
    /// The initial learning rate; it falls linearly to a ten-thousandth.
    pub rate: f32,
    /// Whether the mean of a word's neighbours predicts the word (CBOW), or each neighbour by
    /// itself does (skip-gram).
    pub cbow: bool,
    /// The number of vectors that letter n-grams share by hashing; 0 for no n-grams. With n-grams,
    /// the vector of a word is the mean of its own and those of its n-grams of 3 to 6 letters, so
    /// that a word that the corpus lacks has a vector too (fastText; Bojanowski et al., "Enriching
    /// word vectors with subword information", 2017).
    pub buckets: usize,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The number of threads. Only with 1 does the same seed give the same bits.
    pub threads: usize,
}

impl Default for Word2Vec {
    fn default() -> Self {
        Self {
            dim: 100,
            window: 5,
            negative: 5,
            epochs: 5,
            least: 5,
            sample: 1e-3,
            rate: 0.025,
            cbow: false,
            buckets: 0,
            seed: 0,
            threads: 1,
        }
    }
}

/// The progress of a training of word vectors.
#[derive(Clone, Copy, Debug)]
pub struct WordProgress {
    /// Processed words; for GloVe, processed pairs of words.
    pub words: u64,
    /// Words or pairs of all epochs together.
    pub total: u64,
}

impl Word2Vec {
    /// Trains vectors on a corpus. If `progress` returns `false`, training stops and the vectors so
    /// far are returned.
    ///
    /// # Errors
    /// [`Error::Table`] if a size is 0 or too large or no word is frequent enough, and an error
    /// with the path if the corpus cannot be read.
    pub fn train(
        &self,
        corpus: &Corpus,
        progress: &mut dyn FnMut(WordProgress) -> bool,
    ) -> Result<Vectors> {
        for (what, size) in [
            ("dim", self.dim),
            ("window", self.window),
            ("negative", self.negative),
            ("epochs", self.epochs),
            ("threads", self.threads),
        ] {
            if size == 0 {
                return Err(Error::Table(format!("{what} = 0 must be at least 1")));
            }
        }
        if self.buckets > u32::MAX as usize / 2 {
            let reason = format!("buckets = {} must be less than 2 to the 31st", self.buckets);
            return Err(Error::Table(reason));
        }
        let vocabulary = corpus.vocabulary(self.least)?;
        if vocabulary.words.is_empty() {
            let least = self.least;
            return Err(Error::Table(format!(
                "no word occurs at least {least} times in the corpus; lower the minimum count or use \
                 more text"
            )));
        }
        let work = Work::new(self, &vocabulary);
        let total = vocabulary.total * self.epochs as u64;
        let stop = AtomicBool::new(false);
        let (send, receive) = sync_channel::<(u64, String)>(2 * self.threads);
        let receive = Mutex::new(receive);
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| {
                    let mut scratch = Scratch::new(self);
                    loop {
                        // The lock is held only to take a block.
                        let next = receive.lock().expect("no thread panics here").recv();
                        let Ok((number, block)) = next else { break };
                        let random = Random::new(self.seed, stream::BLOCK + number);
                        work.block(&block, total, random, &mut scratch);
                    }
                });
            }
            let mut number = 0;
            let mut read = || -> Result<()> {
                for _ in 0..self.epochs {
                    corpus.blocks(&mut |block| {
                        let words = work.done.load(Ordering::Relaxed);
                        if !progress(WordProgress { words, total }) {
                            stop.store(true, Ordering::Relaxed);
                        }
                        number += 1;
                        !stop.load(Ordering::Relaxed) && send.send((number, block)).is_ok()
                    })?;
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                Ok(())
            };
            let read = read();
            // Without a sender, the threads end when no block is left.
            drop(send);
            read
        })?;
        let Work { input, parts, .. } = work;
        let mut values = input.all();
        if self.buckets == 0 {
            return Vectors::new(&vocabulary.words, self.dim, values);
        }
        let ngrams = values.split_off(vocabulary.words.len() * self.dim);
        for (row, parts) in values.chunks_exact_mut(self.dim).zip(&parts) {
            for &part in &parts[1..] {
                add(
                    row,
                    1.0,
                    &ngrams[(part as usize - vocabulary.words.len()) * self.dim..][..self.dim],
                );
            }
            row.iter_mut().for_each(|x| *x /= parts.len() as f32);
        }
        Ok(Vectors::new(&vocabulary.words, self.dim, values)?.with_ngrams(ngrams))
    }
}
