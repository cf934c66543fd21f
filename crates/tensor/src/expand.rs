//! The fused operations made of primitives. A backend without a kernel falls back to them, the
//! tests compare kernels with them, and second-order gradients are taken through them.

use crate::{NormSpec, Op, Result, Shape, Tensor, resize};

impl Op {
    /// The operation made of primitives; `None` if the operation is a primitive itself.
    ///
    /// # Errors
    /// Those of the primitives.
    ///
    /// # Panics
    /// If [`Op::infer`] rejects the inputs.
    pub fn expand<T: Tensor>(&self, inputs: &[&T]) -> Option<Result<T>> {
        Some(match (self, inputs) {
            (Op::ResizeConv, [x, k, bias]) => resize_conv(x, k, bias),
            (Op::Norm(spec), [x, scale, shift]) => norm(spec, x, scale, shift),
            (Op::NormGrad(spec), [x, scale, shift, g]) => norm_grad(spec, x, scale, shift, g),
            (Op::LstmCell, [gates, cell]) => lstm_cell(gates, cell),
            (Op::LstmCellGrad, [gates, cell, g]) => lstm_cell_grad(gates, cell, g),
            (Op::GruCell, [a, b, h]) => gru_cell(a, b, h),
            (Op::GruCellGrad, [a, b, h, g]) => gru_cell_grad(a, b, h, g),
            _ => return None,
        })
    }
}

/// The parts, flattened and concatenated.
fn pack<T: Tensor>(parts: &[&T]) -> Result<T> {
    let flat =
        parts.iter().map(|p| p.reshape([p.shape().elements()])).collect::<Result<Vec<_>>>()?;
    T::concat(&flat.iter().collect::<Vec<_>>(), 0)
}

fn resize_conv<T: Tensor>(x: &T, k: &T, bias: &T) -> Result<T> {
    let size = [x.shape()[1], 2 * x.shape()[2], 2 * x.shape()[3]];
    x.conv_input(&resize::fold(k)?, resize::GEOMETRY, size)?.add(bias)
}

/// The intermediate values that [`Op::Norm`] and its gradient share. `s` is the product of the axes
/// between `n` and `c`.
struct Normed<T> {
    /// `[n, s, groups, c / groups]`.
    grouped: Shape,
    /// `[n, s, c]`.
    flat: Shape,
    /// 1 / √(variance + ε), `[n, 1, groups, 1]`.
    inverse: T,
    /// (x - mean) · inverse, `[n, s, c]`.
    x_hat: T,
    /// `[n, 1, c]` or `[1, 1, c]`.
    scale: T,
    /// x̂ · scale + shift, before the activation, `[n, s, c]`.
    y: T,
}

fn normed<T: Tensor>(spec: &NormSpec, x: &T, scale: &T, shift: &T) -> Result<Normed<T>> {
    let dims = x.shape();
    let (n, c) = (dims[0], dims[dims.len() - 1]);
    let s = dims[1..dims.len() - 1].iter().product();
    let grouped = Shape::from([n, s, spec.groups, c / spec.groups]);
    let flat = Shape::from([n, s, c]);
    let x = x.reshape(grouped)?;
    let centred = x.sub(&x.mean(&[1, 3])?)?;
    let variance = centred.mul(&centred)?.mean(&[1, 3])?;
    let inverse = variance.affine(1.0, spec.epsilon)?.sqrt()?.recip()?;
    let x_hat = centred.mul(&inverse)?.reshape(flat)?;
    let scale = scale.reshape([scale.shape()[0], 1, c])?;
    let y = x_hat.mul(&scale)?.add(&shift.reshape(scale.shape())?)?;
    Ok(Normed { grouped, flat, inverse, x_hat, scale, y })
}

fn norm<T: Tensor>(spec: &NormSpec, x: &T, scale: &T, shift: &T) -> Result<T> {
    let y = normed(spec, x, scale, shift)?.y;
    let y = if spec.slope == 1.0 { y } else { y.leaky_relu(spec.slope)? };
    y.reshape(x.shape())
}

/// With ĝ the gradient before the activation and m the mean over a group:
/// ∂shift = Σ ĝ, ∂scale = Σ ĝ x̂, ∂x = inverse · (ĝ scale - m(ĝ scale) - x̂ m(ĝ scale x̂)).
fn norm_grad<T: Tensor>(spec: &NormSpec, x: &T, scale: &T, shift: &T, g: &T) -> Result<T> {
    let Normed { grouped, flat, inverse, x_hat, scale, y } = normed(spec, x, scale, shift)?;
    let g = y.leaky_relu_grad(spec.slope, &g.reshape(flat)?)?;
    let by_shift = g.sum_to(scale.shape())?;
    let by_scale = g.mul(&x_hat)?.sum_to(scale.shape())?;
    let g = g.mul(&scale)?.reshape(grouped)?;
    let x_hat = x_hat.reshape(grouped)?;
    let along = x_hat.mul(&g.mul(&x_hat)?.mean(&[1, 3])?)?;
    let by_x = g.sub(&g.mean(&[1, 3])?)?.sub(&along)?.mul(&inverse)?;
    pack(&[&by_x, &by_scale, &by_shift])
}

