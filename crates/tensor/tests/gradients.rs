//! What `grad` promises beside right numbers: what it computes, what it keeps, how deep it goes.

mod common;

use common::{Spied, Spy};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Error, Geometry, NormSpec, Op, Random, Result, Tensor, Var, grad, grad_from};

fn values(x: &[f32]) -> Reference {
    Reference::from_slice(&(), x, [x.len()]).unwrap()
}

#[test]
fn a_seed_scales_each_row() -> Result<()> {
    let x = Var::leaf(values(&[1.0, 2.0, 3.0]));
    let dx = grad_from(x.mul(&x)?, values(&[1.0, 0.0, -2.0]), &[&x])?;
    assert_eq!(dx[0].to_vec()?, [2.0, 0.0, -12.0]);
    let error = grad_from(x.mul(&x)?, values(&[1.0, 0.0]), &[&x]);
    assert!(matches!(error, Err(Error::Shape { op: "reshape", .. })), "{error:?}");
    Ok(())
}

#[test]
fn what_is_not_reached_gets_zeros() -> Result<()> {
    let [x, unused] = [values(&[1.0, 2.0]), values(&[1.0, 2.0, 3.0])].map(Var::leaf);
    let constant = Var::constant(values(&[5.0]));
    let y = x.mul(&constant)?;
    let found = grad(y, &[&unused, &x, &constant])?;
    let found: Vec<_> = found.iter().map(|g| g.to_vec()).collect::<Result<_>>()?;
    assert_eq!(found, [vec![0.0; 3], vec![5.0; 2], vec![0.0]]);
    // Not even the output hangs on anything; a step function is flat.
    assert_eq!(grad(constant.exp()?, &[&x])?[0].to_vec()?, [0.0, 0.0]);
    assert_eq!(grad(x.unary(kinora_tensor::Unary::Sign)?, &[&x])?[0].to_vec()?, [0.0, 0.0]);
    Ok(())
}

#[test]
fn shared_and_inner_expressions() -> Result<()> {
    let x = Var::leaf(values(&[2.0]));
    let square = x.mul(&x)?;
    // y = x² · x² + x² + x; by the inner node x²: 2 x² + 1
    let y = square.mul(&square)?.add(&square)?.add(&x)?;
    let found = grad(y, &[&x, &square, &x])?;
    let found: Vec<_> = found.iter().map(|g| g.to_vec().unwrap()[0]).collect();
    assert_eq!(found, [37.0, 9.0, 37.0]);
    // The gradient of a variable by itself.
    assert_eq!(grad(x.clone(), &[&x])?[0].to_vec()?, [1.0]);
    Ok(())
}

/// d³/dx³ of x⁴ is 24 x.
#[test]
fn third_order() -> Result<()> {
    let one = Var::leaf(values(&[1.5]));
    let two = Var::leaf(one.clone());
    let three = Var::leaf(two.clone());
    let square = three.mul(&three)?;
    let first = grad(square.mul(&square)?, &[&three])?.remove(0);
    let second = grad(first, &[&two])?.remove(0);
    let third = grad(second, &[&one])?.remove(0);
    assert_eq!(third.to_vec()?, [36.0]);
    Ok(())
}

#[test]
fn slices_of_one_tensor_become_one_concatenation() -> Result<()> {
    let spy = Spy::new();
    let x = Var::leaf(Spied::randn(&spy, &mut Random::new(0, 0), [3, 8])?);
    let cuts = (0..4).map(|k| x.slice(1, 2 * k, 2)).collect::<Result<Vec<_>>>()?;
    let y = cuts[3].mul(&cuts[0])?.add(&cuts[2].mul(&cuts[1])?)?;
    spy.count(|_| true);
    let dx = grad(y, &[&x])?.remove(0);
    let moves = |op: &Op| {
        matches!(op, Op::Pad { .. } | Op::Concat { .. } | Op::Binary(kinora_tensor::Binary::Add))
    };
    assert_eq!(spy.count(moves), 1);
    let x = x.to_vec()?;
    let swapped = [6, 7, 4, 5, 2, 3, 0, 1];
    let want: Vec<f32> = (0..24).map(|i| x[i / 8 * 8 + swapped[i % 8]]).collect();
    assert_eq!(dx.to_vec()?, want);
    Ok(())
}

