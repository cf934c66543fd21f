//! The effect of a step of each phase, and short trainings that reduce their losses.

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_nn::Module;
use kinora_tensor::Tensor;
use kinora_train::{Config, Error, Fed, Measured, Metrics, Phase, State};
use kinora_video::Batch;

use crate::tiny::{batch, config, fed, lexicon, state};

/// Settings of a training with a single phase.
const READING: [&str; 2] = ["reading.steps=1000", "reading.batch=4"];
pub const COPYING: [&str; 3] = ["reading.steps=0", "copying.steps=1000", "train.batch=16"];
const PLAYING: [&str; 2] = ["reading.steps=0", "copying.steps=0"];
/// Enough pieces for whole captions: truncated captions may be equal.
const WHOLE: &str = "encoder.pieces=80";

/// A step, and its metrics.
pub fn step_of(
    state: State<CpuTensor>,
    config: &Config,
    fed: &Fed,
) -> Result<(State<CpuTensor>, Metrics), Error> {
    let (state, measured) = state.step(&CpuDevice::default(), config, fed)?;
    Ok((state, Measured::read(&[measured])?.remove(0)))
}

fn values(module: &impl Module<CpuTensor>) -> Vec<(String, Vec<f32>)> {
    module.named().into_iter().map(|(name, x)| (name, x.data().to_vec())).collect()
}

