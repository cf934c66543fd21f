//! What the trainings of all engines share.

use std::f32::consts::PI;

use kinora_tensor::Random;

use crate::score::{Score, score};
use crate::treebank::{Sentence, Task};
use crate::{Engine, Error, Result, Tagger};

/// Where a training stands.
pub struct Progress<'a, T = Tagger> {
    /// Steps that are done.
    pub step: usize,
    /// All of them.
    pub steps: usize,
    /// The loss of the last steps, per word: of parts of speech and of names.
    pub losses: [f32; 2],
    /// After each epoch, the tagger so far, and its scores on what is held out.
    pub epoch: Option<Epoch<'a, T>>,
}

/// What an epoch came to.
pub struct Epoch<'a, T = Tagger> {
    /// How many are done.
    pub number: usize,
    /// The tagger so far.
    pub tagger: &'a T,
    /// On the held out sentences: parts of speech, the same without capitals, and names.
    pub scores: [Score; 3],
}

/// Of the sentences to learn from, one block in so many is held out: it measures, and trains
/// nothing. Blocks, since sentences that stand together are of one text.
const HELD_OUT: usize = 20;

/// Sentences of such a block, or fewer where there are few blocks of them.
const BLOCK: usize = 50;

/// The sentences of a task.
pub struct Set {
    pub task: Task,
    pub train: Vec<Sentence>,
    held_out: Vec<Sentence>,
}

impl Set {
    fn new(task: Task, data: &[(Task, Vec<Sentence>)]) -> Self {
        let of_task = data.iter().filter(|(of, _)| *of == task).flat_map(|(_, all)| all);
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        let block = (of_task.clone().count() / HELD_OUT).clamp(1, BLOCK);
        for (i, sentence) in of_task.enumerate() {
            let held = i / block % HELD_OUT == HELD_OUT / 2;
            let to = if held { &mut held_out } else { &mut train };
            to.push(sentence.clone());
        }
        Self { task, train, held_out }
    }
}

/// The sentences of both tasks, to be learnt in batches of `batch`, `epochs` times.
pub fn sets(data: &[(Task, Vec<Sentence>)], batch: usize, epochs: usize) -> Result<[Set; 2]> {
    for (what, count) in [("batch", batch), ("epochs", epochs)] {
        if count == 0 {
            return Err(Error::Sizes(format!("{what} = 0 must be at least 1")));
        }
    }
    data.iter().try_for_each(|(task, sentences)| task.check(sentences))?;
    let sets = [Task::Pos, Task::Ner].map(|task| Set::new(task, data));
    for set in &sets {
        if set.train.is_empty() {
            return Err(Error::NoData(match set.task {
                Task::Pos => "parts of speech",
                Task::Ner => "names",
            }));
        }
    }
    Ok(sets)
}

/// The scores of [`Epoch`].
pub fn held_out(engine: &dyn Engine, [pos, ner]: &[Set; 2]) -> Result<[Score; 3]> {
    let lower: Vec<Sentence> = pos.held_out.iter().map(Sentence::lowered).collect();
    Ok([
        score(engine, Task::Pos, &pos.held_out)?,
        score(engine, Task::Pos, &lower)?,
        score(engine, Task::Ner, &ner.held_out)?,
    ])
}

/// Takes a step's loss into the mean of the last ones.
pub fn note(mean: &mut f32, loss: f32) {
    *mean += (loss - *mean) * if *mean == 0.0 { 1.0 } else { 0.02 };
}

/// The batches of an epoch: each of one task, its sentences of similar length, in random order.
pub fn batches<'a>(
    sets: &'a [Set; 2],
    size: usize,
    random: &mut Random,
) -> Vec<(usize, Vec<&'a Sentence>)> {
    let mut batches = Vec::new();
    for (of, set) in sets.iter().enumerate() {
        let mut sentences: Vec<(usize, &Sentence)> =
            set.train.iter().map(|sentence| (sentence.words.len(), sentence)).collect();
        random.shuffle(&mut sentences);
        // By length and then as shuffled, so that batches differ from epoch to epoch.
        sentences.sort_by_key(|(length, _)| *length);
        let chunks = sentences.chunks(size);
        batches.extend(
            chunks.map(|chunk| (of, chunk.iter().map(|(_, sentence)| *sentence).collect())),
        );
    }
    random.shuffle(&mut batches);
    batches
}

/// A short rise, then a fall along a cosine.
pub fn schedule(step: usize, steps: usize) -> f32 {
    let rise = ((step + 1) as f32 / 100.0).min(1.0);
    rise * 0.5 * (1.0 + (PI * step as f32 / steps as f32).cos())
}
