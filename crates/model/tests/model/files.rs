//! Saving and loading models, and files that are not models.

use std::collections::BTreeMap;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_model::{Error, FORMAT, Model, ModelConfig, contents};
use kinora_nn::{Module, Precision, count, describe};
use kinora_tensor::Tensor;
use kinora_text::Tokenizer;

use crate::tiny::{config, earlier, model, of};

type Metadata = BTreeMap<String, String>;

fn load(bytes: &[u8]) -> Result<Model<CpuTensor>, Error> {
    Model::from_bytes(&CpuDevice::default(), bytes, "film.model", None)
}

/// The bytes of a model whose metadata and tensors `change` has edited.
fn changed(change: impl FnOnce(&mut Metadata, &mut Vec<(String, CpuTensor)>)) -> Vec<u8> {
    changed_of(&model(), change)
}

fn changed_of(
    model: &Model<CpuTensor>,
    change: impl FnOnce(&mut Metadata, &mut Vec<(String, CpuTensor)>),
) -> Vec<u8> {
    let mut metadata =
        kinora_nn::header(&model.to_bytes(Precision::F32).unwrap()).unwrap().metadata;
    let mut tensors: Vec<(String, CpuTensor)> =
        model.net.named().into_iter().map(|(name, x)| (name, x.clone())).collect();
    change(&mut metadata, &mut tensors);
    let tensors: Vec<_> = tensors.iter().map(|(name, x)| (name.clone(), x)).collect();
    kinora_nn::save(&tensors, &metadata, Precision::F32).unwrap()
}

#[test]
fn a_model_comes_back_from_its_bytes() {
    let model = model();
    let bytes = model.to_bytes(Precision::F32).unwrap();
    assert_eq!(bytes, model.to_bytes(Precision::F32).unwrap());
    let back = load(&bytes).unwrap();
    assert_eq!((&back.config, &back.card), (&model.config, &model.card));
    assert_eq!(back.lexicon.tokenizer.to_json(), model.lexicon.tokenizer.to_json());
    for seed in 0..3 {
        let film = |model: &Model<CpuTensor>| model.sample("a knight walks", seed).unwrap();
        assert_eq!(film(&back), film(&model), "seed {seed}");
    }

    let half = model.to_bytes(Precision::F16).unwrap();
    assert!(half.len() < bytes.len());
    let film = |model: &Model<CpuTensor>| model.sample("a knight walks", 0).unwrap().over([0; 3]);
    let (half, whole) = (film(&load(&half).unwrap()), film(&model));
    let apart = half.data().iter().zip(whole.data()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(apart <= 4, "{apart} of 255 between 16 and 32 bits");
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    for value in [f32::NAN, f32::INFINITY] {
        let mut model = model();
        model.net = model.net.map(|name, tensor| match name {
            "generator.output.bias" => tensor.affine(0.0, value).unwrap(),
            _ => tensor.clone(),
        });
        let error = model.to_bytes(Precision::F32).unwrap_err().to_string();
        assert!(error.contains("generator.output.bias") && error.contains("finite"), "{error}");
    }
}

#[test]
fn a_model_comes_back_from_a_file_or_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let model = model();
    let film = model.sample("a red robe", 4).unwrap();
    for name in ["model.safetensors", "other.kinora"] {
        model.save(folder.path().join(name), Precision::F32).unwrap();
        let back = Model::<CpuTensor>::load(folder.path().join(name)).unwrap();
        assert_eq!(back.sample("a red robe", 4).unwrap(), film);
    }
    let back = Model::<CpuTensor>::load(folder.path()).unwrap();
    assert_eq!(back.sample("a red robe", 4).unwrap(), film);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "nothing is left beside the files: {left:?}");
}

#[test]
fn contents_say_what_a_file_holds() {
    let model = model();
    let found = contents(&model.to_bytes(Precision::F16).unwrap(), "film.model").unwrap();
    assert_eq!(found.format, FORMAT);
    assert_eq!((&found.config, &found.card), (&model.config, &model.card));
    assert_eq!(found.tokenizer.vocab_size(), model.lexicon.tokenizer.vocab_size());
    assert_eq!(found.parameters, count(&describe(&model.net)));
    let names = |named: Vec<(String, &CpuTensor)>| -> Vec<String> {
        named.into_iter().map(|(name, _)| name).collect()
    };
    let held: Vec<String> = found.header.tensors.iter().map(|t| t.name.clone()).collect();
    assert_eq!(held, names(model.net.named()));
    assert!(found.header.tensors.iter().all(|t| t.dtype == "F16"));
}

/// A file without `kinora.format` is of format 1, and a card without keys has default values.
#[test]
fn a_file_without_a_format_is_of_the_first() {
    let bytes = changed(|metadata, _| drop(metadata.remove("kinora.format")));
    assert_eq!(contents(&bytes, "film.model").unwrap().format, 1);
    assert_eq!(
        load(&bytes).unwrap().sample("a knight", 0).unwrap(),
        model().sample("a knight", 0).unwrap()
    );
    // Fields that a card lacks are empty.
    let bytes = changed(|metadata, _| drop(metadata.insert("kinora.card".into(), "{}".into())));
    assert_eq!(load(&bytes).unwrap().card, Default::default());
}

