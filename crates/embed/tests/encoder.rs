//! The encoder: what padding, order, length and neighbours change, and what they do not.

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_embed::{Encoded, Encoder, EncoderConfig, Pieces};
use kinora_nn::{Fresh, Module, freeze, lift, parameters};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Random, Result, Tensor, Var, grad};
use kinora_text::{Analysis, Entity, Tag, Tokenizer};

const CONFIG: EncoderConfig = EncoderConfig { pieces: 9, word: 5, sentence: 4, tags: 0 };

const LONG: &str = "a woman with red hair in a blue robe";
const SHORT: &str = "a robe";

fn tokenizer() -> Tokenizer {
    Tokenizer::train([LONG, SHORT].into_iter(), 300).unwrap()
}

fn read(texts: &[&str]) -> Vec<Analysis> {
    let tokenizer = tokenizer();
    texts.iter().map(|text| tokenizer.analyse(text).unwrap()).collect()
}

fn pieces(texts: &[&str], places: usize) -> Pieces {
    Pieces::new(&read(texts), places)
}

/// An encoder with noise on each parameter: the initial zeros of biases would hide mistakes.
fn encoder() -> Encoder<Reference> {
    let mut init = Fresh::<Reference>::new(&(), Random::new(3, 0));
    let encoder = Encoder::new(&mut init, &CONFIG, tokenizer().vocab_size()).unwrap();
    let mut random = Random::new(4, 0);
    encoder.map(|_, x| {
        let noise = Reference::randn(&(), &mut random, *x.shape()).unwrap();
        x.add(&noise.affine(0.2, 0.0).unwrap()).unwrap()
    })
}

fn encode(texts: &[&str], places: usize) -> Encoded<Reference> {
    encoder().forward(&pieces(texts, places)).unwrap()
}

#[test]
fn shapes_and_bias() {
    let device = CpuDevice::default();
    let mut init = Fresh::<CpuTensor>::new(&device, Random::new(3, 0));
    for (word, sentence) in [(5, 4), (2, 1), (7, 3)] {
        let config = EncoderConfig { word, sentence, ..CONFIG };
        let encoder = Encoder::new(&mut init, &config, tokenizer().vocab_size()).unwrap();
        let encoded = encoder.forward(&pieces(&[SHORT, LONG, ""], 9)).unwrap();
        assert_eq!(encoded.words.shape()[..], [3, 9, word]);
        assert_eq!(encoded.sentence.shape()[..], [3, sentence]);
        assert_eq!(encoded.bias.shape()[..], [3, 9]);
        let wanted: Vec<f32> = [2, 9, 0]
            .iter()
            .flat_map(|&n| (0..9).map(move |i| if i < n { 0.0 } else { -1e4 }))
            .collect();
        assert_eq!(encoded.bias.data(), wanted);
    }
}

/// What is said of a word changes its vector and the sentence, and nothing if it is not looked at.
#[test]
fn parts_of_speech_and_names_are_heard() {
    let tag = |pos: &str| Some(Tag { pos: pos.into(), p: 1.0 });
    let mut plain = read(&[SHORT]).remove(0);
    plain.tokens[1].tag = tag("NOUN");
    let mut verb = plain.clone();
    verb.tokens[1].tag = tag("VERB");
    let mut name = plain.clone();
    name.entities = vec![Entity { label: "ORG".into(), span: 2..7, score: 1.0 }];
    let all = [plain, verb, name];
    let pieces = Pieces::new(&all, 9);
    assert_eq!(pieces.tags[..2], [0.0, 8.0], "no tag, then NOUN");
    assert_eq!(pieces.entities[4..6], [0.0, 3.0], "nothing, then ORG");
    for tags in [0, 3] {
        let mut init = Fresh::<Reference>::new(&(), Random::new(3, 0));
        let config = EncoderConfig { tags, ..CONFIG };
        let encoder = Encoder::new(&mut init, &config, tokenizer().vocab_size()).unwrap();
        let encoded = encoder.forward(&pieces).unwrap();
        assert_eq!(encoded.words.shape()[..], [3, 2, 5]);
        let sentence = |n: usize| encoded.sentence.select(0, n).unwrap().values().to_vec();
        for other in [1, 2] {
            assert_eq!(
                sentence(0) != sentence(other),
                tags > 0,
                "{tags} numbers, sentence {other}"
            );
        }
    }
}

/// A short sentence by itself, beside a long one, and with more room behind it.
#[test]
fn padding_changes_nothing() {
    let alone = encode(&[SHORT], 2);
    for (texts, places, at) in [
        (&[SHORT][..], 9, 0),
        (&[SHORT, LONG], 9, 0),
        (&[LONG, "", SHORT], 9, 2),
        (&[SHORT], 30, 0),
    ] {
        let batch = encode(texts, places);
        let s = batch.sentence.select(0, at).unwrap();
        assert_eq!(s.values(), alone.sentence.values(), "s of {texts:?} in {places}");
        let v = batch.words.select(0, at).unwrap().slice(0, 0, 2).unwrap();
        assert_eq!(v.values(), alone.words.values(), "V of {texts:?} in {places}");
    }
}

