//! The recogniser: shapes, which frames it sees, codes by the formulas, and gradients.

use crate::differences::{check, fresh, randn, unsettled, weighed};
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_gan::{Code, FilmShape, MatcherConfig, Recogniser};
use kinora_nn::Fresh;
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Error, Random, Tensor, Var};

const FILM: FilmShape = FilmShape { frames: 3, height: 5, width: 4, channels: 2 };
const SENTENCE: usize = 3;
const NOISE: usize = 4;

fn config() -> MatcherConfig {
    MatcherConfig { channels: vec![8, 16], features: 8 }
}

fn of(film: FilmShape) -> Recogniser<Reference> {
    unsettled(&Recogniser::new(&mut fresh(), &config(), film, SENTENCE, NOISE).unwrap())
}

fn clips(n: usize, film: FilmShape) -> Reference {
    randn(1, [n, film.frames, film.height, film.width, film.channels])
}

#[test]
fn one_code_a_clip_of_any_size() {
    let device = CpuDevice::default();
    for [frames, height, width, channels] in
        [[3, 5, 4, 2], [1, 4, 4, 1], [2, 7, 9, 3], [16, 8, 16, 4]]
    {
        let film = FilmShape { frames, height, width, channels };
        let mut init = Fresh::<CpuTensor>::new(&device, Random::new(0, 0));
        let recogniser = Recogniser::new(&mut init, &config(), film, SENTENCE, NOISE).unwrap();
        let mut random = Random::new(1, 0);
        let shape = [2, frames, height, width, channels];
        // Far larger than any pixel, so that the variances would leave their range if they could.
        let x = CpuTensor::randn(&device, &mut random, shape).unwrap().affine(1e3, 0.0).unwrap();
        let s = CpuTensor::randn(&device, &mut random, [2, SENTENCE]).unwrap();
        let code = recogniser.forward(&x, &s).unwrap();
        for part in [&code.mean, &code.log_variance] {
            assert_eq!(part.shape()[..], [2, NOISE], "{film:?}");
        }
        assert!(code.log_variance.data().iter().all(|x| x.abs() <= 6.0), "{code:?}");
    }
}

/// The recogniser sees the first frame, the middle frame and the sentence, and no other frame.
#[test]
fn the_first_frame_the_middle_one_and_the_sentence_are_seen() {
    for (frames, seen) in [(1, vec![0]), (2, vec![0, 1]), (3, vec![0, 1]), (6, vec![0, 3])] {
        let film = FilmShape { frames, ..FILM };
        let recogniser = of(film);
        let (x, s) = (clips(1, film), randn(2, [1, SENTENCE]));
        let mean = |x: &Reference, s: &Reference| recogniser.forward(x, s).unwrap().mean;
        let before = mean(&x, &s);
        for frame in 0..frames {
            let parts: Vec<Reference> = (0..frames)
                .map(|at| {
                    let cut = x.slice(1, at, 1).unwrap();
                    if at == frame { cut.affine(0.5, 0.25).unwrap() } else { cut }
                })
                .collect();
            let other = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1).unwrap();
            let is_seen = mean(&other, &s) != before;
            assert_eq!(is_seen, seen.contains(&frame), "frame {frame} of {frames}");
        }
        assert_ne!(mean(&x, &randn(3, [1, SENTENCE])), before);
    }
}

/// The prior over clips has the codes of these clips for any sentence, in any order.
#[test]
fn the_prior_has_the_codes_of_its_clips() {
    let recogniser = of(FILM);
    let x = clips(5, FILM);
    let [first, rest] = [(0, 2), (2, 3)].map(|(from, count)| x.slice(0, from, count).unwrap());
    let prior = recogniser.prior([first, rest].map(Ok::<_, Error>)).unwrap();
    assert_eq!(prior.clips(), 5);
    let order = [3, 0, 3, 4];
    let s = randn(2, [4, SENTENCE]);
    let found = prior.code(&order, &s).unwrap();
    let shown: Vec<Reference> = order.iter().map(|&k| x.slice(0, k, 1).unwrap()).collect();
    let shown = Reference::concat(&shown.iter().collect::<Vec<_>>(), 0).unwrap();
    let wanted = recogniser.forward(&shown, &s).unwrap();
    for (found, wanted) in [(found.mean, wanted.mean), (found.log_variance, wanted.log_variance)] {
        for (found, wanted) in found.values().iter().zip(wanted.values()) {
            assert!((found - wanted).abs() < 1e-12, "{found}, not {wanted}");
        }
    }
}

