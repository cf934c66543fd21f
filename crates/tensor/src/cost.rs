use crate::{Desc, Op};

impl Op {
    /// The number of additions, multiplications and function calls (an exponential counts as one)
    /// in the formulas for inputs of these descriptions. Products with padding count. The result is
    /// 0 for operations that only move elements, and for inputs that [`Op::infer`] rejects.
    pub fn flops(&self, inputs: &[&Desc]) -> u64 {
        let Ok(output) = self.infer(inputs) else { return 0 };
        let of = |i: usize| inputs[i].shape.elements() as u64;
        let y = output.shape.elements() as u64;
        match self {
            Op::Unary(_) | Op::Binary(_) => y,
            Op::Affine { .. } => 2 * y,
            Op::Reshape(_) | Op::Permute(_) | Op::Broadcast(_) | Op::Slice { .. } => 0,
            Op::Pad { .. } | Op::Concat { .. } | Op::Gather | Op::Upsample { .. } => 0,
            Op::Sum { .. } | Op::SumPool { .. } => of(0),
            Op::Scatter { .. } => of(1),
            Op::Softmax => 4 * y,
            Op::MatMul { transpose_a, .. } => {
                let a = &inputs[0].shape;
                2 * y * a[a.len() - if *transpose_a { 2 } else { 1 }] as u64
            }
            // One product for each output of the convolution, tap and input channel.
            Op::Conv(_) => 2 * y / last(&output) * of(1),
            Op::ConvInput { .. } => 2 * of(0) / last(inputs[0]) * of(1),
            Op::ConvWeight { .. } => 2 * of(1) / last(inputs[1]) * y,
            // Nine taps at each output, as in the convolution of the upsampled input.
            Op::ResizeConv => 2 * y / last(&output) * of(1) + y,
            Op::Norm(_) => 8 * y,
            Op::NormGrad(_) => 20 * of(0),
            Op::LstmCell => 9 * of(1),
            Op::LstmCellGrad => 30 * of(1),
            Op::GruCell => 10 * of(2),
            Op::GruCellGrad => 25 * of(2),
        }
    }

    /// The number of bytes moved if each input is read once and the output written once; 0 for
    /// inputs that [`Op::infer`] rejects.
    pub fn bytes(&self, inputs: &[&Desc]) -> u64 {
        let Ok(output) = self.infer(inputs) else { return 0 };
        let elements: usize = match self {
            Op::Slice { .. } => 2 * output.shape.elements(),
            // Only the rows that are looked up, not the whole table.
            Op::Gather => inputs[1].shape.elements() + 2 * output.shape.elements(),
            _ => inputs.iter().chain(&[&output]).map(|desc| desc.shape.elements()).sum(),
        };
        4 * elements as u64
    }
}

/// The length of the innermost axis, at least 1.
fn last(desc: &Desc) -> u64 {
    desc.shape.last().map_or(1, |&c| c.max(1) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Geometry;

    #[test]
    fn the_three_convolutions_cost_the_same() {
        let geometry = Geometry { stride: [1, 2, 2], padding: [0, 1, 1] };
        let [x, k, g] = [[2, 1, 8, 8, 3], [1, 4, 4, 3, 5], [2, 1, 4, 4, 5]].map(Desc::f32);
        let want = 2 * (2 * 16 * 5) * (16 * 3);
        assert_eq!(Op::Conv(geometry).flops(&[&x, &k]), want);
        assert_eq!(Op::ConvInput { geometry, size: [1, 8, 8] }.flops(&[&g, &k]), want);
        assert_eq!(Op::ConvWeight { geometry, kernel: [1, 4, 4] }.flops(&[&x, &g]), want);
        assert_eq!(Op::Conv(geometry).bytes(&[&x, &k]), 4 * (384 + 240 + 160));
    }
}
