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
    /// How many groups the channels fall into: 1 for layer norm, all channels for instance norm.
    pub groups: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// The slope below zero of the leaky ReLU that follows; 1 for none.
    pub slope: f32,
}

/// All that a backend computes: primitives, and below them the fused operations, each of which
/// [`Op::expand`]s into primitives.
///
/// The variants say what they compute and, after "∂", the derivative of ⟨g, y⟩ by each input, where
/// g is the gradient of the output y.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// y = f(x). ∂x = g f'(x)
    Unary(Unary),
    /// y = mul x + add. ∂x = mul g
    Affine {
        /// The factor.
        mul: f32,
        /// What is added after it.
        add: f32,
    },
    /// y = f(a, b), both broadcast as in [`Shape::broadcast`]. Partials are summed over what was
    /// repeated.
    Binary(Binary),
    /// The same elements in the same order under another shape of as many elements.
    Reshape(Shape),
    /// Axis i of the output is axis `axes[i]` of the input.
    Permute(Vec<usize>),
    /// The input repeated to the shape, as in [`Shape::broadcast`]. ∂x = sum of g over the repeats
    Broadcast(Shape),
    /// Elements `start..start + len` along `axis`. ∂x = g padded with zeros
    Slice {
        /// Along which axis.
        axis: usize,
        /// The first element.
        start: usize,
        /// How many.
        len: usize,
    },
    /// Zeros before and after along `axis`. ∂x = the slice of g
    Pad {
        /// Along which axis.
        axis: usize,
        /// How many zeros before.
        before: usize,
        /// How many zeros after.
        after: usize,
    },
    /// One or more inputs after one another along `axis`. ∂ = the slices of g
    Concat {
        /// Along which axis.
        axis: usize,
    },
    /// The sum over some axes, which stay with length 1. ∂x = g repeated
    Sum {
        /// Over which axes, ascending.
        axes: Vec<usize>,
    },
    /// y = softmax(x) along the innermost axis. ∂x = y (g - Σ g y)
    Softmax,
    /// Rows of a table `[rows, d]` at the indices `[..]` (whole numbers, as floats): `[.., d]`. An
    /// index that is no row gives a row of zeros. ∂table = [`Op::Scatter`]
    Gather,
    /// Inputs: indices `[..]` and values `[.., d]`; the values added up at their rows of a table
    /// `[rows, d]`, in order; an index that is no row is left out. ∂values = [`Op::Gather`]
    Scatter {
        /// The rows of the table.
        rows: usize,
    },
    /// y = A B over the two innermost axes, where A is a or its transpose, B is b or its transpose;
    /// the outer axes agree. ∂A = g Bᵀ, ∂B = Aᵀ g
    MatMul {
        /// a is `[.., k, m]`, not `[.., m, k]`.
        transpose_a: bool,
        /// b is `[.., n, k]`, not `[.., k, n]`.
        transpose_b: bool,
    },
    /// The convolution (no flip) of x `[n, t, h, w, ci]` with weights k `[kt, kh, kw, ci, co]`.
    ///
    /// This, [`Op::ConvInput`] and [`Op::ConvWeight`] are the three partials of the one trilinear
    /// form ⟨conv(x, k), g⟩, so each one's derivatives are the other two.
    Conv(Geometry),
    /// Inputs: g `[n, t', h', w', co]` and k; the partial of ⟨conv(x, k), g⟩ by x, which is the
    /// transposed convolution of g.
    ConvInput {
        /// Stride and padding of the convolution.
        geometry: Geometry,
        /// `[t, h, w]` of x.
        size: [usize; 3],
    },
    /// Inputs: x and g; the partial of ⟨conv(x, k), g⟩ by k.
    ConvWeight {
        /// Stride and padding of the convolution.
        geometry: Geometry,
        /// `[kt, kh, kw]` of k.
        kernel: [usize; 3],
    },
    /// Each element of `[n, t, h, w, c]` repeated `factor = [ft, fh, fw]` times. ∂x = [`Op::SumPool`]
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

    /// Fused. Inputs: x `[n, t, h, w, ci]`, weights k `[1, 3, 3, ci, co]` and a bias `[co]`; each
    /// element of x repeated twice along h and w, then the convolution with k that keeps the size,
    /// plus the bias: `[n, t, 2h, 2w, co]` (Odena et al., "Deconvolution and checkerboard
    /// artifacts", 2016). ∂ = those of the transposed convolution of stride 2 whose kernel of 4×4 has
    /// the taps added up that see the same element; ∂bias = Σ g
    ResizeConv,
    /// Fused. Inputs: x `[n, .., c]`, scale and shift `[n, c]` or `[1, c]`;
    /// y = leaky_relu((x - mean) / √(variance + ε) · scale + shift), the mean and variance over all
    /// of `..` and the channels of a group (Wu and He, "Group normalization", 2018).
    Norm(NormSpec),
    /// Fused. Inputs: those of [`Op::Norm`] and g; its partials by x, scale and shift after one
    /// another, flat.
    NormGrad(NormSpec),
    /// Fused. Inputs: gates i, f, g, o before their activations `[.., 4c]` and the cell `[.., c]`;
    /// output `[2, .., c]`: h' = σ(o) tanh(c'), then c' = σ(f) c + σ(i) tanh(g)
    /// (Hochreiter and Schmidhuber, 1997).
    LstmCell,
    /// Fused. Inputs: those of [`Op::LstmCell`] and g; its partials by the gates and the cell after
    /// one another, flat.
    LstmCellGrad,
    /// Fused. Inputs: gates r, z, n from the input `[.., 3c]`, from the state `[.., 3c]`, and the
    /// state h `[.., c]`; h' = (1 - z) n + z h with r, z = σ(a + b), n = tanh(aₙ + r bₙ)
    /// (Cho et al., 2014).
    GruCell,
    /// Fused. Inputs: those of [`Op::GruCell`] and g; its partials by each after one another, flat.
    GruCellGrad,
}

impl Op {
    /// The name by which errors and profiles call it.
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
