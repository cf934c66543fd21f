//! The reports of a run to its caller.

use std::path::Path;

use crate::eval::{EvalStep, Report};
use crate::log::LogLine;

/// The size of a run's networks, and the time that the rest of the run takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Number of parameters of the generator, the text encoder and the matcher.
    pub parameters: usize,
    /// Number of parameters of the discriminators.
    pub parameters_discriminator: usize,
    /// For reading, copying and playing: the number of steps left, and the seconds per step,
    /// measured on trial steps whose results were discarded.
    pub phases: [(u64, f64); 3],
}

impl Estimate {
    /// Number of steps left in all phases.
    pub fn steps(&self) -> u64 {
        self.phases.iter().map(|&(steps, _)| steps).sum()
    }

    /// Seconds left once `made` more steps are done.
    pub fn seconds_after(&self, mut made: u64) -> f64 {
        let phases = self.phases.iter().map(|&(steps, seconds)| {
            let over = made.min(steps);
            made -= over;
            (steps - over) as f64 * seconds
        });
        phases.sum()
    }
}

/// An event of a run, for the callback of [`Training::run`](crate::Training::run).
#[derive(Debug)]
pub enum Event<'a> {
    /// The estimate of the run, before the first step.
    Estimate(Estimate),
    /// A step is done.
    Step {
        /// Steps done so far.
        step: u64,
        /// Steps of the whole run.
        steps: u64,
    },
    /// A line was added to the log.
    Log(&'a LogLine),
    /// The phase of reading is over, but the matcher has not learnt the captions: it prefers the
    /// own caption of a clip to a false one only in this share of cases, where chance is 0.5. The
    /// films will hardly follow their sentences.
    Unread(f64),
    /// A sheet of samples was written to this path.
    Samples(&'a Path),
    /// The progress of an evaluation.
    Evaluating(EvalStep),
    /// The model was evaluated; the log has the figures.
    Evaluated(&'a Report),
    /// A checkpoint was written, after this many steps.
    Saved(u64),
}

/// How a run ended, with the number of steps done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Finished(u64),
    /// The callback stopped the run.
    Stopped(u64),
}
