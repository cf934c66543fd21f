//! Compares [`Tensor::update`] with its formulas.

use super::check::distance;
use super::report::{Finding, Report};
use super::{Reference, check::weights};
use crate::{Error, Result, Shape, Tensor, Update};

pub(super) fn check<T: Tensor>(device: &T::Device, report: &mut Report) {
    for shape in [[1, 1], [7, 33], [0, 3], [3, 7001]].map(Shape::from) {
        for shared in [false, true] {
            let mut add = |name: &str, error| {
                let case = format!("{name} of {shape}{}", if shared { ", a view" } else { "" });
                report.findings.push(Finding::new("update", &case, 1e-5, error));
            };
            for weight_decay in [0.0, 0.3] {
                let adam = |step| Update::Adam {
                    rate: 0.1,
                    beta1: 0.5,
                    beta2: 0.9,
                    epsilon: 1e-6,
                    weight_decay,
                    step,
                };
                add(
                    &format!("adam with weight decay {weight_decay}"),
                    run::<T>(device, shape, shared, &adam),
                );
                let sgd = |_| Update::Sgd { rate: 0.1, momentum: 0.6, weight_decay };
                add(
                    &format!("sgd with weight decay {weight_decay}"),
                    run::<T>(device, shape, shared, &sgd),
                );
            }
            for weight in [0.0, 0.3, 1.0] {
                let lerp = |_| Update::Lerp { weight };
                add(&format!("lerp by {weight}"), run::<T>(device, shape, shared, &lerp));
            }
        }
    }
}

/// The clipping factor of the gradients.
const FACTOR: f32 = 0.7;

/// The worst error over three steps. With `shared`, the parameter is a view of a larger tensor,
/// whose values must not change.
fn run<T: Tensor>(
    device: &T::Device,
    shape: Shape,
    shared: bool,
    rule: &dyn Fn(u64) -> Update,
) -> Result<f64> {
    let larger = weights::<T>(device, &shape.with(0, shape[0] + 2), 0)?;
    let before = larger.to_vec()?;
    let mut p = larger.slice(0, 1, shape[0])?;
    if !shared {
        p = T::from_slice(device, &p.to_vec()?, shape)?;
    }
    let mut want = Reference::from_slice(&(), &p.to_vec()?, shape)?;
    let [mut m, mut v] = [T::full(device, 0.0, shape)?, T::full(device, 0.0, shape)?];
    let mut wanted = [Reference::full(&(), 0.0, shape)?, Reference::full(&(), 0.0, shape)?];
    let mut worst = 0.0f64;
    for step in 1..=3 {
        let rule = rule(step);
        let input = weights::<T>(device, &shape, step)?;
        let factor = T::full(device, FACTOR, [1])?;
        let g = weights::<Reference>(&(), &shape, step)?;
        match rule {
            Update::Adam { .. } => p.update(&rule, &mut [&mut m, &mut v], &[&input, &factor])?,
            Update::Sgd { .. } => p.update(&rule, &mut [&mut m], &[&input, &factor])?,
            Update::Lerp { .. } => p.update(&rule, &mut [], &[&input])?,
        }
        want = by_formula(&rule, &want, &mut wanted, &g)?;
        for (got, want) in [(&p, &want), (&m, &wanted[0]), (&v, &wanted[1])] {
            worst = worst.max(distance(&got.to_vec()?, want.values()));
        }
        if input.to_vec()? != g.to_vec()? {
            return Err(Error::Device("an update wrote to its input".into()));
        }
    }
    if larger.to_vec()? != before {
        return Err(Error::Device("an update wrote to a tensor that shares its buffer".into()));
    }
    Ok(worst)
}

/// The formulas of [`Update`], element by element in 64 bits.
fn by_formula(
    rule: &Update,
    p: &Reference,
    state: &mut [Reference; 2],
    input: &Reference,
) -> Result<Reference> {
    let mut p = p.values().to_vec();
    let [mut m, mut v] = [state[0].values().to_vec(), state[1].values().to_vec()];
    for (i, p) in p.iter_mut().enumerate() {
        let x = input.values()[i];
        match *rule {
            Update::Adam { rate, beta1, beta2, epsilon, weight_decay, step } => {
                let [rate, beta1, beta2, epsilon, weight_decay] =
                    [rate, beta1, beta2, epsilon, weight_decay].map(f64::from);
                let g = f64::from(FACTOR) * x;
                m[i] = beta1 * m[i] + (1.0 - beta1) * g;
                v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
                let m_hat = m[i] / (1.0 - beta1.powf(step as f64));
                let v_hat = v[i] / (1.0 - beta2.powf(step as f64));
                *p -= rate * weight_decay * *p;
                *p -= rate * m_hat / (v_hat.sqrt() + epsilon);
            }
            Update::Sgd { rate, momentum, weight_decay } => {
                let [rate, momentum, weight_decay] = [rate, momentum, weight_decay].map(f64::from);
                m[i] = momentum * m[i] + f64::from(FACTOR) * x + weight_decay * *p;
                *p -= rate * m[i];
            }
            Update::Lerp { weight } => *p += f64::from(weight) * (x - *p),
        }
    }
    *state = [Reference::new(m, input.shape())?, Reference::new(v, input.shape())?];
    Reference::new(p, input.shape())
}
