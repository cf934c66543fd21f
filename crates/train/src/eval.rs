//! Whether films show what their sentences say, and how near they are to real clips.

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

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvalConfig {
    /// Prompts of each side of the data.
    pub prompts: usize,
    /// Films of each prompt.
    pub seeds: usize,
    /// The seed of the prompts and of the first film.
    pub seed: u64,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self { prompts: 1000, seeds: 3, seed: 0 }
    }
}

/// How far an evaluation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvalStep {
    /// What is made or looked at.
    pub what: &'static str,
    /// How many of them are done.
    pub done: usize,
    /// How many there are.
    pub all: usize,
}

/// Measures a model against a dataset, which a judge was made for. `None` if `watch` breaks.
///
/// Who measures several models, or one as it learns, makes a [`Reference`] once.
///
/// # Errors
/// If the data cannot be drawn, the judge is for clips of another size, or the device fails.
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
