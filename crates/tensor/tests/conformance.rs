//! The reference passes its own kit, the kit covers every operation, and it notices faults.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{Spied, Spy};
use kinora_tensor::conformance::{self, Reference};
use kinora_tensor::{Binary, Desc, Op, Unary};

#[test]
fn every_operation_has_a_case() {
    let cases = conformance::cases();
    common::assert_every_kind(cases.iter().map(|case| &case.op));
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "two cases are the same");
}

#[test]
fn the_reference_conforms() {
    let report = conformance::check::<Reference>(&());
    println!("{report}");
    report.assert();
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let report = conformance::check_reference();
    println!("{report}");
    report.assert();
}

/// What a backend in 32 bits has at the least, which shows what the tolerances leave room for.
#[test]
fn a_backend_of_32_bits_conforms() {
    let round = |_: &Op, _: &[&Reference], y: &mut [f64]| {
        y.iter_mut().for_each(|y| *y = f64::from(*y as f32));
    };
    let report = conformance::check::<Spied>(&Spy::altering(round));
    println!("{report}");
    report.assert();
}

/// Which checks of an operation's cases fail where a backend does something wrong.
#[test]
fn faults_are_noticed() {
    type Alter = fn(&Op, &[&Reference], &mut [f64]);
    let faults: [(&str, &str, Alter, &[&str]); 6] = [
        (
            "conv",
            "the last weight of a large kernel is missed",
            |op, _, y| {
                if matches!(op, Op::ConvWeight { .. }) && y.len() > 5000 {
                    *y.last_mut().unwrap() = 0.0;
                }
            },
            &["gradient", "second"],
        ),
        (
            "norm",
            "a gradient of a slope that is a little off",
            |op, _, y| {
                if matches!(op, Op::Binary(Binary::LeakyReluGrad(_))) {
                    y.iter_mut().for_each(|y| *y *= 1.001);
                }
            },
            &["second"],
        ),
        (
            "leaky_relu",
            "an activation that swallows what is no number",
            |op, _, y| {
                if matches!(op, Op::Unary(Unary::LeakyRelu(_))) {
                    y.iter_mut().for_each(|y| *y = if y.is_nan() { 0.0 } else { *y });
                }
            },
            &["nan"],
        ),
        (
            "softmax",
            "infinity",
            |op, _, y| {
                if matches!(op, Op::Softmax) && !y.is_empty() {
                    y[0] = f64::INFINITY;
                }
            },
            &["forward", "gradient", "nan", "second", "views"],
        ),
        (
            "permute",
            "no number",
            |op, _, y| {
                if matches!(op, Op::Permute(_)) && !y.is_empty() {
                    y[0] = f64::NAN;
                }
            },
            &["forward", "gradient", "second", "views"],
        ),
        (
            "norm",
            "a fused gradient whose shift is another's",
            |op, inputs, y| {
                if matches!(op, Op::NormGrad(_)) {
                    let channels = inputs[2].values().len();
                    let end = y.len();
                    y[end - channels..].reverse();
                }
            },
            &["gradient", "second"],
        ),
    ];
    for (name, fault, alter, want) in faults {
        let mut failed = BTreeSet::new();
        for case in conformance::cases().iter().filter(|case| case.op.name() == name) {
            let report = conformance::check_case::<Spied>(&Spy::altering(alter), case);
            failed.extend(report.failures().map(|finding| finding.check));
        }
        assert_eq!(failed, want.iter().copied().collect(), "{fault}");
    }
}

#[test]
fn the_benchmark_measures() {
    for case in conformance::cases() {
        let rate = conformance::bench::<Reference>(&(), &case, Duration::ZERO).unwrap();
        let descs: Vec<Desc> = case.inputs.iter().map(|input| Desc::f32(input.shape)).collect();
        let descs: Vec<&Desc> = descs.iter().collect();
        assert!(rate.seconds > 0.0 && rate.seconds < 60.0, "{rate}");
        assert_eq!(rate.gflops > 0.0, case.op.flops(&descs) > 0, "{rate}");
        assert_eq!(rate.gigabytes > 0.0, case.op.bytes(&descs) > 0, "{rate}");
    }
}
