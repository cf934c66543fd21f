//! Whether a sentence vector encodes the attributes that its sentence mentions.

use std::collections::{BTreeMap, BTreeSet};

use kinora_model::Model;
use kinora_nn::{Adam, AdamConfig, Fresh, Linear, clip_factor, gradient_norm, lift, parameters};
use kinora_tensor::{Random, Tensor, Var, grad};
use kinora_video::Caption;

use super::{Figure, share};
use crate::Result;

/// Captions per batch of the text encoder.
const TOGETHER: usize = 64;
/// Training steps of the classifier, each with all captions.
const STEPS: usize = 300;

/// A linear probe of the sentence vector s for each attribute that captions mention (Alain and
/// Bengio, "Understanding intermediate layers using linear classifier probes", 2016): a softmax of
/// a linear function of s, trained on the captions `learn` and tested on the captions `test`.
/// Returns for each attribute its accuracy on the captions in `test` that mention the attribute.
///
/// # Errors
/// If a caption cannot be encoded, or the device fails.
pub(super) fn probe<T: Tensor>(
    model: &Model<T>,
    learn: &[Caption],
    test: &[Caption],
) -> Result<Vec<(String, Option<Figure>)>> {
    let (seen, unseen) = (sentences(model, learn)?, sentences(model, test)?);
    let attributes: BTreeSet<&String> = learn.iter().flat_map(|caption| &caption.said).collect();
    let device = model.net.encoder.words.table.table.device();
    let d = model.config.encoder.sentence;
    let mut found = Vec::new();
    for attribute in attributes {
        let values = said(learn, attribute).map(|(_, value)| value);
        let classes: BTreeMap<&str, usize> =
            values.collect::<BTreeSet<_>>().into_iter().zip(0..).collect();
        let rows = |captions: &[Caption], vectors: &[Vec<f32>]| -> (Vec<f32>, Vec<Option<usize>>) {
            let rows = said(captions, attribute);
            let (x, labels): (Vec<&[f32]>, Vec<Option<usize>>) =
                rows.map(|(at, value)| (&vectors[at][..], classes.get(value).copied())).unzip();
            (x.concat(), labels)
        };
        let (x, wanted) = rows(test, &unseen);
        if wanted.is_empty() {
            continue;
        }
        let classifier = fit(device, rows(learn, &seen), classes.len(), d)?;
        let scores =
            classifier.forward(&T::from_slice(device, &x, [wanted.len(), d])?)?.to_vec()?;
        let named = scores.chunks(classes.len()).map(|row| {
            let largest = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            largest.map(|(at, _)| at)
        });
        let right =
            named.zip(&wanted).enumerate().map(|(at, (named, wanted))| (at, named == *wanted));
        found.push((attribute.clone(), share(right)));
    }
    Ok(found)
}

/// The captions that mention an attribute, each as its index and the value.
fn said<'a>(
    captions: &'a [Caption],
    attribute: &'a str,
) -> impl Iterator<Item = (usize, &'a str)> + 'a {
    captions.iter().enumerate().filter_map(move |(at, caption)| {
        let value = caption.attributes.get(attribute)?;
        caption.said.contains(attribute).then_some((at, value.as_str()))
    })
}

/// The sentence vector of each caption.
fn sentences<T: Tensor>(model: &Model<T>, captions: &[Caption]) -> Result<Vec<Vec<f32>>> {
    let mut all = Vec::new();
    for part in captions.chunks(TOGETHER) {
        let texts: Vec<&str> = part.iter().map(|caption| caption.text.as_str()).collect();
        let sentence = model.net.encoder.forward(&model.lexicon.read(&texts)?)?.sentence;
        all.extend(sentence.to_vec()?.chunks(sentence.shape()[1]).map(<[f32]>::to_vec));
    }
    Ok(all)
}

/// Trains a softmax classifier on rows `[n, d]` with these labels.
fn fit<T: Tensor>(
    device: &T::Device,
    (x, labels): (Vec<f32>, Vec<Option<usize>>),
    classes: usize,
    d: usize,
) -> Result<Linear<T>> {
    let n = labels.len();
    let mut one_hot = vec![0.0; n * classes];
    for (row, label) in labels.iter().enumerate() {
        if let Some(label) = label {
            one_hot[row * classes + label] = -1.0 / n as f32;
        }
    }
    let x = Var::constant(T::from_slice(device, &x, [n, d])?);
    let one_hot = Var::constant(T::from_slice(device, &one_hot, [n, classes])?);
    let mut fresh = Fresh::new(device, Random::new(0, 0));
    let mut linear = Linear::new(&mut fresh, d, classes, true)?;
    let config = AdamConfig { rate: 0.03, beta1: 0.9, beta2: 0.99, ..AdamConfig::default() };
    let mut adam = Adam::new(&linear, config)?;
    for _ in 0..STEPS {
        let lifted = lift(&linear);
        let likely = lifted.forward(&x)?.log_softmax()?;
        let gradients = grad(likely.mul(&one_hot)?.sum_all()?, &parameters(&lifted))?;
        drop((lifted, likely));
        let factor = clip_factor(&gradient_norm(&gradients)?, f32::INFINITY)?;
        linear = adam.step(linear, &gradients, &factor)?;
    }
    Ok(linear)
}
