//! The variance of films: how much comes from the prompts, and how much from the seeds.

use super::figure::{Regions, unit};
use super::interval::{Figure, PARTS, is_kept, jackknife};
use kinora_video::Clip;

/// Sums over the films of some prompts. Each prompt has the same number of films.
#[derive(Clone, Debug, Default)]
struct Part {
    prompts: usize,
    films: usize,
    /// The sum of the films, `[t, h, w, c]`.
    sums: Vec<f64>,
    /// For each region, the sum of all squares.
    squares: Vec<f64>,
    /// For each region, the sum over prompts of the squared sums of the prompt's films, divided by
    /// their number.
    between: Vec<f64>,
}

/// The variance of films, split into the variance between prompts and the variance within prompts.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    regions: Regions,
    dims: [usize; 4],
    parts: Vec<Part>,
}

impl Spread {
    pub fn new(regions: Regions, dims: [usize; 4]) -> Self {
        let part = Part {
            sums: vec![0.0; dims.iter().product()],
            squares: vec![0.0; regions.0.len()],
            between: vec![0.0; regions.0.len()],
            ..Part::default()
        };
        Self { regions, dims, parts: vec![part; PARTS] }
    }

    /// Adds all films of a prompt.
    pub fn add(&mut self, prompt: usize, films: &[&Clip]) {
        let mut sums = vec![0.0; self.dims.iter().product()];
        let mut squares = vec![0.0; self.regions.0.len()];
        for film in films {
            let pixels = unit(film);
            sums.iter_mut().zip(&pixels).for_each(|(sum, x)| *sum += f64::from(*x));
            self.each(|region, range| {
                let of = |x: &f32| f64::from(*x) * f64::from(*x);
                squares[region] += pixels[range].iter().map(of).sum::<f64>();
            });
        }
        let mut between = vec![0.0; self.regions.0.len()];
        self.each(|region, range| {
            let squares = sums[range].iter().map(|sum| sum * sum);
            between[region] += squares.sum::<f64>() / films.len() as f64;
        });
        let part = &mut self.parts[prompt % PARTS];
        part.prompts += 1;
        part.films += films.len();
        part.sums.iter_mut().zip(&sums).for_each(|(all, sum)| *all += sum);
        part.squares.iter_mut().zip(&squares).for_each(|(all, sum)| *all += sum);
        part.between.iter_mut().zip(&between).for_each(|(all, sum)| *all += sum);
    }

    /// Calls `f` with each region and each of the region's index ranges in a film `[t, h, w, c]`.
    fn each(&self, mut f: impl FnMut(usize, std::ops::Range<usize>)) {
        let [t, h, w, c] = self.dims;
        for (region, (_, rows)) in self.regions.0.iter().enumerate() {
            for t in 0..t {
                f(region, (t * h + rows.start) * w * c..(t * h + rows.end) * w * c);
            }
        }
    }

    /// For each region, the share of the variance that is between prompts; the rest comes from the
    /// seeds. One-way analysis of variance with random effects (Fisher, 1925): with the mean
    /// squares MSB between and MSW within prompts of S films each, σ²(prompt) = (MSB - MSW) / S and
    /// σ²(seed) = MSW, both summed over pixels. `None` if each prompt has one film.
    pub fn by_prompt(&self) -> Vec<(&'static str, Option<Figure>)> {
        let films = self.parts.iter().map(|part| part.films).sum();
        let of = |region| jackknife(films, |left_out| self.share(region, left_out));
        let regions = self.regions.0.iter().enumerate();
        regions.map(|(region, (name, _))| (*name, of(region))).collect()
    }

    fn share(&self, region: usize, left_out: Option<usize>) -> f64 {
        let kept: Vec<&Part> = self
            .parts
            .iter()
            .enumerate()
            .filter(|(k, _)| is_kept(*k, left_out))
            .map(|(_, part)| part)
            .collect();
        let sum = |of: &dyn Fn(&Part) -> f64| kept.iter().map(|part| of(part)).sum::<f64>();
        let (prompts, films) = (sum(&|part| part.prompts as f64), sum(&|part| part.films as f64));
        let each = films / prompts;
        let mut of_mean = 0.0;
        self.each(|at, range| {
            if at == region {
                for k in range {
                    of_mean += kept.iter().map(|part| part.sums[k]).sum::<f64>().powi(2);
                }
            }
        });
        let between = sum(&|part| part.between[region]);
        let within = (sum(&|part| part.squares[region]) - between) / (films - prompts);
        let between = (between - of_mean / films) / (prompts - 1.0);
        let by_prompt = ((between - within) / each).max(0.0);
        by_prompt / (by_prompt + within)
    }
}

#[cfg(test)]
mod tests {
    use kinora_tensor::Random;

    use super::*;

    /// The share of the prompt for films of noise around a mean of each prompt, with these standard
    /// deviations.
    fn spread(by_prompt: f32, by_noise: f32) -> f64 {
        let regions = Regions(vec![("all", 0..8)]);
        let mut spread = Spread::new(regions, [1, 8, 8, 1]);
        let mut random = Random::new(1, 0);
        for prompt in 0..200 {
            let mean = random.normals(64);
            let films: Vec<Clip> = (0..4)
                .map(|_| {
                    let noise = random.normals(64);
                    let both = mean.iter().zip(&noise);
                    let data = both.map(|(m, n)| (128.0 + by_prompt * m + by_noise * n) as u8);
                    Clip::new([1, 8, 8, 1], 8.0, data.collect()).unwrap()
                })
                .collect();
            spread.add(prompt, &films.iter().collect::<Vec<_>>());
        }
        spread.by_prompt()[0].1.unwrap().value
    }

    #[test]
    fn the_share_of_the_prompt_is_found() {
        assert!(spread(0.0, 20.0) < 0.02);
        assert!((spread(20.0, 20.0) - 0.5).abs() < 0.02);
        assert!((spread(20.0, 10.0) - 0.8).abs() < 0.02);
        assert_eq!(spread(20.0, 0.0), 1.0);
    }
}
