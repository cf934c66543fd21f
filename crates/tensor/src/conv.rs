/// Stride and padding of a convolution in the order t, h, w. The padding is the same on both sides
/// of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The distance in the input between neighbouring outputs; at least 1.
    pub stride: [usize; 3],
    /// The number of zeros before the input, and of zeros after it.
    pub padding: [usize; 3],
}

impl Geometry {
    /// `[t', h', w']` of the output for an input `[t, h, w]` and a kernel `[kt, kh, kw]`; `None` if
    /// the kernel has a length of 0 or is longer than the padded input, if a stride is 0, or if the
    /// padded length overflows.
    pub fn output(&self, input: [usize; 3], kernel: [usize; 3]) -> Option<[usize; 3]> {
        let mut output = [0; 3];
        for axis in 0..3 {
            let padded = self.padding[axis].checked_mul(2)?.checked_add(input[axis])?;
            let room = padded.checked_sub(kernel[axis])?;
            if kernel[axis] == 0 {
                return None;
            }
            output[axis] = room.checked_div(self.stride[axis])?.checked_add(1)?;
        }
        Some(output)
    }

    /// The phases of the partial by an input of `[t, h, w]`: all `[t, h, w]` remainders of an input
    /// position modulo the stride. The partial at the positions of one phase is a convolution of g
    /// with every stride-th tap of the kernel, at stride 1. So no zeros are inserted into g.
    pub fn phases(&self, [t, h, w]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> + use<> {
        let [st, sh, sw] = self.stride;
        let [t, h, w] = [st.min(t), sh.min(h), sw.min(w)];
        (0..t * h * w).map(move |index| [index / w / h, index / w % h, index % w])
    }

    /// The taps and the elements of g that the positions of a phase use along an axis, for a kernel
    /// with `kernel` taps and the phase's remainder `at`.
    pub fn seen(&self, axis: usize, kernel: usize, at: usize) -> Seen {
        let stride = self.stride[axis];
        let shifted = at + self.padding[axis];
        let least = shifted % stride;
        let taps = kernel.saturating_sub(least).div_ceil(stride);
        Seen { taps, first: (shifted / stride) as isize - taps as isize + 1, least, stride }
    }
}

/// The taps and the elements of g that a position of the partial by the input uses along an axis.
///
/// Position q · stride + at uses tap j with element q + (at + padding - j) / stride of g, if that
/// index is a whole number. So it uses the taps j = (at + padding) % stride + i · stride, in
/// descending order of i, with the elements of g from q + (at + padding) / stride - (taps - 1) on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The number of taps.
    pub taps: usize,
    /// The index in g of the first element that q = 0 uses; it may be negative.
    pub first: isize,
    least: usize,
    stride: usize,
}

impl Seen {
    /// The kernel tap that meets the `i`-th of the used elements of g.
    pub fn tap(self, i: usize) -> usize {
        self.least + self.taps.saturating_sub(1 + i) * self.stride
    }
}
