//! The conformance kit: the reference backend [`Reference`], and the checks that compare another
//! backend with it.
//!
//! The test of a backend is three lines:
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
//! The doc of [`check`] lists the checks. [`bench()`] measures the speed of each of the
//! [`workloads`].

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
    /// The operation and the shapes of its inputs, as text.
    pub name: String,
    /// The operation.
    pub op: Op,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// The largest allowed error of a 32-bit result a against the reference b:
    /// |a - b| / (|b| + the root mean square of b) in the worst element. 0 for operations that only
    /// move elements.
    pub tolerance: f64,
}

/// An input of a [`Case`].
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The shape.
    pub shape: Shape,
    /// The elements in row-major order.
    pub values: Vec<f32>,
    /// Whether the gradient by this input is checked: true except for indices.
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

/// The tolerance of an operation. It allows sums in any order, and the functions of a GPU, which
/// are not correctly rounded.
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
