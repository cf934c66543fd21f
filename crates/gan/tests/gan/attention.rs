//! Attention against the formula, in plain numbers.

use crate::differences::{check, fresh, randn, unsettled, weighed};
use kinora_gan::Attention;
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Tensor, Var};

/// The bias of padding, as a text encoder gives it; the bias of a word is 0.
const NONE: f32 = -1e4;

#[test]
fn a_computation_by_hand() {
    // W_a [2, 2], one query, two words; the scores are q W_a V / sqrt 2 = [2, -1] / sqrt 2.
    let of = |data: &[f32], shape: &[usize]| Reference::from_slice(&(), data, shape).unwrap();
    let attention = Attention { weight: of(&[1.0, 2.0, 0.0, 1.0], &[2, 2]) };
    let (query, words) = (of(&[1.0, -3.0], &[1, 2]), of(&[2.0, 0.0, 0.0, 1.0], &[1, 2, 2]));
    let (context, weights) = attention.forward(&query, &words, &of(&[0.0; 2], &[1, 2])).unwrap();
    let exp = [2.0f64, -1.0].map(|score| (score / 2.0f64.sqrt()).exp());
    let first = exp[0] / (exp[0] + exp[1]);
    assert_eq!((&context.shape()[..], &weights.shape()[..]), (&[1, 2][..], &[1, 2][..]));
    for (found, wanted) in weights.values().iter().zip([first, 1.0 - first]) {
        assert!((found - wanted).abs() < 1e-7, "{weights:?}");
    }
    for (found, wanted) in context.values().iter().zip([2.0 * first, 1.0 - first]) {
        assert!((found - wanted).abs() < 1e-7, "{context:?}");
    }
}

#[test]
fn weights_sum_to_one_and_padding_gets_none() {
    let attention = Attention::new(&mut fresh(), 5, 4).unwrap();
    let (query, words) = (randn(1, [2, 5]), randn(2, [2, 3, 4]));
    let bias = Reference::from_slice(&(), &[0.0, 0.0, NONE, 0.0, NONE, NONE], [2, 3]).unwrap();
    let (context, weights) = attention.forward(&query, &words, &bias).unwrap();
    for row in weights.values().chunks(3) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{row:?}");
    }
    assert_eq!(weights.values()[2..], [0.0, 1.0, 0.0, 0.0]);
    assert!(weights.values()[0] > 0.0 && weights.values()[1] > 0.0);
    // The second sentence has one word, which is its whole context.
    assert_eq!(context.values()[4..], words.values()[12..16]);
}

#[test]
fn gradients() {
    let attention = unsettled(&Attention::new(&mut fresh(), 5, 4).unwrap());
    let bias = Reference::from_slice(&(), &[0.0, 0.0, NONE, 0.0, NONE, NONE], [2, 3]).unwrap();
    let [query, words, bias] = [randn(1, [2, 5]), randn(2, [2, 3, 4]), bias].map(Var::constant);
    check(&attention, |a| weighed(&a.forward(&query, &words, &bias)?.0));
    check(&attention, |a| weighed(&a.forward(&query, &words, &bias)?.1));
}
