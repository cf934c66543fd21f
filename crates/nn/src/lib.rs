#![doc = include_str!("../README.md")]

mod activation;
mod adam;
mod conv;
mod conv_recurrent;
mod ema;
mod error;
mod file;
mod gradient;
mod init;
mod linear;
mod loss;
mod module;
mod norm;
mod optimiser;
mod recurrent;
mod sgd;
mod spectral;

pub use activation::Activation;
pub use adam::{Adam, AdamConfig};
pub use conv::{Conv, ConvTranspose, ResizeConv, same};
pub use conv_recurrent::{ConvGru, ConvLstm};
pub use ema::Ema;
pub use error::{Error, Result};
pub use file::{Header, Precision, TensorInfo, check, header, load, save, verify};
pub use gradient::{clip_factor, gradient_norm};
pub use init::{Fill, Fresh, Init, MAX_ELEMENTS, Outline, kaiming, xavier};
pub use linear::{Embedding, Linear};
pub use loss::cross_entropy;
pub use module::{Module, count, describe, freeze, is_buffer, join, lift, parameters};
pub use norm::{ConditionalNorm, Norm};
pub use recurrent::{Gru, Lstm, LstmState};
pub use sgd::{Sgd, SgdConfig};
pub use spectral::{SpectralNorm, Weighted};
