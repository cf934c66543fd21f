//! The reference passes its own conformance kit, the kit covers every operation, and it finds
//! injected faults.

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

/// A backend that rounds every output to 32 bits has the least error a real backend can have. The
/// report shows how much room the tolerances leave beyond that.
#[test]
fn a_backend_of_32_bits_conforms() {
    let round = |_: &Op, _: &[&Reference], y: &mut [f64]| {
        y.iter_mut().for_each(|y| *y = f64::from(*y as f32));
    };
    let report = conformance::check::<Spied>(&Spy::altering(round));
    println!("{report}");
    report.assert();
}

/// Injects faults into a backend and asserts which checks of the operation's cases fail.
#[test]
fn faults_are_noticed() {
    type Alter = fn(&Op, &[&Reference], &mut [f64]);
    let faults: [(&str, &str, Alter, &[&str]); 6] = [
        (
            "conv",
            "the gradient of the last weight of a large kernel is missing",
            |op, _, y| {
                if matches!(op, Op::ConvWeight { .. }) && y.len() > 5000 {
                    *y.last_mut().unwrap() = 0.0;
                }
            },
            &["gradient", "second"],
        ),
        (
            "norm",
            "the gradient of a leaky ReLU is slightly wrong",
            |op, _, y| {
                if matches!(op, Op::Binary(Binary::LeakyReluGrad(_))) {
                    y.iter_mut().for_each(|y| *y *= 1.001);
                }
            },
            &["second"],
        ),
        (
            "leaky_relu",
            "an activation turns NaN into 0",
            |op, _, y| {
                if matches!(op, Op::Unary(Unary::LeakyRelu(_))) {
                    y.iter_mut().for_each(|y| *y = if y.is_nan() { 0.0 } else { *y });
                }
            },
            &["nan"],
        ),
        (
            "softmax",
            "the first output is infinity",
            |op, _, y| {
                if matches!(op, Op::Softmax) && !y.is_empty() {
                    y[0] = f64::INFINITY;
                }
            },
            &["forward", "gradient", "nan", "second", "views"],
        ),
        (
            "permute",
            "the first output is NaN",
            |op, _, y| {
                if matches!(op, Op::Permute(_)) && !y.is_empty() {
                    y[0] = f64::NAN;
                }
            },
            &["forward", "gradient", "second", "views"],
        ),
        (
            "norm",
            "a fused gradient returns the gradient of the shift in the wrong order",
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
