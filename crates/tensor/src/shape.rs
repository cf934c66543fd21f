use std::fmt;
use std::ops::Deref;

/// The largest rank (number of axes) of a tensor.
pub const MAX_RANK: usize = 6;

/// The lengths of a tensor's axes, outermost first. The shape of a scalar is `[]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// The number of elements, 1 for a scalar. Saturates at `usize::MAX`.
    pub fn elements(&self) -> usize {
        self.iter().fold(1, |product, &dim| product.saturating_mul(dim))
    }

    /// The shape with axis `axis` of length `len`.
    ///
    /// # Panics
    /// If the shape has no axis `axis`.
    pub fn with(&self, axis: usize, len: usize) -> Self {
        let mut shape = *self;
        shape.dims[..shape.rank][axis] = len;
        shape
    }

    /// The axes of `self` followed by those of `inner`.
    ///
    /// # Panics
    /// If there are more than [`MAX_RANK`] axes in all.
    pub fn join(&self, inner: &[usize]) -> Self {
        self.iter().chain(inner).copied().collect()
    }

    /// The shape that both `self` and `other` broadcast to; `None` if they do not broadcast. Axes
    /// are aligned at the innermost one, and an axis of length 1 is repeated.
    pub fn broadcast(&self, other: &Self) -> Option<Self> {
        let rank = self.rank.max(other.rank);
        let mut shape = Shape { dims: [0; MAX_RANK], rank };
        for back in 1..=rank {
            let a = if back <= self.rank { self[self.rank - back] } else { 1 };
            let b = if back <= other.rank { other[other.rank - back] } else { 1 };
            shape.dims[rank - back] = match (a, b) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return None,
            };
        }
        Some(shape)
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank]
    }
}

impl FromIterator<usize> for Shape {
    /// # Panics
    /// If there are more than [`MAX_RANK`] axes.
    fn from_iter<I: IntoIterator<Item = usize>>(iter: I) -> Self {
        let mut shape = Shape { dims: [0; MAX_RANK], rank: 0 };
        for dim in iter {
            assert!(shape.rank < MAX_RANK, "a tensor has at most {MAX_RANK} axes");
            shape.dims[shape.rank] = dim;
            shape.rank += 1;
        }
        shape
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        dims.iter().copied().collect()
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        *shape
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        dims.into_iter().collect()
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        dims.into_iter().collect()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DType {
    /// 32-bit floating point.
    F32,
}

/// The description of a tensor: its shape and element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Desc {
    /// The lengths of its axes.
    pub shape: Shape,
    /// The type of its elements.
    pub dtype: DType,
}

impl Desc {
    /// The description of a tensor of 32-bit floats.
    pub fn f32(shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into(), dtype: DType::F32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting() {
        let of = |a: &[usize], b: &[usize]| Shape::from(a).broadcast(&b.into());
        assert_eq!(of(&[4, 1, 3], &[2, 3]), Some([4, 2, 3].into()));
        assert_eq!(of(&[], &[5]), Some([5].into()));
        assert_eq!(of(&[1], &[0]), Some([0].into()));
        assert_eq!(of(&[2], &[3]), None);
    }

    #[test]
    fn elements_do_not_wrap() {
        assert_eq!(Shape::from([]).elements(), 1);
        assert_eq!(Shape::from([1 << 32, 1 << 32, 3]).elements(), usize::MAX);
        assert_eq!(Shape::from([usize::MAX, usize::MAX, 0]).elements(), 0);
    }
}
