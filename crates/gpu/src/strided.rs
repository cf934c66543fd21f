//! Walking over inputs whose strides are not those of the output.

use kinora_tensor::{MAX_RANK, Shape};

/// An axis of the output, and how far one step along it goes in each input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dim<const N: usize> {
    pub len: usize,
    pub strides: [usize; N],
}

/// The steps of a contiguous tensor along each of its axes.
pub(crate) fn contiguous(shape: &Shape) -> [usize; MAX_RANK] {
    let mut strides = [0; MAX_RANK];
    let mut stride = 1;
    for axis in (0..shape.len()).rev() {
        strides[axis] = stride;
        stride *= shape[axis];
    }
    strides
}

/// The axes of `shape`, to which all `inputs` broadcast, as few as will do.
pub(crate) fn collapse<const N: usize>(shape: &Shape, inputs: [&Shape; N]) -> Vec<Dim<N>> {
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

/// The same axes, outermost first, without those of length 1 and with those that can be walked as
/// one made one.
pub(crate) fn merge<const N: usize>(dims: impl Iterator<Item = Dim<N>>) -> Vec<Dim<N>> {
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

/// The axes as a shader reads them, innermost first: its length, then the strides.
pub(crate) fn axes<const N: usize, const M: usize>(dims: &[Dim<N>]) -> [[u32; 4]; M] {
    let mut axes = [[0; 4]; M];
    for (axis, dim) in axes.iter_mut().zip(dims.iter().rev()) {
        axis[0] = dim.len as u32;
        axis[1..].iter_mut().zip(dim.strides).for_each(|(to, stride)| *to = stride as u32);
    }
    axes
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
}
