use std::sync::Arc;

use super::fused;
use crate::resize::LARGE;
use crate::{Binary, Desc, Error, Geometry, Op, Result, Shape, Tensor, Unary};

/// The reference backend: plain loops in 64-bit floating point, written for clarity, not speed.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    desc: Desc,
    values: Arc<Vec<f64>>,
}

impl Reference {
    /// A tensor of `values` in row-major order.
    ///
    /// # Errors
    /// [`Error::Length`] if `values` does not fill `shape`.
    pub fn new(values: Vec<f64>, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if values.len() != shape.elements() {
            return Err(Error::Length { len: values.len(), shape });
        }
        Ok(Self { desc: Desc::f32(shape), values: Arc::new(values) })
    }

    /// The elements in row-major order, not rounded to 32 bits.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The element at `index`, aligned at the innermost axis; an axis of length 1 is repeated.
    fn at(&self, index: &[usize]) -> f64 {
        self.values[offset(self.shape(), index)]
    }
}

impl Tensor for Reference {
    type Device = ();

    fn device(&self) -> &() {
        &()
    }

    fn desc(&self) -> &Desc {
        &self.desc
    }

    fn from_slice(_: &(), data: &[f32], shape: impl Into<Shape>) -> Result<Self> {
        Self::new(data.iter().copied().map(f64::from).collect(), shape)
    }

    async fn read(&self) -> Result<Vec<f32>> {
        Ok(self.values.iter().map(|&v| v as f32).collect())
    }

    fn apply(_: &(), op: Op, inputs: &[&Self]) -> Result<Self> {
        let descs: Vec<&Desc> = inputs.iter().map(|input| &input.desc).collect();
        let shape = op.infer(&descs)?.shape;
        Self::new(compute(&op, inputs, &shape), shape)
    }
}

/// The offset of the element at `index` in a tensor of `shape`, which broadcasts to the shape of
/// `index` as in [`Shape::broadcast`].
fn offset(shape: &Shape, index: &[usize]) -> usize {
    let index = &index[index.len() - shape.len()..];
    shape.iter().zip(index).fold(0, |at, (&dim, &i)| at * dim + if dim == 1 { 0 } else { i })
}

/// All indices of a shape in row-major order.
fn indices(shape: Shape) -> impl Iterator<Item = Vec<usize>> {
    (0..shape.elements()).map(move |mut flat| {
        let mut index = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            index[axis] = flat % shape[axis];
            flat /= shape[axis];
        }
        index
    })
}

/// The row of an index of [`Op::Gather`]; `None` if the index is not a whole number in `0..rows`.
fn row(index: f64, rows: usize) -> Option<usize> {
    (index >= 0.0 && index < rows as f64 && index.fract() == 0.0).then_some(index as usize)
}

