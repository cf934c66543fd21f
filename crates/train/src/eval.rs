//! Measures whether films show what their sentences say, and how close films are to real clips.

pub mod accuracy;
pub mod binding;
mod clean;
mod colour;
pub mod distance;
pub mod diversity;
mod figure;
mod film;
mod interval;
mod judge;
mod labels;
mod motion;
mod page;
mod probe;
mod reference;
mod report;
mod rows;
mod spread;

use std::ops::ControlFlow;

use kinora_model::Model;
use kinora_tensor::Tensor;
use kinora_video::Dataset;

use crate::Result;

pub use clean::Clean;
pub use colour::{Palette, accuracy as colours};
pub use film::{Film, Set};
pub use interval::{Figure, jackknife, mean, share};
pub use judge::{FitConfig, FitStep, Judge, Subject, Verdict, fit};
pub use labels::Labels;
pub use motion::Motion;
pub use reference::Reference;
pub use report::{Report, Row, Shown, SideReport, Unit};

/// The size of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvalConfig {
    /// Prompts of each split of the data.
    pub prompts: usize,
    /// Films per prompt.
    pub seeds: usize,
    /// The seed of the prompts and of the first film.
    pub seed: u64,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self { prompts: 1000, seeds: 3, seed: 0 }
    }
}

/// The progress of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvalStep {
    /// The stage, named by what it makes or judges, such as `films`.
    pub what: &'static str,
    /// Number of clips of the stage that are done.
    pub done: usize,
    /// Number of all clips of the stage.
    pub all: usize,
}

/// Measures a model on a dataset, with a judge of that dataset. `None` if `watch` breaks.
///
/// To measure several models, or one model while it learns, make a [`Reference`] once.
///
/// # Errors
/// If a clip cannot be drawn, the judge is for clips of another size, or the device fails.
pub fn evaluate<T: Tensor>(
    device: &T::Device,
    model: &Model<T>,
    dataset: &dyn Dataset,
    judge: Judge<T>,
    config: &EvalConfig,
    watch: &mut dyn FnMut(EvalStep) -> ControlFlow<()>,
) -> Result<Option<Report>> {
    match Reference::new(device, dataset, judge, config, watch)? {
        Some(reference) => reference.measure(model, watch),
        None => Ok(None),
    }
}
