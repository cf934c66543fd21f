//! The offsets of rows of strided inputs.

use kinora_tensor::strided::Dim;

/// The offset in each input at which row `row` of the axes `outer` begins.
#[inline]
pub(crate) fn offsets<const N: usize>(outer: &[Dim<N>], mut row: usize) -> [usize; N] {
    let mut offsets = [0; N];
    for dim in outer.iter().rev() {
        let index = row % dim.len;
        row /= dim.len;
        for (offset, stride) in offsets.iter_mut().zip(dim.strides) {
            *offset += index * stride;
        }
    }
    offsets
}
