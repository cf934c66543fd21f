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
    /// Whether x is upsampled by two before the convolution, as in [`Op::ResizeConv`].
    pub enlarged: bool,
    pub x: Shape,
    pub k: Shape,
    /// The batch of the gradient by the weight.
    pub n_weight: usize,
}

/// The part of a convolution that is computed: the output, or one of the two gradients.
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

/// All convolutions that differ in more than the batch, each with its largest batch, in the order of a
/// training step. Those of the matcher come first: they are taken from a step of reading, which has them
/// before any gradient; a step of playing has them only after the discriminators' gradients.
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

/// Adds the convolutions of a step before its first gradient, and the batches of gradients by weights.
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
        // Gradients are convolutions too, so only calls before the first gradient count as forward.
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
    /// The name of a row, such as `3x4x4 32→64 on 16x32x32 /1x2x2, 32 input`: kernel, channels, size
    /// (with `enlarged`, before upsampling), stride (unless it is 1), batch and part.
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

    /// Whether a computation of `flops` operations should come near the peak: it has many operations,
    /// and enough channels on both sides to fill SIMD vectors.
    pub fn is_dense(&self, flops: u64) -> bool {
        flops >= 100_000_000 && self.k[3].min(self.k[4]) >= 16
    }

    /// The request to the peers.
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

    /// The number of floating-point operations of a part.
    pub fn flops(&self, part: Part) -> u64 {
        let bias = Desc::f32(&self.k[4..]);
        let (op, extra) = match self.enlarged {
            true => (Op::ResizeConv, Some(&bias)),
            false => (Op::Conv(self.geometry), None),
        };
        let (x, k) = (Desc::f32(self.x(part)), Desc::f32(self.k));
        op.flops(&[&x, &k].into_iter().chain(extra).collect::<Vec<_>>())
    }

    /// One computation by kinora.
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
