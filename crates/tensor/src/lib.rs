#![doc = include_str!("../README.md")]

mod conv;
mod cost;
mod error;
mod expand;
mod infer;
mod op;
mod random;
mod resize;
mod rules;
mod shape;
mod tensor;
mod update;
mod var;
mod wait;

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod strided;

pub use conv::{Geometry, Seen};
pub use error::{Error, Result};
pub use op::{Binary, NormSpec, Op, Unary};
pub use random::Random;
pub use shape::{DType, Desc, MAX_RANK, Shape};
pub use tensor::Tensor;
pub use update::{Update, adam_factors};
pub use var::{Var, grad, grad_from};
