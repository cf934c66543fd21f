//! One or more cases for each operation, with the sizes at which backends tend to fail: odd sizes,
//! size 1, and sizes that are no multiple of a tile.

use super::Case;
use crate::{Binary, Geometry, NormSpec, Op, Random, Shape, Unary};

/// The distribution of the values of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fill {
    /// Normal, of mean 0 and this standard deviation.
    Normal(f32),
    /// Uniform from 0.5 to 2, away from the singularities of a logarithm, a root and a division.
    Positive,
    /// Uniform from 0.1 to 1.1 with a random sign, away from a kink at 0.
    Kinked,
    /// Around 200, where a naive exponential overflows.
    Far,
    /// Whole numbers in this range, both ends included. Such an input gets no gradient.
    Index(i32, i32),
}

use Fill::{Far, Index, Kinked, Normal, Positive};

impl Fill {
    pub(super) fn draw(self, random: &mut Random, n: usize) -> Vec<f32> {
        let mut numbers = |f: &dyn Fn(&mut Random) -> f32| (0..n).map(|_| f(random)).collect();
        match self {
            Normal(deviation) => random.normals(n).iter().map(|x| deviation * x).collect(),
            Positive => numbers(&|random| 0.5 + 1.5 * random.uniform()),
            Kinked => numbers(&|random| {
                let side = if random.bits() % 2 == 0 { 1.0 } else { -1.0 };
                side * (0.1 + random.uniform())
            }),
            Far => random.normals(n).iter().map(|x| 200.0 + x).collect(),
            Index(from, to) => {
                let index =
                    |_| (i64::from(from) + random.below((to - from + 1) as usize) as i64) as f32;
                (0..n).map(index).collect()
            }
        }
    }
}

/// All cases of the conformance kit.
pub fn cases() -> Vec<Case> {
    let mut list = List(Vec::new());
    list.elementwise();
    list.moves();
    list.reductions();
    list.tables();
    list.products();
    list.convolutions();
    list.norms();
    list.cells();
    list.resizes();
    list.0
}

struct List(Vec<Case>);

impl List {
    fn add(&mut self, op: Op, inputs: &[(&[usize], Fill)]) {
        let inputs = inputs.iter().map(|&(dims, fill)| (Shape::from(dims), fill)).collect();
        self.0.push(Case::new(op, inputs, self.0.len() as u64));
    }

    fn elementwise(&mut self) {
        let unary = [
            (Unary::Exp, Normal(1.0)),
            (Unary::Log, Positive),
            (Unary::Sqrt, Positive),
            (Unary::Recip, Positive),
            (Unary::Tanh, Normal(1.0)),
            (Unary::Sigmoid, Normal(1.0)),
            (Unary::Softplus, Normal(1.0)),
            (Unary::Abs, Kinked),
            (Unary::Sign, Kinked),
            (Unary::LeakyRelu(0.2), Kinked),
            (Unary::LeakyRelu(0.0), Kinked),
        ];
        for (f, fill) in unary {
            self.add(Op::Unary(f), &[(&[3, 67], fill)]);
        }
        // Values at which naive formulas overflow.
        self.add(Op::Unary(Unary::Tanh), &[(&[257], Normal(40.0))]);
        self.add(Op::Unary(Unary::Sigmoid), &[(&[257], Normal(40.0))]);
        self.add(Op::Unary(Unary::Softplus), &[(&[257], Normal(40.0))]);
        self.add(Op::Unary(Unary::Tanh), &[(&[], Normal(1.0))]);
        self.add(Op::Unary(Unary::Tanh), &[(&[4, 0, 3], Normal(1.0))]);
        self.add(Op::Unary(Unary::Sigmoid), &[(&[70_001], Normal(1.0))]);
        self.add(Op::Affine { mul: -1.5, add: 0.25 }, &[(&[5, 13], Normal(1.0))]);
        let any = Normal(1.0);
        let binary = [
            (Binary::Add, any, any),
            (Binary::Sub, any, any),
            (Binary::Mul, any, any),
            (Binary::Div, any, Positive),
            (Binary::LeakyReluGrad(0.2), Kinked, any),
        ];
        for (f, left, right) in binary {
            let shapes: [(&[usize], &[usize]); 11] = [
                (&[3, 17], &[3, 17]),
                (&[], &[]),
                (&[2, 3, 5], &[5]),
                (&[5], &[2, 3, 5]),
                (&[4, 7], &[]),
                (&[4, 7], &[4, 1]),
                (&[4, 1], &[1, 7]),
                (&[2, 1, 3, 1, 5], &[2, 4, 1, 3, 5]),
                (&[2, 3, 4, 5, 6], &[2, 1, 1, 1, 6]),
                (&[2, 2, 2, 1, 2, 3], &[2, 2, 2, 3, 2, 1]),
                (&[1, 300, 33], &[2, 1, 33]),
            ];
            for (a, b) in shapes {
                self.add(Op::Binary(f), &[(a, left), (b, right)]);
            }
        }
    }

