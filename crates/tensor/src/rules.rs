//! The gradient of each operation, written with methods of [`Tensor`], so that one rule serves
//! every backend and every order of gradient.

use crate::{Binary, Desc, Op, Result, Tensor, Unary, resize};

/// The largest number of inputs of an operation with a rule. [`Op::Concat`] may have more, but
/// saves none of them.
const ARITY: usize = 3;

/// The values that a rule needs besides the gradient of the output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Saves {
    pub inputs: [bool; ARITY],
    pub output: bool,
}

/// An input as its rule sees it: the description, and the value if [`Op::saves`] asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Saved<T> {
    pub desc: Desc,
    pub value: Option<T>,
}

impl<T> Saved<T> {
    fn value(&self) -> &T {
        self.value.as_ref().expect("`saves` lists the values of the rule")
    }
}

impl Op {
    /// Whether the operation has a rule. Operations without a rule are differentiated through their
    /// expansion.
    pub(crate) fn has_rule(&self) -> bool {
        !matches!(self, Op::NormGrad(_) | Op::LstmCellGrad | Op::GruCellGrad)
    }

    /// Whether the derivative is zero wherever it exists.
    pub(crate) fn is_flat(&self) -> bool {
        matches!(self, Op::Unary(Unary::Sign))
    }

    /// The values that the rule needs for the partials by the wanted inputs.
    pub(crate) fn saves(&self, wanted: &[bool]) -> Saves {
        let wants = |i: usize| wanted.get(i) == Some(&true);
        let inputs = |a, b, c| Saves { inputs: [a, b, c], output: false };
        let output = Saves { output: true, ..Saves::default() };
        match self {
            Op::Unary(Unary::Exp | Unary::Sqrt | Unary::Recip) => output,
            Op::Unary(Unary::Tanh | Unary::Sigmoid) | Op::Softmax => output,
            Op::Unary(_) => inputs(true, false, false),
            Op::Binary(Binary::Mul) => inputs(wants(1), wants(0), false),
            Op::Binary(Binary::Div) => inputs(wants(1), true, false),
            Op::Binary(Binary::LeakyReluGrad(_)) => inputs(wants(1), false, false),
            Op::MatMul { .. } | Op::Conv(_) | Op::ConvInput { .. } | Op::ConvWeight { .. } => {
                inputs(wants(1), wants(0), false)
            }
            Op::ResizeConv => inputs(wants(1), wants(0), false),
            Op::Gather => inputs(false, true, false),
            Op::Scatter { .. } => inputs(true, false, false),
            Op::Norm(_) | Op::GruCell => inputs(true, true, true),
            Op::LstmCell => inputs(true, true, false),
            _ => Saves::default(),
        }
    }