fn compute(op: &Op, inputs: &[&Reference], shape: &Shape) -> Vec<f64> {
    let x = inputs[0];
    let build = |f: &dyn Fn(&[usize]) -> f64| indices(*shape).map(|i| f(&i)).collect();
    match op {
        Op::Unary(f) => x.values.iter().map(|&x| unary(*f, x)).collect(),
        Op::Affine { mul, add } => {
            x.values.iter().map(|x| f64::from(*mul) * x + f64::from(*add)).collect()
        }
        Op::Binary(f) => build(&|i| {
            let (a, b) = (x.at(i), inputs[1].at(i));
            match f {
                Binary::Add => a + b,
                Binary::Sub => a - b,
                Binary::Mul => a * b,
                Binary::Div => a / b,
                Binary::LeakyReluGrad(slope) => leaky_step(a, *slope) * b,
            }
        }),
        Op::Reshape(_) => x.values.to_vec(),
        Op::Permute(axes) => build(&|i| {
            let mut from = vec![0; axes.len()];
            axes.iter().zip(i).for_each(|(&axis, &i)| from[axis] = i);
            x.at(&from)
        }),
        Op::Broadcast(_) => build(&|i| x.at(i)),
        &Op::Slice { axis, start, .. } => build(&|i| {
            let mut from = i.to_vec();
            from[axis] += start;
            x.values[offset_exact(x.shape(), &from)]
        }),
        &Op::Pad { axis, before, .. } => build(&|i| {
            let mut from = i.to_vec();
            match i[axis].checked_sub(before) {
                Some(place) if place < x.shape()[axis] => from[axis] = place,
                _ => return 0.0,
            }
            x.at(&from)
        }),
        &Op::Concat { axis } => build(&|i| {
            let mut from = i.to_vec();
            let part = inputs.iter().find(|part| {
                let inside = from[axis] < part.shape()[axis];
                from[axis] -= if inside { 0 } else { part.shape()[axis] };
                inside
            });
            part.expect("the parts fill the axis").at(&from)
        }),
        Op::Sum { .. } => {
            let mut out = vec![0.0; shape.elements()];
            for (i, x) in indices(*x.shape()).zip(x.values.iter()) {
                out[offset(shape, &i)] += x;
            }
            out
        }
        Op::Softmax => {
            let row = shape[shape.len() - 1].max(1);
            let mut out = x.values.to_vec();
            for row in out.chunks_mut(row) {
                let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                row.iter_mut().for_each(|x| *x = (*x - max).exp());
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|x| *x /= sum);
            }
            out
        }
        Op::Gather => {
            let [rows, d] = [x.shape()[0], x.shape()[1]];
            let mut out = vec![0.0; shape.elements()];
            for (i, &index) in inputs[1].values.iter().enumerate() {
                if let Some(row) = row(index, rows) {
                    (0..d).for_each(|c| out[i * d + c] = x.values[row * d + c]);
                }
            }
            out
        }
        Op::Scatter { rows } => {
            let d = shape[1];
            let mut out = vec![0.0; shape.elements()];
            for (i, &index) in x.values.iter().enumerate() {
                if let Some(row) = row(index, *rows) {
                    (0..d).for_each(|c| out[row * d + c] += inputs[1].values[i * d + c]);
                }
            }
            out
        }
        &Op::MatMul { transpose_a, transpose_b } => {
            let rank = shape.len();
            let inner = x.shape()[if transpose_a { rank - 2 } else { rank - 1 }];
            let at = |t: &Reference, batch: usize, r: usize, c: usize, flip: bool| {
                let (r, c) = if flip { (c, r) } else { (r, c) };
                t.values[(batch * t.shape()[rank - 2] + r) * t.shape()[rank - 1] + c]
            };
            build(&|i| {
                let (batch, m, n) = (offset_exact(shape, &i[..rank - 2]), i[rank - 2], i[rank - 1]);
                (0..inner)
                    .map(|k| {
                        at(x, batch, m, k, transpose_a) * at(inputs[1], batch, k, n, transpose_b)
                    })
                    .sum()
            })
        }
        Op::Conv(geometry) => {
            let (k, mut out) = (inputs[1], vec![0.0; shape.elements()]);
            each_product(geometry, x.shape(), k.shape(), shape, |xi, ki, gi| {
                out[gi] += x.values[xi] * k.values[ki];
            });
            out
        }
        Op::ConvInput { geometry, .. } => {
            let (k, mut out) = (inputs[1], vec![0.0; shape.elements()]);
            each_product(geometry, shape, k.shape(), x.shape(), |xi, ki, gi| {
                out[xi] += k.values[ki] * x.values[gi];
            });
            out
        }
        Op::ConvWeight { geometry, .. } => {
            let (g, mut out) = (inputs[1], vec![0.0; shape.elements()]);
            each_product(geometry, x.shape(), shape, g.shape(), |xi, ki, gi| {
                out[ki] += x.values[xi] * g.values[gi];
            });
            out
        }
        Op::Upsample { factor: [ft, fh, fw] } => {
            build(&|i| x.at(&[i[0], i[1] / ft, i[2] / fh, i[3] / fw, i[4]]))
        }
        Op::SumPool { factor: [ft, fh, fw] } => {
            let mut out = vec![0.0; shape.elements()];
            for (i, x) in indices(*x.shape()).zip(x.values.iter()) {
                out[offset(shape, &[i[0], i[1] / ft, i[2] / fh, i[3] / fw, i[4]])] += x;
            }
            out
        }
        Op::ResizeConv => {
            let (k, bias, mut out) = (inputs[1], inputs[2], vec![0.0; shape.elements()]);
            let c = bias.values.len().max(1);
            out.iter_mut().enumerate().for_each(|(i, y)| *y = bias.values[i % c]);
            let [n, t, h, w] = [0, 1, 2, 3].map(|axis| x.shape()[axis]);
            let large = [n, t, 2 * h, 2 * w, x.shape()[4]].into();
            each_product(&LARGE, &large, k.shape(), shape, |xi, ki, gi| {
                let ci = large[4];
                let (row, column, c) = (xi / ci / (2 * w), xi / ci % (2 * w), xi % ci);
                // `row` counts the rows of all images. 2h is even, so `row / 2` is the row of x,
                // counted over all images too.
                out[gi] += x.values[((row / 2) * w + column / 2) * ci + c] * k.values[ki];
            });
            out
        }
        Op::Norm(_) | Op::NormGrad(_) => fused::norm(op, inputs),
        Op::LstmCell | Op::LstmCellGrad => fused::lstm_cell(op, inputs),
        Op::GruCell | Op::GruCellGrad => fused::gru_cell(op, inputs),
    }
}

