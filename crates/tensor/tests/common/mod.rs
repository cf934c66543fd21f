//! Helpers shared by several tests.
#![allow(dead_code)] // each test uses only some of them

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use kinora_tensor::conformance::Reference;
use kinora_tensor::{Binary, Desc, Op, Result, Shape, Tensor, Unary};

/// [`Reference`] with a device that records every operation and may alter the output.
#[derive(Clone)]
pub struct Spied {
    inner: Reference,
    device: Spy,
    _alive: Arc<Alive>,
}

#[derive(Clone)]
pub struct Spy {
    /// Every operation so far, and the number of tensors alive when it began.
    pub ops: Arc<Mutex<Vec<(Op, usize)>>>,
    alive: Arc<AtomicUsize>,
    alter: fn(&Op, &[&Reference], &mut [f64]),
}

struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Spy {
    pub fn new() -> Self {
        Self::altering(|_, _, _| ())
    }

    pub fn altering(alter: fn(&Op, &[&Reference], &mut [f64])) -> Self {
        Self { ops: Arc::default(), alive: Arc::default(), alter }
    }

    pub fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// The number of operations since the last call that satisfy the predicate.
    pub fn count(&self, of: impl Fn(&Op) -> bool) -> usize {
        self.ops.lock().unwrap().drain(..).filter(|(op, _)| of(op)).count()
    }

    fn wrap(&self, inner: Reference) -> Spied {
        self.alive.fetch_add(1, Ordering::Relaxed);
        Spied { inner, device: self.clone(), _alive: Arc::new(Alive(self.alive.clone())) }
    }
}

impl Tensor for Spied {
    type Device = Spy;

    fn device(&self) -> &Spy {
        &self.device
    }

    fn desc(&self) -> &Desc {
        self.inner.desc()
    }

    fn from_slice(device: &Spy, data: &[f32], shape: impl Into<Shape>) -> Result<Self> {
        Ok(device.wrap(Reference::from_slice(&(), data, shape)?))
    }

    async fn read(&self) -> Result<Vec<f32>> {
        self.inner.read().await
    }

    fn apply(device: &Spy, op: Op, inputs: &[&Self]) -> Result<Self> {
        device.ops.lock().unwrap().push((op.clone(), device.alive()));
        let inputs: Vec<&Reference> = inputs.iter().map(|input| &input.inner).collect();
        let output = Reference::apply(&(), op.clone(), &inputs)?;
        let mut values = output.values().to_vec();
        (device.alter)(&op, &inputs, &mut values);
        Ok(device.wrap(Reference::new(values, output.shape())?))
    }
}

/// A number for each kind of operation. After a new operation is added, this does not compile until
/// the operation has a number here. The tests then demand a case in the kit and a row in the table
/// of bad shapes.
pub fn kind(op: &Op) -> usize {
    match op {
        Op::Unary(unary) => match unary {
            Unary::Exp => 0,
            Unary::Log => 1,
            Unary::Sqrt => 2,
            Unary::Recip => 3,
            Unary::Tanh => 4,
            Unary::Sigmoid => 5,
            Unary::Softplus => 6,
            Unary::Abs => 7,
            Unary::Sign => 8,
            Unary::LeakyRelu(_) => 9,
        },
        Op::Affine { .. } => 11,
        Op::Binary(binary) => match binary {
            Binary::Add => 12,
            Binary::Sub => 13,
            Binary::Mul => 14,
            Binary::Div => 15,
            Binary::LeakyReluGrad(_) => 10,
        },
        Op::Reshape(_) => 16,
        Op::Permute(_) => 17,
        Op::Broadcast(_) => 18,
        Op::Slice { .. } => 19,
        Op::Pad { .. } => 20,
        Op::Concat { .. } => 21,
        Op::Sum { .. } => 22,
        Op::Softmax => 23,
        Op::Gather => 24,
        Op::Scatter { .. } => 25,
        Op::MatMul { .. } => 26,
        Op::Conv(_) => 27,
        Op::ConvInput { .. } => 28,
        Op::ConvWeight { .. } => 29,
        Op::Upsample { .. } => 30,
        Op::SumPool { .. } => 31,
        Op::Norm(_) => 32,
        Op::NormGrad(_) => 33,
        Op::LstmCell => 34,
        Op::LstmCellGrad => 35,
        Op::GruCell => 36,
        Op::GruCellGrad => 37,
        Op::ResizeConv => 38,
    }
}

/// The number of kinds.
pub const KINDS: usize = 39;

/// Asserts that `ops` has at least one operation of every kind.
pub fn assert_every_kind<'a>(ops: impl Iterator<Item = &'a Op>) {
    let mut seen = [false; KINDS];
    ops.for_each(|op| seen[kind(op)] = true);
    let missing: Vec<usize> = (0..KINDS).filter(|&kind| !seen[kind]).collect();
    assert!(missing.is_empty(), "no case of the kinds {missing:?}");
}
