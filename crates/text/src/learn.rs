//! Progress, batches and schedule, shared by the trainings of all engines.

use std::f32::consts::PI;

use kinora_tensor::Random;

use crate::score::{Score, score};
use crate::treebank::{Sentence, Task};
use crate::{Engine, Error, Result, Tagger};

/// The progress of a training.
pub struct Progress<'a, T = Tagger> {
    /// Completed steps.
    pub step: usize,
    /// Steps of the whole training.
    pub steps: usize,
    /// The losses per word of parts of speech and of names, each a running mean over recent steps.
    pub losses: [f32; 2],
    /// After each epoch, its tagger and the scores on the held-out sentences; `None` after a step.
    pub epoch: Option<Epoch<'a, T>>,
}

/// The result of an epoch.
pub struct Epoch<'a, T = Tagger> {
    /// Completed epochs.
    pub number: usize,
    /// The tagger after this epoch.
    pub tagger: &'a T,
    /// The scores on the held-out sentences: parts of speech, parts of speech of the sentences in
    /// lower case, and names.
    pub scores: [Score; 3],
}

/// One block of sentences in this many is held out: it is used for scores, never for training.
/// Whole blocks are held out because neighbouring sentences come from the same text.
const HELD_OUT: usize = 20;

/// Sentences of a block; fewer if the data would have less than [`HELD_OUT`] blocks.
const BLOCK: usize = 50;

/// The sentences of a task, split into training and held-out sentences.
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

/// Splits the sentences of both tasks; checks the labels, and that `batch` and `epochs` are not 0.
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

/// The scores of an engine on the held-out sentences, as in [`Epoch::scores`].
pub fn held_out(engine: &dyn Engine, [pos, ner]: &[Set; 2]) -> Result<[Score; 3]> {
    let lower: Vec<Sentence> = pos.held_out.iter().map(Sentence::lowered).collect();
    Ok([
        score(engine, Task::Pos, &pos.held_out)?,
        score(engine, Task::Pos, &lower)?,
        score(engine, Task::Ner, &ner.held_out)?,
    ])
}

/// Adds the loss of a step to a running mean (exponential, 0.02); a mean of 0 is replaced.
pub fn note(mean: &mut f32, loss: f32) {
    *mean += (loss - *mean) * if *mean == 0.0 { 1.0 } else { 0.02 };
}

/// The batches of an epoch in random order, each with the index of its set. The sentences of a
/// batch have one task and similar lengths.
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
        // The sort is stable: sentences of equal length stay shuffled, so each epoch has new
        // batches.
        sentences.sort_by_key(|(length, _)| *length);
        let chunks = sentences.chunks(size);
        batches.extend(
            chunks.map(|chunk| (of, chunk.iter().map(|(_, sentence)| *sentence).collect())),
        );
    }
    random.shuffle(&mut batches);
    batches
}

/// The factor of the learning rate: a linear warm-up of 100 steps times a cosine decay to 0.
pub fn schedule(step: usize, steps: usize) -> f32 {
    let rise = ((step + 1) as f32 / 100.0).min(1.0);
    rise * 0.5 * (1.0 + (PI * step as f32 / steps as f32).cos())
}
