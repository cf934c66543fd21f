use kinora_tensor::{Result, Tensor};

/// The Euclidean length of all gradients together, `[1]`; of one or more.
///
/// Where a gradient is NaN or infinite, or its square is, so is the length: the guard that stops
/// a run that diverged.
///
/// # Errors
/// If the device fails.
pub fn gradient_norm<T: Tensor>(gradients: &[T]) -> Result<T> {
    let squares =
        gradients.iter().map(|g| g.mul(g)?.sum_all()?.reshape([1])).collect::<Result<Vec<T>>>()?;
    T::concat(&squares.iter().collect::<Vec<_>>(), 0)?.sum_all()?.sqrt()?.reshape([1])
}

/// The factor, `[1]`, that makes gradients of length `norm` no longer than `limit`: 1 up to there,
/// and for every finite length where the limit is infinite
/// (Pascanu et al., "On the difficulty of training recurrent neural networks", 2013).
///
/// It stays on the device, which nothing has to wait for between the gradient and the step.
///
/// # Errors
/// If the device fails.
pub fn clip_factor<T: Tensor>(norm: &T, limit: f32) -> Result<T> {
    // 1 / (1 + max(0, norm / limit - 1))
    norm.affine(limit.recip(), -1.0)?.leaky_relu(0.0)?.affine(1.0, 1.0)?.recip()
}
