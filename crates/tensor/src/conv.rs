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
}
