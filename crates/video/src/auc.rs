//! For tests: measures whether words alone separate true sentences from false ones.

use std::collections::BTreeSet;

use crate::draws::hash;

/// Number of weights; features are hashed to them.
const WEIGHTS: usize = 1 << 18;

/// The words of a sentence, and all pairs of them.
fn features(text: &str) -> Vec<usize> {
    let text = text.to_lowercase();
    let words = text.split([' ', ',', '.', ':']).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect::<BTreeSet<_>>().into_iter().collect();
    let pairs = words
        .iter()
        .enumerate()
        .flat_map(|(i, a)| words[i + 1..].iter().map(move |b| hash(&format!("{a} {b}"))));
    let all = words.iter().map(|word| hash(word)).chain(pairs);
    all.map(|feature| feature as usize % WEIGHTS).collect()
}

fn score(weights: &[f32], features: &[usize]) -> f32 {
    features.iter().map(|&feature| weights[feature]).sum()
}

/// Trains a logistic regression on true and false sentences, and returns the area under the ROC curve
/// on the test sentences: how often a true sentence has a higher score than a false one.
pub fn auc(train: &[(String, bool)], test: &[(String, bool)]) -> f64 {
    let all: Vec<_> = train.iter().map(|(text, truth)| (features(text), *truth)).collect();
    let (mut weights, mut squares) = (vec![0.0_f32; WEIGHTS], vec![1e-3_f32; WEIGHTS]);
    for _ in 0..4 {
        for (features, truth) in &all {
            let p = 1.0 / (1.0 + (-score(&weights, features)).exp());
            let slope = p - f32::from(u8::from(*truth));
            // AdaGrad.
            for &feature in features {
                squares[feature] += slope * slope;
                weights[feature] -= 0.02 * slope / squares[feature].sqrt();
            }
        }
    }
    let mut scores: Vec<(f32, bool)> =
        test.iter().map(|(text, truth)| (score(&weights, &features(text)), *truth)).collect();
    scores.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut won, mut trues) = (0.0, 0.0, 0.0);
    for (_, truth) in scores {
        if truth {
            trues += 1.0;
            won += below;
        } else {
            below += 1.0;
        }
    }
    won / (trues * below)
}

#[test]
fn words_that_tell_are_found() {
    let text = |i: u64| {
        let (truth, other) = (i.is_multiple_of(2), hash(&i.to_string()) % 7);
        (format!("a word {} {other}", if truth { "red" } else { "blue" }), truth)
    };
    let all: Vec<_> = (0..400).map(text).collect();
    assert!(auc(&all[..300], &all[300..]) > 0.99);
    let coin = |i: usize| hash(&i.to_string()).is_multiple_of(2);
    let all: Vec<_> = all.into_iter().enumerate().map(|(i, (text, _))| (text, coin(i))).collect();
    assert!((0.35..0.65).contains(&auc(&all[..300], &all[300..])));
}
