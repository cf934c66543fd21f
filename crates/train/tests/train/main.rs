//! Trainings of a few steps at a tiny size, on the CPU and on a GPU.

mod begin;
mod copying;
mod exam;
mod gpu;
mod learning;
mod resume;
mod runs;
mod tiny;
mod watched;