    /// The partials of ⟨g, op(inputs)⟩ by the wanted inputs; `None` for a partial that is zero.
    pub(crate) fn partials<T: Tensor>(
        &self,
        inputs: &[Saved<T>],
        output: Option<&T>,
        g: &T,
        wanted: &[bool],
    ) -> Result<Vec<Option<T>>> {
        let x = &inputs[0];
        let y = || output.expect("`saves` lists the values of the rule");
        let shape = |i: usize| &inputs[i].desc.shape;
        let one = |partial: Result<T>| Ok(vec![Some(partial?)]);
        let partial = |i: usize, f: &dyn Fn() -> Result<T>| wanted[i].then(f).transpose();
        let two = |a: &dyn Fn() -> Result<T>, b: &dyn Fn() -> Result<T>| {
            Ok(vec![partial(0, a)?, partial(1, b)?])
        };
        match self {
            Op::Unary(unary) => match unary {
                Unary::Exp => one(g.mul(y())),
                Unary::Log => one(g.div(x.value())),
                Unary::Sqrt => one(g.div(&y().affine(2.0, 0.0)?)),
                Unary::Recip => one(g.mul(&y().mul(y())?.neg()?)),
                Unary::Tanh => one(g.mul(&y().mul(y())?.affine(-1.0, 1.0)?)),
                Unary::Sigmoid => one(g.mul(&y().mul(&y().affine(-1.0, 1.0)?)?)),
                Unary::Softplus => one(g.mul(&x.value().sigmoid()?)),
                Unary::Abs => one(g.mul(&x.value().unary(Unary::Sign)?)),
                Unary::LeakyRelu(slope) => one(x.value().leaky_relu_grad(*slope, g)),
                Unary::Sign => Ok(vec![None]),
            },
            Op::Affine { mul, .. } => one(g.affine(*mul, 0.0)),
            Op::Binary(binary) => {
                let (a, b) = (&inputs[0], &inputs[1]);
                match binary {
                    Binary::Add => two(&|| g.sum_to(shape(0)), &|| g.sum_to(shape(1))),
                    Binary::Sub => two(&|| g.sum_to(shape(0)), &|| g.sum_to(shape(1))?.neg()),
                    Binary::Mul => two(&|| g.mul(b.value())?.sum_to(shape(0)), &|| {
                        g.mul(a.value())?.sum_to(shape(1))
                    }),
                    Binary::Div => two(&|| g.div(b.value())?.sum_to(shape(0)), &|| {
                        let square = b.value().mul(b.value())?;
                        g.mul(a.value())?.div(&square)?.neg()?.sum_to(shape(1))
                    }),
                    Binary::LeakyReluGrad(slope) => {
                        let by_b = || a.value().leaky_relu_grad(*slope, g)?.sum_to(shape(1));
                        Ok(vec![None, partial(1, &by_b)?])
                    }
                }
            }
            Op::Reshape(_) => one(g.reshape(x.desc.shape)),
            Op::Permute(axes) => {
                let mut inverse = vec![0; axes.len()];
                axes.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
                one(g.permute(&inverse))
            }
            Op::Broadcast(_) => one(g.sum_to(shape(0))),
            &Op::Slice { axis, start, len } => {
                one(g.pad(axis, start, x.desc.shape[axis] - start - len))
            }
            &Op::Pad { axis, before, .. } => one(g.slice(axis, before, x.desc.shape[axis])),
            &Op::Concat { axis } => {
                let mut start = 0;
                let cut = |(input, &wanted): (&Saved<T>, &bool)| {
                    let len = input.desc.shape[axis];
                    start += len;
                    wanted.then(|| g.slice(axis, start - len, len)).transpose()
                };
                inputs.iter().zip(wanted).map(cut).collect()
            }
            Op::Sum { .. } => one(g.broadcast_to(x.desc.shape)),
            Op::Softmax => {
                let inner = y().shape().len() - 1;
                one(y().mul(&g.sub(&g.mul(y())?.sum(&[inner])?)?))
            }
            Op::Gather => {
                let op = Op::Scatter { rows: x.desc.shape[0] };
                Ok(vec![Some(T::apply(g.device(), op, &[inputs[1].value(), g])?), None])
            }
            Op::Scatter { .. } => Ok(vec![None, Some(g.gather(x.value())?)]),
            &Op::MatMul { transpose_a: ta, transpose_b: tb } => {
                let (a, b) = (&inputs[0], &inputs[1]);
                two(
                    &|| match ta {
                        false => g.matmul_t(false, b.value(), !tb),
                        true => b.value().matmul_t(tb, g, true),
                    },
                    &|| match tb {
                        false => a.value().matmul_t(!ta, g, false),
                        true => g.matmul_t(true, a.value(), ta),
                    },
                )
            }
            &Op::Conv(geometry) => {
                let [n, k] = [shape(0), shape(1)];
                two(&|| g.conv_input(inputs[1].value(), geometry, [n[1], n[2], n[3]]), &|| {
                    inputs[0].value().conv_weight(g, geometry, [k[0], k[1], k[2]])
                })
            }
            &Op::ConvInput { geometry, .. } => {
                let k = shape(1);
                two(&|| g.conv(inputs[1].value(), geometry), &|| {
                    g.conv_weight(inputs[0].value(), geometry, [k[0], k[1], k[2]])
                })
            }
            &Op::ConvWeight { geometry, .. } => {
                let n = shape(0);
                two(&|| inputs[1].value().conv_input(g, geometry, [n[1], n[2], n[3]]), &|| {
                    inputs[0].value().conv(g, geometry)
                })
            }
            &Op::Upsample { factor } => one(g.sum_pool(factor)),
            &Op::SumPool { factor } => one(g.upsample(factor)),
            Op::ResizeConv => Ok(vec![
                partial(0, &|| g.conv(&resize::fold(inputs[1].value())?, resize::GEOMETRY))?,
                partial(1, &|| {
                    let k = g.conv_weight(inputs[0].value(), resize::GEOMETRY, [1, 4, 4])?;
                    resize::unfold(&k)
                })?,
                partial(2, &|| g.sum_to(shape(2)))?,
            ]),
            Op::Norm(spec) => unpack(Op::NormGrad(*spec), inputs, g),
            Op::LstmCell => unpack(Op::LstmCellGrad, inputs, g),
            Op::GruCell => unpack(Op::GruCellGrad, inputs, g),
            Op::NormGrad(_) | Op::LstmCellGrad | Op::GruCellGrad => {
                unreachable!("differentiated by expansion")
            }
        }
    }
}

