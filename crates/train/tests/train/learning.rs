//! What a step does, and that steps lead somewhere.

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_nn::Module;
use kinora_train::{Config, Error, Fed, METRICS, Measured, Metrics, State};
use kinora_video::Batch;

use crate::tiny::{batch, config, fed, lexicon, state};

fn metric(metrics: &Metrics, name: &str) -> f32 {
    metrics[METRICS.iter().position(|known| *known == name).unwrap()]
}

/// A step, and what was measured at it.
fn step_of(
    state: State<CpuTensor>,
    config: &Config,
    fed: &Fed,
) -> Result<(State<CpuTensor>, Metrics), Error> {
    let (state, measured) = state.step(&CpuDevice::default(), config, fed)?;
    Ok((state, Measured::read(&[measured])?[0]))
}

fn values(module: &impl Module<CpuTensor>) -> Vec<(String, Vec<f32>)> {
    module.named().into_iter().map(|(name, x)| (name, x.data().to_vec())).collect()
}

#[test]
fn every_loss_trains() {
    for loss in ["minimax", "non-saturating", "hinge", "relativistic"] {
        let config = config(&[&format!("train.loss={loss}")]);
        let (lexicon, batch) = (lexicon(&config), batch(&config));
        let mut state = state(&config, &lexicon);
        let [net, critic, average] =
            [values(&state.net), values(&state.critic), values(&state.average.module)];
        for step in 1..=4 {
            let metrics;
            (state, metrics) = step_of(state, &config, &fed(&lexicon, &batch)).unwrap();
            assert_eq!(state.step, step);
            assert!(metrics.iter().all(|x| x.is_finite()), "{loss}: {metrics:?}");
            for (name, metric) in METRICS.iter().zip(metrics) {
                let possible = !name.starts_with("accuracy") || (0.0..=1.0).contains(&metric);
                assert!(possible && (metric > 0.0 || !name.starts_with("gradient")), "{name}");
            }
        }
        // Every tensor has moved, but for the biases of the logits: between two logits they cancel,
        // and hinge pulls as hard up as down until a logit passes its margin.
        for (before, after) in [
            (net, values(&state.net)),
            (critic, values(&state.critic)),
            (average, values(&state.average.module)),
        ] {
            for ((name, before), (_, after)) in before.into_iter().zip(after) {
                if name.ends_with("realness.bias") {
                    continue;
                }
                assert_ne!(before, after, "{loss} leaves {name} as it was");
            }
        }
    }
}

/// One batch by heart: the same clips are right under their own captions and wrong under others,
/// which only somebody who reads the captions can tell.
#[test]
fn the_critic_learns_to_read() {
    let config = config(&[
        "train.rate_discriminator=2e-3",
        "train.rate_generator=1e-6",
        "train.r1=0",
        "train.batch=6",
    ]);
    let (lexicon, batch) = (lexicon(&config), batch(&config));
    let mut state = state(&config, &lexicon);
    let mut all = Vec::new();
    for _ in 0..120 {
        let metrics;
        (state, metrics) = step_of(state, &config, &fed(&lexicon, &batch)).unwrap();
        all.push(metrics);
    }
    let mean = |part: &[Metrics], name| {
        part.iter().map(|metrics| metric(metrics, name)).sum::<f32>() / part.len() as f32
    };
    let (first, last) = (&all[..10], &all[110..]);
    for name in ["accuracy_real", "accuracy_fake", "accuracy_wrong"] {
        assert!(mean(last, name) > 0.9, "{name}: {last:?}");
    }
    let loss = |part| mean(part, "loss_discriminator");
    assert!(loss(last) < 0.5 * loss(first), "{} at first, {} at last", loss(first), loss(last));
}

/// The wrong captions are heard by the critic in the step that they are given to, and by nobody
/// else.
#[test]
fn wrong_captions_reach_the_critic() {
    let config = config(&[]);
    let lexicon = lexicon(&config);
    let step = |batch: &Batch| -> (State<CpuTensor>, Metrics) {
        step_of(state(&config, &lexicon), &config, &fed(&lexicon, batch)).unwrap()
    };
    let batch = batch(&config);
    assert_eq!(batch.wrong_captions.len(), batch.examples.len());
    let mut other = batch.clone();
    other.wrong_captions[0] = batch.examples[0].caption.text.clone();
    let ((one, a), (two, b)) = (step(&batch), step(&other));
    for name in ["accuracy_real", "accuracy_fake", "accuracy_frame_real", "accuracy_frame_fake"] {
        assert_eq!(metric(&a, name), metric(&b, name), "{name}");
    }
    assert_ne!(metric(&a, "loss_discriminator"), metric(&b, "loss_discriminator"));
    assert_ne!(values(&one.critic), values(&two.critic));
    assert_eq!(step(&batch).1, a, "a step is the same every time");
}

/// Clips that are not there, or of a size of their own, are an error of shapes.
#[test]
fn a_batch_of_another_size() {
    let config = config(&[]);
    let lexicon = lexicon(&config);
    let mut batch = batch(&config);
    batch.examples[0].clip = batch.examples[0].clip.resize(9, 9).unwrap();
    let error = step_of(state(&config, &lexicon), &config, &fed(&lexicon, &batch)).err().unwrap();
    assert!(matches!(error, Error::Tensor(_)), "{error:?}");
}

/// A number that is not finite is told by its name, whichever side it stands on.
#[test]
fn a_number_that_is_not_finite_is_told() {
    let config = config(&[]);
    let (lexicon, batch) = (lexicon(&config), batch(&config));
    for (wanted, bad) in [
        ("critic.clips.realness.bias", f32::NAN),
        ("net.generator.output.bias", f32::NAN),
        ("critic.frames.projection.weight", f32::INFINITY),
        ("critic.clips.realness.bias", 1e38),
    ] {
        let sick = state(&config, &lexicon).map(|name, x| match name == wanted {
            true => kinora_tensor::Tensor::full(
                &CpuDevice::default(),
                bad,
                *kinora_tensor::Tensor::shape(x),
            )
            .unwrap(),
            false => x.clone(),
        });
        let error = step_of(sick, &config, &fed(&lexicon, &batch)).err().unwrap();
        assert!(matches!(error, Error::Diverged { step: 1, .. }), "{wanted}: {error:?}");
        let text = error.to_string();
        assert!(text.contains("step 1: the ") && text.contains("--resume"), "{text}");
    }
}
