//! Runs that start from a model.

use std::collections::BTreeMap;
use std::path::Path;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_embed::{Form, Vectors};
use kinora_model::{Model, ModelConfig, Net};
use kinora_nn::{Fresh, Module, Precision};
use kinora_tensor::Random;
use kinora_train::{Config, DISCRIMINATORS, Outcome, Phase, Training};
use kinora_video::{Shapes, Split};

use crate::tiny::{config, create, finish, lexicon};

/// The networks that a run takes over from a model.
fn without_prior(model: Model<CpuTensor>) -> Net<CpuTensor> {
    Net { prior: None, ..model.net }
}

/// A run that starts from a model without a matcher makes a matcher and begins with the phase of
/// reading. Older model files have no matcher.
#[test]
fn a_run_may_begin_with_a_model_that_has_no_matcher() {
    let device = CpuDevice::default();
    let first = config(&[]);
    let lexicon = lexicon(&first);
    let sizes = ModelConfig { matcher: None, references: 0, ..first.model() };
    let mut init = Fresh::<CpuTensor>::new(&device, Random::new(1, 0));
    let net = Net::new(&mut init, &sizes, &lexicon.inputs()).unwrap();
    // Through a file, so that the weights are 16-bit floats.
    let model = Model { config: sizes.clone(), card: Default::default(), lexicon, net };
    let bytes = model.to_bytes(Precision::F16).unwrap();
    let model = Model::<CpuTensor>::from_bytes(&device, &bytes, "old", None).unwrap();
    let given = model.net.map(|_, tensor| tensor.clone());
    let given = given.named();
    let second = first.sized_as(&sizes);
    assert_eq!(second.phase(1), Phase::Reading);
    let folder = tempfile::tempdir().unwrap();
    let training =
        Training::create(&device, second, kinora_video::open, folder.path(), Some(model), "")
            .unwrap();
    let begun = without_prior(Model::load(folder.path()).unwrap());
    let begun = begun.named();
    let of_matcher = begun.iter().filter(|(name, _)| name.starts_with("matcher.")).count();
    assert!(of_matcher > 0 && given.len() + of_matcher == begun.len());
    for (name, was) in &given {
        let (_, is) = begun.iter().find(|(found, _)| found == name).unwrap();
        assert_eq!(was.data(), is.data(), "{name}");
    }
    let notes = format!("{of_matcher} of {} tensors started from new weights", begun.len());
    assert!(training.card().notes.contains(&notes), "{}", training.card().notes);
    assert_eq!(finish(training).unwrap(), Outcome::Finished(7));
    let ended = Model::<CpuTensor>::load(folder.path()).unwrap();
    assert!(ended.net.matcher.is_some());
}

/// A run that starts from a model takes the discriminators beside the model, if their sizes fit.
#[test]
fn a_run_may_begin_with_the_discriminators_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first");
    finish(create(&first, &config(&[])).unwrap()).unwrap();
    let bytes = std::fs::read(first.join(DISCRIMINATORS)).unwrap();
    let begin = |name: &str, set: &[&str], bytes: &[u8]| {
        let model = Model::<CpuTensor>::load(&first).unwrap();
        let config = config(&[]).sized_as(&model.config);
        let set: Vec<String> = set.iter().map(|item| item.to_string()).collect();
        let config = config.with(&set).unwrap();
        let device = CpuDevice::default();
        let folder = folder.path().join(name);
        let training =
            Training::create(&device, config, kinora_video::open, &folder, Some(model), "")
                .unwrap();
        training.with_discriminators(bytes, Path::new("the/opponents"))
    };
    // A model with a matcher has already learnt to read.
    let training = begin("second", &[], &bytes).unwrap();
    assert_eq!(training.config().phase(1), Phase::Copying);
    assert!(!training.card().notes.contains("discriminators"), "{}", training.card().notes);
    assert!(std::fs::read(folder.path().join("second").join(DISCRIMINATORS)).unwrap() == bytes);
    assert_eq!(finish(training).unwrap(), Outcome::Finished(5));

    let training = begin("third", &["discriminator.features=17"], &bytes).unwrap();
    let notes = &training.card().notes;
    assert!(
        notes.contains("The discriminators started from new weights: ") && notes.contains("17"),
        "{notes}"
    );
    assert_eq!(finish(training).unwrap(), Outcome::Finished(5));

    // A file that lacks a discriminator.
    let all = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let kept = all.tensors().into_iter().filter(|(name, _)| name.starts_with("frames."));
    let kept = safetensors::serialize(kept, None).unwrap();
    let training = begin("fifth", &[], &kept).unwrap();
    let notes = &training.card().notes;
    assert!(notes.contains("The discriminators started from new weights: "), "{notes}");

    let error = begin("fourth", &[], b"garbage").err().unwrap();
    assert!(error.to_string().starts_with("the/opponents: "), "{error}");
}

