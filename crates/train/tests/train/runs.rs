//! The folder of a run, and what a run refuses.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_embed::{Form, Vectors};
use kinora_model::{Model, ModelConfig};
use kinora_nn::{Module, Precision};
use kinora_tensor::Tensor;
use kinora_train::{Config, Error, Event, METRICS, Outcome, Training, examples, preview, sheet};
use kinora_video::{Clip, Shapes, Split};

use crate::tiny::{config, create, finish, lexicon, resume};

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| name.to_string()).collect()
}

#[test]
fn a_run_leaves_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("a/run");
    let config = config(&[]);
    let training = create(&folder, &config).unwrap();
    assert_eq!(training.config(), &config);
    let (mut told, mut lines) = (Vec::new(), Vec::new());
    let outcome = training.run(&mut |event| {
        told.push(match event {
            Event::Estimate(estimate) => {
                assert!(estimate.parameters > 1000 && estimate.parameters_discriminator > 1000);
                assert!(estimate.seconds_per_step > 0.0 && estimate.steps == 6, "{estimate:?}");
                "estimate".to_string()
            }
            Event::Step { step, steps } => format!("step {step} of {steps}"),
            Event::Log(line) => {
                lines.push(line.to_json());
                format!("log {}", line.step)
            }
            Event::Samples(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
            Event::Saved(step) => format!("saved {step}"),
        });
        ControlFlow::Continue(())
    });
    assert_eq!(outcome.unwrap(), Outcome::Finished(6));
    assert_eq!(
        told,
        [
            "estimate",
            "step 1 of 6",
            "log 2",
            "step 2 of 6",
            "000003.gif",
            "step 3 of 6",
            "log 4",
            "step 4 of 6",
            "step 5 of 6",
            "log 6",
            "000006.gif",
            "step 6 of 6",
            "saved 6",
        ]
    );

    let wanted =
        ["checkpoint.safetensors", "config.toml", "log.jsonl", "model.safetensors", "samples"];
    assert_eq!(names(&folder), set(&wanted));
    assert_eq!(names(&folder.join("samples")), set(&["000003.gif", "000006.gif"]));
    assert_eq!(Config::load(&folder.join("config.toml"), &[]).unwrap(), config);
    let log = std::fs::read_to_string(folder.join("log.jsonl")).unwrap();
    assert_eq!(log.lines().collect::<Vec<_>>(), lines);

    let model = Model::<CpuTensor>::load(&folder).unwrap();
    assert_eq!(model.config, config.model());
    let card = &model.card;
    assert_eq!((card.name.as_str(), card.steps, card.clips), ("run", 6, 24));
    assert_eq!((card.data.as_str(), card.command.as_str()), ("shapes", "kinora train"));
    assert!(card.licence.contains("CC0"), "{card:?}");
    assert_eq!(model.sample("a red circle moves left", 0).unwrap().dims(), config.clip.dims());
}

#[test]
fn a_line_of_the_log_holds_the_documented_keys() {
    let folder = tempfile::tempdir().unwrap();
    finish(create(folder.path(), &config(&[])).unwrap()).unwrap();
    let log = std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    let documented = include_str!("../../README.md");
    for (place, line) in log.lines().enumerate() {
        let line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let keys: BTreeSet<String> = line.keys().cloned().collect();
        let others = ["step", "clips", "seconds", "clips_per_second", "feed_share"];
        assert_eq!(keys, set(&[&METRICS[..], &others].concat()));
        for (key, value) in &line {
            assert!(value.is_number(), "{key}: {value}");
            assert!(documented.contains(&format!("`{key}`")), "{key} is not in the README");
        }
        let step = 2 * (place as u64 + 1);
        assert_eq!((line["step"].as_u64(), line["clips"].as_u64()), (Some(step), Some(4 * step)));
    }
    assert_eq!(log.lines().count(), 3);
}

