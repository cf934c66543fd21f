use kinora_tensor::{Result, Tensor};

/// The Euclidean norm of all gradients together, `[1]`.
///
/// If a gradient or its square is NaN or infinite, so is the norm. A training can check the norm
/// to stop when it diverges.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `gradients` is empty.
pub fn gradient_norm<T: Tensor>(gradients: &[T]) -> Result<T> {
    let squares =
        gradients.iter().map(|g| g.mul(g)?.sum_all()?.reshape([1])).collect::<Result<Vec<T>>>()?;
    T::concat(&squares.iter().collect::<Vec<_>>(), 0)?.sum_all()?.sqrt()?.reshape([1])
}

/// The factor, `[1]`, that scales gradients of norm `norm` down to the norm `limit`: limit / norm,
/// or 1 if the norm is below the limit. With an infinite limit, every finite norm gives 1
/// (Pascanu et al., "On the difficulty of training recurrent neural networks", 2013).
///
/// The factor stays on the device, so nothing waits between the gradient and the step.
///
/// # Errors
/// If the device fails.
pub fn clip_factor<T: Tensor>(norm: &T, limit: f32) -> Result<T> {
    // 1 / (1 + max(0, norm / limit - 1))
    norm.affine(limit.recip(), -1.0)?.leaky_relu(0.0)?.affine(1.0, 1.0)?.recip()
}
