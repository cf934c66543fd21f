//! The recogniser: shapes, codes by the formulas, which sentence each code is for, and gradients.

use crate::differences::{check, fresh, randn, unsettled, weighed};
use kinora_gan::{Recogniser, contrast, near};
use kinora_nn::Module;
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

/// c(x, s) = √k · u / |u| with u = W₂ leaky_relu(W₁ [√d v, s] + b₁) + b₂, for vectors v and sentences s of
/// width d.
#[test]
fn codes_are_those_of_the_formula() {
    let recogniser = recogniser();
    let [clips, s] = [randn(1, [2, SENTENCE]), randn(2, [2, SENTENCE])];
    let found = recogniser.forward(&clips, &s).unwrap();
    let tensors = recogniser.named();
    let of = |name: &str| tensors.iter().find(|(each, _)| each == name).unwrap().1.values();
    let linear = |x: &[f64], name: &str| -> Vec<f64> {
        let [weight, bias] = ["weight", "bias"].map(|part| of(&format!("{name}.{part}")));
        let column = |k: usize| x.iter().zip(weight[k..].iter().step_by(bias.len()));
        (0..bias.len()).map(|k| bias[k] + column(k).map(|(x, w)| x * w).sum::<f64>()).collect()
    };
    for row in 0..2 {
        let part = |x: &Reference| x.values()[row * SENTENCE..][..SENTENCE].to_vec();
        let scale = f64::from((SENTENCE as f32).sqrt());
        let input: Vec<f64> = part(&clips).iter().map(|v| scale * v).chain(part(&s)).collect();
        let hidden = linear(&input, "hidden");
        let slope = f64::from(0.2f32);
        let hidden: Vec<f64> =
            hidden.iter().map(|x| if *x < 0.0 { slope * x } else { *x }).collect();
        let u = linear(&hidden, "code");
        let length = u.iter().map(|x| x * x).sum::<f64>().sqrt();
        for (k, u) in u.iter().enumerate() {
            let wanted = (NOISE as f64).sqrt() * u / length;
            let found = found.values()[row * NOISE + k];
            assert!((found - wanted).abs() < 1e-6, "{row}, {k}: {found}, by hand {wanted}");
        }
    }
}

/// A code has the mean square 1, for inputs of any length, and depends on the clip and the sentence.
#[test]
fn codes_have_the_length_of_normal_noise() {
    let recogniser = recogniser();
    let [clips, s] = [randn(1, [5, SENTENCE]), randn(2, [5, SENTENCE])];
    let of = |clips: &Reference, s: &Reference| recogniser.forward(clips, s).unwrap();
    let codes = of(&clips, &s);
    assert_eq!(codes.shape()[..], [5, NOISE]);
    for scale in [1.0, 1e3] {
        let scaled = |x: &Reference| x.affine(scale, 0.0).unwrap();
        let codes = of(&scaled(&clips), &scaled(&s));
        for code in codes.values().chunks(NOISE) {
            let square: f64 = code.iter().map(|x| x * x).sum();
            assert!((square / NOISE as f64 - 1.0).abs() < 1e-5, "{square}");
        }
    }
    assert_ne!(of(&randn(3, [5, SENTENCE]), &s), codes);
    assert_ne!(of(&clips, &randn(3, [5, SENTENCE])), codes);
    assert!(recogniser.forward(&randn(1, [5, SENTENCE + 1]), &s).is_err());
}

/// The prior over clips has the codes of these clips for any sentence, in any order.
#[test]
fn the_prior_has_the_codes_of_its_clips() {
    let recogniser = recogniser();
    let clips = randn(1, [5, SENTENCE]);
    let prior = recogniser.prior(&clips).unwrap();
    assert_eq!(prior.clips(), 5);
    let order = [3, 0, 3, 4];
    let s = randn(2, [4, SENTENCE]);
    let shown: Vec<Reference> = order.iter().map(|&k| row(&clips, k)).collect();
    let shown = Reference::concat(&shown.iter().collect::<Vec<_>>(), 0).unwrap();
    close(&prior.code(&order, &s).unwrap(), &recogniser.forward(&shown, &s).unwrap());
}

/// Element (i, j) is the cosine of two codes for sentence i.
#[test]
fn similarity_is_the_cosine_of_codes_for_one_sentence() {
    let recogniser = recogniser();
    let [twins, clips] = [randn(1, [2, SENTENCE]), randn(2, [3, SENTENCE])];
    let s = randn(3, [2, SENTENCE]);
    let found = recogniser.similarity(&twins, &clips, &s).unwrap();
    assert_eq!(found.shape()[..], [2, 3]);
    for i in 0..2 {
        for j in 0..3 {
            let of = |seen: &Reference, k: usize| {
                recogniser.forward(&row(seen, k), &row(&s, i)).unwrap().values().to_vec()
            };
            let [twin, clip] = [of(&twins, i), of(&clips, j)];
            let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let lengths = (product(&twin, &twin) * product(&clip, &clip)).sqrt();
            let wanted = product(&twin, &clip) / lengths;
            let found = found.values()[3 * i + j];
            assert!((found - wanted).abs() < 1e-6, "({i}, {j}): {found}, by hand {wanted}");
        }
    }
    let same = recogniser.similarity(&twins, &twins, &s).unwrap();
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
    let [twins, clips, s] = [1, 2, 3].map(|stream| Var::constant(randn(stream, [3, SENTENCE])));
    check(&recogniser(), |r| weighed(&r.forward(&twins, &s)?));
    check(&recogniser(), |r| contrast(&r.similarity(&twins, &clips, &s)?.affine(5.0, 0.0)?));
}
