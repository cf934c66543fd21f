//! Convolutions, channels last, as products whose factors are gathered as they are read.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Error, Geometry, Result, Tensor};

use crate::GpuTensor;
use crate::kernel::{self, Factor, Kernel};
use crate::matmul::product;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    a: u32,
    b: u32,
    channels: u32,
    tap: u32,
    w_channel: u32,
    w_column: u32,
    pictures: u32,
    is_partial: u32,
    source: [u32; 4],
    size: [u32; 4],
    kernel: [u32; 4],
    stride: [u32; 4],
    padding: [u32; 4],
}

fn words(x: [usize; 3]) -> [u32; 4] {
    [x[0] as u32, x[1] as u32, x[2] as u32, 0]
}

fn signed(x: [usize; 3]) -> [i32; 4] {
    words(x).map(|x| x as i32)
}

/// `[t, h, w]` of `[n, t, h, w, c]`, and of a kernel.
fn inner(x: &GpuTensor) -> [usize; 3] {
    [x.shape()[1], x.shape()[2], x.shape()[3]]
}

fn taps(k: &GpuTensor) -> [usize; 3] {
    [k.shape()[0], k.shape()[1], k.shape()[2]]
}

pub(crate) fn conv(geometry: Geometry, x: &GpuTensor, k: &GpuTensor, y: &GpuTensor) -> Result<()> {
    gathered(geometry, x, false, false, k, y)
}

/// The convolution of x enlarged twice, which keeps the size.
pub(crate) fn enlarged(x: &GpuTensor, k: &GpuTensor, y: &GpuTensor) -> Result<()> {
    gathered(Geometry { stride: [1; 3], padding: [0, 1, 1] }, x, true, false, k, y)
}

pub(crate) fn conv_input(
    geometry: Geometry,
    g: &GpuTensor,
    k: &GpuTensor,
    y: &GpuTensor,
) -> Result<()> {
    gathered(geometry, g, false, true, k, y)
}

/// Refuses what shaders cannot count.
fn check(Geometry { stride, padding }: Geometry) -> Result<()> {
    const MOST: usize = 1 << 24;
    match stride.into_iter().chain(padding).find(|&len| len > MOST) {
        None => Ok(()),
        Some(len) => Err(Error::Device(format!(
            "a stride or a padding of {len} is more than {MOST}, the most on a GPU"
        ))),
    }
}

/// To y the convolution of x, or its partial by the input where x is the gradient.
fn gathered(
    geometry: Geometry,
    x: &GpuTensor,
    is_enlarged: bool,
    is_partial: bool,
    k: &GpuTensor,
    y: &GpuTensor,
) -> Result<()> {
    check(geometry)?;
    let (ci, co) = (k.shape()[3], k.shape()[4]);
    let (taps, size) = (taps(k), inner(y));
    let Geometry { stride, padding } = geometry;
    // From one place of a phase to the next, and one of its taps.
    let (channels, n, w_channel, w_column, apart, phases) = match is_partial {
        false => (ci, co, co, 1, [1; 3], 1),
        true => (co, ci, 1, co, stride, geometry.phases(size).count()),
    };
    // Of the first phase, which is the largest.
    let most = |of: [usize; 3]| -> usize {
        of.into_iter().zip(apart).map(|(len, apart)| len.div_ceil(apart)).product()
    };
    let m = y.shape()[0] * most(size);
    let [t, h, w] = inner(x);
    let params = Params {
        a: x.start(),
        b: k.start(),
        channels: channels as u32,
        tap: (ci * co) as u32,
        w_channel: w_channel as u32,
        w_column: w_column as u32,
        pictures: y.shape()[0] as u32,
        is_partial: is_partial as u32,
        source: words([t, h << u32::from(is_enlarged), w << u32::from(is_enlarged)]),
        size: words(size),
        kernel: words(taps),
        stride: words(stride),
        padding: words(padding),
    };
    // Of the weights, output channels are neighbours.
    let factors = [Factor::new(x, false, channels), Factor::new(k, !is_partial, co)];
    let kernel = Kernel::new(kernel::CONV, "main").with("ENLARGED", is_enlarged.into());
    product(kernel, [m, n, most(taps) * channels, phases], factors, [x, k, y], params)
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct WeightParams {
    a: u32,
    b: u32,
    pictures: u32,
    channels: u32,
    source: [u32; 4],
    grid: [u32; 4],
    kernel: [u32; 4],
    step: [i32; 4],
    before: [i32; 4],
}

pub(crate) fn conv_weight(
    geometry: Geometry,
    x: &GpuTensor,
    g: &GpuTensor,
    y: &GpuTensor,
) -> Result<()> {
    check(geometry)?;
    let Geometry { stride, padding } = geometry;
    let (ci, co) = (y.shape()[3], y.shape()[4]);
    let kernel = taps(y);
    let m = y.len() / co;
    let places = g.len() / co;
    let params = WeightParams {
        a: x.start(),
        b: g.start(),
        pictures: g.shape()[0] as u32,
        channels: ci as u32,
        source: words(inner(x)),
        grid: words(inner(g)),
        kernel: words(kernel),
        step: signed(stride),
        before: signed(padding),
    };
    let factors = [Factor::new(x, true, ci), Factor::new(g, true, co)];
    product(
        Kernel::new(kernel::CONV_WEIGHT, "main"),
        [m, co, places, 1],
        factors,
        [x, g, y],
        params,
    )
}
