use super::report::{Finding, Report};
use super::{Case, Input, Reference, cases, update};
use crate::{Error, Random, Result, Shape, Tensor, Var, grad};

/// Compares a backend with [`Reference`]. The checks for each of [`cases`] are:
///
/// - `forward`: the values;
/// - `gradient`: the gradient of ⟨c, tanh(0.7 op(1.25 x))⟩ by each x, so that the operation is in
///   the middle of a graph and its incoming gradient is not 1;
/// - `second`: the gradient of the weighted sum of the squares of those gradients;
/// - `views`: the inputs are slices of larger tensors that are NaN elsewhere, and the output may
///   get the memory of a NaN tensor that was just freed. The output must be right, and the
///   neighbouring memory unchanged;
/// - `nan`: where the reference is NaN, the backend must be NaN;
/// - `fused`: a fused operation against its expansion, both on the backend.
///
/// Then [`Tensor::update`] is compared with its formulas. An error of the backend counts as a
/// failure in the report; only [`Report::assert`] panics.
pub fn check<T: Tensor>(device: &T::Device) -> Report {
    let mut report = Report::default();
    for case in cases() {
        report.findings.extend(check_case::<T>(device, &case).findings);
    }
    update::check::<T>(device, &mut report);
    report
}

/// The checks of [`check`] for one case.
pub fn check_case<T: Tensor>(device: &T::Device, case: &Case) -> Report {
    let mut report = Report::default();
    let mut add = |check, tolerance, error: Result<f64>| {
        report.findings.push(Finding::new(check, &case.name, tolerance, error));
    };
    let exact = case.tolerance;
    add("forward", exact, forward::<T>(device, case));
    // The tanh around the operation has no guaranteed precision, so no gradient is exact.
    add("gradient", 1e-5 + 2.0 * exact, gradient::<T>(device, case));
    add("second", 4e-5 + 8.0 * exact, second::<T>(device, case));
    add("views", exact, views::<T>(device, case));
    add("nan", 0.0, nan::<T>(device, case));
    if let Some(expanded) = fused::<T>(device, case) {
        add("fused", 2.0 * exact, expanded);
    }
    report
}

/// The largest |a - b| / (|b| + the root mean square of b) of any element. Infinite if the lengths
/// differ, or if only one of a and b is NaN.
pub(super) fn distance(a: &[f32], b: &[f64]) -> f64 {
    if a.len() != b.len() {
        return f64::INFINITY;
    }
    let mean = b.iter().map(|b| b * b).sum::<f64>() / b.len().max(1) as f64;
    let worst = |worst: f64, (&a, &b): (&f32, &f64)| {
        let difference = (f64::from(a) - b).abs();
        match (a.is_nan(), b.is_nan()) {
            (true, true) => worst,
            _ if difference == 0.0 || f64::from(a) == b => worst,
            _ => worst.max(
                Some(difference / (b.abs() + mean.sqrt()))
                    .filter(|d| !d.is_nan())
                    .unwrap_or(f64::INFINITY),
            ),
        }
    };
    a.iter().zip(b).fold(0.0, worst)
}

/// The inputs of a case as tensors on a device.
pub(super) fn upload<T: Tensor>(device: &T::Device, case: &Case) -> Result<Vec<T>> {
    case.inputs.iter().map(|input| T::from_slice(device, &input.values, input.shape)).collect()
}

fn apply<T: Tensor>(device: &T::Device, case: &Case, inputs: &[T]) -> Result<T> {
    let output = T::apply(device, case.op.clone(), &inputs.iter().collect::<Vec<_>>())?;
    let inferred = case.op.infer(&inputs.iter().map(T::desc).collect::<Vec<_>>())?;
    if *output.desc() != inferred {
        return Err(Error::Device(format!("the output is {:?}, not {inferred:?}", output.desc())));
    }
    Ok(output)
}

/// The reference's output for a case.
fn wanted(case: &Case) -> Result<Reference> {
    apply(&(), case, &upload::<Reference>(&(), case)?)
}

fn forward<T: Tensor>(device: &T::Device, case: &Case) -> Result<f64> {
    let got = apply(device, case, &upload::<T>(device, case)?)?;
    Ok(distance(&got.to_vec()?, wanted(case)?.values()))
}

/// Normal numbers of a fixed seed, as weights for a case.
pub(super) fn weights<T: Tensor>(device: &T::Device, shape: &Shape, stream: u64) -> Result<T> {
    T::randn(device, &mut Random::new(1, stream), shape)
}

/// ⟨c, tanh(0.7 op(1.25 x))⟩
pub(super) fn loss<T: Tensor>(device: &T::Device, case: &Case, xs: &[T]) -> Result<T> {
    let scaled = |(x, input): (&T, &Input)| match input.differentiable {
        true => x.affine(1.25, 0.0),
        false => Ok(x.clone()),
    };
    let xs = xs.iter().zip(&case.inputs).map(scaled).collect::<Result<Vec<_>>>()?;
    let y = T::apply(device, case.op.clone(), &xs.iter().collect::<Vec<_>>())?;
    y.affine(0.7, 0.0)?.tanh()?.mul(&weights(device, y.shape(), 0)?)?.sum_all()
}

fn lift<T: Tensor>(case: &Case, xs: &[T]) -> Vec<Var<T>> {
    let lift = |(x, input): (&T, &Input)| match input.differentiable {
        true => Var::leaf(x.clone()),
        false => Var::constant(x.clone()),
    };
    xs.iter().zip(&case.inputs).map(lift).collect()
}

