//! ONNX encoders, tested with small ones that the tests write.
#![cfg(feature = "onnx")]

use std::fs;
use std::path::Path;

use kinora_embed::{Error, OnnxEncoder};

#[path = "common/onnx.rs"]
mod written;

use written::{DIM, count, field, info, made, model, node, pieces};

/// Opens an encoder; `None` if there is no onnxruntime, which is a failure in CI.
fn open(folder: &Path) -> Option<Result<OnnxEncoder, Error>> {
    match OnnxEncoder::open(folder) {
        Err(Error::Library(reason)) => {
            assert!(std::env::var_os("CI").is_none(), "{reason}");
            eprintln!("not tested: {reason}");
            None
        }
        opened => Some(opened),
    }
}

fn unit(x: [f32; DIM]) -> [f32; DIM] {
    let length = x.iter().map(|x| x * x).sum::<f32>().sqrt();
    x.map(|x| x / length)
}

fn near(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
}

#[test]
fn pieces_become_a_sentence() {
    let (folder, tokenizer, table) = made();
    let path = folder.path();
    let inputs = ["input_ids", "attention_mask", "token_type_ids", "position_ids"];
    fs::write(path.join("model.onnx"), model(&table, &inputs, &[], pieces())).unwrap();

    let sentences: Vec<String> =
        (0..70).map(|i| "a red knight runs ".repeat(5)[..3 + i].trim().to_owned()).collect();
    let rows = |sentence: &String| -> Vec<[f32; DIM]> {
        let analysis = tokenizer.analyse(sentence).unwrap();
        let row = |piece: u32| std::array::from_fn(|k| table[piece as usize * DIM + k]);
        analysis.pieces().map(row).collect()
    };
    let mean = |sentence: &String| {
        let rows = rows(sentence);
        unit(std::array::from_fn(|k| rows.iter().map(|row| row[k]).sum()))
    };
    let Some(encoder) = open(path) else { return };
    let found = encoder.unwrap().encode(&sentences).unwrap();
    assert_eq!(found.len(), sentences.len());
    for (sentence, found) in sentences.iter().zip(&found) {
        assert!(near(found, &mean(sentence)), "{sentence}: {found:?}");
    }
    let mut encoder = open(path).unwrap().unwrap();
    assert_eq!(encoder.encode::<&str>(&[]).unwrap(), Vec::<Vec<f32>>::new());
    // This tokenizer adds no special pieces, so an empty sentence has no pieces.
    assert!(encoder.encode(&[""]).unwrap_err().to_string().contains("no pieces"));

    // Pooling by the first piece, from a folder in the layout of sentence-transformers.
    fs::create_dir(path.join("1_Pooling")).unwrap();
    let config = r#"{"word_embedding_dimension": 3, "pooling_mode_cls_token": true}"#;
    fs::write(path.join("1_Pooling/config.json"), config).unwrap();
    fs::create_dir(path.join("onnx")).unwrap();
    fs::rename(path.join("model.onnx"), path.join("onnx/model.onnx")).unwrap();
    let found = open(path).unwrap().unwrap().encode(&sentences).unwrap();
    for (sentence, found) in sentences.iter().zip(&found) {
        assert!(near(found, &unit(rows(sentence)[0])), "{sentence}: {found:?}");
    }

    // The sentence is truncated to two pieces.
    fs::remove_file(path.join("1_Pooling/config.json")).unwrap();
    fs::write(path.join("sentence_bert_config.json"), r#"{"max_seq_length": 2}"#).unwrap();
    let found = open(path).unwrap().unwrap().encode(&["a red knight"]).unwrap();
    assert!(near(&found[0], &mean(&"a red".to_owned())), "{found:?}");
}

/// The vector of a word is the mean over phrases with it.
#[test]
fn words_are_encoded_in_phrases() {
    let (folder, _, table) = made();
    let path = folder.path();
    fs::write(path.join("model.onnx"), model(&table, &["input_ids"], &[], pieces())).unwrap();
    let Some(encoder) = open(path) else { return };
    let mut encoder = encoder.unwrap();
    assert_eq!(encoder.dim().unwrap(), DIM);
    let said = encoder.encode(&["a red thing", "the word red", "what is red?"]).unwrap();
    let mean: Vec<f32> = (0..DIM).map(|k| said.iter().map(|v| v[k]).sum::<f32>() / 3.0).collect();
    let found = encoder.encode_words(&["knight", "red"]).unwrap();
    assert!(found.len() == 2 && near(&found[1], &mean), "{found:?}");
    assert!(encoder.encode_words::<&str>(&[]).unwrap().is_empty());
}

#[test]
fn a_model_may_pool_itself() {
    let (folder, tokenizer, table) = made();
    let path = folder.path();
    // ReduceMax over axis 1, without keeping the axis.
    let axes = [field(1, b"axes"), count(8, 1), count(20, 7)].concat();
    let keep = [field(1, b"keepdims"), count(3, 0), count(20, 2)].concat();
    let max = node("ReduceMax", &["last_hidden_state"], "sentence_embedding", &[axes, keep]);
    let output = info("sentence_embedding", 1, 2);
    fs::write(path.join("model.onnx"), model(&table, &["input_ids"], &[max], output)).unwrap();
    let Some(encoder) = open(path) else { return };
    let found = encoder.unwrap().encode(&["red knight"]).unwrap();
    let pieces: Vec<u32> = tokenizer.analyse("red knight").unwrap().pieces().collect();
    let most = |k| pieces.iter().map(|&piece| table[piece as usize * DIM + k]).fold(-9.0, f32::max);
    assert!(near(&found[0], &unit(std::array::from_fn(most))), "{found:?}");
}

#[test]
fn wrong_folders() {
    let (folder, tokenizer, table) = made();
    let path = folder.path();
    let whole = model(&table, &["input_ids"], &[], pieces());
    let other = model(&table, &["input_ids", "pixels"], &[], pieces());
    let flat = node("Flatten", &["last_hidden_state"], "x", &[]);
    let flat = model(&table, &["input_ids"], &[flat], info("x", 1, 2));
    let short = model(&[0.0; 6], &["input_ids"], &[], pieces());
    let json = tokenizer.to_json();
    let vast = model(&[3e38; 1200], &["input_ids"], &[], pieces());
    for (bytes, json, part) in [
        (None, Some(&json[..]), "there is no model.onnx"),
        (Some(&whole[..]), None, "tokenizer.json"),
        (Some(&whole), Some("{"), "tokenizer.json: "),
        (Some(&whole[..whole.len() / 2]), Some(&json), "model.onnx: "),
        (Some(&b"nonsense"[..]), Some(&json), "model.onnx: "),
        (Some(&other), Some(&json), "model.onnx: the model has the input \"pixels\""),
        (Some(&flat), Some(&json), ""),
        (Some(&short), Some(&json), "model.onnx: "),
        (Some(&vast), Some(&json), "not finite"),
    ] {
        for (name, bytes) in [("model.onnx", bytes), ("tokenizer.json", json.map(str::as_bytes))] {
            let _ = fs::remove_file(path.join(name));
            bytes.into_iter().for_each(|bytes| fs::write(path.join(name), bytes).unwrap());
        }
        let Some(encoder) = open(path) else { return };
        let encoded = encoder.and_then(|mut encoder| encoder.encode(&["a red knight", "a knight"]));
        match part {
            // One vector per sentence is valid, whatever its length.
            "" => assert_eq!(encoded.unwrap()[0].len(), 3 * DIM),
            part => {
                let error = encoded.unwrap_err().to_string();
                assert!(error.contains(part) && error.lines().count() == 1, "{part}: {error}");
            }
        }
    }
}
