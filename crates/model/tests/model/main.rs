//! Models in memory and in files, on the CPU.

mod files;
mod films;
mod tiny;
