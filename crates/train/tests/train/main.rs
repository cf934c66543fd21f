//! Trainings of a few steps at a tiny size, on the CPU.

mod learning;
mod resume;
mod runs;
mod tiny;
