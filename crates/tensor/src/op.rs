use crate::{Geometry, Shape};

/// A function of one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    /// eˣ
    Exp,
    /// ln x
    Log,
    /// √x
    Sqrt,
    /// 1 / x
    Recip,
    /// tanh x
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// ln(1 + eˣ), without overflow
    Softplus,
    /// |x|
    Abs,
    /// -1, 0 or 1
    Sign,
    /// x where x > 0, else `slope` x
    LeakyRelu(f32),
}

/// A function of two elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a b
    Mul,
    /// a / b
    Div,
    /// b where a > 0, else `slope` b: the partial of [`Unary::LeakyRelu`] at a, where b is the
    /// gradient of its output
    LeakyReluGrad(f32),
}

/// How [`Op::Norm`] normalises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormSpec {
    /// The number of groups of channels: 1 for layer norm, the number of channels for instance
    /// norm.
    pub groups: usize,
    /// ε, added to the variance.
    pub epsilon: f32,
    /// The negative slope of the leaky ReLU after the norm; 1 for no activation.
    pub slope: f32,
}

/// An operation that a backend computes. The primitives come first; each fused operation below them
/// [`Op::expand`]s into primitives.
///
/// The doc of a variant gives its formula and, after "∂", the derivative of ⟨g, y⟩ by each input,
/// where g is the gradient of the output y.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// y = f(x). ∂x = g f'(x)
    Unary(Unary),
    /// y = mul x + add. ∂x = mul g
    Affine {
        /// The factor.
        mul: f32,
        /// The summand.
        add: f32,
    },
    /// y = f(a, b), both broadcast as in [`Shape::broadcast`]. The partials are summed over the
    /// repeated axes.
    Binary(Binary),
    /// The same elements in the same order, with another shape of as many elements. ∂x = g with the
    /// shape of x
    Reshape(Shape),
    /// Axis i of the output is axis `axes[i]` of the input. ∂x = g with the inverse permutation
    Permute(Vec<usize>),
    /// The input repeated to the shape, as in [`Shape::broadcast`]. ∂x = sum of g over the repeats
    Broadcast(Shape),
    /// Elements `start..start + len` along `axis`. ∂x = g padded with zeros
    Slice {
        /// The axis to slice.
        axis: usize,
        /// The index of the first element.
        start: usize,
        /// The length of the slice.
        len: usize,
    },
    /// The input with zeros before and after it along `axis`. ∂x = the slice of g
    Pad {
        /// The axis to pad.
        axis: usize,
        /// The number of zeros before the input.
        before: usize,
        /// The number of zeros after the input.
        after: usize,
    },
    /// One or more inputs, concatenated along `axis`. ∂ = the slices of g
    Concat {
        /// The axis to concatenate along.
        axis: usize,
    },
    /// The sum over `axes`, which keep length 1. ∂x = g repeated
    Sum {
        /// The axes to sum over, ascending.
        axes: Vec<usize>,
    },
    /// y = softmax(x) along the innermost axis. ∂x = y (g - Σ g y)
    Softmax,
    /// Inputs: a table `[rows, d]` and indices `[..]` (whole numbers, as floats). Output `[.., d]`:
    /// the row of the table at each index, or a row of zeros for an index outside `0..rows`.
    /// ∂table = [`Op::Scatter`]
    Gather,
    /// Inputs: indices `[..]` and values `[.., d]`. Output: a table `[rows, d]`, each of whose rows
    /// is the sum, in order, of the values with its index. Indices outside `0..rows` are ignored.
    /// ∂values = [`Op::Gather`]
    Scatter {
        /// The number of rows of the table.
        rows: usize,
    },
    /// y = A B over the two innermost axes, where A is a or its transpose, and B is b or its
    /// transpose. The outer axes of a and b must be equal. ∂A = g Bᵀ, ∂B = Aᵀ g
    MatMul {
        /// a is `[.., k, m]`, not `[.., m, k]`.
        transpose_a: bool,
        /// b is `[.., n, k]`, not `[.., k, n]`.
        transpose_b: bool,
    },
    /// The convolution (without flipping k) of x `[n, t, h, w, ci]` with weights k
    /// `[kt, kh, kw, ci, co]`. Output `[n, t', h', w', co]`, with sizes from [`Geometry::output`].
    ///
    /// `Conv`, [`Op::ConvInput`] and [`Op::ConvWeight`] are the three partials of the trilinear
    /// form ⟨conv(x, k), g⟩, so the derivatives of each are the other two.
    Conv(Geometry),
    /// Inputs: g `[n, t', h', w', co]` and k. Output `[n, t, h, w, ci]`: the partial of
    /// ⟨conv(x, k), g⟩ by x, which is the transposed convolution of g.
    ConvInput {
        /// Stride and padding of the convolution.
        geometry: Geometry,
        /// `[t, h, w]` of x.
        size: [usize; 3],
    },
    /// Inputs: x and g. Output `[kt, kh, kw, ci, co]`: the partial of ⟨conv(x, k), g⟩ by k.
    ConvWeight {
        /// Stride and padding of the convolution.
        geometry: Geometry,
        /// `[kt, kh, kw]` of k.
        kernel: [usize; 3],
    },
    /// x `[n, t, h, w, c]` with each element repeated `factor = [ft, fh, fw]` times along t, h, w.
    /// ∂x = [`Op::SumPool`]
    Upsample {
        /// `[ft, fh, fw]`.
        factor: [usize; 3],
    },
    /// The sum of each block of `factor = [ft, fh, fw]` elements of `[n, t, h, w, c]`.
    /// ∂x = [`Op::Upsample`]
    SumPool {
        /// `[ft, fh, fw]`.
        factor: [usize; 3],
    },

    /// Fused. Inputs: x `[n, t, h, w, ci]`, weights k `[1, 3, 3, ci, co]` and a bias `[co]`. Output
    /// `[n, t, 2h, 2w, co]`: nearest-neighbour upsampling of x by 2 along h and w, then the
    /// convolution with k and padding 1, plus the bias (Odena et al., "Deconvolution and
    /// checkerboard artifacts", 2016).
    ///
    /// The same output comes from a transposed convolution of stride 2 with a 4×4 kernel, whose
    /// taps are sums of the taps of k that read the same element of x. ∂x and ∂k are the partials
    /// of that transposed convolution; ∂bias = Σ g
    ResizeConv,
    /// Fused. Inputs: x `[n, .., c]`, scale and shift `[n, c]` or `[1, c]`. Output `[n, .., c]`:
    /// y = leaky_relu((x - mean) / √(variance + ε) · scale + shift). The mean and variance are over
    /// the axes `..` and the channels of a group (Wu and He, "Group normalization", 2018).
    /// ∂ = [`Op::NormGrad`]
    Norm(NormSpec),
    /// Fused. Inputs: those of [`Op::Norm`] and g. Output: the partials by x, scale and shift,
    /// flattened and concatenated.
    NormGrad(NormSpec),
    /// Fused. Inputs: gates i, f, g, o before their activations `[.., 4c]` and the cell state
    /// `[.., c]`. Output `[2, .., c]`: h' = σ(o) tanh(c'), then c' = σ(f) c + σ(i) tanh(g)
    /// (Hochreiter and Schmidhuber, 1997). ∂ = [`Op::LstmCellGrad`]
    LstmCell,
    /// Fused. Inputs: those of [`Op::LstmCell`] and g. Output: the partials by the gates and the
    /// cell state, flattened and concatenated.
    LstmCellGrad,
    /// Fused. Inputs: the gates r, z, n computed from the input, a `[.., 3c]`, and from the state,
    /// b `[.., 3c]`, and the state h `[.., c]`. Output `[.., c]`: h' = (1 - z) n + z h with
    /// r, z = σ(a + b), n = tanh(aₙ + r bₙ) (Cho et al., 2014). ∂ = [`Op::GruCellGrad`]
    GruCell,
    /// Fused. Inputs: those of [`Op::GruCell`] and g. Output: the partials by a, b and h, flattened
    /// and concatenated.
    GruCellGrad,
}