/// Clips of another size are an error, larger or smaller.
#[test]
fn clips_of_another_size() {
    let recogniser = of(FILM);
    let s = randn(2, [1, SENTENCE]);
    for (height, width) in [(16, 16), (2, 2)] {
        let x = clips(1, FilmShape { height, width, ..FILM });
        assert!(recogniser.forward(&x, &s).is_err(), "{height}x{width}");
    }
}

fn code() -> Code<Reference> {
    let mean = Reference::new(vec![0.5, -1.0, 0.0, 2.0], [2, 2]).unwrap();
    let log_variance = Reference::new(vec![0.0, -0.5, 1.25, -3.0], [2, 2]).unwrap();
    Code { mean, log_variance }
}

/// z = μ + σ ε.
#[test]
fn draws_are_those_of_the_formula() {
    let code = code();
    let noise = randn(4, [2, 2]);
    let drawn = code.draw(&noise).unwrap();
    for (at, found) in drawn.values().iter().enumerate() {
        let sigma = code.log_variance.values()[at].exp().sqrt();
        let wanted = code.mean.values()[at] + sigma * noise.values()[at];
        assert!((found - wanted).abs() < 1e-12, "{at}: {found}, by hand {wanted}");
    }
}

/// ½ Σ (μ² + σ² - 1 - ln σ²) for each clip, and the mean over the clips.
#[test]
fn the_divergence_is_that_of_the_formula() {
    let code = code();
    let each = code.mean.values().iter().zip(code.log_variance.values());
    let sum: f64 = each.map(|(mean, log)| mean * mean + log.exp() - 1.0 - log).sum();
    let found = code.divergence().unwrap();
    assert!(found.shape().is_empty());
    assert!((found.values()[0] - 0.5 * sum / 2.0).abs() < 1e-12, "{found:?}, by hand {sum}");

    let zero = Reference::full(&(), 0.0, [3, 5]).unwrap();
    let normal = Code { mean: zero.clone(), log_variance: zero };
    assert_eq!(normal.divergence().unwrap().values(), [0.0]);
}

/// ½ Σ (σ² / τ² + (μ - ν)² / τ² - 1 - ln (σ² / τ²)) for codes with means μ and ν, variances σ² and τ².
#[test]
fn the_divergence_of_two_codes_is_that_of_the_formula() {
    let code = code();
    let zero = Reference::full(&(), 0.0, [2, 2]).unwrap();
    let normal = Code { mean: zero.clone(), log_variance: zero };
    let found = code.divergence_from(&normal).unwrap().values()[0];
    assert!((found - code.divergence().unwrap().values()[0]).abs() < 1e-12, "{found}");
    assert_eq!(code.divergence_from(&code).unwrap().values(), [0.0]);

    let other = Code { mean: randn(5, [2, 2]), log_variance: randn(6, [2, 2]) };
    let values = |x: &Reference| x.values().to_vec();
    let [mu, ln_s] = [values(&code.mean), values(&code.log_variance)];
    let [nu, ln_t] = [values(&other.mean), values(&other.log_variance)];
    let of = |k: usize| {
        let ratio = (ln_s[k] - ln_t[k]).exp();
        ratio + (mu[k] - nu[k]).powi(2) / ln_t[k].exp() - 1.0 - ratio.ln()
    };
    let sum: f64 = (0..4).map(of).sum();
    let found = code.divergence_from(&other).unwrap().values()[0];
    assert!((found - 0.5 * sum / 2.0).abs() < 1e-12, "{found}, by hand {sum}");
}

#[test]
fn gradients() {
    for frames in [1, 3] {
        let film = FilmShape { frames, ..FILM };
        let [x, s, noise] =
            [clips(2, film), randn(2, [2, SENTENCE]), randn(4, [2, NOISE])].map(Var::constant);
        check(&of(film), |r| weighed(&r.forward(&x, &s)?.draw(&noise)?));
        check(&of(film), |r| r.forward(&x, &s)?.divergence()?.affine(0.7, 0.0));
        let other = Var::constant(clips(2, film).affine(-0.5, 0.1).unwrap());
        check(&of(film), |r| r.forward(&x, &s)?.divergence_from(&r.forward(&other, &s)?));
    }
}
