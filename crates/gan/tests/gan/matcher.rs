//! The matcher: shapes, which frames it sees, logits by hand, gradients, and the sizes it rejects.

use crate::differences::{as_module, check, fresh, randn, unsettled, weighed};
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_gan::{FilmShape, Matcher, MatcherConfig};
use kinora_nn::{Fresh, Module, freeze};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Random, Tensor, Var};

const FILM: FilmShape = FilmShape { frames: 3, height: 5, width: 4, channels: 2 };
const SENTENCE: usize = 3;

fn config() -> MatcherConfig {
    MatcherConfig { channels: vec![8, 16], features: 8 }
}

fn of(film: FilmShape) -> Matcher<Reference> {
    unsettled(&Matcher::new(&mut fresh(), &config(), film, SENTENCE).unwrap())
}

fn clips(n: usize, film: FilmShape) -> Reference {
    randn(1, [n, film.frames, film.height, film.width, film.channels])
}

#[test]
fn a_vector_of_length_one_for_a_clip_of_any_size() {
    let device = CpuDevice::default();
    for [frames, height, width, channels] in
        [[3, 5, 4, 2], [1, 4, 4, 1], [2, 7, 9, 3], [16, 8, 16, 4], [9, 6, 5, 3]]
    {
        let film = FilmShape { frames, height, width, channels };
        config().check(film).unwrap();
        let mut init = Fresh::<CpuTensor>::new(&device, Random::new(0, 0));
        let matcher = Matcher::new(&mut init, &config(), film, SENTENCE).unwrap();
        let mut random = Random::new(1, 0);
        let shape = [2, frames, height, width, channels];
        let x = CpuTensor::randn(&device, &mut random, shape).unwrap();
        let s = CpuTensor::randn(&device, &mut random, [5, SENTENCE]).unwrap();
        let seen = matcher.clips(&x).unwrap();
        assert_eq!(seen.shape()[..], [2, SENTENCE], "{film:?}");
        for row in seen.data().chunks(SENTENCE) {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!((length - 1.0).abs() < 1e-4, "{film:?}: {length}");
        }
        assert_eq!(matcher.logits(&seen, &s).unwrap().shape()[..], [2, 5], "{film:?}");
    }
}

/// The matcher sees frames 0, 2, 4 and so on, and no others.
#[test]
fn every_second_frame_is_seen() {
    for frames in [1, 2, 3, 4, 5] {
        let film = FilmShape { frames, ..FILM };
        let matcher = of(film);
        let x = clips(1, film);
        let before = matcher.clips(&x).unwrap();
        for frame in 0..frames {
            let parts: Vec<Reference> = (0..frames)
                .map(|at| {
                    let cut = x.slice(1, at, 1).unwrap();
                    if at == frame { cut.affine(0.5, 0.25).unwrap() } else { cut }
                })
                .collect();
            let other = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1).unwrap();
            let is_seen = matcher.clips(&other).unwrap() != before;
            assert_eq!(is_seen, frame % 2 == 0, "frame {frame} of {frames}");
        }
    }
}

/// A clip played backwards has the same frames but another vector.
#[test]
fn the_order_of_frames_is_seen() {
    let matcher = of(FILM);
    let x = clips(1, FILM);
    let frames = [2, 1, 0].map(|t| x.slice(1, t, 1).unwrap());
    let back = Tensor::concat(&frames.each_ref(), 1).unwrap();
    assert_ne!(matcher.clips(&x).unwrap(), matcher.clips(&back).unwrap());
}

