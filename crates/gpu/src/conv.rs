//! Convolutions, channels last, as tiled products that gather the elements of a factor as they
//! read.

use bytemuck::{Pod, Zeroable};
use kinora_tensor::{Error, Geometry, Result, Tensor};

use crate::kernel::{self, Kernel};
use crate::product::{Factor, product};
use crate::{GpuTensor, layout};

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
    is_transposed: u32,
    source: [u32; 4],
    size: [u32; 4],
    kernel: [u32; 4],
    stride: [u32; 4],
    padding: [u32; 4],
}

fn words(x: [usize; 3]) -> [u32; 4] {
    [x[0] as u32, x[1] as u32, x[2] as u32, 0]
}

/// The lengths `[t, h, w]` of `[n, t, h, w, c]`.
fn inner(x: &GpuTensor) -> [usize; 3] {
    [x.shape()[1], x.shape()[2], x.shape()[3]]
}

/// The lengths `[kt, kh, kw]` of weights.
fn taps(k: &GpuTensor) -> [usize; 3] {
    [k.shape()[0], k.shape()[1], k.shape()[2]]
}

/// How a product reads the gathered factor.
#[derive(Clone, Copy, PartialEq)]
enum Gather {
    Plain,
    /// Upsampled by 2 along h and w.
    Enlarged,
    /// As the gradient of a convolution's output, for the partial by its input.
    Transposed,
}

pub(crate) fn conv(geometry: Geometry, x: &GpuTensor, k: &GpuTensor, y: &GpuTensor) -> Result<()> {
    gathered(geometry, Gather::Plain, x, k, y)
}

/// The convolution, with padding 1, of x upsampled by 2 along h and w.
pub(crate) fn enlarged(x: &GpuTensor, k: &GpuTensor, y: &GpuTensor) -> Result<()> {
    gathered(Geometry { stride: [1; 3], padding: [0, 1, 1] }, Gather::Enlarged, x, k, y)
}

pub(crate) fn conv_input(
    geometry: Geometry,
    g: &GpuTensor,
    k: &GpuTensor,
    y: &GpuTensor,
) -> Result<()> {
    gathered(geometry, Gather::Transposed, g, k, y)
}

/// Rejects strides and paddings that would overflow the shaders' index arithmetic.
fn check(Geometry { stride, padding }: Geometry) -> Result<()> {
    const MOST: usize = 1 << 24;
    match stride.into_iter().chain(padding).find(|&len| len > MOST) {
        None => Ok(()),
        Some(len) => Err(Error::Device(format!(
            "a stride or a padding of {len} exceeds {MOST}, the limit of the GPU backend"
        ))),
    }
}

/// Writes to y the convolution of x; or, if x is the gradient of a convolution's output, the
/// partial by that convolution's input.
fn gathered(
    geometry: Geometry,
    gather: Gather,
    x: &GpuTensor,
    k: &GpuTensor,
    y: &GpuTensor,
) -> Result<()> {
    check(geometry)?;
    if x.len() == 0 || k.len() == 0 {
        return layout::fill(0.0, y);
    }
    let (ci, co) = (k.shape()[3], k.shape()[4]);
    let (taps, size) = (taps(k), inner(y));
    let Geometry { stride, padding } = geometry;
    let is_transposed = gather == Gather::Transposed;
    let enlarged = u32::from(gather == Gather::Enlarged);
    // `distance` is the step between neighbouring positions of a phase, and between its taps.
    let (channels, n, w_channel, w_column, distance, phases) = match is_transposed {
        false => (ci, co, co, 1, [1; 3], 1),
        true => (co, ci, 1, co, stride, geometry.phases(size).count()),
    };
    // The most positions of any phase, and the most taps of any phase. The first phase has the most
    // positions, but another may have more taps.
    let most = |of: [usize; 3]| -> usize {
        of.into_iter().zip(distance).map(|(len, distance)| len.div_ceil(distance)).product()
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
        is_transposed: is_transposed as u32,
        source: words([t, h << enlarged, w << enlarged]),
        size: words(size),
        kernel: words(taps),
        stride: words(stride),
        padding: words(padding),
    };
    // The output channels of the weights are neighbours in memory.
    let factors = [Factor::new(x, false, channels), Factor::new(k, !is_transposed, co)];
    let kernel = Kernel::new(kernel::CONV, "main").with("ENLARGED", enlarged);
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
    stride: [u32; 4],
    padding: [u32; 4],
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
        stride: words(stride),
        padding: words(padding),
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
