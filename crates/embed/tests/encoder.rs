//! The encoder: padding, order, length and batches, and its gradients.

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_embed::{Encoded, Encoder, EncoderConfig, Inputs, Pieces, Reader, Vectors};
use kinora_nn::{Fresh, Module, freeze, lift, parameters};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Random, Result, Tensor, Var, grad};
use kinora_text::{Analysis, Entity, Tag, Tokenizer};

fn config() -> EncoderConfig {
    EncoderConfig { pieces: 9, word: 5, sentence: 4, ..EncoderConfig::default() }
}

fn inputs() -> Inputs {
    Inputs { vocab: tokenizer().vocab_size(), ..Inputs::default() }
}

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
    Pieces::new(&read(texts), &EncoderConfig { pieces: places, ..config() }, None)
}

/// A table with most of the words, whose vectors are wider than the encoder's.
fn vectors() -> Vectors {
    let words = ["a", "woman", "with", "red", "crimson", "robe"];
    let mut random = Random::new(6, 0);
    Vectors::new(&words, 7, random.normals(words.len() * 7)).unwrap()
}

/// Every kind of encoder, with the sizes of its inputs.
fn kinds() -> Vec<(EncoderConfig, Inputs)> {
    let kind = |reader, vectors: usize, tuned, given| {
        let inputs = Inputs { vectors, sentence: given, ..inputs() };
        let from = if vectors > 0 { "vectors.txt" } else { "none" };
        (EncoderConfig { reader, vectors: from.into(), tuned, ..config() }, inputs)
    };
    let unit = |(config, inputs)| (EncoderConfig { unit: true, ..config }, inputs);
    vec![
        unit(kind(Reader::Gru, 0, false, 0)),
        unit(kind(Reader::Sif, 7, false, 7)),
        kind(Reader::Gru, 0, false, 0),
        kind(Reader::Gru, 7, false, 0),
        kind(Reader::Gru, 7, true, 0),
        kind(Reader::Lstm, 0, false, 0),
        kind(Reader::Mean, 7, true, 0),
        kind(Reader::Sif, 7, false, 7),
        kind(Reader::Onnx, 0, false, 3),
    ]
}

/// The pieces of texts for a kind of encoder; external sentence vectors are random.
fn pieces_of((config, inputs): &(EncoderConfig, Inputs), texts: &[&str], places: usize) -> Pieces {
    let vectors = (inputs.vectors > 0).then(vectors);
    let config = EncoderConfig { pieces: places, ..config.clone() };
    let mut pieces = Pieces::new(&read(texts), &config, vectors.as_ref());
    pieces.given = texts
        .iter()
        .flat_map(|text| Random::new(text.len() as u64, 1).normals(inputs.sentence))
        .collect();
    pieces
}

fn encoder() -> Encoder<Reference> {
    encoder_of(&(config(), inputs()))
}

