use crate::{Desc, Error, Geometry, Op, Result, Shape};

impl Op {
    /// The description of the output for inputs of these descriptions.
    ///
    /// This is the only place that checks shapes. A backend's `apply` calls it first and may rely
    /// on its checks.
    ///
    /// # Errors
    /// [`Error::Shape`] with the operation and all input shapes, if the shapes do not fit the
    /// operation or if a tensor would be larger than the address space.
    pub fn infer(&self, inputs: &[&Desc]) -> Result<Desc> {
        let shapes: Vec<Shape> = inputs.iter().map(|desc| desc.shape).collect();
        let output = shapes
            .iter()
            .try_for_each(addressable)
            .and_then(|()| self.output_shape(&shapes))
            .and_then(|shape| addressable(&shape).map(|()| shape));
        match output {
            Ok(shape) => Ok(Desc::f32(shape)),
            Err(reason) => Err(Error::Shape { op: self.name(), shapes, reason }),
        }
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let arity = match self {
            Op::Concat { .. } => inputs.len().max(1),
            Op::Binary(_) | Op::Gather | Op::Scatter { .. } | Op::MatMul { .. } => 2,
            Op::Conv(_) | Op::ConvInput { .. } | Op::ConvWeight { .. } | Op::LstmCell => 2,
            Op::ResizeConv | Op::Norm(_) | Op::GruCell | Op::LstmCellGrad => 3,
            Op::NormGrad(_) | Op::GruCellGrad => 4,
            _ => 1,
        };
        if inputs.len() != arity {
            return Err(format!("the operation takes {arity} inputs"));
        }
        let x = inputs[0];
        match self {
            Op::Unary(_) | Op::Affine { .. } => Ok(x),
            Op::Binary(_) => x.broadcast(&inputs[1]).ok_or("the shapes do not broadcast".into()),
            Op::Reshape(shape) => {
                check(shape.elements() == x.elements(), || {
                    format!("the new shape {shape} has {} elements", shape.elements())
                })?;
                Ok(*shape)
            }
            Op::Permute(axes) => {
                let mut sorted = axes.clone();
                sorted.sort_unstable();
                check(sorted.iter().copied().eq(0..x.len()), || {
                    format!("{axes:?} is not a permutation of the axes")
                })?;
                Ok(axes.iter().map(|&axis| x[axis]).collect())
            }
            Op::Broadcast(shape) => {
                check(x.broadcast(shape) == Some(*shape), || {
                    format!("the input does not broadcast to {shape}")
                })?;
                Ok(*shape)
            }
            &Op::Slice { axis, start, len } => {
                has_axis(&x, axis)?;
                check(start.checked_add(len).is_some_and(|end| end <= x[axis]), || {
                    format!("{start}..{start} + {len} is out of range for axis {axis}")
                })?;
                Ok(x.with(axis, len))
            }
            &Op::Pad { axis, before, after } => {
                has_axis(&x, axis)?;
                Ok(x.with(axis, before.saturating_add(x[axis]).saturating_add(after)))
            }
            &Op::Concat { axis } => {
                has_axis(&x, axis)?;
                let agree = |s: &Shape| s.len() == x.len() && s.with(axis, 0) == x.with(axis, 0);
                check(inputs.iter().all(agree), || format!("axes other than {axis} must match"))?;
                Ok(x.with(axis, inputs.iter().fold(0, |sum, s| sum.saturating_add(s[axis]))))
            }
            Op::Sum { axes } => {
                check(axes.is_sorted_by(|a, b| a < b), || {
                    format!("the axes {axes:?} must be ascending, each once")
                })?;
                axes.iter().try_fold(x, |shape, &axis| {
                    has_axis(&x, axis)?;
                    Ok(shape.with(axis, 1))
                })
            }
            Op::Softmax => {
                check(!x.is_empty(), || "x must have at least one axis".into())?;
                Ok(x)
            }
            Op::Gather => {
                check(x.len() == 2 && inputs[1].len() < crate::MAX_RANK, || {
                    "the table must be [rows, d], the indices [..]".into()
                })?;
                Ok(inputs[1].join(&x[1..]))
            }
            &Op::Scatter { rows } => {
                let values = inputs[1];
                check(values.len() == x.len() + 1 && values[..x.len()] == *x, || {
                    "the indices must be [..], the values [.., d]".into()
                })?;
                Ok([rows, values[x.len()]].into())
            }
            &Op::MatMul { transpose_a, transpose_b } => {
                let (a, b) = (x, inputs[1]);
                let rank = a.len();
                check(rank >= 2 && b.len() == rank && a[..rank - 2] == b[..rank - 2], || {
                    "both inputs must be [.., rows, columns] with equal outer axes".into()
                })?;
                let ends = |s: &Shape, flip: bool| match flip {
                    false => (s[rank - 2], s[rank - 1]),
                    true => (s[rank - 1], s[rank - 2]),
                };
                let ((m, k), (k_b, n)) = (ends(&a, transpose_a), ends(&b, transpose_b));
                check(k == k_b, || format!("the inner lengths {k} and {k_b} differ"))?;
                Ok(a.with(rank - 2, m).with(rank - 1, n))
            }
            Op::Conv(geometry) => {
                let k = inputs[1];
                check(x.len() == 5 && k.len() == 5, || {
                    "x must be [n, t, h, w, ci], the weights [kt, kh, kw, ci, co]".into()
                })?;
                check(x[4] == k[3], || {
                    format!("x has {} channels, but the weights take {}", x[4], k[3])
                })?;
                let [t, h, w] = output(geometry, inner(&x), [k[0], k[1], k[2]])?;
                Ok([x[0], t, h, w, k[4]].into())
            }
            Op::ConvInput { geometry, size } => {
                let k = inputs[1];
                check(x.len() == 5 && k.len() == 5, || {
                    "g must be [n, t, h, w, co], the weights [kt, kh, kw, ci, co]".into()
                })?;
                check(x[4] == k[4], || {
                    format!("g has {} channels, but the weights give {}", x[4], k[4])
                })?;
                let wanted = output(geometry, *size, [k[0], k[1], k[2]])?;
                check(inner(&x) == wanted, || format!("[t, h, w] of g must be {wanted:?}"))?;
                Ok([x[0], size[0], size[1], size[2], k[3]].into())
            }
            Op::ConvWeight { geometry, kernel } => {
                let g = inputs[1];
                check(x.len() == 5 && g.len() == 5 && x[0] == g[0], || {
                    "x must be [n, t, h, w, ci], g [n, t', h', w', co]".into()
                })?;
                let wanted = output(geometry, inner(&x), *kernel)?;
                check(inner(&g) == wanted, || format!("[t, h, w] of g must be {wanted:?}"))?;
                Ok([kernel[0], kernel[1], kernel[2], x[4], g[4]].into())
            }
            Op::Upsample { factor } => {
                check(x.len() == 5 && !factor.contains(&0), || {
                    format!(
                        "x must be [n, t, h, w, c], and each of the factors {factor:?} at least 1"
                    )
                })?;
                let times = |a: usize| x[a].saturating_mul(factor[a - 1]);
                Ok((0..5).map(|a| if a % 4 == 0 { x[a] } else { times(a) }).collect())
            }
            Op::SumPool { factor } => {
                let fits = |a: usize| factor[a - 1] > 0 && x[a].is_multiple_of(factor[a - 1]);
                check(x.len() == 5 && (1..4).all(fits), || {
                    format!("x must be [n, t, h, w, c] with t, h, w multiples of {factor:?}")
                })?;
                Ok((0..5).map(|a| if a % 4 == 0 { x[a] } else { x[a] / factor[a - 1] }).collect())
            }
            Op::ResizeConv => {
                let (k, bias) = (inputs[1], inputs[2]);
                let fits = x.len() == 5 && k.len() == 5 && k[..3] == [1, 3, 3] && k[3] == x[4];
                check(fits && *bias == k[4..], || {
                    "x must be [n, t, h, w, ci], the weights [1, 3, 3, ci, co], the bias [co]"
                        .into()
                })?;
                let large = [x[1], x[2].saturating_mul(2), x[3].saturating_mul(2)];
                let [t, h, w] = output(&crate::resize::LARGE, large, [1, 3, 3])?;
                Ok([x[0], t, h, w, k[4]].into())
            }
            Op::Norm(spec) => {
                norm(spec.groups, inputs)?;
                Ok(x)
            }
            Op::NormGrad(spec) => {
                norm(spec.groups, inputs)?;
                check(inputs[3] == x, || "g must have the shape of x".into())?;
                Ok(packed(&inputs[..3]))
            }
            Op::LstmCell => lstm(inputs),
            Op::LstmCellGrad => {
                let y = lstm(inputs)?;
                check(inputs[2] == y, || format!("g must have the shape {y}"))?;
                Ok(packed(&inputs[..2]))
            }
            Op::GruCell => gru(inputs),
            Op::GruCellGrad => {
                let y = gru(inputs)?;
                check(inputs[3] == y, || format!("g must have the shape {y}"))?;
                Ok(packed(&inputs[..3]))
            }
        }
    }
}