#[test]
fn an_empty_sentence_is_a_sentence() {
    for text in ["", "   ", "\n"] {
        let empty = encode(&[text], 9);
        assert_eq!(empty.words.values(), [0.0; 5], "{text:?}");
        assert!(empty.sentence.values().iter().all(|x| x.is_finite()), "{text:?}");
        assert_eq!(empty.sentence, encode(&[""], 3).sentence);
    }
    let none = pieces(&[], 9);
    assert_eq!((none.sentences, none.rows.len(), none.cut), (0, 0, 0));
}

#[test]
fn what_is_too_long_is_cut_and_counted() {
    let whole = pieces(&[LONG, SHORT, ""], 12);
    assert_eq!(whole.places, 9, "no more than the longest needs");
    assert_eq!((whole.cut, whole.mask.iter().sum::<f32>()), (0, 11.0));
    for (places, cut) in [(8, 1), (2, 7), (1, 9)] {
        let short = pieces(&[LONG, SHORT, ""], places);
        assert_eq!(short.cut, cut, "in {places}");
        for (kept, all) in short.rows.chunks(places).zip(whole.rows.chunks(9)) {
            assert_eq!(kept, &all[..places]);
        }
    }
    // What is cut is not heard.
    let cut = encode(&["a woman with red hair in a blue robe robe robe"], 9);
    assert_eq!(cut.sentence, encode(&[LONG], 9).sentence);
    assert_eq!(Pieces::new(&read(&[LONG]), 0).cut, 9);
}

/// The same words in another order are another sentence, though their mean is the same.
#[test]
fn order_matters() {
    let texts = [LONG, "a woman with blue hair in a red robe"];
    let rows = pieces(&texts, 9).rows;
    let sorted = |rows: &[f32]| {
        let mut rows = rows.to_vec();
        rows.sort_by(f32::total_cmp);
        rows
    };
    assert_eq!(sorted(&rows[..9]), sorted(&rows[9..]));
    let encoded = encode(&texts, 9);
    let s: Vec<&[f64]> = encoded.sentence.values().chunks(4).collect();
    assert!(s[0].iter().zip(s[1]).any(|(a, b)| (a - b).abs() > 1e-3), "{s:?}");
}

/// A word in another sentence is another vector of V: it is heard in its context.
#[test]
fn words_are_read_in_their_context() {
    let v = encode(&["a red robe", "a blue robe"], 3).words;
    let robe = |k: usize| v.select(0, k).unwrap().select(0, 2).unwrap();
    assert_ne!(robe(0), robe(1));
}

/// Every parameter against central differences in 64 bits, in some elements.
#[test]
fn gradients() {
    let pieces = pieces(&[LONG, SHORT, "a"], 9);
    let loss = |encoder: &Encoder<Var<Reference>>| -> Result<Var<Reference>> {
        let Encoded { words, sentence, .. } = encoder.forward(&pieces)?;
        let weighed = |x: &Var<Reference>| {
            let w = Reference::randn(&(), &mut Random::new(7, 0), *x.shape())?;
            x.mul(&Var::constant(w))?.sum_all()
        };
        weighed(&words)?.add(&weighed(&sentence)?)
    };
    let encoder = encoder();
    let lifted = lift(&encoder);
    let gradients = grad(loss(&lifted).unwrap(), &parameters(&lifted)).unwrap();
    let value = |e: &Encoder<Reference>| loss(&freeze(e)).unwrap().value().values()[0];
    for (place, ((name, _), gradient)) in encoder.named().into_iter().zip(&gradients).enumerate() {
        let g = gradient.values();
        // Of the table, the rows that were read.
        let heard: Vec<usize> = (0..g.len()).filter(|&i| g[i] != 0.0).collect();
        assert!(!heard.is_empty(), "{name} has no say");
        let mut random = Random::new(11, place as u64);
        for _ in 0..5 {
            let element = heard[random.below(heard.len())];
            let moved = |by: f64| {
                let mut at = 0;
                value(&encoder.map(|_, x| {
                    let mut values = x.values().to_vec();
                    if at == place {
                        values[element] += by;
                    }
                    at += 1;
                    Reference::new(values, *x.shape()).unwrap()
                }))
            };
            let wanted = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            let error = (g[element] - wanted).abs() / (1.0 + wanted.abs());
            assert!(error < 1e-6, "{name}[{element}]: {}, by differences {wanted}", g[element]);
        }
    }
    // A row that no sentence has is left as it is.
    let rows = gradients[0].values();
    let unread = (0..tokenizer().vocab_size()).find(|&row| !pieces.rows.contains(&(row as f32)));
    let unread = unread.expect("the alphabet is larger than the sentences");
    assert_eq!(rows[unread * 5..][..5], [0.0; 5]);
}

#[test]
fn sizes_that_make_no_encoder() {
    CONFIG.check().unwrap();
    for (config, wanted) in [
        (EncoderConfig { pieces: 0, ..CONFIG }, "encoder.pieces = 0 must be from 1 to 4096"),
        (EncoderConfig { word: 1, ..CONFIG }, "encoder.word = 1 must be from 2 to 4096"),
        (EncoderConfig { sentence: 0, ..CONFIG }, "encoder.sentence = 0"),
        (EncoderConfig { word: usize::MAX, ..CONFIG }, "encoder.word"),
        (EncoderConfig { tags: 5000, ..CONFIG }, "encoder.tags = 5000 must be from 0 to 4096"),
    ] {
        assert!(config.check().unwrap_err().contains(wanted), "{config:?}");
    }
}
