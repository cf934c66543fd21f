#![doc = include_str!("../README.md")]

mod checkpoint;
mod config;
mod credits;
mod critic;
mod error;
pub mod eval;
mod event;
mod exam;
mod fed;
mod folder;
mod game;
mod log;
mod measured;
mod pairs;
mod playing;
mod reading;
mod run;
mod sheet;
mod step;
mod words;

pub use config::{
    Config, CopyingConfig, PRESETS, Phase, ReadingConfig, TokenizerConfig, TrainConfig,
};
pub use critic::Critic;
pub use error::{Error, Result};
pub use event::{Estimate, Event, Outcome};
pub use fed::Fed;
pub use log::LogLine;
pub use measured::{Measured, Metrics};
pub use run::{DISCRIMINATORS, Training};
pub use sheet::{examples, preview, sheet};
pub use step::{State, frames_judged, noise};