fn check(ok: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if ok { Ok(()) } else { Err(reason()) }
}

/// Checks that the size of a tensor in bytes fits the address space. The bound on each single axis
/// keeps the small sums and products above from overflowing.
fn addressable(shape: &Shape) -> Result<(), String> {
    const MOST: usize = isize::MAX as usize / 8;
    check(shape.iter().all(|&dim| dim <= MOST) && shape.elements() <= MOST, || {
        format!("a tensor of {shape} is larger than the address space")
    })
}

fn has_axis(shape: &Shape, axis: usize) -> Result<(), String> {
    check(axis < shape.len(), || format!("the tensor has no axis {axis}"))
}

/// The lengths `[t, h, w]` of a shape `[n, t, h, w, c]`.
fn inner(shape: &Shape) -> [usize; 3] {
    [shape[1], shape[2], shape[3]]
}

fn output(geometry: &Geometry, size: [usize; 3], kernel: [usize; 3]) -> Result<[usize; 3], String> {
    let Geometry { stride, padding } = geometry;
    check(!stride.contains(&0), || format!("the strides {stride:?} must be at least 1"))?;
    geometry.output(size, kernel).ok_or_else(|| {
        format!(
            "a kernel {kernel:?} with strides {stride:?} and padding {padding:?} does not fit an \
             input with [t, h, w] = {size:?}"
        )
    })
}