/// An encoder with noise on each parameter: the initial zeros of biases would hide mistakes.
fn encoder_of((config, inputs): &(EncoderConfig, Inputs)) -> Encoder<Reference> {
    let mut init = Fresh::<Reference>::new(&(), Random::new(3, 0));
    let encoder = Encoder::new(&mut init, config, inputs).unwrap();
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
        let config = EncoderConfig { word, sentence, ..config() };
        let encoder = Encoder::new(&mut init, &config, &inputs()).unwrap();
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

/// A tag or a name changes the sentence vector if `tags` is not 0, and nothing otherwise.
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
    let pieces = Pieces::new(&all, &config(), None);
    assert_eq!(pieces.tags[..2], [0.0, 8.0], "no tag, then NOUN");
    assert_eq!(pieces.entities[4..6], [0.0, 3.0], "nothing, then ORG");
    for tags in [0, 3] {
        let mut init = Fresh::<Reference>::new(&(), Random::new(3, 0));
        let config = EncoderConfig { tags, ..config() };
        let encoder = Encoder::new(&mut init, &config, &inputs()).unwrap();
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

/// A short sentence alone, beside a long one, and with more padding gives the same V and s.
#[test]
fn padding_changes_nothing() {
    for kind in kinds() {
        let encoder = encoder_of(&kind);
        let encode =
            |texts: &[&str], places| encoder.forward(&pieces_of(&kind, texts, places)).unwrap();
        let alone = encode(&[SHORT], 2);
        for (texts, places, at) in [
            (&[SHORT][..], 9, 0),
            (&[SHORT, LONG], 9, 0),
            (&[LONG, "", SHORT], 9, 2),
            (&[SHORT], 30, 0),
        ] {
            let batch = encode(texts, places);
            let s = batch.sentence.select(0, at).unwrap();
            assert_eq!(s.values(), alone.sentence.values(), "{kind:?}: s of {texts:?} in {places}");
            let v = batch.words.select(0, at).unwrap().slice(0, 0, 2).unwrap();
            assert_eq!(v.values(), alone.words.values(), "{kind:?}: V of {texts:?} in {places}");
        }
    }
}

/// A word of the table is one piece with its vector; any other word keeps the tokenizer's pieces.
#[test]
fn words_of_a_table() {
    let kind = |tuned| {
        let inputs = Inputs { vectors: 7, ..inputs() };
        (EncoderConfig { vectors: "vectors.txt".into(), tuned, ..config() }, inputs)
    };
    let frozen = pieces_of(&kind(false), &["a CRIMSON robe", "blue wool"], 20);
    let tuned = pieces_of(&kind(true), &["a CRIMSON robe", "blue wool"], 20);
    let whole = read(&["a", "robe", "blue", "wool"]);
    let row = |k: usize| whole[k].pieces().map(|piece| piece as f32).collect::<Vec<f32>>();
    let m = frozen.places;
    assert_eq!(frozen.mask[..m].iter().sum::<f32>(), 3.0);
    assert_eq!(frozen.rows[..3], [-1.0; 3]);
    assert_eq!(
        tuned.rows[..3],
        [row(0)[0], -1.0, row(1)[0]],
        "a word of several pieces has no row"
    );
    assert_eq!(frozen.rows[m..][..1 + row(3).len()], [row(2), row(3)].concat());
    let table = vectors();
    for (place, word) in ["a", "crimson", "robe"].into_iter().enumerate() {
        let (found, wanted) = (&frozen.vectors[place * 7..][..7], table.get(word).unwrap());
        let length = wanted.iter().map(|x| x * x).sum::<f32>().sqrt();
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted * 7f32.sqrt() / length).abs() < 1e-5, "{word}");
        }
    }
    assert!(frozen.vectors[3 * 7..].iter().all(|&x| x == 0.0));

    // Two words with equal vectors are the same to the encoder, though the tokenizer knows only
    // one.
    let vector = table.get("red").unwrap();
    let twins = Vectors::new(&["red", "scarlet"], 7, [vector, vector].concat()).unwrap();
    let encoder = encoder_of(&kind(false));
    let encode = |text| {
        let pieces = Pieces::new(&read(&[text]), &kind(false).0, Some(&twins));
        encoder.forward(&pieces).unwrap()
    };
    let [red, scarlet, blue] =
        ["a red robe", "a scarlet robe", "a blue robe"].map(|text| encode(text).sentence);
    assert_eq!(red, scarlet);
    assert_ne!(red, blue);
}