/// The gates i, f, g, o of [`Op::LstmCell`] after their activations.
fn lstm_gates<T: Tensor>(gates: &T, cell: &T) -> Result<[T; 4]> {
    let axis = cell.shape().len() - 1;
    let c = cell.shape()[axis];
    let cut = |k: usize| gates.slice(axis, k * c, c);
    Ok([cut(0)?.sigmoid()?, cut(1)?.sigmoid()?, cut(2)?.tanh()?, cut(3)?.sigmoid()?])
}

fn lstm_cell<T: Tensor>(gates: &T, cell: &T) -> Result<T> {
    let [i, f, g, o] = lstm_gates(gates, cell)?;
    let cell = f.mul(cell)?.add(&i.mul(&g)?)?;
    T::stack(&[&o.mul(&cell.tanh()?)?, &cell], 0)
}

fn lstm_cell_grad<T: Tensor>(gates: &T, cell: &T, grad: &T) -> Result<T> {
    let [i, f, g, o] = lstm_gates(gates, cell)?;
    let tanh = f.mul(cell)?.add(&i.mul(&g)?)?.tanh()?;
    let (by_h, by_c) = (grad.select(0, 0)?, grad.select(0, 1)?);
    let slope_tanh = |y: &T| y.mul(y)?.affine(-1.0, 1.0);
    let slope_sigmoid = |y: &T| y.mul(&y.affine(-1.0, 1.0)?);
    let by_c = by_c.add(&by_h.mul(&o)?.mul(&slope_tanh(&tanh)?)?)?;
    let by_i = by_c.mul(&g)?.mul(&slope_sigmoid(&i)?)?;
    let by_f = by_c.mul(cell)?.mul(&slope_sigmoid(&f)?)?;
    let by_g = by_c.mul(&i)?.mul(&slope_tanh(&g)?)?;
    let by_o = by_h.mul(&tanh)?.mul(&slope_sigmoid(&o)?)?;
    let by_gates = T::concat(&[&by_i, &by_f, &by_g, &by_o], cell.shape().len() - 1)?;
    pack(&[&by_gates, &by_c.mul(&f)?])
}

/// r, z and n of [`Op::GruCell`] after their activations, and bₙ.
fn gru_gates<T: Tensor>(a: &T, b: &T, h: &T) -> Result<[T; 4]> {
    let axis = h.shape().len() - 1;
    let c = h.shape()[axis];
    let cut = |x: &T, k: usize| x.slice(axis, k * c, c);
    let r = cut(a, 0)?.add(&cut(b, 0)?)?.sigmoid()?;
    let z = cut(a, 1)?.add(&cut(b, 1)?)?.sigmoid()?;
    let b_n = cut(b, 2)?;
    let n = cut(a, 2)?.add(&r.mul(&b_n)?)?.tanh()?;
    Ok([r, z, n, b_n])
}

fn gru_cell<T: Tensor>(a: &T, b: &T, h: &T) -> Result<T> {
    let [_, z, n, _] = gru_gates(a, b, h)?;
    n.add(&z.mul(&h.sub(&n)?)?)
}

fn gru_cell_grad<T: Tensor>(a: &T, b: &T, h: &T, g: &T) -> Result<T> {
    let [r, z, n, b_n] = gru_gates(a, b, h)?;
    let axis = h.shape().len() - 1;
    let slope_sigmoid = |y: &T| y.mul(&y.affine(-1.0, 1.0)?);
    let by_z = g.mul(&h.sub(&n)?)?.mul(&slope_sigmoid(&z)?)?;
    let by_n = g.mul(&z.affine(-1.0, 1.0)?)?.mul(&n.mul(&n)?.affine(-1.0, 1.0)?)?;
    let by_r = by_n.mul(&b_n)?.mul(&slope_sigmoid(&r)?)?;
    let by_a = T::concat(&[&by_r, &by_z, &by_n], axis)?;
    let by_b = T::concat(&[&by_r, &by_z, &by_n.mul(&r)?], axis)?;
    pack(&[&by_a, &by_b, &g.mul(&z)?])
}