    fn moves(&mut self) {
        let x = Normal(1.0);
        self.add(Op::Reshape([6, 10].into()), &[(&[3, 4, 5], x)]);
        self.add(Op::Reshape([].into()), &[(&[1, 1], x)]);
        let permutations: [(&[usize], &[usize]); 9] = [
            (&[7], &[0]),
            (&[5, 33], &[1, 0]),
            (&[65, 129], &[1, 0]),
            (&[3, 4, 5], &[1, 0, 2]),
            (&[3, 4, 5], &[2, 0, 1]),
            (&[3, 4, 5], &[0, 2, 1]),
            (&[2, 3, 4, 5], &[0, 2, 1, 3]),
            (&[2, 3, 2, 3, 5], &[4, 0, 3, 1, 2]),
            (&[2, 3, 2, 1, 2, 3], &[5, 3, 1, 0, 2, 4]),
        ];
        for (shape, axes) in permutations {
            self.add(Op::Permute(axes.to_vec()), &[(shape, x)]);
        }
        let broadcasts: [(&[usize], &[usize]); 6] = [
            (&[], &[3, 5]),
            (&[5], &[2, 3, 5]),
            (&[3, 1], &[3, 7]),
            (&[2, 1, 1, 5], &[2, 3, 4, 5]),
            (&[1, 3, 1], &[4, 2, 3, 6]),
            (&[3, 2], &[3, 2]),
        ];
        for (from, to) in broadcasts {
            self.add(Op::Broadcast(to.into()), &[(from, x)]);
        }
        for axis in 0..3 {
            let shape: &[usize] = &[5, 4, 7];
            self.add(Op::Slice { axis, start: 1, len: 3 }, &[(shape, x)]);
            self.add(Op::Slice { axis, start: 0, len: 2 }, &[(shape, x)]);
            self.add(Op::Slice { axis, start: 2, len: 0 }, &[(shape, x)]);
            self.add(Op::Pad { axis, before: 2, after: 1 }, &[(shape, x)]);
            self.add(Op::Pad { axis, before: 0, after: 3 }, &[(shape, x)]);
            let mut other = shape.to_vec();
            other[axis] = 3;
            self.add(Op::Concat { axis }, &[(shape, x), (&other, x), (shape, x)]);
        }
        self.add(Op::Concat { axis: 0 }, &[(&[3], x)]);
        self.add(Op::Concat { axis: 1 }, &[(&[2, 3], x), (&[2, 0], x), (&[2, 1], x)]);
        self.add(Op::Concat { axis: 0 }, &[(&[2][..], x); 20]);
        for factor in [[1, 2, 2], [2, 1, 1], [2, 3, 1], [1, 1, 1]] {
            self.add(Op::Upsample { factor }, &[(&[2, 2, 3, 5, 7], x)]);
            let [t, h, w] = factor;
            self.add(Op::SumPool { factor }, &[(&[2, 2 * t, 3 * h, 5 * w, 7], x)]);
        }
    }

    fn reductions(&mut self) {
        let x = Normal(1.0);
        let axes: [&[usize]; 8] = [&[], &[0], &[1], &[2], &[0, 1], &[1, 2], &[0, 2], &[0, 1, 2]];
        for axes in axes {
            self.add(Op::Sum { axes: axes.to_vec() }, &[(&[5, 6, 7], Normal(0.3))]);
        }
        self.add(Op::Sum { axes: vec![1, 3] }, &[(&[2, 33, 4, 9], Normal(0.1))]);
        self.add(Op::Sum { axes: vec![0] }, &[(&[3000], Normal(0.02))]);
        self.add(Op::Sum { axes: vec![0] }, &[(&[1030, 5], Normal(0.03))]);
        self.add(Op::Sum { axes: vec![1] }, &[(&[3, 0], x)]);
        let shapes: [&[usize]; 5] = [&[7], &[3, 1], &[5, 33], &[2, 3, 130], &[0, 4]];
        for shape in shapes {
            self.add(Op::Softmax, &[(shape, x)]);
        }
        self.add(Op::Softmax, &[(&[4, 6], Far)]);
    }