/// A run from a model begins with its weights, its sizes and its tokenizer.
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
        &second,
        Some(model()),
        "kinora train --init",
    );
    let training = training.unwrap();
    assert_eq!(training.config().model(), config(&[]).model());
    assert_eq!((training.config().train.batch, training.config().seed), (3, 9));

    let bytes = std::fs::read(second.join("model.safetensors")).unwrap();
    let begun = Model::<CpuTensor>::load(&second).unwrap();
    for ((name, was), (_, is)) in model().net.named().into_iter().zip(begun.net.named()) {
        assert_eq!(was.data(), is.data(), "{name}");
    }
    assert_eq!(begun.lexicon.tokenizer.to_json(), model().lexicon.tokenizer.to_json());
    assert_eq!(begun.card.steps, 0);
    finish(training).unwrap();
    assert_ne!(std::fs::read(second.join("model.safetensors")).unwrap(), bytes);

    // With an average that does not move, the films of the model and of the run are the same.
    let film = |model: &Model<CpuTensor>| model.sample("a red circle", 0).unwrap();
    assert_eq!(film(&begun), film(&model()));

    // Discriminators that are too deep for the model's films are an error, and not a panic.
    let mut deep = config(&["clip.height=64", "clip.width=64"]);
    deep.discriminator.clip = vec![8; 5];
    let third = folder.path().join("third");
    let refused = |config: Config| {
        let training = Training::create(&CpuDevice::default(), config, &third, Some(model()), "");
        assert!(!third.join("config.toml").exists());
        training.err().unwrap().to_string()
    };
    let error = refused(sized(&deep));
    assert!(error.contains("discriminator.clip halves 5 times"), "{error}");
}

/// The word vectors of a model may lie beside it, and a run that begins with it has them from there.
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
        let training =
            Training::create(&CpuDevice::default(), config.clone(), &second, Some(model), "");
        finish(training.unwrap()).unwrap();
        std::fs::rename(&beside, &table).unwrap();
        let begun = Model::<CpuTensor>::load(&second).unwrap();
        assert_eq!(*begun.lexicon.sources(), sources);
        for run in [&first, &second] {
            std::fs::remove_dir_all(run).unwrap();
        }
    }
}

/// A model that learnt small pictures lends what it knows to one of larger ones.
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
    let grown = grown.with(&[
        format!("clip.height={}", 2 * grown.clip.height),
        format!("clip.width={}", 2 * grown.clip.width),
        format!("generator.decoder={decoder:?}"),
    ]);
    let training =
        Training::create(&CpuDevice::default(), grown.unwrap(), &second, Some(model), "");
    training.unwrap();
    let large = Model::<CpuTensor>::load(&second).unwrap();
    assert_eq!(large.sample("a red circle", 0).unwrap().dims()[2], 2 * config(&[]).clip.width);
    let large = large.net.map(|_, tensor| tensor.data().to_vec());
    let (small, large) = (small.named(), large.named());
    let fresh: Vec<&str> =
        large.iter().filter(|named| !small.contains(named)).map(|(name, _)| &**name).collect();
    let depth = decoder.len() - 1;
    let of_the_new = |name: &&str| name.starts_with(&format!("generator.decoder.{depth}."));
    assert!(fresh.iter().any(of_the_new) && fresh.iter().all(of_the_new), "{fresh:?}");
}

#[test]
fn what_a_run_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = |result: Result<Training<CpuTensor>, Error>| result.err().unwrap().to_string();

    let error = text(resume(folder, &[]));
    assert!(error.contains("holds no run to resume; start one without --resume"), "{error}");
    let first = create(folder, &config(&[])).unwrap();
    if cfg!(unix) {
        let error = text(resume(folder, &[]));
        assert!(error.contains("another training runs in"), "{error}");
        let other = tempfile::tempdir().unwrap();
        let file = std::fs::File::open(other.path()).unwrap();
        file.lock().unwrap();
        let error = text(create(other.path(), &config(&[])));
        assert!(error.contains("another training runs in"), "{error}");
        drop(file);
        create(other.path(), &config(&[])).unwrap();
    }
    drop(first);
    let error = text(create(folder, &config(&[])));
    assert!(error.contains("holds a run already; continue it with --resume"), "{error}");

    for (key, wanted) in [
        ("clip.height=16", "keeps its clip, encoder, generator and discriminator"),
        ("clip.fps=9", "keeps its clip"),
        ("encoder.word=14", "keeps its clip, encoder"),
        ("generator.decoder=[4]", "keeps its clip, encoder, generator"),
        ("discriminator.features=17", "discriminator"),
        ("tokenizer.vocab=300", "keeps its tokenizer"),
        ("train.batsh=3", "did you mean \"train.batch\"?"),
        ("train.batch=0", "train.batch = 0 must be from 1 to 4096"),
        ("data=nonsense", "there is no dataset \"nonsense\""),
    ] {
        let error = text(resume(folder, &[key]));
        assert!(error.contains(wanted), "{key}: {error}");
    }
    // A refusal changes nothing.
    assert_eq!(Config::load(&folder.join("config.toml"), &[]).unwrap(), config(&[]));

    // What leaves the shapes alone may change.
    let changed =
        ["train.batch=3", "train.loss=hinge", "train.ema=0.5", "train.r1=0", "train.steps=2"];
    assert_eq!(finish(resume(folder, &changed).unwrap()).unwrap(), Outcome::Finished(2));
    let kept = Config::load(&folder.join("config.toml"), &[]).unwrap();
    assert_eq!(kept, config(&changed));
}