/// Cuts that overlap, that leave gaps, along two axes, and twice the same, beside a use of the
/// whole.
#[test]
fn slices_in_any_order() -> Result<()> {
    let x = Var::leaf(Reference::randn(&(), &mut Random::new(0, 0), [4, 6])?);
    let mut y = x.sum_all()?;
    let mut want = vec![1.0; 24];
    let cuts =
        [(1, 0, 3), (1, 2, 2), (0, 1, 1), (1, 2, 2), (0, 0, 4), (1, 5, 1), (0, 3, 1), (1, 3, 0)];
    for (k, (axis, start, len)) in cuts.into_iter().enumerate() {
        let weight = (k + 2) as f32;
        y = y.add(&x.slice(axis, start, len)?.affine(weight, 0.0)?.sum_all()?)?;
        for (i, want) in want.iter_mut().enumerate() {
            let place = if axis == 0 { i / 6 } else { i % 6 };
            *want += if (start..start + len).contains(&place) { weight } else { 0.0 };
        }
    }
    assert_eq!(grad(y, &[&x])?[0].to_vec()?, want);
    Ok(())
}

/// As many uses of a weight, of pictures of two sizes, as of weights of the same values.
#[test]
fn the_weights_of_a_recurrence_take_one_product_for_each_shape() -> Result<()> {
    type Step<T> = fn(&T, &T) -> Result<T>;
    const GEOMETRY: Geometry = Geometry { stride: [1, 1, 1], padding: [0, 1, 1] };
    let conv: Step<Var<Spied>> = |x, k| x.conv(k, GEOMETRY);
    let rows: Step<Var<Spied>> = |x, k| x.matmul(k);
    let turned: Step<Var<Spied>> = |x, k| x.matmul_t(false, k, true);
    let spy = Spy::new();
    let random = &mut Random::new(0, 0);
    let picture = |n, side| vec![n, 1, side, side, 3];
    for (step, starts, weight) in [
        (conv, [picture(2, 4), picture(2, 6)], vec![1, 3, 3, 3, 3]),
        (rows, [vec![2, 3], vec![2, 3]], vec![3, 3]),
        (turned, [vec![1, 3], vec![4, 3]], vec![3, 3]),
    ] {
        let starts =
            starts.map(|shape| Var::constant(Spied::randn(&spy, random, &shape[..]).unwrap()));
        let weight = Spied::randn(&spy, random, &weight[..])?;
        let run = |weights: &[Var<Spied>]| -> Result<Var<Spied>> {
            let mut y = Var::constant(Spied::full(&spy, 0.0, [])?);
            for start in &starts {
                let end = weights.iter().try_fold(start.clone(), |x, k| step(&x, k)?.tanh())?;
                y = y.add(&end.sum_all()?)?;
            }
            Ok(y)
        };
        let shared = vec![Var::leaf(weight.clone()); 4];
        let y = run(&shared)?;
        spy.count(|_| true);
        let gradient = grad(y, &[&shared[0]])?.remove(0).to_vec()?;
        let products = spy.count(|op| match op {
            Op::MatMul { transpose_a, .. } => *transpose_a,
            op => matches!(op, Op::ConvWeight { .. }),
        });
        let shapes = if starts[0].shape().len() == 5 { 2 } else { 1 };
        assert_eq!(products, shapes);

        let apart: Vec<_> = (0..4).map(|_| Var::leaf(weight.clone())).collect();
        let parts = grad(run(&apart)?, &apart.iter().collect::<Vec<_>>())?;
        let parts = parts.iter().map(|g| g.to_vec()).collect::<Result<Vec<_>>>()?;
        for (i, found) in gradient.iter().enumerate() {
            let want: f32 = parts.iter().map(|part| part[i]).sum();
            assert!((found - want).abs() < 1e-5, "{i}: {found} and not {want}");
        }
    }
    Ok(())
}

