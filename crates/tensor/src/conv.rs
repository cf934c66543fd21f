/// Stride and padding of a convolution, the same on both sides of an axis, in the order t, h, w.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Steps between neighbouring outputs; at least 1.
    pub stride: [usize; 3],
    /// Zeros before and after the input.
    pub padding: [usize; 3],
}

impl Geometry {
    /// `[t', h', w']` of the output for an input and a kernel, `None` where the kernel does not
    /// fit, a stride is 0, or the padding is larger than can be counted.
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

    /// The remainders of places by the stride, for the partial by an input of `[t, h, w]`: each is
    /// a convolution of stride 1 by every stride-th tap alone, so that no zeros are put between the
    /// elements of g.
    pub fn phases(&self, [t, h, w]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> + use<> {
        let [st, sh, sw] = self.stride;
        let [t, h, w] = [st.min(t), sh.min(h), sw.min(w)];
        (0..t * h * w).map(move |index| [index / w / h, index / w % h, index % w])
    }

    /// What the places of a phase see along an axis where the kernel has `kernel` taps and the
    /// phase the remainder `at`.
    pub fn seen(&self, axis: usize, kernel: usize, at: usize) -> Seen {
        let stride = self.stride[axis];
        let shifted = at + self.padding[axis];
        let least = shifted % stride;
        let taps = kernel.saturating_sub(least).div_ceil(stride);
        Seen { taps, first: (shifted / stride) as isize - taps as isize + 1, least, stride }
    }
}

/// What an output of the partial by the input sees along an axis.
///
/// Output q stride + at gets tap j of g at q + (at + padding - j) / stride, where that is whole:
/// the taps j = (at + padding) % stride + i stride, in descending order of i, see g from
/// q + (at + padding) / stride - (taps - 1) on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How many taps there are.
    pub taps: usize,
    /// Where in g the first is seen by q = 0.
    pub first: isize,
    least: usize,
    stride: usize,
}

impl Seen {
    /// The tap of the kernel that is the `i`-th in the order of g.
    pub fn tap(self, i: usize) -> usize {
        self.least + self.taps.saturating_sub(1 + i) * self.stride
    }
}
