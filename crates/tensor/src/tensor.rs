use std::future::Future;

use crate::wait::block_on;
use crate::{Binary, Desc, Error, Geometry, NormSpec, Op, Random, Result, Shape, Unary, Update};

/// An array of numbers on some device.
///
/// Like `Iterator`, the trait asks a backend for a few methods and provides the others. An
/// operation never changes its inputs; a clone is cheap.
///
/// # Errors
/// Every operation first checks its shapes with [`Op::infer`] and fails at once with
/// [`Error::Shape`]. An error of a device that works in the background may surface later, in
/// [`Tensor::read`].
pub trait Tensor: Clone + Send + Sync {
    /// A device that stores and computes tensors.
    type Device: Clone + Send + Sync;

    /// The device of this tensor.
    fn device(&self) -> &Self::Device;

    /// The tensor's shape and element type.
    fn desc(&self) -> &Desc;

    /// A tensor with the elements `data`, in row-major order.
    ///
    /// # Errors
    /// [`Error::Length`] if `data` does not fill `shape`; errors of the device.
    fn from_slice(device: &Self::Device, data: &[f32], shape: impl Into<Shape>) -> Result<Self>;

    /// The elements in row-major order, once the device has computed them.
    fn read(&self) -> impl Future<Output = Result<Vec<f32>>>;

    /// Computes `op` of `inputs`. All operations of the trait end here.
    fn apply(device: &Self::Device, op: Op, inputs: &[&Self]) -> Result<Self>;

    /// Applies an optimiser's rule to `self`, in place if no other tensor shares the buffer.
    ///
    /// The provided method is made of operations; a backend may override it with one kernel.
    ///
    /// # Errors
    /// Those of [`Update::check`], before anything is changed.
    fn update(&mut self, update: &Update, state: &mut [&mut Self], inputs: &[&Self]) -> Result<()> {
        update.expand(self, state, inputs)
    }

    // All methods below are provided.

    /// The lengths of the axes.
    fn shape(&self) -> &Shape {
        &self.desc().shape
    }

    /// The elements in row-major order; blocks until the device has computed them.
    fn to_vec(&self) -> Result<Vec<f32>> {
        block_on(self.read())
    }

    /// A tensor whose elements all equal `value`.
    fn full(device: &Self::Device, value: f32, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        let ones: Shape = shape.iter().map(|_| 1).collect();
        Self::from_slice(device, &[value], ones)?.broadcast_to(shape)
    }

    /// Independent normal numbers of mean 0 and variance 1, drawn on the host.
    ///
    /// # Errors
    /// [`Error::Memory`] if the host has no memory for the numbers.
    fn randn(device: &Self::Device, random: &mut Random, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        // The `+ 1`: `normals` draws pairs. A shape read from a file may be too large for memory.
        let room = Vec::<f32>::new().try_reserve_exact(shape.elements().saturating_add(1));
        room.map_err(|_| Error::Memory(format!("no room for a tensor of {shape}")))?;
        Self::from_slice(device, &random.normals(shape.elements()), shape)
    }

    /// f(x), element by element.
    fn unary(&self, unary: Unary) -> Result<Self> {
        Self::apply(self.device(), Op::Unary(unary), &[self])
    }

    /// eˣ
    fn exp(&self) -> Result<Self> {
        self.unary(Unary::Exp)
    }

    /// ln x
    fn log(&self) -> Result<Self> {
        self.unary(Unary::Log)
    }

    /// √x
    fn sqrt(&self) -> Result<Self> {
        self.unary(Unary::Sqrt)
    }

    /// 1 / x
    fn recip(&self) -> Result<Self> {
        self.unary(Unary::Recip)
    }

    /// tanh x
    fn tanh(&self) -> Result<Self> {
        self.unary(Unary::Tanh)
    }

    /// 1 / (1 + e⁻ˣ)
    fn sigmoid(&self) -> Result<Self> {
        self.unary(Unary::Sigmoid)
    }

    /// ln(1 + eˣ)
    fn softplus(&self) -> Result<Self> {
        self.unary(Unary::Softplus)
    }