#[test]
fn what_is_not_asked_for_costs_nothing() -> Result<()> {
    let spy = Spy::new();
    let random = &mut Random::new(0, 0);
    let geometry = Geometry { stride: [1, 1, 1], padding: [0, 1, 1] };
    let x = Var::leaf(Spied::randn(&spy, random, [2, 1, 4, 4, 3])?);
    let layers = (0..3)
        .map(|_| Ok(Var::leaf(Spied::randn(&spy, random, [1, 3, 3, 3, 3])?)))
        .collect::<Result<Vec<_>>>()?;
    let run = || layers.iter().try_fold(x.clone(), |x, k| x.conv(k, geometry)?.tanh());
    let by_weight = |op: &Op| matches!(op, Op::ConvWeight { .. });
    let by_input = |op: &Op| matches!(op, Op::ConvInput { .. });
    let count = |xs: &[&Var<Spied>]| -> Result<(usize, usize)> {
        let y = run()?;
        spy.count(|_| true);
        grad(y, xs)?;
        let ops: Vec<Op> = spy.ops.lock().unwrap().drain(..).map(|(op, _)| op).collect();
        let count = |of: &dyn Fn(&Op) -> bool| ops.iter().filter(|op| of(op)).count();
        Ok((count(&by_weight), count(&by_input)))
    };
    assert_eq!(count(&[&x])?, (0, 3));
    assert_eq!(count(&[&layers[1]])?, (1, 1));
    assert_eq!(count(&[&layers[0], &layers[1], &layers[2]])?, (3, 2));
    Ok(())
}

#[test]
fn values_are_freed_on_the_way_back() -> Result<()> {
    let spy = Spy::new();
    let x = Var::leaf(Spied::from_slice(&spy, &[0.5], [1])?);
    let before = spy.alive();
    let mut y = x.clone();
    for _ in 0..1000 {
        y = y.tanh()?; // keeps its output
    }
    let kept = spy.alive() - before;
    assert!((1000..1010).contains(&kept), "{kept} of 1000 steps are kept");
    spy.count(|_| true);
    grad(y, &[&x])?;
    let seen: Vec<usize> = spy.ops.lock().unwrap().iter().map(|(_, alive)| *alive).collect();
    for (done, alive) in seen.iter().enumerate() {
        let left = kept - kept * done / seen.len();
        assert!(alive - before <= left + 10, "{alive} are alive after {done} of {}", seen.len());
    }
    assert_eq!(spy.alive(), before);
    // What needs no value keeps none.
    let y =
        (0..1000).try_fold(x.clone(), |y, _| y.affine(0.5, 1.0)?.reshape([1, 1])?.reshape([1]))?;
    assert!(spy.alive() - before < 10);
    drop(y);
    Ok(())
}

/// A recursion would overflow the stack of a test's thread long before.
#[test]
fn a_chain_of_a_million_steps() -> Result<()> {
    let x = Var::leaf(values(&[1.0]));
    let chain = |n: usize| (0..n).try_fold(x.clone(), |y, _| y.affine(1.0, 1e-6));
    drop(chain(1_000_000)?);
    assert_eq!(grad(chain(1_000_000)?, &[&x])?[0].to_vec()?, [1.0]);
    let inner = Var::leaf(Var::leaf(values(&[0.5])));
    drop((0..100_000).try_fold(inner, |y, _| y.tanh())?);
    Ok(())
}

#[test]
fn updates_leave_a_constant() -> Result<()> {
    let mut p = Var::leaf(values(&[1.0, 3.0]));
    let input = Var::constant(values(&[2.0, 2.0]));
    p.update(&kinora_tensor::Update::Lerp { weight: 0.5 }, &mut [], &input)?;
    assert_eq!(p.to_vec()?, [1.5, 2.5]);
    let wrong = p.update(
        &kinora_tensor::Update::Lerp { weight: 0.5 },
        &mut [],
        &Var::constant(values(&[1.0])),
    );
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "lerp of [[2], [1]]: the parameter, 0 of state and the input must be of one shape"
    );
    assert_eq!(p.to_vec()?, [1.5, 2.5]);
    Ok(())
}

