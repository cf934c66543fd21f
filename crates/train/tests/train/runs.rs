//! The folder of a run, and the settings and files that a run rejects.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_gan::Completer;
use kinora_model::{Model, ModelConfig};
use kinora_nn::{Module, Outline, Precision};
use kinora_tensor::{Random, Tensor};
use kinora_train::{Config, Error, Event, Outcome, Training, examples, preview, sheet};
use kinora_video::{Clip, Dataset, Draw, Shapes, Split};
use serde_json::Value;

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
    // A batch that is large enough to show that an untrained matcher is right in half of the cases.
    let config = config(&["reading.batch=16"]);
    let training = create(&folder, &config).unwrap();
    assert_eq!(training.config(), &config);
    let (mut told, mut lines) = (Vec::new(), Vec::new());
    let outcome = training.run(&mut |event| {
        told.push(match event {
            Event::Estimate(estimate) => {
                assert!(estimate.parameters > 1000 && estimate.parameters_discriminator > 1000);
                assert_eq!(estimate.phases.map(|(steps, _)| steps), [2, 2, 3]);
                // A step of this size takes milliseconds.
                assert!(
                    estimate.phases.iter().all(|&(_, seconds)| seconds > 0.0 && seconds < 60.0)
                );
                "estimate".to_string()
            }
            Event::Step { step, steps } => format!("step {step} of {steps}"),
            Event::Log(line) => {
                lines.push(line.to_json());
                format!("log {}", line.step)
            }
            Event::Unread(matched) => {
                let line: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
                assert!((line["matched_false"].as_f64().unwrap() - matched).abs() < 1e-6);
                assert!(matched < 0.7, "{matched}");
                "unread".to_string()
            }
            Event::Samples(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
            Event::Saved(step) => format!("saved {step}"),
            Event::Evaluating(_) | Event::Evaluated(_) => panic!("train.eval_every is 0"),
        });
        ControlFlow::Continue(())
    });
    assert_eq!(outcome.unwrap(), Outcome::Finished(7));
    assert_eq!(
        told,
        [
            "estimate",
            "step 1 of 7",
            "log 2",
            "unread",
            "step 2 of 7",
            "log 3",
            "000003.gif",
            "step 3 of 7",
            "log 4",
            "step 4 of 7",
            "step 5 of 7",
            "log 6",
            "000006.gif",
            "step 6 of 7",
            "log 7",
            "000007.gif",
            "step 7 of 7",
            "saved 7",
        ]
    );

    let wanted = [
        "checkpoint.safetensors",
        "config.toml",
        "log.jsonl",
        "model.safetensors",
        "discriminators.safetensors",
        "samples",
    ];
    assert_eq!(names(&folder), set(&wanted));
    assert_eq!(names(&folder.join("samples")), set(&["000003.gif", "000006.gif", "000007.gif"]));
    assert_eq!(Config::load(&folder.join("config.toml"), &[]).unwrap(), config);
    let log = std::fs::read_to_string(folder.join("log.jsonl")).unwrap();
    assert_eq!(log.lines().collect::<Vec<_>>(), lines);

    let model = Model::<CpuTensor>::load(&folder).unwrap();
    assert_eq!(model.config, ModelConfig { references: 40, ..config.model() });
    let card = &model.card;
    assert_eq!((card.name.as_str(), card.steps, card.clips), ("run", 7, 2 * 16 + 2 * 16 + 3 * 4));
    assert_eq!((card.data.as_str(), card.command.as_str()), ("shapes", "kinora train"));
    assert!(card.licence.contains("CC0"), "{card:?}");
    assert_eq!(model.sample("a red circle moves left", 0).unwrap().dims(), config.clip.dims());
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
        (
            "clip.height=16",
            "cannot change the sections clip, encoder, generator, matcher and discriminator",
        ),
        ("clip.fps=9", "cannot change the sections clip"),
        ("encoder.word=14", "cannot change the sections clip, encoder"),
        ("generator.decoder=[4]", "cannot change the sections clip, encoder, generator"),
        ("generator.palette=7", "cannot change the sections clip, encoder, generator"),
        ("matcher.features=12", "matcher"),
        ("reading.steps=3", "cannot change reading.steps"),
        ("discriminator.features=17", "discriminator"),
        ("tokenizer.vocab=300", "cannot change the section tokenizer"),
        ("train.batsh=3", "did you mean \"train.batch\"?"),
        ("train.batch=0", "train.batch = 0 must be from 1 to 4096"),
        ("data=nonsense", "there is no dataset \"nonsense\""),
    ] {
        let error = text(resume(folder, &[key]));
        assert!(error.contains(wanted), "{key}: {error}");
    }
    // A rejected change leaves the config as it was.
    assert_eq!(Config::load(&folder.join("config.toml"), &[]).unwrap(), config(&[]));

    // Settings that do not affect the shapes may change.
    let changed = [
        "reading.batch=2",
        "reading.rate=1e-4",
        "reading.weight=0.5",
        "copying.steps=1",
        "copying.batch=3",
        "copying.rate=1e-4",
        "copying.weight=10",
        "train.batch=3",
        "train.wrong=1",
        "train.loss=hinge",
        "train.ema=0.5",
        "train.r1=0",
        "train.steps=5",
    ];
    assert_eq!(finish(resume(folder, &changed).unwrap()).unwrap(), Outcome::Finished(5));
    let kept = Config::load(&folder.join("config.toml"), &[]).unwrap();
    assert_eq!(kept, config(&changed));
}

