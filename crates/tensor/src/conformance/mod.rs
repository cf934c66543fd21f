//! The conformance kit: the specification as a plain backend, [`Reference`], and what holds
//! another backend against it.
//!
//! A backend's whole test is three lines:
//!
//! ```
//! # use kinora_tensor::conformance::{self, Reference};
//! # type MyTensor = Reference;
//! # let my_device = ();
//! let report = conformance::check::<MyTensor>(&my_device);
//! println!("{report}"); // the tolerances, widest first, and the worst errors
//! report.assert();
//! ```
//!
//! [`check`] says what is held against what; [`bench()`] says how fast each of the [`workloads`] is.

mod bench;
mod cases;
mod check;
mod finite;
mod fused;
mod reference;
mod report;
mod update;

use crate::{Op, Random, Shape};

pub use bench::{Rate, bench, workloads};
pub use cases::cases;
pub use check::{check, check_case};
pub use finite::check_reference;
pub use reference::Reference;
pub use report::{Finding, Report};

use cases::Fill;

/// An operation with the inputs that it is tested on.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The operation and the shapes of its inputs, in words.
    pub name: String,
    /// The operation.
    pub op: Op,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// How far a 32-bit result may lie from the reference: |a - b| / (|b| + the root mean square of
    /// b) in the worst element. 0 where elements are only moved.
    pub tolerance: f64,
}

/// An input of a [`Case`].
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its shape.
    pub shape: Shape,
    /// Its elements in row-major order.
    pub values: Vec<f32>,
    /// Whether a gradient by it is asked for: not by indices.
    pub differentiable: bool,
}

impl Case {
    fn new(op: Op, inputs: Vec<(Shape, Fill)>, seed: u64) -> Self {
        let shapes: Vec<Shape> = inputs.iter().map(|(shape, _)| *shape).collect();
        let mut random = Random::new(seed, 0);
        let inputs = inputs
            .into_iter()
            .map(|(shape, fill)| Input {
                shape,
                values: fill.draw(&mut random, shape.elements()),
                differentiable: !matches!(fill, Fill::Index(..)),
            })
            .collect();
        Self { name: format!("{op:?} of {shapes:?}"), tolerance: tolerance(&op), op, inputs }
    }
}

/// Wide enough for sums in any order and for the functions of a GPU, which are not rounded
/// correctly.
fn tolerance(op: &Op) -> f64 {
    match op {
        Op::Reshape(_) | Op::Permute(_) | Op::Broadcast(_) | Op::Slice { .. } | Op::Pad { .. } => {
            0.0
        }
        Op::Concat { .. } | Op::Gather | Op::Upsample { .. } => 0.0,
        Op::Affine { .. } | Op::Binary(_) => 1e-6,
        _ => 1e-5,
    }
}