/// The gradients of [`loss`] by every input.
pub(super) fn gradients<T: Tensor>(device: &T::Device, case: &Case, xs: &[T]) -> Result<Vec<T>> {
    let vars = lift(case, xs);
    grad(loss(device, case, &vars)?, &vars.iter().collect::<Vec<_>>())
}

/// Σ d g² over the gradients g of [`loss`].
pub(super) fn gradient_loss<T: Tensor>(device: &T::Device, case: &Case, xs: &[T]) -> Result<T> {
    let mut sum = T::full(device, 0.0, [])?;
    for (i, g) in gradients(device, case, xs)?.iter().enumerate() {
        let d = weights(device, g.shape(), 1 + i as u64)?;
        sum = sum.add(&g.mul(g)?.mul(&d)?.sum_all()?)?;
    }
    Ok(sum)
}

/// The gradients of [`gradient_loss`] by every input.
pub(super) fn seconds<T: Tensor>(device: &T::Device, case: &Case, xs: &[T]) -> Result<Vec<T>> {
    let vars = lift(case, xs);
    grad(gradient_loss(device, case, &vars)?, &vars.iter().collect::<Vec<_>>())
}

fn gradient<T: Tensor>(device: &T::Device, case: &Case) -> Result<f64> {
    let want = gradients(&(), case, &upload::<Reference>(&(), case)?)?;
    worst(&gradients(device, case, &upload::<T>(device, case)?)?, &want)
}

fn second<T: Tensor>(device: &T::Device, case: &Case) -> Result<f64> {
    let want = seconds(&(), case, &upload::<Reference>(&(), case)?)?;
    worst(&seconds(device, case, &upload::<T>(device, case)?)?, &want)
}

fn worst<T: Tensor>(got: &[T], want: &[Reference]) -> Result<f64> {
    let mut worst = 0.0f64;
    for (got, want) in got.iter().zip(want) {
        if got.shape() != want.shape() {
            return Err(Error::Device(format!(
                "a gradient has the shape {}, not {}",
                got.shape(),
                want.shape()
            )));
        }
        worst = worst.max(distance(&got.to_vec()?, want.values()));
    }
    Ok(worst)
}

fn views<T: Tensor>(device: &T::Device, case: &Case) -> Result<f64> {
    let want = wanted(case)?;
    let mut error = 0.0f64;
    for outermost in [true, false] {
        let mut whole = Vec::new();
        let mut views = Vec::new();
        for input in &case.inputs {
            let x = T::from_slice(device, &input.values, input.shape)?;
            let Some(last) = input.shape.len().checked_sub(1) else {
                views.push(x);
                continue;
            };
            let axis = if outermost { 0 } else { last };
            let guards = T::full(device, f32::NAN, input.shape.with(axis, 1))?;
            let all = T::concat(&[&guards, &x, &guards], axis)?;
            views.push(all.slice(axis, 1, input.shape[axis])?);
            whole.push((all.to_vec()?, all));
        }
        let around = |_| T::from_slice(device, &vec![f32::NAN; want.values().len()], want.shape());
        let mut neighbours = (0..3).map(around).collect::<Result<Vec<_>>>()?;
        neighbours.swap_remove(1);
        let got = apply(device, case, &views)?;
        error = error.max(distance(&got.to_vec()?, want.values()));
        let same =
            |a: &[f32], b: &[f32]| a.iter().map(|a| a.to_bits()).eq(b.iter().map(|b| b.to_bits()));
        for (before, all) in &whole {
            if !same(before, &all.to_vec()?) {
                return Err(Error::Device("an operation wrote to its input or beside it".into()));
            }
        }
        for neighbour in &neighbours {
            if !neighbour.to_vec()?.iter().all(|v| v.is_nan()) {
                return Err(Error::Device("an operation wrote beside its output".into()));
            }
        }
    }
    Ok(error)
}

/// Sets one element in the middle of each input to NaN in turn, and counts the outputs that are NaN
/// in the reference but not in the backend. The backend may have more NaNs than the reference: a
/// padding's zero times a NaN weight is NaN.
fn nan<T: Tensor>(device: &T::Device, case: &Case) -> Result<f64> {
    let mut swallowed = 0;
    for i in (0..case.inputs.len()).filter(|&i| case.inputs[i].differentiable) {
        let mut case = case.clone();
        let middle = case.inputs[i].values.len() / 2;
        let Some(value) = case.inputs[i].values.get_mut(middle) else { continue };
        *value = f32::NAN;
        let got = apply(device, &case, &upload::<T>(device, &case)?)?.to_vec()?;
        let want = wanted(&case)?;
        swallowed +=
            got.iter().zip(want.values()).filter(|(a, b)| b.is_nan() && !a.is_nan()).count();
    }
    Ok(swallowed as f64)
}

fn fused<T: Tensor>(device: &T::Device, case: &Case) -> Option<Result<f64>> {
    let both = || {
        let inputs = upload::<T>(device, case)?;
        let expanded = case.op.expand(&inputs.iter().collect::<Vec<_>>());
        let fused = apply(device, case, &inputs)?;
        let distance = |expanded: T| {
            let expanded: Vec<f64> = expanded.to_vec()?.into_iter().map(f64::from).collect();
            Ok(distance(&fused.to_vec()?, &expanded))
        };
        expanded.map(|expanded| expanded.and_then(distance)).transpose()
    };
    both().transpose()
}
