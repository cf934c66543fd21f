//! How [`Op::ResizeConv`](crate::Op::ResizeConv) is differentiated without the enlarged picture.
//!
//! Of the nine elements that the kernel sees there but four differ. With the taps added up that see
//! the same one it is the transposed convolution with a kernel of 4×4 and stride 2: each element q
//! goes to the four outputs 2q - 1 to 2q + 2 along an axis.

use crate::{Geometry, Result, Tensor};

/// Of the convolution of the enlarged picture.
pub(crate) const LARGE: Geometry = Geometry { stride: [1; 3], padding: [0, 1, 1] };

/// Of the convolution that it is the transpose of.
pub(crate) const GEOMETRY: Geometry = Geometry { stride: [1, 2, 2], padding: [0, 1, 1] };

/// `[1, 3, 3, ci, co]` to `[1, 4, 4, co, ci]`.
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
