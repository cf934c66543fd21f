//! The reports of a run: its log, its estimate, and whether it can learn its captions.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use kinora_train::{Estimate, Event, Outcome, Phase};
use kinora_video::Clip;
use serde_json::{Map, Value};

use crate::tiny::{config, create, finish, resume};

/// The keys of every line, and the further keys of a line of each phase.
const EVERY: [&str; 5] = ["step", "clips", "seconds", "clips_per_second", "feed_share"];
const READ: [&str; 4] = ["loss_matcher", "gradient_matcher", "matched_own", "matched_false"];
const COPIED: [&str; 8] = [
    "loss_copy",
    "loss_detail",
    "loss_likelihood",
    "loss_sketch",
    "loss_looks",
    "loss_completion",
    "loss_match",
    "gradient_generator",
];
const PLAYED: [&str; 14] = [
    "loss_copy",
    "loss_detail",
    "loss_completion",
    "loss_discriminator",
    "gradient_discriminator",
    "loss_generator",
    "loss_match",
    "gradient_generator",
    "accuracy_real",
    "accuracy_fake",
    "accuracy_wrong",
    "accuracy_frame_real",
    "accuracy_frame_fake",
    "accuracy_frame_wrong",
];

#[test]
fn a_line_of_the_log_holds_the_documented_keys() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&[]);
    finish(create(folder.path(), &config).unwrap()).unwrap();
    let log = std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    let documented = include_str!("../../README.md");
    let mut lines = Vec::new();
    for line in log.lines() {
        let line: Map<String, Value> = serde_json::from_str(line).unwrap();
        let keys: BTreeSet<String> = line.keys().cloned().collect();
        let step = line["step"].as_u64().unwrap();
        let own = match config.phase(step) {
            Phase::Reading => &READ[..],
            Phase::Copying => &COPIED,
            Phase::Playing => &PLAYED,
        };
        assert_eq!(
            keys,
            [own, &EVERY].concat().into_iter().map(String::from).collect(),
            "step {step}"
        );
        for (key, value) in &line {
            assert!(value.is_number(), "{key}: {value}");
            assert!(documented.contains(&format!("`{key}`")), "{key} is not in the README");
        }
        lines.push((step, line["clips"].as_u64().unwrap()));
    }
    assert_eq!(lines, [(2, 6), (3, 22), (4, 38), (6, 46), (7, 50)]);
}

/// A run whose matcher learns the captions gives no [`Event::Unread`]. The dataset has three clips,
/// each of another colour.
#[test]
fn a_run_that_can_read_its_data_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let art = folder.path().join("art");
    std::fs::create_dir(&art).unwrap();
    let colours = [("red", [255, 0, 0]), ("green", [0, 255, 0]), ("blue", [0, 0, 255])];
    for (name, colour) in colours {
        let clip = Clip::new([4, 8, 8, 3], 8.0, vec![colour; 4 * 8 * 8].concat()).unwrap();
        clip.save(art.join(format!("{name}.gif")), &Default::default()).unwrap();
        std::fs::write(art.join(format!("{name}.txt")), format!("a {name} square")).unwrap();
    }
    let data = format!("data=clips:{}", art.display());
    let config = config(&[
        &data,
        "reading.steps=120",
        "reading.rate=1e-2",
        "train.steps=120",
        "train.log_every=10",
    ]);
    let mut last = 0.0;
    let training = create(&folder.path().join("run"), &config).unwrap();
    let outcome = training.run(&mut |event| {
        match event {
            Event::Unread(matched) => panic!("{matched}"),
            Event::Log(line) => last = line.metrics["matched_false"],
            _ => {}
        }
        ControlFlow::Continue(())
    });
    assert_eq!(outcome.unwrap(), Outcome::Finished(120));
    assert!(last > 0.9, "{last}");
}

#[test]
fn an_estimate_counts_the_phases() {
    let phases = [(2, 1.0), (3, 10.0), (5, 100.0)];
    let estimate = Estimate { parameters: 1, parameters_discriminator: 1, phases };
    assert_eq!(estimate.steps(), 10);
    for (made, wanted) in [(0, 532.0), (1, 531.0), (2, 530.0), (4, 510.0), (6, 400.0), (10, 0.0)] {
        assert_eq!(estimate.seconds_after(made), wanted, "after {made}");
    }
    assert_eq!(estimate.seconds_after(99), 0.0);
}

/// The estimate of a resumed run counts the steps left in each phase.
#[test]
fn an_estimate_is_of_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut training = create(folder.path(), &config(&[])).unwrap();
    for (step, wanted) in
        [[2, 2, 3], [1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 0, 3], [0, 0, 2]].into_iter().enumerate()
    {
        let mut left = None;
        let outcome = training.run(&mut |event| match event {
            Event::Estimate(estimate) => {
                for (steps, seconds) in estimate.phases {
                    assert_eq!(steps > 0, seconds > 0.0, "{estimate:?}");
                }
                left = Some(estimate.phases.map(|(steps, _)| steps));
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        });
        assert_eq!(outcome.unwrap(), Outcome::Stopped(step as u64 + 1));
        assert_eq!(left, Some(wanted));
        training = resume(folder.path(), &[]).unwrap();
    }
}
