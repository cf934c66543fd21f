//! Convolutions, channels last. All three kinds copy a tile of their input with its padding to a
//! scratch, where the taps of a kernel are so many offsets, and sum over those in `kernel`.

mod gather;
mod spread;
mod tile;
mod weight;

pub(crate) use gather::{conv, conv_input};
pub(crate) use weight::conv_weight;
