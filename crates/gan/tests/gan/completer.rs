//! The completer: shapes, completions by the formula, the loss, and gradients.

use crate::differences::{check, fresh, randn, unsettled, weighed};
use kinora_gan::{Completer, Prior};
use kinora_nn::Module;
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Tensor, Var};

const WIDTH: usize = 3;

fn completer() -> Completer<Reference> {
    unsettled(&Completer::new(&mut fresh(), WIDTH).unwrap())
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

/// The formula in the README, for vectors of clips and sentences of width 3.
#[test]
fn completions_are_those_of_the_formula() {
    let completer = completer();
    let [clips, s] = [randn(1, [2, WIDTH]), randn(2, [2, WIDTH])];
    let found = completer.forward(&clips, &s).unwrap();
    let tensors = completer.named();
    let of = |name: &str| tensors.iter().find(|(each, _)| each == name).unwrap().1.values();
    let linear = |x: &[f64], name: &str| -> Vec<f64> {
        let [weight, bias] = ["weight", "bias"].map(|part| of(&format!("{name}.{part}")));
        let column = |k: usize| x.iter().zip(weight[k..].iter().step_by(bias.len()));
        (0..bias.len()).map(|k| bias[k] + column(k).map(|(x, w)| x * w).sum::<f64>()).collect()
    };
    for row in 0..2 {
        let part = |x: &Reference| x.values()[row * WIDTH..][..WIDTH].to_vec();
        let scale = f64::from((WIDTH as f32).sqrt());
        let slope = f64::from(0.2f32);
        let leaky = |x: Vec<f64>| -> Vec<f64> {
            x.into_iter().map(|x| if x < 0.0 { slope * x } else { x }).collect()
        };
        let clip: Vec<f64> = part(&clips).iter().map(|v| scale * v).collect();
        let both = [&clip[..], &part(&s)[..]].concat();
        let gates = linear(&leaky(linear(&both, "gates.0")), "gates.1");
        let gates = gates.iter().map(|x| 1.0 / (1.0 + (-x).exp()));
        let (of_clip, of_sentence) = (linear(&clip, "clip"), linear(&part(&s), "sentence"));
        let chosen = gates.zip(of_clip.iter().zip(&of_sentence));
        let chosen: Vec<f64> = chosen.map(|(g, (c, s))| g * c + (1.0 - g) * s).collect();
        let e = linear(&leaky(linear(&leaky(chosen), "output.0")), "output.1");
        let length = e.iter().map(|x| x * x).sum::<f64>().sqrt();
        for (k, e) in e.iter().enumerate() {
            let wanted = (WIDTH as f64).sqrt() * e / length;
            let found = found.values()[row * WIDTH + k];
            assert!((found - wanted).abs() < 1e-6, "{row}, {k}: {found}, by hand {wanted}");
        }
    }
}

/// A completion has the mean square 1, for inputs of any length, and depends on the clip and the sentence.
#[test]
fn completions_have_the_length_of_sentence_vectors() {
    let completer = completer();
    let [clips, s] = [randn(1, [5, WIDTH]), randn(2, [5, WIDTH])];
    let of = |clips: &Reference, s: &Reference| completer.forward(clips, s).unwrap();
    let completions = of(&clips, &s);
    assert_eq!(completions.shape()[..], [5, WIDTH]);
    for scale in [1.0, 1e3] {
        let scaled = |x: &Reference| x.affine(scale, 0.0).unwrap();
        let completions = of(&scaled(&clips), &scaled(&s));
        for completion in completions.values().chunks(WIDTH) {
            let square: f64 = completion.iter().map(|x| x * x).sum();
            assert!((square / WIDTH as f64 - 1.0).abs() < 1e-5, "{square}");
        }
    }
    assert_ne!(of(&randn(3, [5, WIDTH]), &s), completions);
    assert_ne!(of(&clips, &randn(3, [5, WIDTH])), completions);
    assert!(completer.forward(&randn(1, [5, WIDTH + 1]), &s).is_err());
}

/// The prior completes sentences by its clips, in any order.
#[test]
fn the_prior_completes_by_its_clips() {
    let completer = completer();
    let clips = randn(1, [5, WIDTH]);
    let prior = Prior::of(completer.clone(), clips.clone());
    assert_eq!(prior.clips(), 5);
    let order = [3, 0, 3, 4];
    let s = randn(2, [4, WIDTH]);
    let shown: Vec<Reference> = order.iter().map(|&k| row(&clips, k)).collect();
    let shown = Reference::concat(&shown.iter().collect::<Vec<_>>(), 0).unwrap();
    close(&prior.complete(&order, &s).unwrap(), &completer.forward(&shown, &s).unwrap());
}

/// 1 - the mean cosine of completions by twins and vectors of length 1.
#[test]
fn the_loss_is_one_minus_the_cosine() {
    let completer = completer();
    let [twins, s] = [randn(1, [2, WIDTH]), randn(3, [2, WIDTH])];
    let clips = randn(2, [2, WIDTH]);
    let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let unit: Vec<f32> = (clips.values().chunks(WIDTH))
        .flat_map(|x| x.iter().map(|y| (y / length(x)) as f32).collect::<Vec<_>>())
        .collect();
    let clips = Reference::from_slice(&Default::default(), &unit, [2, WIDTH]).unwrap();
    let completions = completer.forward(&twins, &s).unwrap();
    let pairs = completions.values().chunks(WIDTH).zip(clips.values().chunks(WIDTH));
    let cosine = |(a, b): (&[f64], &[f64])| {
        a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / length(a) / length(b)
    };
    let wanted = 1.0 - pairs.map(cosine).sum::<f64>() / 2.0;
    let found = completer.loss(&twins, &clips, &s).unwrap().values()[0];
    assert!((found - wanted).abs() < 1e-5, "{found}, by hand {wanted}");
}

#[test]
fn gradients() {
    let [twins, clips, s] = [1, 2, 3].map(|stream| Var::constant(randn(stream, [3, WIDTH])));
    check(&completer(), |c| weighed(&c.forward(&twins, &s)?));
    check(&completer(), |c| c.loss(&twins, &clips, &s));
}
