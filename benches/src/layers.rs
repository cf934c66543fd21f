//! The convolutions of the networks, taken from a training step.

use anyhow::Result;
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_tensor::{Desc, Geometry, Op, Random, Shape, Tensor};
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
    /// Of the enlarged picture, whose gradients are those of another convolution.
    Resized,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Part::Forward => "forward",
            Part::Input => "input",
            Part::Weight => "weight",
            Part::Resized => "resized",
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
    for call in device.take() {
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
    /// What is computed of it.
    pub fn parts(&self) -> &'static [Part] {
        match self.resized {
            false => &[Part::Forward, Part::Input, Part::Weight],
            true => &[Part::Resized],
        }
    }

    /// `3x4x4 32→64 on 16x16x16 /1x2x2, 32`: kernel, channels, size, stride (if it is not 1) and
    /// batch.
    pub fn name(&self) -> String {
        let by = |dims: &[usize]| dims.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let (x, k, stride) = (&self.x, &self.k, self.geometry.stride);
        let stride = if stride == [1; 3] { String::new() } else { format!(" /{}", by(&stride)) };
        format!("{} {}→{} on {}{stride}, {}", by(&k[..3]), k[3], k[4], by(&x[1..4]), x[0])
    }

    /// Whether a computation of so many operations should come near the peak: they are many, and
    /// both sides have channels enough to fill vectors.
    pub fn is_dense(&self, flops: u64) -> bool {
        flops >= 100_000_000 && self.k[3].min(self.k[4]) >= 16
    }

    /// What the others are asked.
    pub fn request(&self, part: Part) -> Value {
        let Geometry { stride, padding } = self.geometry;
        json!({
            "op": "conv", "part": part.name(), "x": self.x.to_vec(), "kernel": self.k.to_vec(),
            "stride": stride, "padding": padding,
        })
    }

    /// One computation with its operands, and how many floating-point operations it takes.
    pub fn ours(&self, part: Part) -> Result<(impl FnMut() -> Result<()>, u64)> {
        let Self { geometry, x, k, .. } = *self;
        let (size, kernel) = ([x[1], x[2], x[3]], [k[0], k[1], k[2]]);
        let device = CpuDevice::new();
        let mut random = Random::new(0, 0);
        let mut randn = |shape: Shape| CpuTensor::randn(&device, &mut random, shape);
        let bias = Shape::from(&k[4..]);
        let (x, k) = (randn(x)?, randn(k)?);
        let (op, inputs) = match part {
            Part::Forward => (Op::Conv(geometry), vec![x, k]),
            Part::Input => (Op::ConvInput { geometry, size }, vec![x.conv(&k, geometry)?, k]),
            Part::Weight => {
                let g = x.conv(&k, geometry)?;
                (Op::ConvWeight { geometry, kernel }, vec![x, g])
            }
            Part::Resized => (Op::ResizeConv, vec![x, k, randn(bias)?]),
        };
        let descs: Vec<&Desc> = inputs.iter().map(|input| input.desc()).collect();
        let flops = op.flops(&descs);
        let run = move || {
            CpuTensor::apply(&device, op.clone(), &inputs.iter().collect::<Vec<_>>())?;
            Ok(())
        };
        Ok((run, flops))
    }
}
