//! The recogniser: shapes, codes by the formulas, which sentence each code is for, and gradients.

use crate::differences::{check, fresh, randn, unsettled, weighed};
use kinora_gan::{FilmShape, Matcher, MatcherConfig, Recogniser, contrast, near};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Tensor, Var};

const SENTENCE: usize = 3;
const NOISE: usize = 4;

fn recogniser() -> Recogniser<Reference> {
    unsettled(&Recogniser::new(&mut fresh(), SENTENCE, NOISE).unwrap())
}

fn close(found: &Reference, wanted: &Reference) {
    assert_eq!(found.shape(), wanted.shape());
    for (found, wanted) in found.values().iter().zip(wanted.values()) {
        assert!((found - wanted).abs() < 1e-6, "{found}, not {wanted}");
    }
}

/// Row `row` of a matrix, as a matrix.
fn row(x: &Reference, row: usize) -> Reference {
    x.slice(0, row, 1).unwrap()
}

/// The views are the matcher's vectors with a mean square of 1, and frames of another size are an error.
#[test]
fn views_are_the_vectors_of_the_matcher() {
    let film = FilmShape { frames: 3, height: 5, width: 4, channels: 2 };
    let config = MatcherConfig { channels: vec![8, 16], features: 8 };
    let matcher = unsettled(&Matcher::new(&mut fresh(), &config, film, SENTENCE).unwrap());
    let frames = randn(1, [2, 2, 5, 4, 2]);
    let views = Recogniser::see(&matcher, &frames).unwrap();
    let scale = (SENTENCE as f32).sqrt();
    close(&views, &matcher.frames(&frames).unwrap().affine(scale, 0.0).unwrap());
    for row in views.values().chunks(SENTENCE) {
        let square: f64 = row.iter().map(|x| x * x).sum();
        assert!((square / SENTENCE as f64 - 1.0).abs() < 1e-6, "{square}");
    }
    for (height, width) in [(16, 16), (2, 2)] {
        let other = randn(1, [2, 2, height, width, 2]);
        assert!(Recogniser::see(&matcher, &other).is_err(), "{height}x{width}");
    }
}

/// A code has the mean square 1, for views and sentences of any length, and depends on both.
#[test]
fn codes_have_the_length_of_normal_noise() {
    let recogniser = recogniser();
    let [views, s] = [randn(1, [5, SENTENCE]), randn(2, [5, SENTENCE])];
    let of = |views: &Reference, s: &Reference| recogniser.forward(views, s).unwrap();
    let codes = of(&views, &s);
    assert_eq!(codes.shape()[..], [5, NOISE]);
    for scale in [1.0, 1e3] {
        let codes = of(&views.affine(scale, 0.0).unwrap(), &s);
        for code in codes.values().chunks(NOISE) {
            let square: f64 = code.iter().map(|x| x * x).sum();
            assert!((square / NOISE as f64 - 1.0).abs() < 1e-5, "{square}");
        }
    }
    assert_ne!(of(&randn(3, [5, SENTENCE]), &s), codes);
    assert_ne!(of(&views, &randn(3, [5, SENTENCE])), codes);
    assert!(recogniser.forward(&randn(1, [5, SENTENCE + 1]), &s).is_err());
}

/// The prior over clips has the codes of these clips for any sentence, in any order.
#[test]
fn the_prior_has_the_codes_of_its_clips() {
    let recogniser = recogniser();
    let views = randn(1, [5, SENTENCE]);
    let prior = recogniser.prior(&views).unwrap();
    assert_eq!(prior.clips(), 5);
    let order = [3, 0, 3, 4];
    let s = randn(2, [4, SENTENCE]);
    let shown: Vec<Reference> = order.iter().map(|&k| row(&views, k)).collect();
    let shown = Reference::concat(&shown.iter().collect::<Vec<_>>(), 0).unwrap();
    close(&prior.code(&order, &s).unwrap(), &recogniser.forward(&shown, &s).unwrap());
}

/// Element (i, j) is the cosine of two codes for sentence i.
#[test]
fn likeness_is_the_cosine_of_codes_for_one_sentence() {
    let recogniser = recogniser();
    let [twins, clips] = [randn(1, [2, SENTENCE]), randn(2, [3, SENTENCE])];
    let s = randn(3, [2, SENTENCE]);
    let found = recogniser.likeness(&twins, &clips, &s).unwrap();
    assert_eq!(found.shape()[..], [2, 3]);
    for i in 0..2 {
        for j in 0..3 {
            let of = |views: &Reference, k: usize| {
                recogniser.forward(&row(views, k), &row(&s, i)).unwrap().values().to_vec()
            };
            let [twin, clip] = [of(&twins, i), of(&clips, j)];
            let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let lengths = (product(&twin, &twin) * product(&clip, &clip)).sqrt();
            let wanted = product(&twin, &clip) / lengths;
            let found = found.values()[3 * i + j];
            assert!((found - wanted).abs() < 1e-6, "({i}, {j}): {found}, by hand {wanted}");
        }
    }
    let same = recogniser.likeness(&twins, &twins, &s).unwrap();
    assert!((same.values()[0] - 1.0).abs() < 1e-6 && (same.values()[3] - 1.0).abs() < 1e-6);
}

/// z = c + 0.3 ε.
#[test]
fn noise_is_near_the_code() {
    let [code, noise] = [randn(1, [2, NOISE]), randn(2, [2, NOISE])];
    let found = near(&code, &noise).unwrap();
    for (at, found) in found.values().iter().enumerate() {
        let wanted = code.values()[at] + 0.3 * noise.values()[at];
        assert!((found - wanted).abs() < 1e-6, "{at}: {found}, by hand {wanted}");
    }
}

#[test]
fn gradients() {
    let [views, clips, s] = [1, 2, 3].map(|stream| Var::constant(randn(stream, [3, SENTENCE])));
    check(&recogniser(), |r| weighed(&r.forward(&views, &s)?));
    check(&recogniser(), |r| contrast(&r.likeness(&views, &clips, &s)?.affine(5.0, 0.0)?));
}
