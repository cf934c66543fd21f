//! Resumed runs: a resumed run is bit-identical to an unbroken run.

use std::ops::ControlFlow;
use std::path::Path;

use kinora_train::{Error, Event, Outcome};
use serde_json::{Map, Value};

use crate::tiny::{config, create, finish, resume, stop_after};

fn bytes(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The log without its times.
fn log(folder: &Path) -> Vec<Map<String, Value>> {
    let text = String::from_utf8(bytes(folder, "log.jsonl")).unwrap();
    let lines = text.lines().map(|line| {
        let mut line: Map<String, Value> = serde_json::from_str(line).unwrap();
        for time in ["seconds", "clips_per_second", "feed_share"] {
            assert!(line.remove(time).is_some_and(|value| value.is_number()), "{time}");
        }
        line
    });
    lines.collect()
}

#[track_caller]
fn assert_same(a: &Path, b: &Path) {
    for name in [
        "checkpoint.safetensors",
        "model.safetensors",
        "discriminators.safetensors",
        "config.toml",
        "samples/000003.gif",
        "samples/000006.gif",
        "samples/000007.gif",
    ] {
        assert!(bytes(a, name) == bytes(b, name), "{name} differs");
    }
    assert_eq!(log(a), log(b));
}

/// Steps 1 and 2 are reading, 3 and 4 copying, 5 to 7 playing; step 6 has the penalty.
#[test]
fn a_run_that_goes_on_is_one_without_a_break() {
    let folder = tempfile::tempdir().unwrap();
    // The model's card holds the name of the folder, so all runs lie in folders of the same name.
    let [whole, broken] = ["whole", "broken"].map(|name| folder.path().join(name).join("run"));
    assert_eq!(finish(create(&whole, &config(&[])).unwrap()).unwrap(), Outcome::Finished(7));
    let steps: Vec<u64> = log(&whole).iter().map(|line| line["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [2, 3, 4, 6, 7]);

    // Stopped within each phase and at its last step, between two lines of the log and after one.
    let mut training = create(&broken, &config(&[])).unwrap();
    for step in 1..=6 {
        assert_eq!(stop_after(training, step).unwrap(), Outcome::Stopped(step));
        training = resume(&broken, &[]).unwrap();
    }
    assert_eq!(finish(training).unwrap(), Outcome::Finished(7));
    assert_same(&whole, &broken);

    // The same with `reading.thaw`, and with strange words in captions.
    let [whole_thawed, broken_thawed] =
        ["whole thawed", "broken thawed"].map(|name| folder.path().join(name).join("run"));
    let thawed = config(&["reading.thaw=true", "encoder.vectors=builtin"]);
    assert_eq!(finish(create(&whole_thawed, &thawed).unwrap()).unwrap(), Outcome::Finished(7));
    let mut training = create(&broken_thawed, &thawed).unwrap();
    for step in [2, 3, 5] {
        assert_eq!(stop_after(training, step).unwrap(), Outcome::Stopped(step));
        training = resume(&broken_thawed, &[]).unwrap();
    }
    assert_eq!(finish(training).unwrap(), Outcome::Finished(7));
    assert_same(&whole_thawed, &broken_thawed);

    // A finished run has nothing left to do.
    assert_eq!(finish(resume(&broken, &[]).unwrap()).unwrap(), Outcome::Finished(7));
    assert_same(&whole, &broken);

    // Killed after step `last`, with the last checkpoint after step `saved`: within a phase, across
    // two phases, or across all. The steps after the checkpoint are repeated.
    for (saved, last) in [(0, 1), (1, 2), (1, 6), (2, 3), (3, 4), (3, 5), (4, 6), (5, 6)] {
        let killed = folder.path().join(format!("{saved} {last}")).join("run");
        let training = create(&killed, &config(&[])).unwrap();
        if saved > 0 {
            assert!(stop_after(training, saved).is_ok());
        } else {
            drop(training);
        }
        let checkpoint = bytes(&killed, "checkpoint.safetensors");
        assert!(stop_after(resume(&killed, &[]).unwrap(), last).is_ok());
        std::fs::write(killed.join("checkpoint.safetensors"), checkpoint).unwrap();
        let mut cut = bytes(&killed, "log.jsonl");
        cut.truncate(cut.len().saturating_sub(30));
        std::fs::write(killed.join("log.jsonl"), cut).unwrap();
        let litter = killed.join("samples/.000003.gif.1-0.tmp");
        std::fs::write(&litter, "half").unwrap();
        assert_eq!(finish(resume(&killed, &[]).unwrap()).unwrap(), Outcome::Finished(7));
        assert_same(&whole, &killed);
        assert!(!litter.exists());
    }
}

/// A safetensors file without one tensor, and without its checksum.
fn without(file: &[u8], name: &str) -> Vec<u8> {
    let (length, rest) = file.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Map<String, Value> = serde_json::from_slice(header).unwrap();
    header["__metadata__"].as_object_mut().unwrap().remove("kinora.checksum").unwrap();
    let offsets = |entry: &Value| -> Option<[usize; 2]> {
        serde_json::from_value(entry.get("data_offsets")?.clone()).ok()
    };
    let [start, end] = offsets(&header.remove(name).unwrap()).unwrap();
    for entry in header.values_mut() {
        if let Some([a, b]) = offsets(entry).filter(|[a, _]| *a >= end) {
            entry["data_offsets"] = Value::from(vec![a + start - end, b + start - end]);
        }
    }
    let header = serde_json::to_vec(&header).unwrap();
    let length = (header.len() as u64).to_le_bytes();
    [&length, &header[..], &data[..start], &data[end..]].concat()
}

/// A checkpoint of an earlier version has no pairs. At the end of reading there are none yet, so such a run goes on like
/// any other.
#[test]
fn a_checkpoint_without_pairs_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, older] = ["whole", "older"].map(|name| folder.path().join(name).join("run"));
    finish(create(&whole, &config(&[])).unwrap()).unwrap();
    stop_after(create(&older, &config(&[])).unwrap(), 2).unwrap();
    let checkpoint = without(&bytes(&older, "checkpoint.safetensors"), "pairs.rows.table");
    std::fs::write(older.join("checkpoint.safetensors"), checkpoint).unwrap();
    assert_eq!(finish(resume(&older, &[]).unwrap()).unwrap(), Outcome::Finished(7));
    assert_same(&whole, &older);
}

/// A break at any kind of event stops the run, and the current step is the last.
#[test]
fn a_stop_at_any_event_leaves_a_checkpoint() {
    for (kind, wanted) in [("estimate", 1), ("log", 2), ("unread", 2), ("samples", 3), ("saved", 4)]
    {
        let folder = tempfile::tempdir().unwrap();
        let training =
            create(folder.path(), &config(&["train.save_every=4", "reading.batch=16"])).unwrap();
        let outcome = training.run(&mut |event| {
            let now = match event {
                Event::Estimate(_) => "estimate",
                Event::Log(_) => "log",
                Event::Unread(_) => "unread",
                Event::Samples(_) => "samples",
                Event::Saved(_) => "saved",
                Event::Step { .. } => "step",
                Event::Evaluating(_) | Event::Evaluated(_) => panic!("train.eval_every is 0"),
            };
            if now == kind { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(outcome.unwrap(), Outcome::Stopped(wanted), "{kind}");
        assert_eq!(finish(resume(folder.path(), &[]).unwrap()).unwrap(), Outcome::Finished(7));
    }
}

/// A finished run can be resumed with more steps.
#[test]
fn a_run_may_be_made_longer() {
    let folder = tempfile::tempdir().unwrap();
    finish(create(folder.path(), &config(&["train.steps=2"])).unwrap()).unwrap();
    for steps in [3, 5] {
        let more = format!("train.steps={steps}");
        let outcome = finish(resume(folder.path(), &[&more]).unwrap()).unwrap();
        assert_eq!(outcome, Outcome::Finished(steps));
    }
}

/// Clips are counted as they are seen, over changes of the batch size. The card names the licence
/// of all data, even if the run was killed before its first checkpoint with the new data.
#[test]
fn a_run_whose_config_changes_keeps_count() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, art) = (folder.path().join("run"), folder.path().join("art"));
    stop_after(create(&folder, &config(&[])).unwrap(), 2).unwrap();

    std::fs::create_dir(&art).unwrap();
    let shown = kinora_train::examples(
        &kinora_video::Shapes::new(),
        kinora_video::Split::Train,
        0,
        2,
        &config(&[]).clip,
    );
    for (k, example) in shown.unwrap().iter().enumerate() {
        example.clip.save(art.join(format!("{k}.gif")), &Default::default()).unwrap();
        std::fs::write(art.join(format!("{k}.txt")), &example.caption.text).unwrap();
    }
    let info = kinora_video::open(&format!("clips:{}", art.display())).unwrap().info().clone();

    let data = format!("data=clips:{}", art.display());
    // The completer has not learnt from twins yet.
    let error = resume(&folder, &[&data]).err().unwrap().to_string();
    assert!(error.contains("makes no twins") && error.contains("resume it with shapes"), "{error}");
    stop_after(resume(&folder, &[]).unwrap(), 3).unwrap();
    let error = resume(&folder, &["copying.references=0"]).err().unwrap().to_string();
    assert!(error.contains("cannot set copying.weight or copying.references to 0"), "{error}");
    drop(resume(&folder, &[&data, "copying.batch=4", "train.steps=4"]).unwrap());
    assert_eq!(finish(resume(&folder, &[]).unwrap()).unwrap(), Outcome::Finished(4));
    assert_eq!(log(&folder).last().unwrap()["clips"], 2 * 3 + 16 + 4);
    let model = kinora_model::contents(&bytes(&folder, "model.safetensors"), "the model").unwrap();
    let card = model.card;
    assert_eq!(card.clips, 2 * 3 + 16 + 4);
    // clips: makes no twins, but the completer has learnt from the shapes in the third step.
    assert_eq!(model.config.references, 40);
    assert!(card.licence.contains("CC0") && card.licence.contains(&info.licence), "{card:?}");
    // A run that ends with copying goes on with copying, unless somebody sets its steps.
    let copies = |set: &[&str]| resume(&folder, set).unwrap().config().copying.steps;
    assert_eq!((copies(&[]), copies(&["train.steps=9"])), (2, 7));
    let error = resume(&folder, &["train.steps=9", "reading.steps=99"]).err().unwrap();
    assert!(error.to_string().contains("cannot change reading.steps"), "{error}");
    // With fewer steps than the run already has, nothing happens.
    let before = ["config.toml", "checkpoint.safetensors"].map(|name| bytes(&folder, name));
    let steps = finish(resume(&folder, &["train.steps=3"]).unwrap()).unwrap();
    assert_eq!(steps, Outcome::Finished(4));
    assert!(before == ["config.toml", "checkpoint.safetensors"].map(|name| bytes(&folder, name)));
}

/// An absurd learning rate gives an error, leaves the last checkpoint unchanged, and the run can be
/// resumed from it.
#[test]
fn a_run_that_diverges_keeps_its_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let short = ["reading.steps=1", "copying.steps=1"];
    stop_after(create(folder, &config(&short)).unwrap(), 3).unwrap();
    let before = ["checkpoint.safetensors", "model.safetensors"].map(|name| bytes(folder, name));

    // The gradient of the penalty, which comes at step 10, is too large for a float.
    let absurd =
        ["train.r1=1e38", "train.r1_every=10", "train.steps=1000", "train.save_every=1000"];
    let mut last = 3;
    let error = resume(folder, &absurd).unwrap().run(&mut |event| {
        if let Event::Step { step, .. } = event {
            last = step;
        }
        ControlFlow::Continue(())
    });
    let error = error.unwrap_err();
    let Error::Diverged { step, value, .. } = &error else { panic!("{error:?}") };
    // The error appears when the metrics are read, which may be some steps later.
    assert!(!value.is_finite() && (4..=last + 1).contains(step), "{error:?} after step {last}");

    let after = ["checkpoint.safetensors", "model.safetensors"].map(|name| bytes(folder, name));
    assert!(before == after, "the checkpoint is that of step 3");
    let sane = ["train.r1=1", "train.r1_every=4", "train.steps=6"];
    assert_eq!(finish(resume(folder, &sane).unwrap()).unwrap(), Outcome::Finished(6));
    assert!(log(folder).iter().all(|line| line.values().all(Value::is_number)));

    let finished = bytes(folder, "checkpoint.safetensors");

    // Before each checkpoint the metrics are checked, even if no line of the log is due.
    let often = ["train.steps=1000", "train.save_every=1", "train.log_every=1000"];
    let mut last = 6;
    let error = resume(folder, &[&absurd[..2], &often].concat()).unwrap().run(&mut |event| {
        if let Event::Saved(step) = event {
            last = step;
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(error, Err(Error::Diverged { step, .. }) if step == last + 1), "{error:?}");

    let saved = bytes(folder, "checkpoint.safetensors");
    assert!(last > 6 && saved != finished);
    for (name, tensor) in safetensors::SafeTensors::deserialize(&saved).unwrap().iter() {
        let mut values = tensor.data().as_chunks().0.iter().map(|&value| f32::from_le_bytes(value));
        let is_float = tensor.dtype() == safetensors::Dtype::F32;
        assert!(!is_float || values.all(f32::is_finite), "{name}");
    }
}