/// A run that starts from a model has the model's weights, sizes and tokenizer.
#[test]
fn a_run_may_begin_with_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    finish(create(&first, &config(&[])).unwrap()).unwrap();
    let model = || Model::<CpuTensor>::load(&first).unwrap();

    let sized = |other: &Config| other.sized_as(&model().config);
    let other = config(&["generator.hidden=12", "encoder.word=14", "train.batch=3", "seed=9"]);
    let training = Training::create(
        &CpuDevice::default(),
        sized(&other),
        kinora_video::open,
        &second,
        Some(model()),
        "kinora train --init",
    );
    let training = training.unwrap();
    assert_eq!(training.config().model(), config(&[]).model());
    assert_eq!((training.config().train.batch, training.config().seed), (3, 9));

    let bytes = std::fs::read(second.join("model.safetensors")).unwrap();
    let begun = Model::<CpuTensor>::load(&second).unwrap();
    let [was, is] = [model(), begun.clone()].map(without_prior);
    for ((name, was), (_, is)) in was.named().into_iter().zip(is.named()) {
        assert_eq!(was.data(), is.data(), "{name}");
    }
    // The run takes the completer from the model's prior, too. The references are clips of the run's own seed.
    let of_completer = |model: &Model<CpuTensor>| -> Vec<Vec<f32>> {
        let named = model.net.prior.as_ref().unwrap().named();
        let kept = named.iter().filter(|(name, _)| name.starts_with("completer."));
        kept.map(|(_, tensor)| tensor.data().to_vec()).collect()
    };
    assert_eq!(of_completer(&begun), of_completer(&model()));
    assert!(!of_completer(&begun).is_empty());
    assert_eq!(begun.lexicon.tokenizer.to_json(), model().lexicon.tokenizer.to_json());
    assert_eq!(begun.card.steps, 0);
    finish(training).unwrap();
    assert_ne!(std::fs::read(second.join("model.safetensors")).unwrap(), bytes);

    // Before any step, the films of the model and of the run are the same for the same z.
    let film = |model: Model<CpuTensor>| {
        let model = Model { net: without_prior(model.clone()), ..model };
        model.sample("a red circle", 0).unwrap()
    };
    assert_eq!(film(begun), film(model()));

    // Discriminators that are too deep for the model's films are an error, not a panic.
    let mut deep = config(&["clip.height=64", "clip.width=64"]);
    deep.discriminator.clip = vec![8; 5];
    let third = folder.path().join("third");
    let refused = |config: Config| {
        let training = Training::create(
            &CpuDevice::default(),
            config,
            kinora_video::open,
            &third,
            Some(model()),
            "",
        );
        assert!(!third.join("config.toml").exists());
        training.err().unwrap().to_string()
    };
    let error = refused(sized(&deep));
    assert!(error.contains("discriminator.clip halves the resolution 5 times"), "{error}");
}

/// A folder of clips makes no twins. A run on it keeps the completer of the model that it starts from, and its
/// references are the folder's clips. Without such a model there is no prior.
#[test]
fn a_run_on_clips_keeps_the_completer_of_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let [first, art] = ["first", "art"].map(|name| folder.path().join(name));
    finish(create(&first, &config(&[])).unwrap()).unwrap();
    std::fs::create_dir(&art).unwrap();
    let clip = config(&[]).clip;
    let shown = kinora_train::examples(&Shapes::new(), Split::Train, 0, 3, &clip).unwrap();
    for (k, example) in shown.iter().enumerate() {
        example.clip.save(art.join(format!("{k}.gif")), &Default::default()).unwrap();
        std::fs::write(art.join(format!("{k}.txt")), &example.caption.text).unwrap();
    }
    let data = format!("data=clips:{}", art.display());
    let run = |name: &str, init: Option<Model<CpuTensor>>| {
        let folder = folder.path().join(name);
        let training = Training::create(
            &CpuDevice::default(),
            config(&[&data]),
            kinora_video::open,
            &folder,
            init,
            "",
        );
        finish(training.unwrap()).unwrap();
        Model::<CpuTensor>::load(&folder).unwrap()
    };
    let prior = |model: &Model<CpuTensor>| -> BTreeMap<String, Vec<f32>> {
        let named = model.net.prior.as_ref().unwrap().named().into_iter();
        named.map(|(name, tensor)| (name, tensor.data().to_vec())).collect()
    };
    let model = Model::load(&first).unwrap();
    let was = prior(&model);
    let is = prior(&run("second", Some(model)));
    for (name, was) in was {
        assert_eq!(is[&name] == was, name.starts_with("completer."), "{name}");
    }
    assert!(run("third", None).net.prior.is_none());
}