/// A file of format 7 without prior still loads.
#[test]
fn a_file_of_format_7_has_no_prior() {
    let model = of(ModelConfig { references: 0, ..config() });
    let bytes = changed_of(&model, |metadata, _| {
        metadata.insert("kinora.format".into(), "7".into());
    });
    assert_eq!(contents(&bytes, "film.model").unwrap().format, 7);
    let film = model.sample("a knight", 0).unwrap();
    assert_eq!(load(&bytes).unwrap().sample("a knight", 0).unwrap(), film);
}

/// A file of format 2 has no matcher and none of the keys that were added later.
#[test]
fn a_file_of_an_earlier_format_has_no_matcher() {
    let model = of(earlier());
    let bytes = changed_of(&model, |metadata, _| {
        metadata.insert("kinora.format".into(), "2".into());
        let text = &metadata["kinora.config"];
        let mut config: serde_json::Value = serde_json::from_str(text).unwrap();
        for (section, key) in [
            ("encoder", "unit"),
            ("generator", "style"),
            ("generator", "wide"),
            ("generator", "bypass"),
            ("generator", "direct"),
            ("generator", "sketch"),
            ("generator", "palette"),
            ("generator", "cells"),
            ("generator", "refine"),
        ] {
            assert!(config[section].as_object_mut().unwrap().remove(key).is_some(), "{key}");
        }
        for key in ["matcher", "references"] {
            assert!(config.as_object_mut().unwrap().remove(key).is_some(), "{key}");
        }
        metadata.insert("kinora.config".into(), config.to_string());
    });
    let found = contents(&bytes, "film.model").unwrap();
    assert_eq!((found.format, found.config.matcher.is_none()), (2, true));
    let back = load(&bytes).unwrap();
    assert_eq!(back.config, earlier());
    let film = model.sample("a knight", 0).unwrap();
    assert_eq!(back.sample("a knight", 0).unwrap(), film);
    let error = back.matches("a knight", &[film]).unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error:?}");
    let wanted = "the model \"tiny\" has no matcher to score films with; use another model";
    assert!(error.to_string().contains(wanted), "{error}");
}

