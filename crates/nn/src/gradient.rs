use kinora_tensor::{Result, Tensor};

/// The Euclidean length of all gradients together, in one read; 0 for none.
///
/// Where a gradient is NaN or infinite, or its square is, so is the length: the guard that stops
/// a run that diverged.
///
/// # Errors
/// If the device fails.
pub fn gradient_norm<T: Tensor>(gradients: &[T]) -> Result<f32> {
    let squares =
        gradients.iter().map(|g| g.mul(g)?.sum_all()?.reshape([1])).collect::<Result<Vec<T>>>()?;
    if squares.is_empty() {
        return Ok(0.0);
    }
    let squares = T::concat(&squares.iter().collect::<Vec<_>>(), 0)?.to_vec()?;
    Ok(squares.iter().map(|&x| f64::from(x)).sum::<f64>().sqrt() as f32)
}

/// The factor that makes gradients of length `norm` no longer than `limit`: at most 1
/// (Pascanu et al., "On the difficulty of training recurrent neural networks", 2013).
pub fn clip_factor(norm: f32, limit: f32) -> f32 {
    if norm > limit { limit / norm } else { 1.0 }
}