    /// |x|
    fn abs(&self) -> Result<Self> {
        self.unary(Unary::Abs)
    }

    /// x where x > 0, else `slope` x.
    fn leaky_relu(&self, slope: f32) -> Result<Self> {
        self.unary(Unary::LeakyRelu(slope))
    }

    /// The partial of ⟨`grad`, leaky_relu(x)⟩ by x: `grad` where x > 0, else `slope` · `grad`.
    fn leaky_relu_grad(&self, slope: f32, grad: &Self) -> Result<Self> {
        Self::apply(self.device(), Op::Binary(Binary::LeakyReluGrad(slope)), &[self, grad])
    }

    /// x where x > 0, else 0.
    fn relu(&self) -> Result<Self> {
        self.leaky_relu(0.0)
    }

    /// mul x + add
    fn affine(&self, mul: f32, add: f32) -> Result<Self> {
        Self::apply(self.device(), Op::Affine { mul, add }, &[self])
    }

    /// -x
    fn neg(&self) -> Result<Self> {
        self.affine(-1.0, 0.0)
    }

    /// self + other, broadcast.
    fn add(&self, other: &Self) -> Result<Self> {
        Self::apply(self.device(), Op::Binary(Binary::Add), &[self, other])
    }

    /// self - other, broadcast.
    fn sub(&self, other: &Self) -> Result<Self> {
        Self::apply(self.device(), Op::Binary(Binary::Sub), &[self, other])
    }

    /// self · other, element by element, broadcast.
    fn mul(&self, other: &Self) -> Result<Self> {
        Self::apply(self.device(), Op::Binary(Binary::Mul), &[self, other])
    }

    /// self / other, element by element, broadcast.
    fn div(&self, other: &Self) -> Result<Self> {
        Self::apply(self.device(), Op::Binary(Binary::Div), &[self, other])
    }