#[test]
fn files_that_are_no_models_say_why() {
    fn set(key: &'static str, value: impl Into<String>) -> Vec<u8> {
        let value = value.into();
        changed(|metadata, _| drop(metadata.insert(key.into(), value)))
    }
    fn without(key: &'static str) -> Vec<u8> {
        changed(|metadata, _| drop(metadata.remove(key)))
    }
    let with = |change: fn(&mut ModelConfig)| {
        let mut config = config();
        change(&mut config);
        // The file holds the config as JSON.
        let json = serde_json::to_string(&config).unwrap();
        changed(move |metadata, _| drop(metadata.insert("kinora.config".into(), json)))
    };
    let other = Tokenizer::train(["some other words"].into_iter(), 200).unwrap().to_json();
    let device = CpuDevice::default();
    let zeros =
        |shape: &[usize]| CpuTensor::full(&device, 0.0, kinora_tensor::Shape::from(shape)).unwrap();
    let config_text = |text: &str, with: &str| {
        let json = serde_json::to_string(&config()).unwrap();
        assert!(json.contains(text), "{json}");
        set("kinora.config", json.replace(text, with))
    };
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", vec![], "not a safetensors file, or only a part of one"),
        ("garbage", b"GIF89a is no model, however long it is".repeat(20), "not a safetensors file"),
        ("a huge header", [0xff; 64].to_vec(), "not a safetensors file, or only a part of one"),
        ("no metadata", changed(|metadata, _| metadata.clear()), "kinora.config"),
        ("no config", without("kinora.config"), "kinora.config"),
        ("no card", without("kinora.card"), "kinora.card"),
        ("no tokenizer", without("kinora.tokenizer"), "kinora.tokenizer"),
        (
            "a newer format",
            set("kinora.format", "10"),
            "format 10 is newer than 9, the newest known",
        ),
        ("another kind of prior", set("kinora.format", "8"), "format 8 has a prior"),
        ("a format of the future", set("kinora.format", "4294967295"), "newer"),
        ("a format that is none", set("kinora.format", "one"), "kinora.format"),
        ("a negative format", set("kinora.format", "-1"), "kinora.format"),
        ("format zero", set("kinora.format", "0"), "kinora.format"),
        ("a config that is no JSON", set("kinora.config", "{"), "kinora.config"),
        ("a key too many", config_text("\"clip\":", "\"clop\":1,\"clip\":"), "clop"),
        ("a key too few", config_text("\"frames\":3,", ""), "frames"),
        ("a text for a number", config_text("\"frames\":3", "\"frames\":\"3\""), "kinora.config"),
        ("a negative size", config_text("\"hidden\":4", "\"hidden\":-4"), "kinora.config"),
        ("a card that is no JSON", set("kinora.card", "3"), "kinora.card"),
        ("a tokenizer that is none", set("kinora.tokenizer", "{}"), "tokenizer"),
        ("a tokenizer of another size", set("kinora.tokenizer", other), "encoder.words.table"),
        ("no film", with(|c| c.clip.frames = 0), "clip.frames = 0"),
        ("a terabyte", with(|c| c.generator.hidden = 1 << 40), "generator.hidden"),
        ("more than there is", with(|c| c.generator.hidden = 4096), "generator."),
        ("a width of nothing", with(|c| c.generator.group = 0), "generator.group"),
        ("another length", with(|c| c.clip.frames = 4), "generator.position.table"),
        ("another height", with(|c| c.clip.height = 8), "generator.moment.weight"),
        ("other channels", with(|c| c.clip.channels = 3), "generator.palette.bias"),
        ("another palette", with(|c| c.generator.palette = 4), "generator.output.bias"),
        ("no palette", with(|c| c.generator.palette = 0), "generator.output.bias"),
        ("another style", with(|c| c.generator.style = 6), "generator.decoder"),
        ("no style", with(|c| c.generator.style = 0), "generator.style must be above 0"),
        (
            "neither style nor wide paths",
            with(|c| (c.generator.style, c.generator.wide) = (0, 0)),
            "generator.decoder",
        ),
        ("another matcher", with(|c| c.matcher.as_mut().unwrap().features = 8), "matcher."),
        ("no matcher", with(|c| c.matcher = None), "matcher."),
        (
            "a matcher that cannot be",
            with(|c| c.matcher.as_mut().unwrap().channels = vec![9]),
            "matcher.channels: 9 is no multiple of 8",
        ),
        (
            "a matcher that is missing",
            changed(|_, tensors| tensors.retain(|(name, _)| !name.starts_with("matcher."))),
            "the tensor matcher.",
        ),
        ("another block", with(|c| c.generator.decoder = vec![4, 4]), "generator."),
        ("other words", with(|c| c.encoder.word = 7), "encoder.sentence.backward"),
        ("another sentence", with(|c| c.encoder.sentence = 6), "must equal encoder.sentence"),
        (
            "a tensor that is missing",
            changed(|_, tensors| tensors.retain(|(name, _)| name != "generator.attention.weight")),
            "the tensor generator.attention.weight is missing",
        ),
        (
            "a tensor of another shape",
            changed(|_, tensors| tensors[0].1 = zeros(&[2, 3])),
            "the tensor encoder.words.table",
        ),
        (
            "a tensor too many",
            changed(|_, tensors| tensors.push(("generator.more".into(), zeros(&[1])))),
            "generator.more",
        ),
    ];
    for (what, bytes, wanted) in rows {
        for error in [load(&bytes).err(), contents(&bytes, "film.model").err()] {
            let error = error.unwrap_or_else(|| panic!("{what} is taken for a model"));
            assert!(matches!(error, Error::Weights { .. }), "{what}: {error:?}");
            let text = error.to_string();
            assert!(text.starts_with("film.model: ") && text.contains(wanted), "{what}: {text}");
        }
    }
}

/// A file truncated at any byte is an error and never a panic.
#[test]
fn files_that_are_cut_off() {
    let bytes = model().to_bytes(Precision::F16).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let few = (0..bytes.len()).step_by(97);
    let borders = [1, 7, 8, 9, header - 1, header, header + 1, bytes.len() - 1];
    for length in few.chain(borders) {
        let error = load(&bytes[..length]).expect_err("half a file is no model");
        assert!(
            error.to_string().contains("not a safetensors file, or only a part of one"),
            "{length}: {error}"
        );
    }
}

/// A flipped bit is an error, or the model is the same: one bit in each of the first 600 bytes, and in some of
/// the later ones.
#[test]
fn files_with_a_bit_flipped() {
    let whole = model().to_bytes(Precision::F16).unwrap();
    for at in (0..600).chain((600..whole.len()).step_by(211)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        // The name of the checksum's key: the rest of the file is whole.
        if let Ok(changed) = load(&bytes) {
            assert!(!kinora_nn::verify(&bytes).unwrap(), "byte {at}");
            let values = |model: &Model<CpuTensor>| -> Vec<Vec<f32>> {
                model.net.named().iter().map(|(_, tensor)| tensor.data().to_vec()).collect()
            };
            assert_eq!(values(&changed), values(&load(&whole).unwrap()), "byte {at}");
        }
    }
}

#[test]
fn files_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("none.safetensors"), folder.path().to_path_buf()] {
        let error = Model::<CpuTensor>::load(&path).unwrap_err();
        assert!(matches!(&error, Error::Read { .. }), "{error:?}");
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
    }
    let error = model().save(folder.path().join("no/such/folder"), Precision::F32).unwrap_err();
    assert!(error.to_string().contains("no/such"), "{error}");
}