fn packed(parts: &[Shape]) -> Shape {
    [parts.iter().map(Shape::elements).sum()].into()
}

fn norm(groups: usize, inputs: &[Shape]) -> Result<(), String> {
    let (x, scale, shift) = (inputs[0], inputs[1], inputs[2]);
    check(x.len() >= 2, || "x must be [n, .., c]".into())?;
    let (n, c) = (x[0], x[x.len() - 1]);
    check(groups > 0 && c.is_multiple_of(groups), || {
        format!("{c} channels cannot be split into {groups} equal groups")
    })?;
    let fits = scale.len() == 2 && (scale[0] == 1 || scale[0] == n) && scale[1] == c;
    check(fits && shift == scale, || "scale and shift must be [1, c] or [n, c]".into())
}

fn lstm(inputs: &[Shape]) -> Result<Shape, String> {
    let (gates, cell) = (inputs[0], inputs[1]);
    let rank = cell.len();
    let fits =
        (1..crate::MAX_RANK).contains(&rank) && gates == cell.with(rank - 1, 4 * cell[rank - 1]);
    check(fits, || "the gates must be [.., 4c], the cell state [.., c]".into())?;
    Ok(Shape::from([2]).join(&cell))
}

fn gru(inputs: &[Shape]) -> Result<Shape, String> {
    let (a, b, h) = (inputs[0], inputs[1], inputs[2]);
    let rank = h.len();
    let fits = rank > 0 && a == b && a == h.with(rank - 1, 3 * h[rank - 1]);
    check(fits, || "both gate inputs must be [.., 3c], the state [.., c]".into())?;
    Ok(h)
}
