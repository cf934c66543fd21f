use kinora_tensor::{Result, Tensor};

/// The sum of the squares of each gradient, `[gradients]`; of one or more.
///
/// # Errors
/// If the device fails.
pub fn gradient_squares<T: Tensor>(gradients: &[T]) -> Result<T> {
    let squares =
        gradients.iter().map(|g| g.mul(g)?.sum_all()?.reshape([1])).collect::<Result<Vec<T>>>()?;
    T::concat(&squares.iter().collect::<Vec<_>>(), 0)
}

/// The Euclidean length of all gradients together, from their [`gradient_squares`] once they are
/// read.
///
/// Where a gradient is NaN or infinite, or its square is, so is the length: the guard that stops
/// a run that diverged.
pub fn gradient_norm(squares: &[f32]) -> f32 {
    squares.iter().map(|&x| f64::from(x)).sum::<f64>().sqrt() as f32
}

/// The factor that makes gradients of length `norm` no longer than `limit`: at most 1
/// (Pascanu et al., "On the difficulty of training recurrent neural networks", 2013).
pub fn clip_factor(norm: f32, limit: f32) -> f32 {
    if norm > limit { limit / norm } else { 1.0 }
}
