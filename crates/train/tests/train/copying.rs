//! What a step of copying compares: twins, variants, and films with other clips as references.

use kinora_cpu::CpuTensor;
use kinora_nn::Module;
use kinora_train::{Config, Metrics, State};
use kinora_video::{Batch, Clip};

use crate::learning::{COPYING, step_of};
use crate::tiny::{batch, config, fed, lexicon, state};

/// The metrics of the first step on a batch.
fn step(config: &Config, batch: &Batch) -> Metrics {
    let lexicon = lexicon(config);
    step_of(state(config, &lexicon), config, &fed(&lexicon, batch)).unwrap().1
}

/// The clips of a batch, each changed by `change`.
fn clips(batch: &Batch, change: impl Fn(&Clip) -> Clip) -> Vec<Clip> {
    batch.examples.iter().map(|example| change(&example.clip)).collect()
}

/// The noise of a copy is near the vector of its own clip, so twins train the completer alone. Without references, the
/// noise is normal.
#[test]
fn twins_train_the_completer_alone() {
    let with = |set: &str, twins: &dyn Fn(&Batch) -> Vec<Clip>| {
        let config = config(&[&COPYING[..], &[set]].concat());
        let whole = batch(&config);
        let twins = twins(&whole);
        step(&config, &Batch { twins, ..whole })
    };
    let references = "copying.references=40";
    let twins = with(references, &|whole| whole.twins.clone());
    let own = with(references, &|whole| clips(whole, Clip::clone));
    let none = with(references, &|_| Vec::new());
    let normal = with("copying.references=0", &|whole| whole.twins.clone());
    assert_ne!(twins["loss_completion"], own["loss_completion"]);
    for other in [&none, &normal] {
        assert!(!other.contains_key("loss_completion"), "{other:?}");
    }
    // The references of films that are not copies are other clips.
    for key in ["loss_copy", "loss_match"] {
        assert_eq!(twins[key], own[key]);
        assert_eq!(twins[key], none[key]);
        assert_ne!(twins[key], normal[key]);
    }
}

/// The losses of copies do not train the completer: the weight of these losses does not change it.
#[test]
fn the_copies_do_not_train_the_completer() {
    let after = |weight: &str| {
        let config = config(&[&COPYING[..], &["reading.weight=0", weight]].concat());
        let lexicon = lexicon(&config);
        let fed = fed(&lexicon, &batch(&config));
        let begun = state(&config, &lexicon);
        let values = |state: &State<CpuTensor>| {
            let tensors = state.completer.named().into_iter();
            tensors.map(|(_, tensor)| tensor.data().to_vec()).collect::<Vec<_>>()
        };
        let before = values(&begun);
        let (state, _) = step_of(begun, &config, &fed).unwrap();
        let after = values(&state);
        assert_ne!(before, after);
        after
    };
    assert_eq!(after("copying.weight=1"), after("copying.weight=50"));
}

/// The loss on twins has a gradient by itself, and details count in the likelihood too.
#[test]
fn twins_and_likely_details_train() {
    let norm = |set: &str, change: &dyn Fn(&mut Batch)| {
        let set = [&COPYING[..], &["reading.weight=0", set]].concat();
        let config = config(&set);
        let mut batch = batch(&config);
        change(&mut batch);
        step(&config, &batch)["gradient_generator"]
    };
    let none = "copying.weight=1e-12";
    let (with, without) = (norm(none, &|_| ()), norm(none, &|batch| batch.twins.clear()));
    assert!(with > 1e-4 && without < 1e-8, "{with} {without}");
    let likely = "copying.likelihood=1e6";
    let ratio = norm(likely, &|_| ()) / norm(likely, &|batch| batch.variants.clear());
    assert!((ratio - 1.0).abs() > 0.01, "{ratio}");
}

/// The noise of a film that is not a copy comes from another clip, not from the clip of its caption.
#[test]
fn other_clips_give_the_noise_of_films() {
    let config = config(&COPYING);
    let whole = batch(&config);
    let with = |changed: Option<usize>| -> f32 {
        let mut batch = whole.clone();
        if let Some(at) = changed {
            batch.examples[at].clip = inverted(&batch.examples[at].clip);
        }
        step(&config, &batch)["loss_match"]
    };
    let last = whole.examples.len() - 1;
    assert_ne!(with(None), with(Some(0)));
    assert_eq!(with(None), with(Some(last)));
}

fn inverted(clip: &Clip) -> Clip {
    let data = clip.data().iter().map(|byte| !byte).collect();
    Clip::new(clip.dims(), clip.fps(), data).unwrap()
}

/// A copy is compared with its clip in the pixels that differ from the variant. A batch without
/// variants has no such loss.
#[test]
fn details_are_where_the_variants_differ() {
    let config = config(&COPYING);
    let whole = batch(&config);
    let with = |variants: Vec<Clip>| step(&config, &Batch { variants, ..whole.clone() });
    let [given, none] = [whole.variants.clone(), Vec::new()].map(with);
    let [same, all] = [clips(&whole, Clip::clone), clips(&whole, inverted)].map(with);
    assert!(!none.contains_key("loss_detail"));
    assert_eq!(same["loss_detail"], 0.0);
    // All pixels differ, so each has the weight 1.
    assert!((all["loss_detail"] - all["loss_copy"]).abs() < 1e-6, "{all:?}");
    assert!(given["loss_detail"] > 0.0 && given["loss_detail"] != all["loss_detail"], "{given:?}");
    for other in [&none, &same, &all] {
        assert_eq!(given["loss_copy"], other["loss_copy"]);
    }
    assert_ne!(given["gradient_generator"], none["gradient_generator"]);
    // A variant of one clip that differs in one frame: only one frame of each copy is drawn, and not the
    // same frame of all copies.
    let [t, ..] = config.clip.dims();
    let drawn = |clip: usize| -> Vec<usize> {
        let seen = |&frame: &usize| {
            let mut variants = clips(&whole, Clip::clone);
            let mut data = variants[clip].data().to_vec();
            let len = data.len() / t;
            data[frame * len..][..len].iter_mut().for_each(|byte| *byte = !*byte);
            variants[clip] = Clip::new(variants[clip].dims(), variants[clip].fps(), data).unwrap();
            with(variants)["loss_detail"] > 0.0
        };
        (0..t).filter(seen).collect()
    };
    let drawn: Vec<Vec<usize>> = (0..6).map(drawn).collect();
    assert!(drawn.iter().all(|frames| frames.len() == t.div_ceil(8)), "{drawn:?}");
    assert!(drawn.iter().any(|frames| *frames != drawn[0]), "{drawn:?}");
}
