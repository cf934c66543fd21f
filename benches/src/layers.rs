//! The convolutions of the networks, taken from a training step.

use anyhow::Result;
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_tensor::{Geometry, Op, Random, Shape, Tensor, Var, grad_from};
use serde_json::{Value, json};

use crate::recorder::{Recorder, Recording};
use crate::workload::Workload;

/// A convolution of `x: [n, t, h, w, ci]` with `k: [kt, kh, kw, ci, co]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    pub geometry: Geometry,
    /// Whether it sees x enlarged, as [`Op::ResizeConv`] does.
    pub resized: bool,
    pub x: Shape,
    pub k: Shape,
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
/// training step comes to them.
pub fn of(workload: &Workload) -> Result<Vec<Layer>> {
    let device = Recording::new(CpuDevice::new());
    let state = workload.state::<Recorder<CpuTensor>>(&device)?;
    workload.step(state, &device, &workload.config_with(false))?;
    let mut layers: Vec<Layer> = Vec::new();
    // Both networks have run before the first gradient; gradients are convolutions as well.
    let is_gradient = |op: &Op| matches!(op, Op::ConvInput { .. } | Op::ConvWeight { .. });
    let calls = device.take().into_iter();
    for call in calls.take_while(|call| !call.op.as_ref().is_some_and(is_gradient)) {
        let (geometry, resized) = match call.op {
            Some(Op::Conv(geometry)) => (geometry, false),
            Some(Op::ResizeConv) => (kinora_nn::same([1, 3, 3]), true),
            _ => continue,
        };
        let [x, k] = [call.inputs[0].shape, call.inputs[1].shape];
        let same = layers.iter_mut().find(|layer| {
            (layer.geometry, layer.resized, layer.k) == (geometry, resized, k)
                && layer.x[1..] == x[1..]
        });
        match same {
            Some(layer) if layer.x[0] >= x[0] => {}
            Some(layer) => layer.x = x,
            None => layers.push(Layer { geometry, resized, x, k }),
        }
    }
    Ok(layers)
}

impl Layer {
    /// `3x4x4 32→64 on 16x32x32 /1x2x2, 32`: kernel, channels, size, stride (if it is not 1) and
    /// batch.
    pub fn name(&self) -> String {
        let by = |dims: &[usize]| dims.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let (x, k, stride) = (&self.x, &self.k, self.geometry.stride);
        let stride = if stride == [1; 3] { String::new() } else { format!(" /{}", by(&stride)) };
        let enlarged = if self.resized { " enlarged" } else { "" };
        let channels = format!("{}→{}", k[3], k[4]);
        format!("{} {channels} on {}{enlarged}{stride}, {}", by(&k[..3]), by(&x[1..4]), x[0])
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
            "op": "conv", "part": part.name(), "x": self.x.to_vec(), "kernel": self.k.to_vec(),
            "stride": stride, "padding": padding,
        });
        if self.resized {
            request["resized"] = true.into();
        }
        request
    }

    /// One computation, and how many floating-point operations it takes.
    pub fn ours(&self, part: Part) -> Result<(Run, u64)> {
        let Self { geometry, x, k, .. } = *self;
        let (size, kernel) = ([x[1], x[2], x[3]], [k[0], k[1], k[2]]);
        let device = CpuDevice::new();
        let mut random = Random::new(0, 0);
        let mut randn = |shape: Shape| CpuTensor::randn(&device, &mut random, shape);
        let (x, k, bias) = (randn(x)?, randn(k)?, randn(Shape::from(&k[4..]))?);
        if self.resized {
            let flops = Op::ResizeConv.flops(&[x.desc(), k.desc(), bias.desc()]);
            let run: Run = if part == Part::Forward {
                Box::new(move || {
                    x.resize_conv(&k, &bias)?;
                    Ok(())
                })
            } else {
                let wanted = |this: Part, x: CpuTensor| match part == this {
                    true => Var::leaf(x),
                    false => Var::constant(x),
                };
                let (x, k) = (wanted(Part::Input, x), wanted(Part::Weight, k));
                let y = x.resize_conv(&k, &Var::constant(bias))?;
                let g = randn(*y.shape())?;
                Box::new(move || {
                    grad_from(y.clone(), g.clone(), &[&x, &k])?;
                    Ok(())
                })
            };
            return Ok((run, flops));
        }
        let (op, inputs) = match part {
            Part::Forward => (Op::Conv(geometry), [x, k]),
            Part::Input => (Op::ConvInput { geometry, size }, [x.conv(&k, geometry)?, k]),
            Part::Weight => {
                let g = x.conv(&k, geometry)?;
                (Op::ConvWeight { geometry, kernel }, [x, g])
            }
        };
        let flops = op.flops(&inputs.each_ref().map(|input| input.desc()));
        let run = move || {
            CpuTensor::apply(&device, op.clone(), &inputs.each_ref())?;
            Ok(())
        };
        Ok((Box::new(run), flops))
    }
}
