use super::check::{gradient_loss, gradients, loss, seconds, upload};
use super::report::{Finding, Report};
use super::{Case, Reference, cases};
use crate::{Random, Result, Tensor};

/// Half the distance between the two points of a central difference.
const STEP: f64 = 1e-6;

/// Compares the first- and second-order gradients of [`Reference`] with central differences in
/// 64 bits, along a random direction for each input of each of [`cases`].
///
/// This tests the gradient rules and the cases, not a backend, so [`check`](super::check) does not
/// include it. Run it after adding a rule or a case.
pub fn check_reference() -> Report {
    let mut report = Report::default();
    for case in cases() {
        let mut add = |check, error| {
            report.findings.push(Finding::new(check, &case.name, 1e-5, error));
        };
        add("gradient against differences", worst(&case, loss, gradients));
        add("second against differences", worst(&case, gradient_loss, seconds));
    }
    report
}

type Function<Y> = fn(&(), &Case, &[Reference]) -> Result<Y>;

/// The largest difference of any input, relative to the norm of its gradient.
fn worst(case: &Case, f: Function<Reference>, df: Function<Vec<Reference>>) -> Result<f64> {
    let xs = upload::<Reference>(&(), case)?;
    let gradients = df(&(), case, &xs)?;
    let mut worst = 0.0f64;
    for (i, gradient) in
        gradients.iter().enumerate().filter(|(i, _)| case.inputs[*i].differentiable)
    {
        let direction = Random::new(2, i as u64).normals(gradient.values().len());
        let moved = |step: f64| {
            let mut xs = xs.clone();
            let values =
                xs[i].values().iter().zip(&direction).map(|(x, d)| x + step * f64::from(*d));
            xs[i] = Reference::new(values.collect(), xs[i].shape())?;
            Ok(f(&(), case, &xs)?.values()[0])
        };
        let difference = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
        let along = |(g, d): (&f64, &f32)| g * f64::from(*d);
        let derivative: f64 = gradient.values().iter().zip(&direction).map(along).sum();
        let length = gradient.values().iter().map(|g| g * g).sum::<f64>().sqrt();
        worst = worst.max((derivative - difference).abs() / (length + 1e-3));
    }
    Ok(worst)
}
