//! The convolutions of the networks, taken from a training step.

use anyhow::Result;
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_tensor::{Desc, Geometry, Op, Random, Shape, Tensor, Var, grad_from};
use kinora_train::State;
use serde_json::{Value, json};

use crate::recorder::{Call, Recorder, Recording};
use crate::workload::Workload;

/// A convolution of `x: [n, t, h, w, ci]` with `k: [kt, kh, kw, ci, co]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    pub geometry: Geometry,
    /// Whether it sees x enlarged, as [`Op::ResizeConv`] does.
    pub enlarged: bool,
    pub x: Shape,
    pub k: Shape,
    /// Of how many pictures together its weights have their gradient.
    pub n_weight: usize,
}

/// Which of the three sides of a convolution is computed from the other two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    Forward,
    Input,
    Weight,
}

/// A computation, with its operands.
pub type Run = Box<dyn FnMut() -> Result<()>>;

impl Part {
    pub const ALL: [Self; 3] = [Self::Forward, Self::Input, Self::Weight];

    pub fn name(self) -> &'static str {
        match self {
            Part::Forward => "forward",
            Part::Input => "input",
            Part::Weight => "weight",
        }
    }
}

/// All that differ in more than the batch, each with its largest batch, in the order in which a
/// training step comes to them. Those of the matcher are first: a step of reading has them before any
/// gradient, and a step of playing after that of the discriminators.
pub fn of(workload: &Workload) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    let playing = workload.config_with(false);
    let mut reading = playing.clone();
    reading.reading.steps = 2;
    for config in [reading, playing] {
        let device = Recording::new(CpuDevice::new(), |_| Ok(()));
        let inputs = workload.lexicon.inputs();
        let state = State::<Recorder<CpuTensor>>::new(&device, &config, &inputs, None)?;
        workload.step(state, &device, &config)?;
        add(&mut layers, device.take());
    }
    Ok(layers)
}

/// Adds what a step did up to its first gradient, and for how many pictures it had gradients of weights.
fn add(layers: &mut Vec<Layer>, calls: Vec<Call>) {
    let mut forward = true;
    for call in calls {
        let (geometry, enlarged, is_weight) = match call.op {
            Some(Op::Conv(geometry)) => (geometry, false, false),
            Some(Op::ResizeConv) => (kinora_nn::same([1, 3, 3]), true, false),
            Some(Op::ConvWeight { geometry, .. }) => (geometry, false, true),
            Some(Op::ConvInput { .. }) => {
                forward = false;
                continue;
            }
            _ => continue,
        };
        // Both networks have run before the first gradient; gradients are convolutions as well.
        forward &= !is_weight;
        let [x, other] = [call.inputs[0].shape, call.inputs[1].shape];
        let same = layers.iter_mut().find(
            |Layer { geometry: of, enlarged: large, x: seen, k, .. }| {
                (*of, *large, &seen[1..]) == (geometry, enlarged, &x[1..])
                    && if is_weight { k[4] == other[4] } else { *k == other }
            },
        );
        match same {
            Some(layer) if is_weight => layer.n_weight = layer.n_weight.max(x[0]),
            Some(layer) if forward && layer.x[0] < x[0] => layer.x = x,
            None if forward => {
                layers.push(Layer { geometry, enlarged, x, k: other, n_weight: x[0] });
            }
            _ => {}
        }
    }
}

impl Layer {
    /// `3x4x4 32→64 on 16x32x32 /1x2x2, 32 input`: kernel, channels, size (`enlarged` from that, if
    /// it is), stride (if it is not 1), batch and part.
    pub fn name(&self, part: Part) -> String {
        let by = |dims: &[usize]| dims.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let (x, k, stride) = (self.x(part), &self.k, self.geometry.stride);
        let stride = if stride == [1; 3] { String::new() } else { format!(" /{}", by(&stride)) };
        let enlarged = if self.enlarged { " enlarged" } else { "" };
        let (channels, size) = (format!("{}→{}", k[3], k[4]), by(&x[1..4]));
        format!("{} {channels} on {size}{enlarged}{stride}, {} {}", by(&k[..3]), x[0], part.name())
    }

    fn x(&self, part: Part) -> Shape {
        if part == Part::Weight { self.x.with(0, self.n_weight) } else { self.x }
    }

    /// Whether a computation of so many operations should come near the peak: they are many, and
    /// both sides have channels enough to fill vectors.
    pub fn is_dense(&self, flops: u64) -> bool {
        flops >= 100_000_000 && self.k[3].min(self.k[4]) >= 16
    }

    /// What the others are asked.
    pub fn request(&self, part: Part) -> Value {
        let Geometry { stride, padding } = self.geometry;
        let mut request = json!({
            "op": "conv", "part": part.name(), "x": self.x(part).to_vec(),
            "kernel": self.k.to_vec(), "stride": stride, "padding": padding,
        });
        if self.enlarged {
            request["enlarged"] = true.into();
        }
        request
    }

    /// How many floating-point operations a part takes: as many as each other.
    pub fn flops(&self, part: Part) -> u64 {
        let bias = Desc::f32(&self.k[4..]);
        let (op, extra) = match self.enlarged {
            true => (Op::ResizeConv, Some(&bias)),
            false => (Op::Conv(self.geometry), None),
        };
        let (x, k) = (Desc::f32(self.x(part)), Desc::f32(self.k));
        op.flops(&[&x, &k].into_iter().chain(extra).collect::<Vec<_>>())
    }

    /// One computation.
    pub fn ours<T: Tensor + 'static>(&self, device: T::Device, part: Part) -> Result<Run> {
        let mut random = Random::new(0, 0);
        let mut randn = |shape: Shape| T::randn(&device, &mut random, shape);
        let mut inputs = vec![randn(self.x(part))?, randn(self.k)?];
        let op = if self.enlarged {
            inputs.push(randn(Shape::from(&self.k[4..]))?);
            Op::ResizeConv
        } else {
            Op::Conv(self.geometry)
        };
        if part == Part::Forward {
            let run = move || {
                T::apply(&device, op.clone(), &inputs.iter().collect::<Vec<_>>())?;
                Ok(())
            };
            return Ok(Box::new(run));
        }
        let wanted = if part == Part::Input { 0 } else { 1 };
        let lift = |(i, value)| if i == wanted { Var::leaf(value) } else { Var::constant(value) };
        let inputs: Vec<_> = inputs.into_iter().enumerate().map(lift).collect();
        let y = Var::apply(&device, op, &inputs.iter().collect::<Vec<_>>())?;
        let g = randn(*y.shape())?;
        let run = move || {
            grad_from(y.clone(), g.clone(), &[&inputs[wanted]])?;
            Ok(())
        };
        Ok(Box::new(run))
    }
}
