//! Evaluations during a training.

use std::ops::ControlFlow;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_train::eval::{Judge, Subject};
use kinora_train::{Error, Event, Outcome};
use kinora_video::Shapes;
use serde_json::Value;

use crate::tiny::{config, create, finish, resume};

#[test]
fn a_run_is_evaluated_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let config = config(&["train.eval_every=3"]);
    let missing = finish(create(&run, &config).unwrap()).unwrap_err();
    assert!(matches!(missing, Error::Judge(_)), "{missing}");
    let message = missing.to_string();
    for part in ["judge-shapes-", "kinora eval --fit-judge --data shapes", "--resume"] {
        assert!(message.contains(part), "{message}");
    }

    let device = CpuDevice::default();
    let subject = Subject::of(&Shapes::new(), &config.clip).unwrap();
    let path = folder.path().join(subject.file_name());
    Judge::<CpuTensor>::untrained(&device, subject).unwrap().save(&path).unwrap();
    // A run that is stopped during an evaluation has a checkpoint of that step.
    let stopped = resume(&run, &[]).unwrap().run(&mut |event| match event {
        Event::Evaluating(_) => ControlFlow::Break(()),
        Event::Evaluated(_) => panic!("it was stopped"),
        _ => ControlFlow::Continue(()),
    });
    assert_eq!(stopped.unwrap(), Outcome::Stopped(3));

    let mut told = Vec::new();
    let finished = resume(&run, &[]).unwrap().run(&mut |event| {
        if let Event::Evaluated(report) = event {
            told.push(report.to_json());
        }
        ControlFlow::Continue(())
    });
    assert_eq!(finished.unwrap(), Outcome::Finished(7));
    // After step 6, and after the last one.
    assert_eq!(told.len(), 2);
    let log = std::fs::read_to_string(run.join("log.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines = lines.iter().filter(|line| line["eval"].is_object());
    let logged: Vec<(u64, Value)> =
        lines.map(|line| (line["step"].as_u64().unwrap(), line["eval"].clone())).collect();
    assert_eq!(logged, [(6, told[0].clone()), (7, told[1].clone())]);
    assert!(logged[0].1["held_out"]["accuracy"]["shape"]["value"].is_number());
}
