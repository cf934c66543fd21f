use std::collections::BTreeMap;

use kinora_tensor::Tensor;

use crate::{Error, Result};

/// The losses and gradient norms of a step by name, which must be finite.
pub(crate) type Guarded<T> = Vec<(&'static str, T)>;

/// The metrics of a step by name. The crate's README explains the names.
pub type Metrics = BTreeMap<&'static str, f32>;

/// The measurements of a step, still on the device.
#[derive(Clone, Debug)]
pub struct Measured<T> {
    step: u64,
    /// Names of the first values: losses and gradient norms, all of which must be finite.
    guarded: Vec<&'static str>,
    /// The shares to compute from the other values, which are logits.
    shares: Vec<Share>,
    values: T,
}

/// A share of clips, computed from consecutive logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// Name and number of logits: the share of logits above 0.
    Real(&'static str, usize),
    /// Name and number of logits: the share of logits that are not above 0.
    False(&'static str, usize),
    /// The logits `[clips, captions]` of a matcher, with the own captions first. `matched_own`: how
    /// often the own caption scores above the own captions of all other clips. `matched_false`: how
    /// often it scores above a false caption of the same clip.
    Matched { clips: usize, captions: usize },
}

impl<T: Tensor> Measured<T> {
    pub(crate) fn new(
        step: u64,
        guarded: Guarded<T>,
        shares: Vec<Share>,
        logits: &[&T],
    ) -> Result<Self> {
        let (names, mut flat): (Vec<&str>, Vec<T>) = guarded.into_iter().unzip();
        flat.extend(logits.iter().map(|&logits| logits.clone()));
        let flat = flat.iter().map(|x| x.reshape([x.shape().elements()]));
        let flat = flat.collect::<Result<Vec<T>, _>>()?;
        let values = T::concat(&flat.iter().collect::<Vec<_>>(), 0)?;
        Ok(Self { step, guarded: names, shares, values })
    }

    /// The metrics of some steps, with a single wait for the device.
    ///
    /// # Errors
    /// [`Error::Diverged`] for the first loss or gradient norm that is not finite; the states from
    /// that step on must not be used. Or if the device fails.
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
        let mut metrics = Metrics::new();
        let (guarded, mut rest) = values.split_at(self.guarded.len());
        for (&name, &value) in self.guarded.iter().zip(guarded) {
            if !value.is_finite() {
                return Err(Error::Diverged { step: self.step, what: name, value });
            }
            metrics.insert(name, value);
        }
        let mut take = |len: usize| {
            let (logits, after) = rest.split_at(len);
            rest = after;
            logits
        };
        let share = |right: usize, of: usize| right as f32 / of.max(1) as f32;
        for &kind in &self.shares {
            match kind {
                Share::Real(name, len) => {
                    let right = take(len).iter().filter(|&&logit| logit > 0.0).count();
                    metrics.insert(name, share(right, len));
                }
                Share::False(name, len) => {
                    let right = take(len).iter().filter(|&&logit| logit <= 0.0).count();
                    metrics.insert(name, share(right, len));
                }
                Share::Matched { clips, captions } => {
                    let logits = take(clips * captions);
                    let (mut first, mut told) = (0, 0);
                    for (clip, row) in logits.chunks(captions).enumerate() {
                        let others = row[..clips].iter().enumerate().filter(|(i, _)| *i != clip);
                        first += usize::from(others.clone().all(|(_, &other)| row[clip] > other));
                        // After the own captions, each run of n captions has one false caption for
                        // every clip.
                        let own = row[clips..].iter().skip(clip).step_by(clips);
                        told += own.filter(|&&other| row[clip] > other).count();
                    }
                    metrics.insert("matched_own", share(first, clips));
                    metrics.insert("matched_false", share(told, captions - clips));
                }
            }
        }
        Ok(metrics)
    }
}

#[cfg(test)]
mod tests {
    use kinora_cpu::{CpuDevice, CpuTensor};

    use super::*;

    #[test]
    fn a_matchers_logits_are_counted() {
        // Two clips; columns: own of 0, own of 1, false of 0, false of 1, false of 0, false of 1.
        let logits = [3.0, 1.0, 2.0, 9.0, 4.0, 9.0, 5.0, 2.0, 9.0, 1.0, 9.0, 0.0];
        let device = CpuDevice::default();
        let logits = CpuTensor::from_slice(&device, &logits, [2, 6]).unwrap();
        let shares = vec![Share::Matched { clips: 2, captions: 6 }];
        let measured = Measured::new(1, Vec::new(), shares, &[&logits]).unwrap();
        let metrics = Measured::read(&[measured]).unwrap().remove(0);
        assert_eq!(metrics["matched_own"], 0.5);
        assert_eq!(metrics["matched_false"], 0.75);
    }
}