#[test]
fn configs_that_nobody_checked() {
    let folder = tempfile::tempdir().unwrap();
    type Break = fn(&mut Config);
    let broken: [(Break, &str); 7] = [
        (|c| c.generator.decoder = vec![3], "generator.decoder"),
        (|c| c.discriminator.clip.clear(), "discriminator.clip"),
        (|c| c.train.batch = 0, "train.batch"),
        (|c| c.matcher.channels = vec![9], "matcher.channels: 9"),
        (|c| c.reading.steps = 0, "reading.steps = 0, but"),
        (|c| c.copying.weight = 0.0, "copying.steps = 2 must be 0"),
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
        (&[], "not a safetensors file, or only a part of one"),
        (&whole[..whole.len() / 2], "not a safetensors file, or only a part of one"),
        (b"garbage garbage garbage", "not a safetensors file, or only a part of one"),
        (&model, "no kinora.progress in the metadata; this is not a checkpoint"),
    ];
    for (bytes, wanted) in rows {
        std::fs::write(&path, bytes).unwrap();
        let error = resume(folder.path(), &[]).err().unwrap();
        assert!(matches!(error, Error::Checkpoint { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(wanted) && text.contains("checkpoint.safetensors"), "{text}");
    }
    // A checkpoint without the key `kinora.phases` is from an earlier version.
    let older = whole.windows(13).position(|text| text == b"kinora.phases").unwrap();
    let mut bytes = whole.clone();
    bytes[older..][..13].copy_from_slice(b"kinora.phrase");
    std::fs::write(&path, bytes).unwrap();
    let text = resume(folder.path(), &[]).err().unwrap().to_string();
    let wanted = "checkpoint.safetensors: an earlier version of this program wrote this checkpoint, \
                  in a training without a matcher; start a new run from model.safetensors with --init";
    assert!(text.ends_with(wanted), "{text}");

    std::fs::remove_file(&path).unwrap();
    assert!(resume(folder.path(), &[]).err().unwrap().to_string().contains("checkpoint"));

    // A config edited by hand does not fit its checkpoint.
    std::fs::write(&path, &whole).unwrap();
    let toml = config(&["generator.hidden=12"]).to_toml();
    std::fs::write(folder.path().join("config.toml"), toml).unwrap();
    let text = resume(folder.path(), &[]).err().unwrap().to_string();
    assert!(text.contains("attention.weight has the shape") && text.contains("needs"), "{text}");
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
    // Eight cells in a row, each at least 128 pixels wide: the clip, the film below it, the caption
    // below both.
    assert_eq!(frames, 4);
    assert!(width >= 8 * 128 && height >= 2 * 2 * 128, "{height} by {width}");
    let [_, without, _, _] = preview(&ten).unwrap().dims();
    assert!(without + 2 * 100 < height, "{without} without films, {height} with them");

    let same = |a: &Clip, b: &Clip| a == b;
    assert!(same(&sheet(&model, &ten, 5).unwrap(), &sheet(&model, &ten, 5).unwrap()));
    assert!(!same(&sheet(&model, &ten, 5).unwrap(), &sheet(&model, &ten, 6).unwrap()));
    assert!(sheet(&model, &[], 0).is_err());
}

/// A folder with a file that a run would overwrite is refused, and the file stays. A run that was killed before
/// its first checkpoint leaves a `config.part`, and may begin again.
#[test]
fn files_that_are_not_of_a_run_stay() {
    for name in
        ["model.safetensors", "checkpoint.safetensors", "discriminators.safetensors", "log.jsonl"]
    {
        let folder = tempfile::tempdir().unwrap();
        let (path, temporary) = (folder.path().join(name), folder.path().join(".notes.tmp"));
        std::fs::write(&path, "mine").unwrap();
        std::fs::write(&temporary, "mine too").unwrap();
        let error = create(folder.path(), &config(&[])).err().unwrap().to_string();
        assert!(
            error.contains("which a new run would overwrite") && error.contains(name),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        std::fs::write(folder.path().join("config.part"), "").unwrap();
        drop(create(folder.path(), &config(&[])).unwrap());
        assert!(folder.path().join("config.toml").exists());
        assert!(!folder.path().join("config.part").exists());
        assert_eq!(std::fs::read(&temporary).unwrap(), b"mine too");
    }
}

/// The prior of a run's model completes sentences by training clips, as the run's completer does.
#[test]
fn the_prior_has_the_completer_and_training_clips() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&["seed=3"]);
    finish(create(folder.path(), &config).unwrap()).unwrap();
    let model = Model::<CpuTensor>::load(folder.path()).unwrap();
    let prior = model.net.prior.as_ref().unwrap();
    assert_eq!(prior.clips(), 40);

    let bytes = std::fs::read(folder.path().join("checkpoint.safetensors")).unwrap();
    let sentence = config.encoder.sentence;
    let outline = Completer::new(&mut Outline, sentence).unwrap();
    let device = CpuDevice::default();
    let completer: Completer<CpuTensor> =
        kinora_nn::load(&outline, &device, &bytes, "completer").unwrap();
    let dims @ [t, h, w, c] = config.clip.dims();
    let s = CpuTensor::randn(&device, &mut Random::new(0, 0), [1, sentence]).unwrap();
    for index in [0, 1, 32, 39] {
        let draw = Draw { seed: 0x657a_0000_0003, index };
        let clip = Shapes::new().example(Split::Train, draw).unwrap().clip.to_dims(dims).unwrap();
        let clip = kinora_model::pixels::to_values(&clip);
        let clip = CpuTensor::from_slice(&device, &clip, [1, t, h, w, c]).unwrap();
        let seen = model.net.matcher.as_ref().unwrap().clips(&clip).unwrap();
        let wanted = completer.forward(&seen, &s).unwrap();
        let found = prior.complete(&[index as usize], &s).unwrap();
        for (found, wanted) in found.data().iter().zip(wanted.data()) {
            // The model has 16-bit floats.
            assert!((found - wanted).abs() < 5e-3, "clip {index}: {found}, not {wanted}");
        }
    }
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