/// A critic of convolutions, norms and leaky ReLUs with shared weights, as a model would write it.
fn critic<T: Tensor>(x: &T, weights: &[T]) -> Result<T> {
    let [first, second, scale, shift, last] = weights else { unreachable!("five weights") };
    let geometry = Geometry { stride: [1, 2, 2], padding: [0, 1, 1] };
    let spec = NormSpec { groups: 2, epsilon: 1e-3, slope: 0.2 };
    let y = x.conv(first, geometry)?.norm(scale, shift, spec)?;
    let y = y.conv(second, geometry)?.leaky_relu(0.2)?;
    let pooled = y.mean(&[1, 2, 3])?;
    pooled.reshape([y.shape()[0], y.shape()[4]])?.matmul(last)
}

/// The weights' gradient of a penalty on the gradient of the critic by its input.
fn penalty<T: Tensor>(
    device: &T::Device,
    x: &T,
    weights: &[T],
    of: fn(&T) -> Result<T>,
) -> Result<T> {
    let x = Var::leaf(x.clone());
    let weights: Vec<Var<T>> = weights.iter().cloned().map(Var::constant).collect();
    let g = grad(critic(&x, &weights)?, &[&x])?.remove(0);
    let squares = g.mul(&g)?.sum(&[1, 2, 3, 4])?.reshape([x.shape()[0]])?;
    T::full(device, 1.0, [])?.mul(&of(&squares)?.sum_all()?)
}

fn r1<T: Tensor>(squares: &T) -> Result<T> {
    squares.affine(0.5, 0.0)
}

/// (|g| - 1)² (Gulrajani et al., 2017).
fn wgan_gp<T: Tensor>(squares: &T) -> Result<T> {
    let excess = squares.sqrt()?.affine(1.0, -1.0)?;
    excess.mul(&excess)
}

#[test]
fn gradient_penalties_against_differences() -> Result<()> {
    let random = &mut Random::new(5, 0);
    let x = Reference::randn(&(), random, [2, 1, 8, 8, 3])?;
    let shapes: [&[usize]; 5] = [&[1, 4, 4, 3, 4], &[1, 4, 4, 4, 5], &[1, 4], &[1, 4], &[5, 1]];
    let weights = shapes.map(|shape| Reference::randn(&(), random, shape).unwrap());
    type Of<T> = fn(&T) -> Result<T>;
    let rules: [(Of<Reference>, Of<Var<Reference>>); 2] = [(r1, r1), (wgan_gp, wgan_gp)];
    for (value_of, var_of) in rules {
        let vars: Vec<Var<Reference>> = weights.iter().cloned().map(Var::leaf).collect();
        let loss = penalty(&(), &Var::constant(x.clone()), &vars, var_of)?;
        let gradients = grad(loss, &vars.iter().collect::<Vec<_>>())?;
        for (i, gradient) in gradients.iter().enumerate() {
            let length = gradient.values().iter().map(|g| g * g).sum::<f64>().sqrt();
            for at in (0..gradient.values().len()).step_by(7) {
                let moved = |step: f64| -> Result<f64> {
                    let mut weights = weights.clone();
                    let mut values = weights[i].values().to_vec();
                    values[at] += step;
                    weights[i] = Reference::new(values, weights[i].shape())?;
                    Ok(penalty(&(), &x, &weights, value_of)?.values()[0])
                };
                let difference = (moved(1e-6)? - moved(-1e-6)?) / 2e-6;
                let error = (difference - gradient.values()[at]).abs() / (length + 1e-6);
                assert!(error < 1e-6, "weight {i}, element {at}: {error:e}");
            }
            // The shift moves no gradient but through the kinks; all else does.
            assert!(i == 3 || length > 1e-3, "weight {i}: a gradient of {length}");
        }
    }
    Ok(())
}
