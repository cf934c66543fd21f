//! The pairs of clip and twin that a completer learns from.

use kinora_nn::{Embedding, Fill, Init, Module, join};
use kinora_tensor::{Random, Result, Tensor};

use crate::Config;
use crate::step::stream;

/// Pairs in memory: those of about 550 steps of the preset `lpc`.
const PAIRS: usize = 4096;
/// Earlier pairs in a batch of the completer.
const EARLIER: usize = 64;

/// The last [`PAIRS`] pairs of clip and twin, with the caption of the clip. The generator learns best from small
/// batches; the completer needs larger ones, and they cost it little. So it learns from the pairs of a step and random
/// earlier ones.
#[derive(Clone, Debug)]
pub struct Pairs<T> {
    /// A row for each pair, the newest first: the sentence vector, the matcher's vector of the twin, and that of the
    /// clip; `[PAIRS, 3 · sentence]`. Rows are 0 at first. Such rows have no gradient, since the loss is linear in the
    /// vector of the clip.
    rows: Embedding<T>,
}

impl<T> Pairs<T> {
    /// No pairs yet; `None` if no completer learns.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, config: &Config) -> Result<Option<Self>> {
        let shape = [PAIRS, 3 * config.encoder.sentence];
        let mut new =
            || Ok(Self { rows: Embedding { table: init.tensor(shape.into(), Fill::Zeros)? } });
        config.completes().then(&mut new).transpose()
    }
}

impl<T: Tensor> Pairs<T> {
    /// The memory with new pairs, which replace the oldest ones. `pairs` has the sentence vectors, and the vectors of
    /// twins and of clips, `[n, sentence]` each.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn with(self, [sentence, twins, clips]: &[T; 3]) -> Result<Self> {
        let n = sentence.shape()[0].min(PAIRS);
        let new = T::concat(&[sentence, twins, clips], 1)?.slice(0, 0, n)?;
        let kept = self.rows.table.slice(0, 0, PAIRS - n)?;
        Ok(Self { rows: Embedding { table: T::concat(&[&new, &kept], 0)? } })
    }

    /// The newest `n` pairs, and random pairs for step `step`: the sentence vectors, and the vectors of twins and of clips,
    /// `[n + EARLIER, sentence]` each.
    ///
    /// # Errors
    /// If the device fails.
    pub fn some(&self, config: &Config, step: u64, n: usize) -> Result<[T; 3]> {
        let table = &self.rows.table;
        let mut random = Random::new(config.seed, stream::PAIRS + step);
        let earlier = (0..EARLIER).map(|_| random.below(PAIRS));
        let which: Vec<f32> = (0..n).chain(earlier).map(|row| row as f32).collect();
        let rows = self.rows.forward(&T::from_slice(table.device(), &which, [which.len()])?)?;
        let d = table.shape()[1] / 3;
        Ok([rows.slice(1, 0, d)?, rows.slice(1, d, d)?, rows.slice(1, 2 * d, d)?])
    }
}

impl<T> Module<T> for Pairs<T> {
    type Of<U> = Pairs<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> std::result::Result<U, E>,
    ) -> std::result::Result<Pairs<U>, E> {
        Ok(Pairs { rows: self.rows.try_map(&join(path, "rows"), f)? })
    }
}

#[cfg(test)]
mod tests {
    use kinora_cpu::CpuTensor;
    use kinora_nn::Fresh;

    use super::*;

    #[test]
    fn the_oldest_pairs_are_replaced() {
        let config = Config::preset("shapes", &["encoder.sentence=2".into()]).unwrap();
        let device = Default::default();
        let init = &mut Fresh::<CpuTensor>::new(&device, Random::new(0, 0));
        let mut pairs = Pairs::new(init, &config).unwrap().unwrap();
        let of = |step: usize, count: usize, sign: f32| {
            let values: Vec<f32> = (0..2 * count).map(|i| sign * (10 * step + i) as f32).collect();
            CpuTensor::from_slice(&device, &values, [count, 2]).unwrap()
        };
        for (step, count) in [(1, 3), (2, PAIRS - 1)] {
            let new = [1.0, -1.0, 0.5].map(|sign| of(step, count, sign));
            pairs = pairs.with(&new).unwrap();
        }
        let table = pairs.rows.table.data().to_vec();
        // The newest pair of the first step is the last row; its other two pairs are gone.
        assert_eq!(table[..6], [20.0, 21.0, -20.0, -21.0, 10.0, 10.5]);
        assert_eq!(table[6 * (PAIRS - 1)..], [10.0, 11.0, -10.0, -11.0, 5.0, 5.5]);

        let [sentence, twins, clips] = pairs.some(&config, 9, 3).unwrap();
        assert_eq!(sentence.data()[..6], [20.0, 21.0, 22.0, 23.0, 24.0, 25.0]);
        assert_eq!(*twins.shape(), [3 + EARLIER, 2].into());
        // The rows of the three tensors belong together, and the random pairs depend on the step.
        for ((s, twin), clip) in sentence.data().iter().zip(twins.data()).zip(clips.data()) {
            assert_eq!([*twin, *clip], [-s, 0.5 * s]);
        }
        let [other, ..] = pairs.some(&config, 10, 3).unwrap();
        assert_eq!(other.data()[..6], sentence.data()[..6]);
        assert_ne!(other.data(), sentence.data());
    }
}
