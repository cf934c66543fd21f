//! Loops of a backend over tensors: inputs whose strides differ from the output's, and sums over
//! several axes.
//!
//! ```
//! use kinora_tensor::strided::{Dim, collapse};
//!
//! // [2, 3, 4] plus [4]: two axes are enough.
//! let dims = collapse(&[2, 3, 4].into(), [&[2, 3, 4].into(), &[4].into()]);
//! assert_eq!(dims, [Dim { len: 6, strides: [4, 0] }, Dim { len: 4, strides: [1, 1] }]);
//! ```

use crate::{MAX_RANK, Shape};

/// An axis of the output, with the stride of each input along it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dim<const N: usize> {
    /// Its length.
    pub len: usize,
    /// For each input, the distance in elements from one index of the axis to the next.
    pub strides: [usize; N],
}

/// The strides, in elements, of a contiguous tensor of `shape`.
pub fn contiguous(shape: &Shape) -> [usize; MAX_RANK] {
    let mut strides = [0; MAX_RANK];
    let mut stride = 1;
    for axis in (0..shape.len()).rev() {
        strides[axis] = stride;
        stride *= shape[axis];
    }
    strides
}

/// The axes of `shape`, to which all `inputs` broadcast, merged into as few as possible.
pub fn collapse<const N: usize>(shape: &Shape, inputs: [&Shape; N]) -> Vec<Dim<N>> {
    merge((0..shape.len()).map(|axis| Dim {
        len: shape[axis],
        strides: inputs.map(|input| {
            let extra = shape.len() - input.len();
            match axis.checked_sub(extra) {
                Some(axis) if input[axis] != 1 => contiguous(input)[axis],
                _ => 0,
            }
        }),
    }))
}

/// The axes `dims`, outermost first, without axes of length 1, and with neighbouring axes merged
/// where one loop can cover both.
pub fn merge<const N: usize>(dims: impl Iterator<Item = Dim<N>>) -> Vec<Dim<N>> {
    let mut merged: Vec<Dim<N>> = Vec::with_capacity(MAX_RANK);
    for dim in dims.filter(|dim| dim.len != 1) {
        match merged.last_mut() {
            Some(outer) if outer.strides == dim.strides.map(|stride| stride * dim.len) => {
                *outer = Dim { len: outer.len * dim.len, strides: dim.strides };
            }
            _ => merged.push(dim),
        }
    }
    merged
}

/// Splits a sum over `axes` into passes, each a sum over the middle axis of `[outer, len, inner]`.
/// Neighbouring axes share a pass. The innermost axes come first, because their sum leaves the
/// fewest elements to the later passes.
pub fn sum_passes(shape: &Shape, axes: &[usize]) -> Vec<[usize; 3]> {
    let mut shape = *shape;
    let mut passes = Vec::new();
    let mut end = shape.len();
    while let Some(last) = (0..end).rev().find(|axis| axes.contains(axis) && shape[*axis] != 1) {
        let kept = |axis: &usize| !axes.contains(axis) && shape[*axis] != 1;
        let first = (0..last).rev().find(kept).map_or(0, |axis| axis + 1);
        let parts = [&shape[..first], &shape[first..=last], &shape[last + 1..]];
        // An empty tensor may have huge axes beside the one of length 0, so the product saturates.
        passes.push(parts.map(|dims| dims.iter().copied().fold(1, usize::saturating_mul)));
        (first..=last).for_each(|axis| shape = shape.with(axis, 1));
        end = first;
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collapsing() {
        let of = |shape: &[usize], a: &[usize], b: &[usize]| {
            collapse(&shape.into(), [&a.into(), &b.into()])
                .iter()
                .map(|dim| (dim.len, dim.strides))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&[2, 3, 4], &[2, 3, 4], &[2, 3, 4]), [(24, [1, 1])]);
        assert_eq!(of(&[2, 3, 4], &[2, 3, 4], &[4]), [(6, [4, 0]), (4, [1, 1])]);
        assert_eq!(of(&[2, 3, 4], &[2, 3, 4], &[]), [(24, [1, 0])]);
        assert_eq!(of(&[2, 3, 4], &[2, 1, 4], &[3, 1]), [(2, [4, 0]), (3, [0, 1]), (4, [1, 0])]);
        assert_eq!(of(&[1, 1], &[1], &[1, 1]), []);
    }
    #[test]
    fn sums_in_passes() {
        let of = |axes: &[usize]| sum_passes(&[2, 3, 1, 4, 5].into(), axes);
        assert_eq!(of(&[]), [[0; 3]; 0]);
        assert_eq!(of(&[2]), [[0; 3]; 0]);
        assert_eq!(of(&[0, 1, 2, 3, 4]), [[1, 120, 1]]);
        assert_eq!(of(&[1, 3]), [[2, 12, 5]]);
        assert_eq!(of(&[0, 3]), [[6, 4, 5], [1, 2, 15]]);
    }
}
