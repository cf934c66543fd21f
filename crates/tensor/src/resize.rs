//! The gradient of [`Op::ResizeConv`](crate::Op::ResizeConv) without the upsampled input.
//!
//! The 3×3 kernel reads nine elements of the upsampled input, which are copies of only four
//! elements of x. Adding up the taps that read the same element gives a transposed convolution with
//! a 4×4 kernel and stride 2: along an axis, each element q of x contributes to four outputs, from
//! 2q - 1 to 2q + 2.

use crate::{Geometry, Result, Tensor};

/// The geometry of the 3×3 convolution of the upsampled input.
pub(crate) const LARGE: Geometry = Geometry { stride: [1; 3], padding: [0, 1, 1] };

/// The geometry of the 4×4 convolution whose transpose equals [`Op::ResizeConv`](crate::Op).
pub(crate) const GEOMETRY: Geometry = Geometry { stride: [1, 2, 2], padding: [0, 1, 1] };

/// The 3×3 kernel `[1, 3, 3, ci, co]` as a 4×4 kernel `[1, 4, 4, co, ci]` for [`GEOMETRY`].
pub(crate) fn fold<T: Tensor>(k: &T) -> Result<T> {
    let mut k = k.clone();
    for axis in [1, 2] {
        let tap = |i: usize| k.slice(axis, i, 1);
        let (a, b, c) = (tap(0)?, tap(1)?, tap(2)?);
        k = T::concat(&[&c, &b.add(&c)?, &a.add(&b)?, &a], axis)?;
    }
    k.permute(&[0, 1, 2, 4, 3])
}

/// The adjoint of [`fold`].
pub(crate) fn unfold<T: Tensor>(k: &T) -> Result<T> {
    let mut k = k.clone();
    for axis in [1, 2] {
        let tap = |i: usize| k.slice(axis, i, 1);
        let (a, b, c, d) = (tap(0)?, tap(1)?, tap(2)?, tap(3)?);
        k = T::concat(&[&c.add(&d)?, &b.add(&c)?, &a.add(&b)?], axis)?;
    }
    k.permute(&[0, 1, 2, 4, 3])
}
