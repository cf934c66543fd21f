//! The two networks of a judge. They share neither architecture nor weights with the
//! discriminators, so a generator cannot have learnt to deceive them.

use kinora_nn::{Conv, Gru, Init, Linear, Module, Norm, join};
use kinora_tensor::{Geometry, Result, Tensor};

/// Width of the features of a clip, which the distances use.
pub(super) const FEATURES: usize = 128;
/// Width of the features of a frame.
const FRAME: usize = 160;
/// Channels of a group of the norms.
const GROUP: usize = 8;
/// The slope of the leaky ReLUs.
const SLOPE: f32 = 0.1;
/// Channels of the layers of [`Frames`] and of [`Films`]. Each layer halves the resolution.
const FRAMES_CHANNELS: [usize; 4] = [24, 48, 96, 128];
const FILMS_CHANNELS: [usize; 4] = [16, 32, 64, 128];
/// Below this resolution there are no further layers.
const SMALLEST: usize = 5;

/// Features `[n, FEATURES]` and logits `[n, classes]` of clips.
pub(super) type Seen<T> = (T, T);

/// A convolution and a norm. The first layer has no norm, which would remove the brightness.
#[derive(Clone, Debug)]
struct Layer<T> {
    conv: Conv<T>,
    norm: Option<Norm<T>>,
}

impl<T> Layer<T> {
    fn new<I: Init<T>>(
        init: &mut I,
        kernel: [usize; 3],
        [ci, co]: [usize; 2],
        stride: [usize; 3],
        is_first: bool,
    ) -> Result<Self> {
        let padding = [kernel[0] / 2, 1, 1];
        let conv = Conv::new(init, kernel, ci, co, Geometry { stride, padding })?;
        let norm = (!is_first).then(|| Norm::new(init, co, co / GROUP, SLOPE)).transpose()?;
        Ok(Self { conv, norm })
    }
}

impl<T: Tensor> Layer<T> {
    fn forward(&self, x: &T) -> Result<T> {
        let x = self.conv.forward(x)?;
        match &self.norm {
            Some(norm) => norm.forward(&x),
            None => x.leaky_relu(SLOPE),
        }
    }
}

/// Makes one layer for each of `channels`, as many as the resolution allows. `time` gives the
/// kernel and the stride in time of a layer. Returns the layers and the size of their flattened
/// output.
fn layers<T, I: Init<T>>(
    init: &mut I,
    [mut t, mut h, mut w, c]: [usize; 4],
    channels: [usize; 4],
    time: impl Fn(usize) -> [usize; 2],
) -> Result<(Vec<Layer<T>>, usize)> {
    let (mut layers, mut ci) = (Vec::new(), c);
    for (i, co) in channels.into_iter().enumerate() {
        if h.max(w) < SMALLEST || h.min(w) < 2 {
            break;
        }
        let [kernel, stride] = time(i);
        layers.push(Layer::new(init, [kernel, 4, 4], [ci, co], [stride, 2, 2], i == 0)?);
        (t, h, w, ci) = (t.div_ceil(stride), h / 2, w / 2, co);
    }
    Ok((layers, t * h * w * ci))
}

/// The first network: convolutions on each frame, then a GRU over the frames.
#[derive(Clone, Debug)]
pub(super) struct Frames<T> {
    layers: Vec<Layer<T>>,
    frame: Linear<T>,
    time: Gru<T>,
    features: Linear<T>,
    classes: Linear<T>,
}

impl<T> Frames<T> {
    pub fn new<I: Init<T>>(init: &mut I, [_, h, w, c]: [usize; 4], classes: usize) -> Result<Self> {
        let (layers, flat) = layers(init, [1, h, w, c], FRAMES_CHANNELS, |_| [1, 1])?;
        Ok(Self {
            layers,
            frame: Linear::new(init, flat, FRAME, true)?,
            time: Gru::new(init, FRAME, FEATURES)?,
            features: Linear::new(init, FRAME + 2 * FEATURES, FEATURES, true)?,
            classes: Linear::new(init, FEATURES, classes, true)?,
        })
    }
}

impl<T: Tensor> Frames<T> {
    /// The features and logits of clips `[n, t, h, w, c]`.
    pub fn forward(&self, clips: &T) -> Result<Seen<T>> {
        let [n, t, h, w, c] = dims(clips);
        let mut x = clips.reshape([n * t, 1, h, w, c])?;
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        let flat = x.shape().elements() / (n * t);
        let frames = self.frame.forward(&x.reshape([n, t, flat])?)?.leaky_relu(SLOPE)?;
        let states = self.time.run(&frames, None, false)?;
        let mut sum = states[0].clone();
        for state in &states[1..] {
            sum = sum.add(state)?;
        }
        let mean = frames.mean(&[1])?.reshape([n, FRAME])?;
        let all = [&mean, &states[t - 1], &sum.affine(1.0 / t as f32, 0.0)?];
        let features = self.features.forward(&T::concat(&all, 1)?)?.leaky_relu(SLOPE)?;
        let logits = self.classes.forward(&features)?;
        Ok((features, logits))
    }
}

/// The second network: convolutions over time and space on the whole clip.
#[derive(Clone, Debug)]
pub(super) struct Films<T> {
    layers: Vec<Layer<T>>,
    features: Linear<T>,
    classes: Linear<T>,
}

impl<T> Films<T> {
    pub fn new<I: Init<T>>(init: &mut I, dims: [usize; 4], classes: usize) -> Result<Self> {
        let time = |i| [3, if i == 0 { 1 } else { 2 }];
        let (layers, flat) = layers(init, dims, FILMS_CHANNELS, time)?;
        Ok(Self {
            layers,
            features: Linear::new(init, flat, FEATURES, true)?,
            classes: Linear::new(init, FEATURES, classes, true)?,
        })
    }
}

impl<T: Tensor> Films<T> {
    /// The features and logits of clips `[n, t, h, w, c]`.
    pub fn forward(&self, clips: &T) -> Result<Seen<T>> {
        let n = clips.shape()[0];
        let mut x = clips.clone();
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        let x = x.reshape([n, x.shape().elements() / n])?;
        let features = self.features.forward(&x)?.leaky_relu(SLOPE)?;
        let logits = self.classes.forward(&features)?;
        Ok((features, logits))
    }
}

fn dims<T: Tensor>(clips: &T) -> [usize; 5] {
    std::array::from_fn(|axis| clips.shape()[axis])
}

impl<T> Module<T> for Layer<T> {
    type Of<U> = Layer<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Layer<U>, E> {
        Ok(Layer {
            conv: self.conv.try_map(&join(path, "conv"), f)?,
            norm: self.norm.try_map(&join(path, "norm"), f)?,
        })
    }
}

impl<T> Module<T> for Frames<T> {
    type Of<U> = Frames<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Frames<U>, E> {
        Ok(Frames {
            layers: self.layers.try_map(&join(path, "layers"), f)?,
            frame: self.frame.try_map(&join(path, "frame"), f)?,
            time: self.time.try_map(&join(path, "time"), f)?,
            features: self.features.try_map(&join(path, "features"), f)?,
            classes: self.classes.try_map(&join(path, "classes"), f)?,
        })
    }
}

impl<T> Module<T> for Films<T> {
    type Of<U> = Films<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Films<U>, E> {
        Ok(Films {
            layers: self.layers.try_map(&join(path, "layers"), f)?,
            features: self.features.try_map(&join(path, "features"), f)?,
            classes: self.classes.try_map(&join(path, "classes"), f)?,
        })
    }
}
