//! Figures with 95% intervals.

/// A measured number with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The number.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// Number of films that were measured.
    pub films: usize,
}

/// The 97.5% quantile of the normal distribution.
const Z: f64 = 1.96;
/// Number of parts into which [`jackknife`] divides a set.
pub(super) const PARTS: usize = 20;
/// The 97.5% quantile of Student's t distribution with 19 degrees of freedom.
const T: f64 = 2.093;

/// The share of films with a property, with the interval of Wilson ("Probable inference, the law of
/// succession, and statistical inference", 1927). `holds` gives for each film its prompt and
/// whether it has the property. The films of one prompt count as one trial, so the interval is
/// rather too wide than too narrow. `None` if there are no films.
pub fn share(holds: impl IntoIterator<Item = (usize, bool)>) -> Option<Figure> {
    let (mut films, mut right, mut prompts) = (0, 0, std::collections::BTreeSet::new());
    for (prompt, holds) in holds {
        films += 1;
        right += usize::from(holds);
        prompts.insert(prompt);
    }
    if films == 0 {
        return None;
    }
    let (n, p) = (prompts.len() as f64, right as f64 / films as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let (low, high) = ((middle - half).max(0.0), (middle + half).min(1.0));
    Some(Figure { value: p, low: low.min(p), high: high.max(p), films })
}

/// A statistic with the interval of the jackknife (Tukey, 1958), which computes the statistic again
/// without each of twenty parts of the set. `statistic` gets the part to leave out, or `None` for
/// the whole set; prompt k is in part k modulo 20. `None` if the statistic is not finite.
pub fn jackknife(films: usize, statistic: impl Fn(Option<usize>) -> f64 + Sync) -> Option<Figure> {
    use rayon::prelude::*;
    let value = statistic(None);
    let without: Vec<f64> = (0..PARTS).into_par_iter().map(|part| statistic(Some(part))).collect();
    let without: Vec<f64> = without.into_iter().filter(|value| value.is_finite()).collect();
    if !value.is_finite() || without.is_empty() {
        return None;
    }
    let n = without.len() as f64;
    let mean = without.iter().sum::<f64>() / n;
    let squares: f64 = without.iter().map(|value| (value - mean).powi(2)).sum();
    let half = T * ((n - 1.0) / n * squares).sqrt();
    Some(Figure { value, low: value - half, high: value + half, films })
}

/// The mean of numbers, one for each film, with the interval of [`jackknife`]. Each number comes
/// with the prompt of its film. `None` if there are no films.
pub fn mean(numbers: &[(usize, f64)]) -> Option<Figure> {
    jackknife(numbers.len(), |left_out| {
        let kept = numbers.iter().filter(|(prompt, _)| is_kept(*prompt, left_out));
        let (count, sum) = kept.fold((0.0, 0.0), |(n, sum), (_, x)| (n + 1.0, sum + x));
        sum / count
    })
}

/// Whether a prompt stays in the set if a part is left out.
pub(super) fn is_kept(prompt: usize, left_out: Option<usize>) -> bool {
    left_out != Some(prompt % PARTS)
}

#[cfg(test)]
mod tests {
    use kinora_tensor::Random;

    use super::*;

    #[test]
    fn wilson() {
        let of = |right: usize, n: usize| share((0..n).map(|k| (k, k < right))).unwrap();
        // 81 of 263: 0.2553 to 0.3662 (Newcombe, "Two-sided confidence intervals for the single
        // proportion", 1998, table I, method 3).
        let figure = of(81, 263);
        assert!((figure.low - 0.2553).abs() < 2e-4, "{figure:?}");
        assert!((figure.high - 0.3662).abs() < 2e-4, "{figure:?}");
        // 0 of 20: 0 to 0.1611.
        let figure = of(0, 20);
        assert_eq!(figure.low, 0.0);
        assert!((figure.high - 0.1611).abs() < 2e-4, "{figure:?}");
        assert_eq!(of(10, 10).high, 1.0);
        assert_eq!(share([]), None);
        // Three equal films per prompt give the same interval as one.
        let three = share((0..60).map(|k| (k / 3, k < 30))).unwrap();
        let one = of(10, 20);
        assert_eq!((three.value, three.low, three.high), (one.value, one.low, one.high));
    }

    #[test]
    fn the_interval_of_a_mean_holds_the_truth_as_often_as_it_says() {
        let mut held = 0;
        for trial in 0..400 {
            let numbers: Vec<(usize, f64)> = Random::new(trial, 0)
                .normals(100)
                .into_iter()
                .map(|x| f64::from(x) + 3.0)
                .enumerate()
                .collect();
            let figure = mean(&numbers).unwrap();
            held += usize::from(figure.low <= 3.0 && 3.0 <= figure.high);
        }
        assert!((370..=392).contains(&held), "{held} of 400");
        assert_eq!(mean(&[]), None);
    }
}