    /// The same elements, in the same order, with another shape.
    fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape == *self.shape() {
            return Ok(self.clone());
        }
        Self::apply(self.device(), Op::Reshape(shape), &[self])
    }

    /// Axis i of the result is axis `axes[i]` of `self`.
    fn permute(&self, axes: &[usize]) -> Result<Self> {
        Self::apply(self.device(), Op::Permute(axes.to_vec()), &[self])
    }

    /// `self` repeated to `shape`, as in [`Shape::broadcast`].
    fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape == *self.shape() {
            return Ok(self.clone());
        }
        Self::apply(self.device(), Op::Broadcast(shape), &[self])
    }

    /// Elements `start..start + len` along `axis`. A slice along the outermost axis can be a view
    /// that copies nothing.
    fn slice(&self, axis: usize, start: usize, len: usize) -> Result<Self> {
        if start == 0 && self.shape().get(axis) == Some(&len) {
            return Ok(self.clone());
        }
        Self::apply(self.device(), Op::Slice { axis, start, len }, &[self])
    }

    /// `self` with `before` zeros before and `after` zeros after it along `axis`.
    fn pad(&self, axis: usize, before: usize, after: usize) -> Result<Self> {
        Self::apply(self.device(), Op::Pad { axis, before, after }, &[self])
    }

    /// The element `index` along `axis`, without that axis.
    fn select(&self, axis: usize, index: usize) -> Result<Self> {
        let cut = self.slice(axis, index, 1)?;
        let shape: Shape =
            cut.shape().iter().enumerate().filter(|(a, _)| *a != axis).map(|(_, &d)| d).collect();
        cut.reshape(shape)
    }

    /// The tensors concatenated along `axis`; their other axes must be equal.
    ///
    /// # Panics
    /// If `parts` is empty.
    fn concat(parts: &[&Self], axis: usize) -> Result<Self> {
        match parts {
            [] => panic!("concat and stack need at least one tensor"),
            [one] => Ok((*one).clone()),
            _ => Self::apply(parts[0].device(), Op::Concat { axis }, parts),
        }
    }

    /// Tensors of equal shape, stacked along a new axis `axis`.
    ///
    /// # Panics
    /// If `parts` is empty.
    fn stack(parts: &[&Self], axis: usize) -> Result<Self> {
        if parts.iter().any(|part| axis > part.shape().len()) {
            return Err(Error::Shape {
                op: "stack",
                shapes: parts.iter().map(|part| *part.shape()).collect(),
                reason: format!("a new axis {axis} is out of range"),
            });
        }
        let widened = parts
            .iter()
            .map(|part| {
                let (outer, inner) = part.shape().split_at(axis);
                part.reshape(Shape::from(outer).join(&[1]).join(inner))
            })
            .collect::<Result<Vec<_>>>()?;
        Self::concat(&widened.iter().collect::<Vec<_>>(), axis)
    }

    /// The sum over `axes` (ascending), which keep length 1.
    fn sum(&self, axes: &[usize]) -> Result<Self> {
        if axes.iter().all(|&axis| self.shape().get(axis) == Some(&1)) {
            return Ok(self.clone());
        }
        Self::apply(self.device(), Op::Sum { axes: axes.to_vec() }, &[self])
    }

    /// The sum over the axes that a broadcast from `shape` to the shape of `self` repeats: the
    /// adjoint of that broadcast.
    fn sum_to(&self, shape: &Shape) -> Result<Self> {
        if shape == self.shape() {
            return Ok(self.clone());
        }
        let extra = self.shape().len().saturating_sub(shape.len());
        let repeated = |&axis: &usize| axis < extra || shape[axis - extra] != self.shape()[axis];
        let axes: Vec<usize> = (0..self.shape().len()).filter(repeated).collect();
        self.sum(&axes)?.reshape(*shape)
    }

    /// The sum of all elements, a scalar.
    fn sum_all(&self) -> Result<Self> {
        let axes: Vec<usize> = (0..self.shape().len()).collect();
        self.sum(&axes)?.reshape([])
    }

    /// The mean over `axes` (ascending), which keep length 1.
    fn mean(&self, axes: &[usize]) -> Result<Self> {
        let sum = self.sum(axes)?;
        let count = self.shape().elements() / sum.shape().elements().max(1);
        sum.affine(1.0 / count as f32, 0.0)
    }

    /// The mean of all elements, a scalar.
    fn mean_all(&self) -> Result<Self> {
        self.sum_all()?.affine(1.0 / self.shape().elements() as f32, 0.0)
    }

    /// Softmax along the innermost axis.
    fn softmax(&self) -> Result<Self> {
        Self::apply(self.device(), Op::Softmax, &[self])
    }

    /// The logarithm of the softmax along the innermost axis: x - log Σ exp(x), for |x| up to 10⁶.
    /// The result is finite even where the softmax is 0. An infinite element makes its row NaN.
    fn log_softmax(&self) -> Result<Self> {
        let innermost = [self.shape().len().saturating_sub(1)];
        // Any m near max(x) keeps exp(x - m) in range. For n elements, m = Σ softmax(x) x is from
        // max(x) - log n to max(x), because the entropy of the softmax is at most log n. The result does
        // not depend on m, so its gradient through m is 0.
        let m = self.softmax()?.mul(self)?.sum(&innermost)?;
        let x = self.sub(&m)?;
        x.sub(&x.exp()?.sum(&innermost)?.log()?)
    }

    /// The index of the largest element of each row along the innermost axis, row by row; the first
    /// one among equals. NaN is never the largest, unless all elements of the row are NaN. The method
    /// waits for the device.
    ///
    /// # Errors
    /// If rows have no elements, or the device fails.
    fn argmax(&self) -> Result<Vec<usize>> {
        let width = self.shape().last().copied().unwrap_or(1);
        if width == 0 {
            let reason = "a row without elements has no largest one".into();
            return Err(Error::Shape { op: "argmax", shapes: vec![*self.shape()], reason });
        }
        let largest = |row: &[f32]| {
            (1..width).fold(0, |best, i| {
                if row[i] > row[best] || row[best].is_nan() && !row[i].is_nan() { i } else { best }
            })
        };
        Ok(self.to_vec()?.chunks(width).map(largest).collect())
    }

    /// The rows of the table `self: [rows, d]` at `indices: [..]`, a tensor `[.., d]`; see
    /// [`Op::Gather`].
    fn gather(&self, indices: &Self) -> Result<Self> {
        Self::apply(self.device(), Op::Gather, &[self, indices])
    }

    /// The matrix product over the two innermost axes, `[.., m, k] · [.., k, n]`.
    fn matmul(&self, other: &Self) -> Result<Self> {
        self.matmul_t(false, other, false)
    }

    /// The matrix product over the two innermost axes, with either side transposed on request.
    fn matmul_t(&self, transpose_a: bool, other: &Self, transpose_b: bool) -> Result<Self> {
        let op = Op::MatMul { transpose_a, transpose_b };
        Self::apply(self.device(), op, &[self, other])
    }

    /// The convolution of `self: [n, t, h, w, ci]` with `weight: [kt, kh, kw, ci, co]`, which gives
    /// `[n, t', h', w', co]`; see [`Op::Conv`].
    fn conv(&self, weight: &Self, geometry: Geometry) -> Result<Self> {
        Self::apply(self.device(), Op::Conv(geometry), &[self, weight])
    }

    /// The transposed convolution of `self: [n, t', h', w', co]` with
    /// `weight: [kt, kh, kw, ci, co]`, which gives `[n, t, h, w, ci]` with `size = [t, h, w]`.
    fn conv_input(&self, weight: &Self, geometry: Geometry, size: [usize; 3]) -> Result<Self> {
        Self::apply(self.device(), Op::ConvInput { geometry, size }, &[self, weight])
    }

    /// The gradient by the weights of a convolution of `self: [n, t, h, w, ci]` whose output has
    /// the gradient `g: [n, t', h', w', co]`. With `kernel = [kt, kh, kw]`, it gives
    /// `[kt, kh, kw, ci, co]`.
    fn conv_weight(&self, g: &Self, geometry: Geometry, kernel: [usize; 3]) -> Result<Self> {
        Self::apply(self.device(), Op::ConvWeight { geometry, kernel }, &[self, g])
    }

    /// `self: [n, t, h, w, c]` with each element repeated `factor = [ft, fh, fw]` times along
    /// t, h, w.
    fn upsample(&self, factor: [usize; 3]) -> Result<Self> {
        Self::apply(self.device(), Op::Upsample { factor }, &[self])
    }

    /// The sum of each block of `factor = [ft, fh, fw]` elements of `self: [n, t, h, w, c]`.
    fn sum_pool(&self, factor: [usize; 3]) -> Result<Self> {
        Self::apply(self.device(), Op::SumPool { factor }, &[self])
    }

    /// [`Op::ResizeConv`] of `self: [n, t, h, w, ci]` with `weight: [1, 3, 3, ci, co]` and
    /// `bias: [co]`: `[n, t, 2h, 2w, co]`.
    fn resize_conv(&self, weight: &Self, bias: &Self) -> Result<Self> {
        Self::apply(self.device(), Op::ResizeConv, &[self, weight, bias])
    }

    /// [`Op::Norm`] of `self: [n, .., c]` with scale and shift `[n, c]` or `[1, c]`.
    fn norm(&self, scale: &Self, shift: &Self, spec: NormSpec) -> Result<Self> {
        Self::apply(self.device(), Op::Norm(spec), &[self, scale, shift])
    }

    /// [`Op::LstmCell`] of the gates `self: [.., 4c]` and the cell state `[.., c]`: `[2, .., c]`,
    /// h' then c'.
    fn lstm_cell(&self, cell: &Self) -> Result<Self> {
        Self::apply(self.device(), Op::LstmCell, &[self, cell])
    }

    /// [`Op::GruCell`] of the gates from the input, `self: [.., 3c]`, the gates from the state,
    /// `[.., 3c]`, and the state `[.., c]`: the new state `[.., c]`.
    fn gru_cell(&self, state_gates: &Self, state: &Self) -> Result<Self> {
        Self::apply(self.device(), Op::GruCell, &[self, state_gates, state])
    }
}