    fn tables(&mut self) {
        let x = Normal(1.0);
        self.add(Op::Gather, &[(&[5, 7], x), (&[4], Index(0, 4))]);
        self.add(Op::Gather, &[(&[5, 7], x), (&[3, 4], Index(-2, 7))]);
        self.add(Op::Gather, &[(&[3, 1], x), (&[], Index(1, 1))]);
        self.add(Op::Gather, &[(&[40, 33], x), (&[2, 3, 2], Index(0, 39))]);
        self.add(Op::Scatter { rows: 5 }, &[(&[4], Index(0, 4)), (&[4, 7], x)]);
        self.add(Op::Scatter { rows: 3 }, &[(&[4, 6], Index(-1, 3)), (&[4, 6, 5], x)]);
        self.add(Op::Scatter { rows: 1 }, &[(&[], Index(0, 0)), (&[2], x)]);
        self.add(Op::Scatter { rows: 50 }, &[(&[70], Index(0, 49)), (&[70, 33], x)]);
    }

    fn products(&mut self) {
        let sizes: [(&[usize], [usize; 3]); 10] = [
            (&[], [3, 4, 5]),
            (&[], [1, 1, 1]),
            (&[], [1, 37, 1]),
            (&[], [17, 1, 13]),
            (&[], [33, 65, 31]),
            (&[], [35, 260, 70]),
            (&[], [3, 0, 2]),
            (&[3], [5, 7, 2]),
            (&[2, 3], [4, 5, 6]),
            (&[2, 1, 2, 2], [1, 9, 3]),
        ];
        for (outer, [m, k, n]) in sizes {
            for (transpose_a, transpose_b) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let matrix = |rows: usize, columns: usize, flip: bool| {
                    let end = if flip { [columns, rows] } else { [rows, columns] };
                    [outer, &end].concat()
                };
                let scale = Normal((k.max(1) as f32).powf(-0.25));
                let (a, b) = (matrix(m, k, transpose_a), matrix(k, n, transpose_b));
                let op = Op::MatMul { transpose_a, transpose_b };
                self.add(op, &[(&a, scale), (&b, scale)]);
            }
        }
    }

    fn convolutions(&mut self) {
        let [one, two, space] = [[1, 1, 1], [2, 2, 2], [1, 2, 2]];
        // n, [t, h, w], kernel, ci, co, stride, padding
        let rows = [
            (1, [1, 1, 1], [1, 1, 1], 1, 1, one, [0, 0, 0]),
            (2, [3, 4, 5], [1, 1, 1], 5, 7, one, [0, 0, 0]),
            (2, [1, 5, 7], [1, 1, 1], 17, 31, space, [0, 0, 0]),
            (2, [1, 6, 5], [1, 3, 3], 5, 7, one, [0, 1, 1]),
            (1, [1, 7, 9], [1, 3, 3], 33, 31, one, [0, 1, 1]),
            (1, [1, 9, 10], [1, 3, 3], 34, 66, one, [0, 1, 1]),
            (3, [1, 1, 1], [1, 3, 3], 17, 7, one, [0, 1, 1]),
            (1, [2, 7, 6], [1, 3, 3], 4, 8, space, [0, 1, 1]),
            (2, [1, 8, 8], [1, 4, 4], 3, 16, space, [0, 1, 1]),
            (1, [1, 7, 9], [1, 4, 4], 5, 7, space, [0, 1, 1]),
            (1, [5, 6, 8], [3, 4, 4], 5, 7, space, [1, 1, 1]),
            (2, [4, 5, 5], [3, 3, 3], 3, 5, one, [1, 1, 1]),
            (1, [5, 4, 6], [4, 4, 4], 2, 3, two, [1, 1, 1]),
            (1, [4, 3, 3], [3, 1, 1], 7, 5, one, [1, 0, 0]),
            (2, [1, 1, 19], [1, 1, 3], 5, 3, one, [0, 0, 1]),
            (1, [3, 6, 5], [2, 3, 4], 3, 4, [2, 1, 3], [1, 0, 2]),
            // A padding longer than the kernel; then an input whose end the strides do not reach,
            // with a stride longer than the kernel.
            (1, [2, 3, 3], [1, 2, 1], 3, 2, one, [1, 2, 1]),
            (1, [1, 8, 9], [1, 3, 2], 2, 3, [1, 3, 4], [0, 0, 0]),
            (0, [1, 4, 4], [1, 3, 3], 2, 3, one, [0, 1, 1]),
        ];
        for (n, size, kernel, ci, co, stride, padding) in rows {
            let geometry = Geometry { stride, padding };
            let [t, h, w] = geometry.output(size, kernel).expect("the cases fit");
            let x = [n, size[0], size[1], size[2], ci];
            let k = [kernel[0], kernel[1], kernel[2], ci, co];
            let g = [n, t, h, w, co];
            let taps: usize = kernel.iter().product();
            let scale = |terms: usize| Normal((terms.max(1) as f32).powf(-0.25));
            let [by_y, by_x] = [scale(taps * ci), scale(taps * co)];
            let by_k = scale(n * t * h * w);
            self.add(Op::Conv(geometry), &[(&x, by_y), (&k, by_y)]);
            self.add(Op::ConvInput { geometry, size }, &[(&g, by_x), (&k, by_x)]);
            self.add(Op::ConvWeight { geometry, kernel }, &[(&x, by_k), (&g, by_k)]);
        }
    }

    fn resizes(&mut self) {
        for (x, co) in [
            ([1, 1, 1, 1, 1], 1),
            ([2, 1, 2, 3, 5], 7),
            ([1, 2, 5, 4, 17], 33),
            ([3, 1, 1, 9, 34], 50),
            ([0, 1, 4, 4, 2], 3),
            ([1, 1, 2, 2, 0], 3),
        ] {
            let scale = Normal((9.0 * x[4].max(1) as f32).powf(-0.25));
            let k = [1, 3, 3, x[4], co];
            self.add(Op::ResizeConv, &[(&x, scale), (&k, scale), (&[co], Normal(1.0))]);
        }
    }

    fn norms(&mut self) {
        // x, groups, whether each of the n samples has its own scale, slope
        let rows: [(&[usize], usize, bool, f32); 11] = [
            (&[3, 8], 1, false, 1.0),
            (&[3, 8], 4, true, 0.2),
            (&[2, 5, 6], 1, false, 0.2),
            (&[2, 5, 6], 6, true, 1.0),
            (&[2, 5, 6], 3, true, 0.2),
            (&[1, 9, 1], 1, true, 0.2),
            (&[2, 3, 5, 7], 7, false, 0.2),
            (&[2, 1, 3, 5, 34], 2, true, 0.2),
            (&[3, 2, 4, 4, 16], 4, false, 0.2),
            (&[2, 2, 3, 3, 33], 33, true, 0.0),
            (&[2, 2, 1, 2, 3, 4], 2, false, 1.0),
        ];
        for (shape, groups, own, slope) in rows {
            let spec = NormSpec { groups, epsilon: 1e-2, slope };
            let per_channel = [if own { shape[0] } else { 1 }, shape[shape.len() - 1]];
            let (x, scale) = ((shape, Normal(1.0)), (&per_channel[..], Positive));
            let shift = (&per_channel[..], Normal(0.5));
            self.add(Op::Norm(spec), &[x, scale, shift]);
            self.add(Op::NormGrad(spec), &[x, scale, shift, x]);
        }
    }

    fn cells(&mut self) {
        let x = Normal(1.0);
        let states: [&[usize]; 5] = [&[1], &[5, 7], &[2, 1, 3, 4, 33], &[1, 3, 16], &[0, 4]];
        for state in states {
            let (outer, c) = (&state[..state.len() - 1], state[state.len() - 1]);
            let gates = |k: usize| [outer, &[k * c]].concat();
            let both = [&[2], state].concat();
            let (four, three) = (gates(4), gates(3));
            self.add(Op::LstmCell, &[(&four, x), (state, x)]);
            self.add(Op::LstmCellGrad, &[(&four, x), (state, x), (&both, x)]);
            self.add(Op::GruCell, &[(&three, x), (&three, x), (state, x)]);
            self.add(Op::GruCellGrad, &[(&three, x), (&three, x), (state, x), (state, x)]);
        }
    }
}