/// The name of a network, and its tensors by name.
type Network = (&'static str, Vec<(String, Vec<f32>)>);

/// All networks of a state.
fn networks(state: &State<CpuTensor>) -> [Network; 6] {
    [
        ("encoder", values(&state.net.encoder)),
        ("matcher", values(&state.net.matcher)),
        ("generator", values(&state.net.generator)),
        ("completer", values(&state.completer)),
        ("critic", values(&state.critic)),
        ("average", values(&state.average.module)),
    ]
}

/// Makes `steps` steps on one batch, and returns the metrics of each.
fn learn(config: &Config, steps: usize) -> (State<CpuTensor>, Vec<Metrics>) {
    let (lexicon, batch) = (lexicon(config), batch(config));
    let mut state = state(config, &lexicon);
    let mut all = Vec::new();
    for _ in 0..steps {
        let metrics;
        (state, metrics) = step_of(state, config, &fed(&lexicon, &batch)).unwrap();
        all.push(metrics);
    }
    (state, all)
}

/// The mean of a metric over the first ten steps, and over the last ten.
fn first_and_last(all: &[Metrics], name: &str) -> [f32; 2] {
    [&all[..10], &all[all.len() - 10..]]
        .map(|part| part.iter().map(|metrics| metrics[name]).sum::<f32>() / 10.0)
}

/// Every tensor of the networks of a phase moves, and none of the others.
#[test]
fn a_phase_moves_its_own_networks() {
    moves(&config(&["reading.batch=4"]));
    // With `reading.thaw`, encoder and matcher move in all phases.
    moves(&config(&["reading.batch=4", "reading.thaw=true"]));
}

fn moves(config: &Config) {
    let thawed: &[&str] = if config.reading.thaw { &["encoder", "matcher"] } else { &[] };
    let (lexicon, batch) = (lexicon(config), batch(config));
    let mut state = state(config, &lexicon);
    for step in 1..=config.train.steps {
        let phase = config.phase(step);
        let moving: &[&str] = match phase {
            Phase::Reading => &["encoder", "matcher"],
            Phase::Copying => &["generator", "completer", "average"],
            Phase::Playing => &["generator", "completer", "critic", "average"],
        };
        let before = networks(&state);
        (state, _) = step_of(state, config, &fed(&lexicon, &batch)).unwrap();
        for ((network, before), (_, after)) in before.into_iter().zip(networks(&state)) {
            for ((name, before), (_, after)) in before.into_iter().zip(after) {
                // A layer of zeros follows these layers, so they have no gradient at the first step.
                let before_zeros = name == "cells.attention.weight"
                    || ["wide.style.0", "wide.plan.0"].iter().any(|first| name.starts_with(first))
                    || name.starts_with("refine.") && !name.contains("second");
                let waits = before_zeros && step == config.reading.steps + 1
                    || name.starts_with("sketch.") && phase == Phase::Playing;
                let moved = before != after || waits && moving.contains(&network);
                assert_eq!(
                    moved,
                    moving.contains(&network) || thawed.contains(&network),
                    "{network} {name} in {phase:?}"
                );
            }
        }
        let reads = config.reading.thaw || step < config.reading.steps;
        assert_eq!(state.adam_reader.is_some(), reads, "after step {step}");
    }
}

#[test]
fn every_loss_trains() {
    for loss in ["minimax", "non-saturating", "hinge", "relativistic"] {
        let set = format!("train.loss={loss}");
        let config = config(&[&PLAYING[..], &[&set, "train.r1_every=4"]].concat());
        let (lexicon, batch) = (lexicon(&config), batch(&config));
        let mut state = state(&config, &lexicon);
        let before = networks(&state);
        for step in 1..=4 {
            let metrics;
            (state, metrics) = step_of(state, &config, &fed(&lexicon, &batch)).unwrap();
            assert_eq!(state.step, step);
            assert_eq!(metrics.len(), 14, "{metrics:?}");
            for (name, metric) in metrics {
                assert!(metric.is_finite(), "{loss}: {name} is {metric}");
                let possible = !name.starts_with("accuracy") || (0.0..=1.0).contains(&metric);
                assert!(possible && (metric > 0.0 || !name.starts_with("gradient")), "{name}");
            }
        }
        // Every tensor of generator, completer and discriminators has moved, except for the sketch, which learns in copying
        // alone, and except for the biases of the logits. In the
        // relativistic loss they cancel; in the hinge loss the gradients of real and fake logits
        // cancel until a logit passes its margin.
        for ((network, before), (_, after)) in before.into_iter().zip(networks(&state)) {
            for ((name, before), (_, after)) in before.into_iter().zip(after) {
                if name.ends_with("realness.bias") || name.starts_with("sketch.") {
                    continue;
                }
                let plays = !["encoder", "matcher"].contains(&network);
                assert_eq!(before != after, plays, "{loss}: {network} {name}");
            }
        }
    }
}

/// The matcher memorises one batch: it finds the caption of each clip among those of all clips.
#[test]
fn the_matcher_learns_to_read() {
    let set = ["train.batch=6", "reading.rate=1e-3", WHOLE];
    let config = config(&[&READING[..], &set].concat());
    let (_, all) = learn(&config, 360);
    for name in ["matched_own", "matched_false"] {
        let [first, last] = first_and_last(&all, name);
        assert!(last > 0.95 && last - first > 0.2, "{name}: {first} at first, {last} at last");
    }
    let [first, last] = first_and_last(&all, "loss_matcher");
    assert!(last < 0.2 * first, "{first} at first, {last} at last");
}

/// The generator memorises one batch: it draws the clips from sentences and the vectors of their clips. With the
/// matcher, part of the batch are films that are not copies, whose loss is measured too.
#[test]
fn the_generator_learns_to_copy() {
    let copying = [&COPYING[..], &["copying.rate=3e-3", "train.batch=4"]].concat();
    for set in [&copying[..], &[&copying[..], &["reading.weight=0"]].concat()] {
        let config = config(set);
        let (_, all) = learn(&config, 150);
        let [first, last] = first_and_last(&all, "loss_copy");
        assert!(last < 0.5 * first, "{first} at first, {last} at last");
        let [first, last] = first_and_last(&all, "loss_completion");
        assert!(last < 0.5 * first, "loss_completion: {first} at first, {last} at last");
        let matched = all.iter().any(|metrics| metrics.contains_key("loss_match"));
        assert_eq!(matched, config.reading.weight > 0.0);
    }
}

/// In copying, the matcher's loss teaches the generator to draw from any noise what a sentence
/// says. The matcher has learnt to read before.
#[test]
fn the_matcher_teaches_the_generator() {
    let set = [
        "reading.steps=120",
        "reading.rate=3e-3",
        "reading.weight=10",
        "train.batch=16",
        "copying.steps=1000",
        "copying.rate=3e-3",
        WHOLE,
    ];
    let (_, mut all) = learn(&config(&set), 320);
    all.drain(..120);
    let [first, last] = first_and_last(&all, "loss_match");
    assert!(last < 0.5 * first, "{first} at first, {last} at last");
}

/// The critic memorises one batch: it accepts the clips under their own captions and rejects them
/// under false ones, which requires it to use the captions. The text encoder has learnt before to
/// tell the captions apart.
#[test]
fn the_critic_learns_to_read() {
    let set = [
        "train.rate_discriminator=2e-3",
        "train.rate_generator=1e-6",
        "train.r1=0",
        "train.batch=6",
        "reading.steps=60",
        "reading.rate=3e-3",
        "copying.steps=0",
        WHOLE,
    ];
    let (_, mut all) = learn(&config(&set), 180);
    all.drain(..60);
    for name in ["accuracy_real", "accuracy_fake", "accuracy_wrong"] {
        let [_, last] = first_and_last(&all, name);
        assert!(last > 0.9, "{name}: {last}");
    }
    let [first, last] = first_and_last(&all, "loss_discriminator");
    assert!(last < 0.5 * first, "{first} at first, {last} at last");
}

/// False captions affect the critic and the matcher's loss on the films, but no metric of clips and
/// films under their own captions.
#[test]
fn wrong_captions_reach_the_critic_and_the_matcher() {
    let config = config(&PLAYING);
    let lexicon = lexicon(&config);
    let step = |batch: &Batch| -> (State<CpuTensor>, Metrics) {
        step_of(state(&config, &lexicon), &config, &fed(&lexicon, batch)).unwrap()
    };
    let batch = batch(&config);
    let n = batch.examples.len();
    assert_eq!(batch.wrong_captions.len(), config.train.wrong * n);
    assert_eq!(fed(&lexicon, &batch).captions.sentences, 3 * n);
    let (one, a) = step(&batch);
    // The first caption of the first run of false captions, and the last caption of the last run.
    for at in [0, batch.wrong_captions.len() - 1] {
        let mut other = batch.clone();
        other.wrong_captions[at] = batch.examples[at % n].caption.text.clone();
        let (two, b) = step(&other);
        for name in [
            "accuracy_real",
            "accuracy_fake",
            "accuracy_frame_real",
            "accuracy_frame_fake",
            "loss_copy",
        ] {
            assert_eq!(a[name], b[name], "{name}");
        }
        for name in ["loss_discriminator", "loss_match"] {
            assert_ne!(a[name], b[name], "{name}");
        }
        assert_ne!(values(&one.critic), values(&two.critic));
    }
    assert_eq!(step(&batch).1, a, "a step is the same every time");
}

/// A loss with weight 0 is not measured, and its networks do not change.
#[test]
fn what_weighs_nothing_is_left_out() {
    let config = config(&[&PLAYING[..], &["copying.weight=0", "reading.weight=0"]].concat());
    let before = networks(&state(&config, &lexicon(&config)));
    let (state, all) = learn(&config, 2);
    for name in ["loss_copy", "loss_match"] {
        assert!(!all[0].contains_key(name), "{name}");
    }
    for ((network, before), (_, after)) in before.into_iter().zip(networks(&state)) {
        let plays = ["generator", "critic", "average"].contains(&network);
        assert_eq!(before != after, plays, "{network}");
    }
}

/// A clip of another size is an error of shapes.
#[test]
fn a_batch_of_another_size() {
    for phase in [&READING[..], &COPYING, &PLAYING] {
        let config = config(phase);
        let lexicon = lexicon(&config);
        let mut batch = batch(&config);
        batch.examples[0].clip = batch.examples[0].clip.resize(9, 9).unwrap();
        let fed = fed(&lexicon, &batch);
        let error = step_of(state(&config, &lexicon), &config, &fed).err().unwrap();
        assert!(matches!(error, Error::Tensor(_)), "{error:?}");
    }
    let config = config(&COPYING);
    let lexicon = lexicon(&config);
    let mut batch = batch(&config);
    batch.twins.truncate(1);
    let error = step_of(state(&config, &lexicon), &config, &fed(&lexicon, &batch)).err().unwrap();
    assert!(matches!(error, Error::Tensor(_)), "{error:?}");
}

/// The error names the first metric that is not finite, whichever network it comes from.
#[test]
fn a_number_that_is_not_finite_is_told() {
    let rows: [(&[&str], &str, f32, &str); 8] = [
        (&READING, "net.matcher.frame.bias", f32::NAN, "loss_matcher"),
        (&READING, "net.encoder.sentence.join.weight", f32::INFINITY, "loss_matcher"),
        (&COPYING, "net.generator.output.bias", f32::NAN, "loss_copy"),
        (&COPYING, "completer.clip.bias", f32::NAN, "loss_completion"),
        (&PLAYING, "critic.clips.realness.bias", f32::NAN, "loss_discriminator"),
        (&PLAYING, "net.generator.output.bias", f32::NAN, "loss_copy"),
        (&PLAYING, "critic.frames.projection.weight", f32::INFINITY, "loss_discriminator"),
        (&PLAYING, "critic.clips.realness.bias", 1e38, "loss_discriminator"),
    ];
    for (phase, wanted, bad, what) in rows {
        let config = config(phase);
        let (lexicon, batch) = (lexicon(&config), batch(&config));
        let sick = state(&config, &lexicon).map(|name, x| match name == wanted {
            true => CpuTensor::full(&CpuDevice::default(), bad, *x.shape()).unwrap(),
            false => x.clone(),
        });
        assert!(sick.named().iter().any(|(name, _)| name == wanted), "there is no tensor {wanted}");
        let error = step_of(sick, &config, &fed(&lexicon, &batch)).err().unwrap();
        assert!(matches!(error, Error::Diverged { step: 1, .. }), "{wanted}: {error:?}");
        let text = error.to_string();
        assert!(text.contains("step 1: the ") && text.contains("--resume"), "{text}");
        assert!(text.contains(what), "{wanted} = {bad}: {text}, not {what}");
    }
}
