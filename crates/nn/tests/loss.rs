//! Compares losses with their formulas.

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_nn::cross_entropy;
use kinora_tensor::{Result, Tensor, Var, grad};

fn logits(x: &[f32], classes: usize) -> CpuTensor {
    CpuTensor::from_slice(&CpuDevice::default(), x, [x.len() / classes, classes]).unwrap()
}

/// Also where the probability of a label is too small for a float.
#[test]
fn cross_entropy_is_the_mean_of_the_negative_log_probabilities() -> Result<()> {
    let ln = f32::ln;
    for (row, label, want) in [
        ([0.0, 0.0, 0.0], 1, ln(3.0)),
        ([ln(2.0), ln(3.0), ln(5.0)], 2, ln(2.0)),
        ([300.0, 0.0, -300.0], 0, 0.0),
        ([300.0, 0.0, -300.0], 1, 300.0),
        ([300.0, 0.0, -300.0], 2, 600.0),
        ([1e6, 1e6, -1e6], 2, 2e6),
        ([-1e6, -1e6, -1e6], 2, ln(3.0)),
    ] {
        let found = cross_entropy(&logits(&row, 3), &[label])?.to_vec()?[0];
        assert!((found - want).abs() <= 1e-6 * want.abs() + 1e-5, "{row:?} {label}: {found}");
    }
    let mean = cross_entropy(&logits(&[0.0, 0.0, 300.0, 0.0], 2), &[0, 1])?.to_vec()?[0];
    assert!((mean - 0.5 * (ln(2.0) + 300.0)).abs() < 1e-4, "{mean}");
    Ok(())
}

/// The derivative by a logit is its probability, minus 1 for the label, divided by the rows.
#[test]
fn the_gradient_does_not_vanish_with_the_probability() -> Result<()> {
    let x = Var::leaf(logits(&[300.0, 0.0, 0.0, 0.0], 2));
    let found = grad(cross_entropy(&x, &[1, 0])?, &[&x])?[0].to_vec()?;
    for (found, want) in found.iter().zip([0.5, -0.5, -0.25, 0.25]) {
        assert!((found - want).abs() < 1e-6, "{found}, not {want}");
    }
    Ok(())
}

#[test]
fn labels_that_do_not_fit_are_errors() {
    let x = logits(&[0.0; 6], 3);
    for (labels, want) in [
        (&[0, 1, 2][..], "2 labels are needed, not 3"),
        (&[0, 3], "label 3 of row 1 must be below 3"),
    ] {
        let error = cross_entropy(&x, labels).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    let flat = x.reshape([6]).unwrap();
    let error = cross_entropy(&flat, &[0]).unwrap_err().to_string();
    assert!(error.contains("logits must be [n, classes]"), "{error}");
}

/// In 32 bits, with many rows and classes.
#[test]
fn log_softmax_holds_for_large_logits() -> Result<()> {
    for scale in [1.0, 100.0, 1e6] {
        let classes = 30_000;
        let values: Vec<f32> =
            (0..3 * classes).map(|i| scale * (f64::from(i as u32) * 1.7).sin() as f32).collect();
        let found = logits(&values, classes).log_softmax()?.to_vec()?;
        for (row, found) in values.chunks(classes).zip(found.chunks(classes)) {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = row.iter().map(|&x| (f64::from(x) - f64::from(max)).exp()).sum();
            for (x, found) in row.iter().zip(found) {
                let want = f64::from(*x) - f64::from(max) - sum.ln();
                let error = (f64::from(*found) - want).abs();
                assert!(error <= 2e-5 + 1e-6 * want.abs(), "{scale}: {found}, not {want}");
            }
        }
    }
    Ok(())
}