#[test]
fn configs_that_nobody_checked() {
    let folder = tempfile::tempdir().unwrap();
    type Break = fn(&mut Config);
    let broken: [(Break, &str); 4] = [
        (|c| c.generator.decoder = vec![3], "generator.decoder"),
        (|c| c.discriminator.clip.clear(), "discriminator.clip"),
        (|c| c.train.batch = 0, "train.batch"),
        (|c| c.seed = u64::MAX, "seed = 18446744073709551615"),
    ];
    for (break_it, wanted) in broken {
        let mut config = config(&[]);
        break_it(&mut config);
        let error = create(folder.path(), &config).err().unwrap().to_string();
        assert!(error.contains(wanted), "{error:?}, not {wanted:?}");
        assert_eq!(names(folder.path()), set(&[]));
    }
}

#[test]
fn folders_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "a file where a folder should be").unwrap();
    let error = create(&file, &config(&[])).err().unwrap();
    assert!(matches!(error, Error::Write { .. }), "{error:?}");
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn checkpoints_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    create(folder.path(), &config(&[])).unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let model = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    let rows: [(&[u8], &str); 4] = [
        (&[], "not a whole safetensors file"),
        (&whole[..whole.len() / 2], "not a whole safetensors file"),
        (b"garbage garbage garbage", "not a whole safetensors file"),
        (&model, "no kinora.progress in the metadata; this is no checkpoint"),
    ];
    for (bytes, wanted) in rows {
        std::fs::write(&path, bytes).unwrap();
        let error = resume(folder.path(), &[]).err().unwrap();
        assert!(matches!(error, Error::Checkpoint { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(wanted) && text.contains("checkpoint.safetensors"), "{text}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(resume(folder.path(), &[]).err().unwrap().to_string().contains("checkpoint"));

    // A config that was changed by hand does not fit its checkpoint.
    std::fs::write(&path, &whole).unwrap();
    let toml = config(&["generator.hidden=12"]).to_toml();
    std::fs::write(folder.path().join("config.toml"), toml).unwrap();
    let text = resume(folder.path(), &[]).err().unwrap().to_string();
    assert!(
        text.contains("generator.attention.weight has the shape") && text.contains("needs"),
        "{text}"
    );
}

#[test]
fn examples_and_their_sheet() {
    let config = config(&[]);
    let shapes = Shapes::new();
    let draw = |seed, count| examples(&shapes, Split::HeldOut, seed, count, &config.clip).unwrap();
    let ten = draw(0, 10);
    assert_eq!(ten.len(), 10);
    assert!(ten.iter().all(|example| example.clip.dims() == config.clip.dims()));
    assert_eq!(draw(0, 3), ten[..3], "a stream has one beginning");
    assert_ne!(draw(1, 3), ten[..3]);

    let model = model_of(&config);
    let [frames, height, width, _] = sheet(&model, &ten, 0).unwrap().dims();
    // Eight in a row, each at least 128 pixels wide, the film below the clip, the words below both.
    assert_eq!(frames, 4);
    assert!(width >= 8 * 128 && height >= 2 * 2 * 128, "{height} by {width}");
    let [_, without, _, _] = preview(&ten).unwrap().dims();
    assert!(without + 2 * 100 < height, "{without} without films, {height} with them");

    let same = |a: &Clip, b: &Clip| a == b;
    assert!(same(&sheet(&model, &ten, 5).unwrap(), &sheet(&model, &ten, 5).unwrap()));
    assert!(!same(&sheet(&model, &ten, 5).unwrap(), &sheet(&model, &ten, 6).unwrap()));
    assert!(sheet(&model, &[], 0).is_err());
}

fn model_of(config: &Config) -> Model<CpuTensor> {
    let lexicon = lexicon(config);
    let net = crate::tiny::state(config, &lexicon).net;
    let model =
        Model { config: ModelConfig { ..config.model() }, card: Default::default(), lexicon, net };
    assert!(model.to_bytes(Precision::F16).is_ok());
    assert!(model.net.named().iter().all(|(_, x)| x.shape().elements() > 0));
    model
}
