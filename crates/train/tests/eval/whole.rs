//! Judges in files, and whole evaluations of a model, from the prompts to the page.

use std::ops::ControlFlow;
use std::sync::Arc;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_model::{Card, Lexicon, Model};
use kinora_text::Tokenizer;
use kinora_train::eval::{EvalConfig, EvalStep, FitConfig, Judge, Report, Subject, evaluate, fit};
use kinora_train::{Config, Error, State};
use kinora_video::{Clip, Clips, Dataset, Draw, SaveOptions, Split};

use crate::damage::whole;
use crate::{CLIP, real, set, shapes};

/// An untrained model of small films.
fn model(data: &dyn Dataset) -> Model<CpuTensor> {
    let keys = [
        "clip.height=32",
        "clip.width=32",
        "clip.frames=8",
        "generator.hidden=8",
        "generator.decoder=[8, 8]",
        "generator.group=4",
        "discriminator.clip=[8, 8]",
        "discriminator.frame=[8, 8]",
    ];
    let config = Config::preset("shapes", &keys.map(String::from)).unwrap();
    let caption = |index| data.caption(Split::Train, Draw { seed: 0, index }).unwrap().text;
    let captions: Vec<String> = (0..60).map(caption).collect();
    let tokenizer = Tokenizer::train(captions.iter().map(String::as_str), 220).unwrap();
    let lexicon = Lexicon::new(&config.encoder, tokenizer, &captions).unwrap();
    let device = CpuDevice::default();
    let state = State::<CpuTensor>::new(&device, &config, &lexicon.inputs(), None).unwrap();
    let card = Card { name: "new".into(), ..Card::default() };
    Model { config: config.model(), card, lexicon, net: state.net }
}

fn run(data: &dyn Dataset, judge: Judge<CpuTensor>, config: &EvalConfig) -> Report {
    stopped(data, judge, config, "").unwrap()
}

/// An evaluation that is stopped at the first step of the stage `last`.
fn stopped(
    data: &dyn Dataset,
    judge: Judge<CpuTensor>,
    config: &EvalConfig,
    last: &str,
) -> Option<Report> {
    let watch = &mut |step: EvalStep| match step.what == last {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    evaluate(&CpuDevice::default(), &model(data), data, judge, config, watch).unwrap()
}

#[test]
fn a_judge_comes_back_from_its_file() {
    let judged = shapes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(judged.judge.subject.file_name());
    assert!(path.ends_with("judge-shapes-32x32x8.safetensors"));
    judged.judge.save(&path).unwrap();
    let device = CpuDevice::default();
    let subject = Subject::of(&*judged.data, &CLIP).unwrap();
    let back = Judge::<CpuTensor>::load(&device, &path, &subject).unwrap();
    let clips = real(judged, Split::HeldOut, 0, 3);
    let clips: Vec<&Clip> = clips.iter().map(|(_, clip)| clip).collect();
    let look = |judge: &Judge<CpuTensor>| judge.look(&device, &clips).unwrap();
    assert_eq!(look(&back), look(&judged.judge));
    // A judge of another subject is rejected, and the error names the difference.
    let other = |change: &dyn Fn(&mut Subject), reason: &str| {
        let mut wanted = subject.clone();
        change(&mut wanted);
        let error = Judge::<CpuTensor>::load(&device, &path, &wanted).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("--fit-judge"), "{error}");
    };
    other(&|subject| subject.kind = "lpc".into(), "judge of shapes, not of lpc");
    other(
        &|subject| subject.dims = [8, 64, 64, 3],
        "8 frames of 32 x 32, 3 channels, not 8 frames of 64 x 64, 3 channels",
    );
    other(&|subject| subject.labels = Default::default(), "other attributes or values");
    other(&|subject| subject.clips = String::new(), "clips that differ");
    let large = judged.data.example(Split::Train, Draw { seed: 0, index: 0 }).unwrap().clip;
    assert!(matches!(judged.judge.look(&device, &[&large]), Err(Error::Judge(_))));
    std::fs::write(&path, b"no judge").unwrap();
    assert!(Judge::<CpuTensor>::load(&device, &path, &subject).is_err());
}

#[test]
fn fitting_is_the_same_each_time_and_can_be_stopped() {
    let data = &shapes().data;
    let device = CpuDevice::default();
    let config = FitConfig { steps: 12, batch: 4, ..FitConfig::default() };
    let mut losses = Vec::new();
    let mut fitted = || {
        let watch = &mut |step: kinora_train::eval::FitStep| {
            losses.push(step.loss);
            ControlFlow::Continue(())
        };
        fit::<CpuTensor>(&device, data, &CLIP, &config, watch).unwrap().unwrap()
    };
    let clip = data.example(Split::Train, Draw { seed: 9, index: 0 }).unwrap();
    let clip = clip.clip.to_dims(CLIP.dims()).unwrap();
    let [first, second] = [fitted(), fitted()].map(|judge| judge.look(&device, &[&clip]).unwrap());
    assert_eq!(first, second);
    assert_eq!(losses[..2], losses[2..]);
    let stop = &mut |_| ControlFlow::Break(());
    assert!(fit::<CpuTensor>(&device, data, &CLIP, &config, stop).unwrap().is_none());
}