/// The logit is 40 σ(sharpness) · v · s / ‖s‖ for the vector v of a clip and a sentence s. The
/// inverse temperature of a new matcher is 12.
#[test]
fn logits_are_those_of_the_formula() {
    let new = Matcher::new(&mut fresh(), &config(), FILM, SENTENCE).unwrap();
    for (matcher, is_new) in [(new, true), (of(FILM), false)] {
        let named = matcher.named();
        let (_, sharpness) = named.iter().find(|(name, _)| name == "sharpness").unwrap();
        let scale = 40.0 / (1.0 + (-sharpness.values()[0]).exp());
        assert!(!is_new || (scale - 12.0).abs() < 0.1, "{scale}");
        let v = matcher.clips(&clips(2, FILM)).unwrap();
        let s = randn(2, [4, SENTENCE]).affine(5.0, 0.0).unwrap();
        let found = matcher.logits(&v, &s).unwrap();
        for (at, found) in found.values().iter().enumerate() {
            let v = &v.values()[at / 4 * SENTENCE..][..SENTENCE];
            let s = &s.values()[at % 4 * SENTENCE..][..SENTENCE];
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let wanted = scale * dot(v, s) / dot(s, s).sqrt();
            assert!((found - wanted).abs() < 1e-5, "{at}: {found}, by hand {wanted}");
        }
    }
    // The vector of an empty sentence may be all zeros: its logits are 0, not NaN.
    let (matcher, zero) = (of(FILM), Reference::full(&(), 0.0, [1, SENTENCE]).unwrap());
    let logits = matcher.logits(&matcher.clips(&clips(2, FILM)).unwrap(), &zero).unwrap();
    assert_eq!(logits.values(), [0.0, 0.0]);
}

#[test]
fn a_clip_is_seen_by_itself() {
    let matcher = of(FILM);
    let x = clips(3, FILM);
    let together = matcher.clips(&x).unwrap();
    for k in 0..3 {
        let alone = matcher.clips(&x.slice(0, k, 1).unwrap()).unwrap();
        assert_eq!(alone, together.slice(0, k, 1).unwrap(), "clip {k}");
    }
}

#[test]
fn gradients() {
    for frames in [1, 3, 4] {
        let film = FilmShape { frames, ..FILM };
        let [x, s] = [clips(2, film), randn(2, [4, SENTENCE])].map(Var::constant);
        let matcher = of(film);
        // With one frame a GRU's previous state is zero, so the weights of the state get no
        // gradient.
        if frames > 1 {
            check(&matcher, |m| weighed(&m.logits(&m.clips(&x)?, &s)?));
        }
        // The gradient by the sentences.
        let s = as_module(&randn(2, [4, SENTENCE]));
        let frozen = freeze::<Reference, _>(&matcher);
        check(&s, |s| weighed(&frozen.logits(&frozen.clips(&x)?, &s.table)?));
    }
}

#[test]
fn sizes_that_make_no_matcher() {
    let good = config();
    let rows: [(MatcherConfig, &str); 7] = [
        (MatcherConfig { features: 0, ..good.clone() }, "matcher.features = 0"),
        (MatcherConfig { features: 3, ..good.clone() }, "matcher.features = 3 must be at least 4"),
        (MatcherConfig { features: 5000, ..good.clone() }, "matcher.features = 5000"),
        (MatcherConfig { channels: vec![], ..good.clone() }, "matcher.channels needs at least one"),
        (MatcherConfig { channels: vec![8, 0], ..good.clone() }, "matcher.channels = 0"),
        (
            MatcherConfig { channels: vec![12], ..good.clone() },
            "matcher.channels: 12 is no multiple of 8",
        ),
        (
            MatcherConfig { channels: vec![8; 3], ..good.clone() },
            "matcher.channels halves the resolution 3 times, too often for 5 by 4 pixels; remove",
        ),
    ];
    for (config, wanted) in rows {
        let reason = config.check(FILM).unwrap_err();
        assert!(reason.contains(wanted), "{reason:?}, not {wanted:?}");
    }
    let many = MatcherConfig { channels: vec![8; 200], ..good.clone() };
    assert!(many.check(FILM).unwrap_err().contains("halves the resolution 200 times"));
    let none = FilmShape { frames: 0, ..FILM };
    assert!(good.check(none).unwrap_err().contains("clip.frames"));
}