/// The table of word vectors may lie beside the model; a run that starts from the model finds it
/// there.
#[test]
fn a_run_may_begin_with_a_model_and_its_table() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let table = folder.path().join("table.safetensors");
    let words = ["a", "red", "blue", "circle", "square"];
    let values = (0..words.len() * 3).map(|i| (i as f32).sin()).collect();
    let vectors = Vectors::new(&words, 3, values).unwrap();
    kinora_embed::write(&vectors, &table, Form::Own).unwrap();
    let vectors = format!("encoder.vectors={:?}", table.to_str().unwrap());
    for reader in ["gru", "sif"] {
        let config = config(&[&vectors, &format!("encoder.reader={reader}")]);
        finish(create(&first, &config).unwrap()).unwrap();
        let beside = first.join("table.safetensors");
        std::fs::rename(&table, &beside).unwrap();
        let model = Model::<CpuTensor>::load(&first).unwrap();
        let sources = model.lexicon.sources().clone();
        let training = Training::create(
            &CpuDevice::default(),
            config.clone(),
            kinora_video::open,
            &second,
            Some(model),
            "",
        );
        finish(training.unwrap()).unwrap();
        std::fs::rename(&beside, &table).unwrap();
        let begun = Model::<CpuTensor>::load(&second).unwrap();
        assert_eq!(*begun.lexicon.sources(), sources);
        for run in [&first, &second] {
            std::fs::remove_dir_all(run).unwrap();
        }
    }
}

/// A run of larger films keeps the tensors of a model of smaller films that fit.
#[test]
fn a_run_may_grow_from_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    finish(create(&first, &config(&[])).unwrap()).unwrap();
    let model = Model::<CpuTensor>::load(&first).unwrap();
    let small = model.net.map(|_, tensor| tensor.data().to_vec());
    let mut decoder = model.config.generator.decoder.clone();
    decoder.push(8);
    let grown = config(&[]).sized_as(&model.config);
    let set = [
        format!("clip.height={}", 2 * grown.clip.height),
        format!("clip.width={}", 2 * grown.clip.width),
        format!("generator.decoder={decoder:?}"),
    ];
    let create = |set: &[String]| {
        let (grown, model) = (grown.with(set).unwrap(), model.clone());
        Training::create(&CpuDevice::default(), grown, kinora_video::open, &second, Some(model), "")
    };
    // The matcher has not seen clips of this size, so it must be trained first.
    let error = create(&set).err().unwrap().to_string();
    assert!(
        error.contains("reading.steps = 0, but text encoder and matcher have new weights"),
        "{error}"
    );
    create(&[&set[..], &["reading.steps=2".into()]].concat()).unwrap();
    let large = Model::<CpuTensor>::load(&second).unwrap();
    assert_eq!(large.sample("a red circle", 0).unwrap().dims()[2], 2 * config(&[]).clip.width);
    let large = without_prior(large).map(|_, tensor| tensor.data().to_vec());
    let (small, large) = (small.named(), large.named());
    let fresh: Vec<&str> =
        large.iter().filter(|named| !small.contains(named)).map(|(name, _)| &**name).collect();
    let depth = decoder.len() - 1;
    let of_the_new = |name: &&str| {
        let deepest = ["decoder", "refine"].map(|part| format!("generator.{part}.{depth}."));
        // A cell of the sketch has four times the pixels.
        deepest.iter().any(|part| name.starts_with(part))
            || name.starts_with("generator.sketch.")
            || *name == "matcher.frame.weight"
    };
    assert!(fresh.iter().any(of_the_new) && fresh.iter().all(of_the_new), "{fresh:?}");
}