#[test]
fn a_model_that_has_learnt_nothing_shows_nothing() {
    let judged = shapes();
    let config = EvalConfig { prompts: 40, seeds: 2, seed: 0 };
    let report = run(&*judged.data, judged.judge.clone(), &config);
    for side in ["seen", "held_out"] {
        let row = |metric: &str, of: &str| report.row(side, metric, of).unwrap();
        for name in ["background", "colour", "motion", "place", "shape", "size"] {
            let row = row("accuracy", name);
            assert!(row.films.unwrap().value < row.real.unwrap().value, "{side} {name}: {row:?}");
        }
        assert_eq!(row("accuracy", "shape").films.unwrap().films, 80);
        assert!(row("accuracy", "all that is said").films.unwrap().value < 0.1);
        assert!(row("choice_of_nine", "").films.unwrap().value < 0.4);
        let distance = row("frechet_distance", "");
        assert!(distance.films.unwrap().low > distance.real.unwrap().high, "{distance:?}");
        for metric in
            ["variance_by_prompt", "clean", "motion", "mmd", "unsaid_differs", "pixel_colour"]
        {
            assert!(report.sides[0].rows.iter().any(|row| row.metric == metric), "{metric}");
        }
        assert!(report.row(side, "swap", "own colours").is_none());
        // The vectors of an untrained text encoder still differ from word to word.
        let probe = row("sentence_probe", "shape").films.unwrap();
        assert!((0.5..=1.0).contains(&probe.value), "{probe:?}");
    }
    // On the held-out side, captions with known words and with new words are also counted apart.
    let count =
        |side, metric, of| report.row(side, metric, of).map_or(0, |row| row.films.unwrap().films);
    for name in ["shape", "motion", "all that is said"] {
        let [all, known, new] = ["accuracy", "accuracy_known_words", "accuracy_new_words"]
            .map(|metric| count("held_out", metric, name));
        assert!(all == known + new && known.min(new) > 10, "{name}: {all}, {known}, {new}");
        assert_eq!(count("seen", "accuracy_known_words", name), 0);
    }
    // A second evaluation gives the same report.
    let again = run(&*judged.data, judged.judge.clone(), &config);
    assert_eq!(again.to_json(), report.to_json());

    let json = report.to_json();
    assert_eq!(json["prompts"], 40);
    let shape = &json["held_out"]["accuracy"]["shape"];
    assert!(shape["low"].as_f64() <= shape["value"].as_f64(), "{shape}");
    assert!(shape["second"].is_number() && shape["real"].is_number(), "{shape}");
    let table = report.to_table();
    assert!(table.contains("accuracy: shape") && table.contains("real clips"), "{table}");
    let width = table.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(width <= 100, "{table}");
    let page = report.to_html().unwrap();
    assert_eq!(page.matches("data:image/apng;base64,").count(), 2 * 2 * 12);
    assert!(page.contains(&report.shown[0].caption.text));

    for last in ["colours of real clips", "films of held-out combinations"] {
        let judge = judged.judge.clone();
        assert!(stopped(&*judged.data, judge, &config, last).is_none(), "{last}");
    }
}

#[test]
fn clips_without_attributes_need_no_judge() {
    let folder = tempfile::tempdir().unwrap();
    let shapes = shapes();
    for (k, (caption, clip)) in real(shapes, Split::Train, 0, 24).iter().enumerate() {
        let path = folder.path().join(format!("{k}.apng"));
        clip.save(&path, &SaveOptions::default()).unwrap();
        std::fs::write(path.with_extension("txt"), &caption.text).unwrap();
    }
    let data: Arc<dyn Dataset> = Arc::new(Clips::open(folder.path()).unwrap());
    let device = CpuDevice::default();
    let nothing = &mut |_| ControlFlow::Continue(());
    let error = fit::<CpuTensor>(&device, &data, &CLIP, &FitConfig::default(), nothing);
    assert!(error.unwrap_err().to_string().contains("has no attributes"));

    let subject = Subject::of(&*data, &CLIP).unwrap();
    let judge = Judge::<CpuTensor>::untrained(&device, subject).unwrap();
    let report = run(&*data, judge, &EvalConfig { prompts: 40, seeds: 2, seed: 0 });
    for row in &report.sides[1].rows {
        let known = ["variance_by_prompt", "frechet_distance", "mmd", "clean", "motion"];
        assert!(known.contains(&row.metric), "{row:?}");
    }
    let distance = report.row("seen", "frechet_distance", "").unwrap();
    assert!(distance.films.unwrap().low > distance.real.unwrap().high, "{distance:?}");
    // The verdict on a clip does not depend on the other clips of its batch.
    let clips = real(shapes, Split::Train, 3, 20);
    assert_eq!(set(shapes, &clips, whole).films[19].verdict, {
        let one = &clips[19..];
        set(shapes, one, whole).films[0].verdict.clone()
    });
}
