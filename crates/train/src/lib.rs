#![doc = include_str!("../README.md")]

mod checkpoint;
mod config;
mod credits;
mod critic;
mod error;
pub mod eval;
mod fed;
mod folder;
mod log;
mod measured;
mod run;
mod sheet;
mod step;
mod words;

pub use config::{Config, PRESETS, TokenizerConfig, TrainConfig};
pub use critic::Critic;
pub use error::{Error, Result};
pub use fed::Fed;
pub use log::LogLine;
pub use measured::{METRICS, Measured, Metrics};
pub use run::{Estimate, Event, Outcome, Training};
pub use sheet::{examples, preview, sheet};
pub use step::{State, frames_judged, noise};
