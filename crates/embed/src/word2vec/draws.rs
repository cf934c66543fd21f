//! Random words for negative sampling.

use kinora_tensor::Random;

/// A table to draw words in proportion to their weights, by Walker's alias method ("An efficient
/// method for generating discrete random variables with general distributions", 1977). Each word
/// has a column with a threshold and an alias: a draw gives the word below the threshold and the
/// alias above.
pub(super) struct Draws(Vec<(f32, u32)>);

impl Draws {
    pub fn new(weights: &[f64]) -> Self {
        let scale = weights.len() as f64 / weights.iter().sum::<f64>();
        let mut columns: Vec<(f32, u32)> = (0..weights.len() as u32).map(|id| (1.0, id)).collect();
        let mut left: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
        let (mut few, mut many): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).partition(|&id| left[id] < 1.0);
        while let (Some(small), Some(&large)) = (few.pop(), many.last()) {
            columns[small] = (left[small] as f32, large as u32);
            left[large] -= 1.0 - left[small];
            if left[large] < 1.0 {
                few.extend(many.pop());
            }
        }
        Self(columns)
    }

    #[inline]
    pub fn draw(&self, random: &mut Random) -> u32 {
        let wide = u64::from(random.bits()) << 32 | u64::from(random.bits());
        let place = u128::from(wide) * self.0.len() as u128;
        // The integer part is the column; the fraction is compared with its threshold.
        let (column, rest) =
            ((place >> 64) as usize, (place as u64 >> 40) as f32 / (1 << 24) as f32);
        let (threshold, other) = self.0[column];
        if rest < threshold { column as u32 } else { other }
    }
}
