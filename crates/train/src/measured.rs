use kinora_tensor::Tensor;

use crate::{Error, Result};

/// The names of the numbers of a [`Metrics`], in order: both losses, the shares of clips and of
/// frames that were judged right by the sign of their logits, and the lengths of both gradients
/// before they are cut.
pub const METRICS: [&str; 10] = [
    "loss_discriminator",
    "loss_generator",
    "accuracy_real",
    "accuracy_fake",
    "accuracy_wrong",
    "accuracy_frame_real",
    "accuracy_frame_fake",
    "accuracy_frame_wrong",
    "gradient_discriminator",
    "gradient_generator",
];

/// What is measured at a step.
pub type Metrics = [f32; METRICS.len()];

/// What must be finite, in the order in which it is computed.
const GUARDED: [&str; 4] = [
    "loss of the discriminators",
    "gradient of the discriminators",
    "loss of the generator",
    "gradient of the generator",
];

/// What was measured at a step, still on the device.
#[derive(Clone, Debug)]
pub struct Measured<T> {
    step: u64,
    clips: usize,
    /// What [`GUARDED`] names, then all logits: of clips and of frames, real, fake and wrong.
    values: T,
}

impl<T: Tensor> Measured<T> {
    pub(crate) fn new(step: u64, clips: usize, guarded: [T; 4], logits: T) -> Result<Self> {
        let mut flat = guarded.iter().map(|x| x.reshape([1])).collect::<Result<Vec<T>, _>>()?;
        flat.push(logits);
        let values = T::concat(&flat.iter().collect::<Vec<_>>(), 0)?;
        Ok(Self { step, clips, values })
    }

    /// The numbers of some steps, which are waited for once.
    ///
    /// # Errors
    /// [`Error::Diverged`] with the first loss or gradient that is not finite: the states since
    /// then are of no use. Or if the device fails.
    pub fn read(steps: &[Self]) -> Result<Vec<Metrics>> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let all: Vec<&T> = steps.iter().map(|measured| &measured.values).collect();
        let all = T::concat(&all, 0)?.to_vec()?;
        let mut rest = &all[..];
        let metrics = steps.iter().map(|measured| {
            let (values, after) = rest.split_at(measured.values.shape().elements());
            rest = after;
            measured.metrics(values)
        });
        metrics.collect()
    }

    fn metrics(&self, values: &[f32]) -> Result<Metrics> {
        let (guarded, logits) = values.split_at(GUARDED.len());
        if let Some(at) = guarded.iter().position(|value| !value.is_finite()) {
            return Err(Error::Diverged { step: self.step, what: GUARDED[at], value: guarded[at] });
        }
        let [a, b, c, d, e, f] = accuracies(logits, self.clips);
        Ok([guarded[0], guarded[2], a, b, c, d, e, f, guarded[1], guarded[3]])
    }
}

/// The share of each kind of clip, then of frame, that was judged right.
fn accuracies(logits: &[f32], n: usize) -> [f32; 6] {
    let (clips, frames) = logits.split_at(3 * n);
    let share = |logits: &[f32], real: bool| {
        let right = logits.iter().filter(|&&logit| (logit > 0.0) == real).count();
        right as f32 / logits.len() as f32
    };
    let mut shares = [0.0; 6];
    let parts = clips.chunks(n).chain(frames.chunks(frames.len() / 3));
    for (k, part) in parts.enumerate() {
        shares[k] = share(part, k % 3 == 0);
    }
    shares
}