/// The deferred product `op(a, b)`, a sum over the outermost axis of both factors. The partial by a
/// weight is such a sum, over the batch.
pub(crate) struct Product<T> {
    op: Op,
    a: T,
    b: T,
}

impl Op {
    /// The partial by the second input as a [`Product`]; `None` if it is not one.
    pub(crate) fn product<T: Tensor>(&self, inputs: &[Saved<T>], g: &T) -> Option<Product<T>> {
        let x = || inputs[0].value().clone();
        let g = g.clone();
        let (op, a, b) = match *self {
            Op::MatMul { transpose_a: false, transpose_b } if g.shape().len() == 2 => {
                let (a, b) = if transpose_b { (g, x()) } else { (x(), g) };
                (Op::MatMul { transpose_a: true, transpose_b: false }, a, b)
            }
            Op::Conv(geometry) => {
                let k = &inputs[1].desc.shape;
                (Op::ConvWeight { geometry, kernel: [k[0], k[1], k[2]] }, x(), g)
            }
            _ => return None,
        };
        Some(Product { op, a, b })
    }
}

impl<T: Tensor> Product<T> {
    /// The number of elements of both factors together.
    pub fn elements(&self) -> usize {
        self.a.shape().elements() + self.b.shape().elements()
    }

    /// The sum of all products; `None` if there are none. Products with the same operation and the
    /// same shapes but for the outermost axis are computed as one.
    pub fn sum(mut products: Vec<Self>) -> Result<Option<T>> {
        let inner = |product: &Self| [&product.a, &product.b].map(|x| x.shape().with(0, 1));
        let mut total: Option<T> = None;
        while let Some(first) = products.first() {
            let (op, shapes) = (first.op.clone(), inner(first));
            let alike = |other: &Self| other.op == op && inner(other) == shapes;
            let (together, rest): (Vec<_>, Vec<_>) = products.into_iter().partition(alike);
            products = rest;
            let (a, b): (Vec<T>, Vec<T>) = together.into_iter().map(|p| (p.a, p.b)).unzip();
            let (a, b) = (joined(a)?, joined(b)?);
            let sum = T::apply(a.device(), op, &[&a, &b])?;
            total = Some(match total {
                Some(total) => total.add(&sum)?,
                None => sum,
            });
        }
        Ok(total)
    }
}

/// The tensors concatenated along their outermost axis.
fn joined<T: Tensor>(mut tensors: Vec<T>) -> Result<T> {
    if tensors.len() == 1 {
        return Ok(tensors.remove(0));
    }
    T::concat(&tensors.iter().collect::<Vec<_>>(), 0)
}

/// Computes the fused operation `op`, whose output is all partials, flattened and concatenated, and
/// splits its output into the partials.
fn unpack<T: Tensor>(op: Op, inputs: &[Saved<T>], g: &T) -> Result<Vec<Option<T>>> {
    let values: Vec<&T> = inputs.iter().map(Saved::value).chain([g]).collect();
    let flat = T::apply(g.device(), op, &values)?;
    let mut start = 0;
    inputs
        .iter()
        .map(|input| {
            let len = input.desc.shape.elements();
            start += len;
            Ok(Some(flat.slice(0, start - len, len)?.reshape(input.desc.shape)?))
        })
        .collect()
}