impl Op {
    /// The operation's name in errors and profiles.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Unary(unary) => match unary {
                Unary::Exp => "exp",
                Unary::Log => "log",
                Unary::Sqrt => "sqrt",
                Unary::Recip => "recip",
                Unary::Tanh => "tanh",
                Unary::Sigmoid => "sigmoid",
                Unary::Softplus => "softplus",
                Unary::Abs => "abs",
                Unary::Sign => "sign",
                Unary::LeakyRelu(_) => "leaky_relu",
            },
            Op::Affine { .. } => "affine",
            Op::Binary(Binary::Add) => "add",
            Op::Binary(Binary::Sub) => "sub",
            Op::Binary(Binary::Mul) => "mul",
            Op::Binary(Binary::Div) => "div",
            Op::Binary(Binary::LeakyReluGrad(_)) => "leaky_relu_grad",
            Op::Reshape(_) => "reshape",
            Op::Permute(_) => "permute",
            Op::Broadcast(_) => "broadcast",
            Op::Slice { .. } => "slice",
            Op::Pad { .. } => "pad",
            Op::Concat { .. } => "concat",
            Op::Sum { .. } => "sum",
            Op::Softmax => "softmax",
            Op::Gather => "gather",
            Op::Scatter { .. } => "scatter",
            Op::MatMul { .. } => "matmul",
            Op::Conv(_) => "conv",
            Op::ConvInput { .. } => "conv_input",
            Op::ConvWeight { .. } => "conv_weight",
            Op::Upsample { .. } => "upsample",
            Op::SumPool { .. } => "sum_pool",
            Op::ResizeConv => "resize_conv",
            Op::Norm(_) => "norm",
            Op::NormGrad(_) => "norm_grad",
            Op::LstmCell => "lstm_cell",
            Op::LstmCellGrad => "lstm_cell_grad",
            Op::GruCell => "gru_cell",
            Op::GruCellGrad => "gru_cell_grad",
        }
    }
}