/// Like [`offset`], without broadcasting. A shorter `index` covers the outer axes only.
fn offset_exact(shape: &Shape, index: &[usize]) -> usize {
    shape.iter().zip(index).fold(0, |at, (&dim, &i)| at * dim + i)
}

fn unary(f: Unary, x: f64) -> f64 {
    match f {
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Sqrt => x.sqrt(),
        Unary::Recip => 1.0 / x,
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => sigmoid(x),
        Unary::Softplus if x > 0.0 => x + (-x).exp().ln_1p(),
        Unary::Softplus => x.exp().ln_1p(),
        Unary::Abs => x.abs(),
        Unary::Sign if x > 0.0 => 1.0,
        Unary::Sign if x < 0.0 => -1.0,
        Unary::Sign => 0.0,
        Unary::LeakyRelu(slope) => leaky_step(x, slope) * x,
    }
}

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub(super) fn leaky_step(x: f64, slope: f32) -> f64 {
    if x > 0.0 { 1.0 } else { f64::from(slope) }
}

/// Calls `f` with the offsets in x, k and g of every product in ⟨conv(x, k), g⟩.
#[allow(clippy::many_single_char_names)]
fn each_product(
    geometry: &Geometry,
    x: &Shape,
    k: &Shape,
    g: &Shape,
    mut f: impl FnMut(usize, usize, usize),
) {
    // An empty tensor may have a huge axis beside the one of length 0; do not loop over it.
    if g.elements() == 0 || k.elements() == 0 {
        return;
    }
    // The index in the input that tap `tap` of output `out` reads; `None` in the padding.
    let place = |axis: usize, out: usize, tap: usize| {
        let padded = out * geometry.stride[axis] + tap;
        padded.checked_sub(geometry.padding[axis]).filter(|&i| i < x[axis + 1])
    };
    for n in 0..g[0] {
        for t in 0..g[1] {
            for h in 0..g[2] {
                for w in 0..g[3] {
                    for kt in 0..k[0] {
                        for kh in 0..k[1] {
                            for kw in 0..k[2] {
                                let (Some(xt), Some(xh), Some(xw)) =
                                    (place(0, t, kt), place(1, h, kh), place(2, w, kw))
                                else {
                                    continue;
                                };
                                let x0 = offset_exact(x, &[n, xt, xh, xw, 0]);
                                let k0 = offset_exact(k, &[kt, kh, kw, 0, 0]);
                                let g0 = offset_exact(g, &[n, t, h, w, 0]);
                                for ci in 0..k[3] {
                                    for co in 0..k[4] {
                                        f(x0 + ci, k0 + ci * k[4] + co, g0 + co);
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
