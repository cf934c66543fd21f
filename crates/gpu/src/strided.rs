//! Strided axes as shader parameters.

use kinora_tensor::strided::Dim;

/// The axes as a shader reads them, innermost first: for each axis its length, then its strides.
pub(crate) fn axes<const N: usize, const M: usize>(dims: &[Dim<N>]) -> [[u32; 4]; M] {
    let mut axes = [[0; 4]; M];
    for (axis, dim) in axes.iter_mut().zip(dims.iter().rev()) {
        axis[0] = dim.len as u32;
        axis[1..].iter_mut().zip(dim.strides).for_each(|(to, stride)| *to = stride as u32);
    }
    axes
}
