use kinora_tensor::{Error, Result, Tensor};

/// The mean cross entropy of the rows of `logits`, `[n, classes]`: the mean of -log p(label), a
/// scalar, where p is the softmax of the row. See [`log_softmax`](Tensor::log_softmax) for large logits.
/// Each call copies a table of the size of the logits to the device. Without rows the loss is 0.
///
/// # Errors
/// If `labels` does not have n entries below `classes`, or the device fails.
pub fn cross_entropy<T: Tensor>(logits: &T, labels: &[usize]) -> Result<T> {
    let shape = *logits.shape();
    let bad = |reason: String| Error::Shape { op: "cross_entropy", shapes: vec![shape], reason };
    let &[n, classes] = &shape[..] else {
        return Err(bad("logits must be [n, classes]".into()));
    };
    if labels.len() != n {
        return Err(bad(format!("{n} labels are needed, not {}", labels.len())));
    }
    let mut weights = vec![0.0; n * classes];
    for (row, &label) in labels.iter().enumerate() {
        if label >= classes {
            return Err(bad(format!("label {label} of row {row} must be below {classes}")));
        }
        weights[row * classes + label] = -1.0 / n as f32;
    }
    let weights = T::from_slice(logits.device(), &weights, shape)?;
    logits.log_softmax()?.mul(&weights)?.sum_all()
}
