//! The guarantees of `grad` besides right numbers: which partials it computes, which tensors it
//! keeps, and how long a chain it can take.

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
fn unreached_variables_get_zeros() -> Result<()> {
    let [x, unused] = [values(&[1.0, 2.0]), values(&[1.0, 2.0, 3.0])].map(Var::leaf);
    let constant = Var::constant(values(&[5.0]));
    let y = x.mul(&constant)?;
    let found = grad(y, &[&unused, &x, &constant])?;
    let found: Vec<_> = found.iter().map(|g| g.to_vec()).collect::<Result<_>>()?;
    assert_eq!(found, [vec![0.0; 3], vec![5.0; 2], vec![0.0]]);
    // An output without any variable; and the sign function, whose derivative is zero.
    assert_eq!(grad(constant.exp()?, &[&x])?[0].to_vec()?, [0.0, 0.0]);
    assert_eq!(grad(x.unary(kinora_tensor::Unary::Sign)?, &[&x])?[0].to_vec()?, [0.0, 0.0]);
    Ok(())
}

#[test]
fn shared_and_inner_expressions() -> Result<()> {
    let x = Var::leaf(values(&[2.0]));
    let square = x.mul(&x)?;
    // y = x² · x² + x² + x; the gradient by the inner node x² is 2 x² + 1.
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

/// Slices that overlap, leave gaps, lie along two axes or occur twice, together with a use of the
/// whole tensor.
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

type Use = fn(&Var<Spied>, &Var<Spied>, usize) -> Result<Var<Spied>>;

/// A chain of operations that all use one weight k, and the number of products in the gradient by
/// k.
struct Uses {
    k: &'static [usize],
    first: &'static [usize],
    /// The `i`-th use of k, applied to the output of the previous use.
    f: Use,
    uses: usize,
    products: usize,
}

/// The gradient by a weight that is used often equals the sum of the gradients by separate weights
/// with the same values.
#[test]
fn partials_by_a_weight_wait_for_one_another() -> Result<()> {
    const SAME: Geometry = Geometry { stride: [1, 1, 1], padding: [0, 1, 1] };
    const HALVED: Geometry = Geometry { stride: [1, 2, 2], padding: [0, 1, 1] };
    let picture: &[usize] = &[1, 1, 3, 3, 3];
    let kernel: &[usize] = &[1, 3, 3, 3, 3];
    let cases = [
        Uses { k: kernel, first: picture, f: |x, k, _| x.conv(k, SAME), uses: 4, products: 1 },
        // Two uses are too few for one product.
        Uses { k: kernel, first: picture, f: |x, k, _| x.conv(k, SAME), uses: 2, products: 2 },
        // Two sizes of x; then an empty batch.
        Uses {
            k: kernel,
            first: picture,
            f: |x, k, i| if i == 2 { x.pad(2, 1, 0)?.conv(k, SAME) } else { x.conv(k, SAME) },
            uses: 4,
            products: 2,
        },
        Uses {
            k: kernel,
            first: &[0, 1, 3, 3, 3],
            f: |x, k, _| x.conv(k, SAME),
            uses: 4,
            products: 1,
        },
        // Two geometries.
        Uses {
            k: kernel,
            first: picture,
            f: |x, k, i| x.conv(k, if i == 3 { HALVED } else { SAME }),
            uses: 4,
            products: 2,
        },
        // Together with uses of another kind.
        Uses {
            k: kernel,
            first: picture,
            f: |x, k, i| match i {
                1 => x.conv_input(k, SAME, [1, 3, 3]),
                2 => x.add(&k.slice(0, 0, 1)?.sum_all()?),
                _ => x.conv(k, SAME),
            },
            uses: 5,
            products: 2,
        },
        // Large for the weight.
        Uses {
            k: &[1, 1, 1, 3, 3],
            first: &[1, 1, 9, 9, 3],
            f: |x, k, _| x.conv(k, Geometry { stride: [1; 3], padding: [0; 3] }),
            uses: 4,
            products: 4,
        },
        Uses { k: &[3, 3], first: &[2, 3], f: |x, k, _| x.matmul(k), uses: 4, products: 1 },
        // k and kᵀ have the same shape. Then two cases without a common product: matrices with a
        // batch axis, and xᵀ k in half of the uses.
        Uses {
            k: &[3, 3],
            first: &[2, 3],
            f: |x, k, i| x.matmul_t(false, k, i % 2 == 0),
            uses: 4,
            products: 1,
        },
        Uses { k: &[2, 3, 3], first: &[2, 1, 3], f: |x, k, _| x.matmul(k), uses: 4, products: 4 },
        Uses {
            k: &[3, 3],
            first: &[3, 3],
            f: |x, k, i| x.matmul_t(i % 2 == 0, k, false),
            uses: 6,
            products: 1,
        },
    ];
    for (case, Uses { k, first, f, uses, products }) in cases.into_iter().enumerate() {
        let spy = Spy::new();
        let random = &mut Random::new(0, 0);
        let first = Var::constant(Spied::randn(&spy, random, first)?);
        let k = Spied::randn(&spy, random, k)?;
        let run = |weights: &[Var<Spied>]| {
            let mut steps = weights.iter().enumerate();
            steps.try_fold(first.clone(), |x, (i, k)| f(&x, k, i)?.tanh())
        };
        let shared = vec![Var::leaf(k.clone()); uses];
        let y = run(&shared)?;
        spy.count(|_| true);
        let gradient = grad(y, &[&shared[0]])?.remove(0).to_vec()?;
        let found = spy.count(|op| match op {
            &Op::MatMul { transpose_a, transpose_b } => transpose_a && !transpose_b,
            op => matches!(op, Op::ConvWeight { .. }),
        });
        assert_eq!(found, products, "case {case}");

        let apart: Vec<_> = (0..uses).map(|_| Var::leaf(k.clone())).collect();
        let parts = grad(run(&apart)?, &apart.iter().collect::<Vec<_>>())?;
        let parts = parts.iter().map(|g| g.to_vec()).collect::<Result<Vec<_>>>()?;
        for (i, found) in gradient.iter().enumerate() {
            let want: f32 = parts.iter().map(|part| part[i]).sum();
            assert!((found - want).abs() < 1e-5, "case {case}, {i}: {found} and not {want}");
        }
    }
    Ok(())
}

/// d²/dk² of a recurrence of one number, tanh(k tanh(k tanh(k x))).
#[test]
fn second_order_through_a_recurrence() -> Result<()> {
    let of = |k: f64| (0..3).fold(0.8, |x: f64, _| (k * x).tanh());
    let k = Var::leaf(Reference::new(vec![0.7], [1, 1])?);
    let k2 = Var::leaf(k.clone());
    let x = Var::constant(Var::constant(Reference::new(vec![0.8], [1, 1])?));
    let y = (0..3).try_fold(x, |x, _| x.matmul(&k2)?.tanh())?;
    let first = grad(y, &[&k2])?.remove(0);
    let second = grad(first.clone(), &[&k])?.remove(0);
    let step = 1e-4;
    let [low, middle, high] = [0.7 - step, 0.7, 0.7 + step].map(of);
    let [first, second] = [first.value().values()[0], second.values()[0]];
    assert!((first - (high - low) / (2.0 * step)).abs() < 1e-7, "{first}");
    assert!((second - (high - 2.0 * middle + low) / (step * step)).abs() < 1e-6, "{second}");
    Ok(())
}

#[test]
fn unrequested_gradients_cost_nothing() -> Result<()> {
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
    // A recurrence keeps the factors of its weight's gradient until the weight is reached, and no
    // other tensors.
    let k = Var::leaf(Spied::from_slice(&spy, &[0.5], [1, 1])?);
    let start = x.reshape([1, 1])?;
    let before = spy.alive();
    let y = (0..100).try_fold(start.clone(), |y, _| y.matmul(&k)?.tanh())?;
    spy.count(|_| true);
    let gradient = grad(y, &[&k])?;
    let most = spy.ops.lock().unwrap().iter().map(|(_, alive)| *alive).max().unwrap_or(0);
    assert!((100..=320).contains(&(most - before)), "{} are alive", most - before);
    drop(gradient);
    assert_eq!(spy.alive(), before);
    // Rules that need no values keep none.
    let y =
        (0..1000).try_fold(x.clone(), |y, _| y.affine(0.5, 1.0)?.reshape([1, 1])?.reshape([1]))?;
    assert!(spy.alive() - before < 10);
    drop(y);
    Ok(())
}

/// Recursion over the nodes would overflow the stack of a test's thread.
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

/// A critic with convolutions, a norm and leaky ReLUs, generic over the tensor like a model.
fn critic<T: Tensor>(x: &T, weights: &[T]) -> Result<T> {
    let [first, second, scale, shift, last] = weights else { unreachable!("five weights") };
    let geometry = Geometry { stride: [1, 2, 2], padding: [0, 1, 1] };
    let spec = NormSpec { groups: 2, epsilon: 1e-3, slope: 0.2 };
    let y = x.conv(first, geometry)?.norm(scale, shift, spec)?;
    let y = y.conv(second, geometry)?.leaky_relu(0.2)?;
    let pooled = y.mean(&[1, 2, 3])?;
    pooled.reshape([y.shape()[0], y.shape()[4]])?.matmul(last)
}

/// A penalty on the gradient of the critic by its input; a function of the weights.
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
            // The shift (weight 3) changes the gradient only at the kinks of the leaky ReLU.
            assert!(i == 3 || length > 1e-3, "weight {i}: a gradient of {length}");
        }
    }
    Ok(())
}