/// The first sentences of a batch equal a batch of these sentences alone.
#[test]
fn the_first_of_a_batch() {
    for kind in kinds() {
        let all = pieces_of(&kind, &[SHORT, "", LONG], 9);
        for n in 0..=3 {
            let alone = pieces_of(&kind, &[SHORT, "", LONG][..n], 9);
            assert_eq!(all.first(n), alone, "{n} of {kind:?}");
        }
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

/// With `unit` the sentence vector keeps its direction and has the length √d; V does not change.
#[test]
fn a_sentence_may_have_a_fixed_length() {
    let texts = [LONG, SHORT, ""];
    let plain = encode(&texts, 9);
    let kind = (EncoderConfig { unit: true, ..config() }, inputs());
    let encoder = encoder_of(&kind);
    let unit = encoder.forward(&pieces(&texts, 9)).unwrap();
    assert_eq!((&unit.words, &unit.bias), (&plain.words, &plain.bias));
    let rows = plain.sentence.values().chunks(4).zip(unit.sentence.values().chunks(4));
    for (k, (plain, unit)) in rows.enumerate() {
        let length = plain.iter().map(|x| x * x).sum::<f64>().sqrt();
        for (plain, unit) in plain.iter().zip(unit) {
            let wanted = plain / length * 2.0;
            assert!((unit - wanted).abs() < 1e-6, "{k}: {unit}, by hand {wanted}");
        }
    }
    // A zero vector stays zero, without a division by zero.
    let zero = encoder.map(|_, x| Reference::full(&(), 0.0, *x.shape()).unwrap());
    let sentence = zero.forward(&pieces(&texts, 9)).unwrap().sentence;
    assert_eq!(sentence.values(), [0.0; 12]);
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
    // Truncated words have no effect.
    let cut = encode(&["a woman with red hair in a blue robe robe robe"], 9);
    assert_eq!(cut.sentence, encode(&[LONG], 9).sentence);
    assert_eq!(pieces(&[LONG], 0).cut, 9);
}

/// The same words in another order have another sentence vector, though their mean is equal.
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

/// The same word in another sentence has another vector in V.
#[test]
fn words_are_read_in_their_context() {
    let v = encode(&["a red robe", "a blue robe"], 3).words;
    let robe = |k: usize| v.select(0, k).unwrap().select(0, 2).unwrap();
    assert_ne!(robe(0), robe(1));
}

/// The gradients of some elements of every parameter equal central differences in 64 bits.
#[test]
fn gradients() {
    kinds().iter().for_each(gradients_of);
}

fn gradients_of(kind: &(EncoderConfig, Inputs)) {
    let pieces = pieces_of(kind, &[LONG, SHORT, "a"], 9);
    let loss = |encoder: &Encoder<Var<Reference>>| -> Result<Var<Reference>> {
        let Encoded { words, sentence, .. } = encoder.forward(&pieces)?;
        let weighed = |x: &Var<Reference>| {
            let w = Reference::randn(&(), &mut Random::new(7, 0), *x.shape())?;
            x.mul(&Var::constant(w))?.sum_all()
        };
        weighed(&words)?.add(&weighed(&sentence)?)
    };
    let encoder = encoder_of(kind);
    let lifted = lift(&encoder);
    let gradients = grad(loss(&lifted).unwrap(), &parameters(&lifted)).unwrap();
    let value = |e: &Encoder<Reference>| loss(&freeze(e)).unwrap().value().values()[0];
    for (place, ((name, _), gradient)) in encoder.named().into_iter().zip(&gradients).enumerate() {
        let g = gradient.values();
        // Of the table, only rows that occur have a gradient.
        let heard: Vec<usize> = (0..g.len()).filter(|&i| g[i] != 0.0).collect();
        assert!(!heard.is_empty(), "{name} has no say in {kind:?}");
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
            let found = g[element];
            assert!(error < 1e-6, "{kind:?}, {name}[{element}]: {found}, by differences {wanted}");
        }
    }
    // A row that no sentence uses has a zero gradient.
    let rows = gradients[0].values();
    let unread = (0..tokenizer().vocab_size()).find(|&row| !pieces.rows.contains(&(row as f32)));
    let unread = unread.expect("the alphabet is larger than the sentences");
    assert_eq!(rows[unread * 5..][..5], [0.0; 5]);
}

#[test]
fn sizes_that_make_no_encoder() {
    config().check().unwrap();
    for (config, wanted) in [
        (EncoderConfig { pieces: 0, ..config() }, "encoder.pieces = 0 must be from 1 to 4096"),
        (EncoderConfig { word: 1, ..config() }, "encoder.word = 1 must be from 2 to 4096"),
        (EncoderConfig { sentence: 0, ..config() }, "encoder.sentence = 0"),
        (EncoderConfig { word: usize::MAX, ..config() }, "encoder.word"),
        (EncoderConfig { tags: 5000, ..config() }, "encoder.tags = 5000 must be from 0 to 4096"),
        (EncoderConfig { vectors: String::new(), ..config() }, "encoder.vectors is empty"),
        (EncoderConfig { tuned: true, ..config() }, "encoder.tuned = true needs word vectors"),
        (EncoderConfig { reader: Reader::Sif, ..config() }, "set encoder.vectors"),
        (EncoderConfig { reader: Reader::Onnx, ..config() }, "set encoder.onnx"),
        (EncoderConfig { onnx: "minilm".into(), ..config() }, "set encoder.reader"),
    ] {
        assert!(config.check().unwrap_err().contains(wanted), "{config:?}");
    }
}
