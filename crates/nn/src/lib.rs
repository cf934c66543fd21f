#![doc = include_str!("../README.md")]

mod activation;
mod conv;
mod conv_recurrent;
mod init;
mod linear;
mod module;
mod norm;
mod recurrent;

pub use activation::Activation;
pub use conv::{Conv, ConvTranspose, same};
pub use conv_recurrent::{ConvGru, ConvLstm};
pub use init::{Fill, Fresh, Init, MAX_ELEMENTS, Outline, kaiming, xavier};
pub use linear::{Embedding, Linear};
pub use module::{Module, count, describe, freeze, is_buffer, join, lift, parameters};
pub use norm::{ConditionalNorm, Norm};
pub use recurrent::{Gru, Lstm, LstmState};
