//! Compares the gradient of each layer, by every parameter and by its input, with central
//! differences in f64 on the reference backend.

use kinora_nn::{
    Activation, ConditionalNorm, Conv, ConvGru, ConvLstm, ConvTranspose, Embedding, Fresh, Gru,
    Linear, Lstm, Module, Norm, ResizeConv, SpectralNorm, freeze, is_buffer, lift, parameters,
    same,
};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Geometry, Random, Result, Shape, Tensor, Var, grad};

type Lifted = Var<Reference>;

const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-6;

fn fresh() -> Fresh<Reference> {
    Fresh::new(&(), Random::new(3, 0))
}

fn randn(shape: impl Into<Shape>) -> Reference {
    Reference::randn(&(), &mut Random::new(5, 0), shape).unwrap()
}

/// Σ w · y for fixed random w.
fn loss(y: &Lifted) -> Result<Lifted> {
    let weights = Reference::randn(&(), &mut Random::new(7, 0), *y.shape())?;
    y.mul(&Var::constant(weights))?.sum_all()
}

fn nudged(x: &Reference, i: usize, by: f64) -> Reference {
    let mut values = x.values().to_vec();
    values[i] += by;
    Reference::new(values, *x.shape()).unwrap()
}

/// Compares a gradient with central differences, element by element.
fn compare(name: &str, x: &Reference, gradient: &Reference, value: impl Fn(Reference) -> f64) {
    assert_eq!(gradient.shape(), x.shape(), "{name}");
    for (i, &found) in gradient.values().iter().enumerate() {
        let wanted = (value(nudged(x, i, STEP)) - value(nudged(x, i, -STEP))) / (2.0 * STEP);
        let error = (found - wanted).abs() / (1.0 + wanted.abs());
        assert!(error < TOLERANCE, "{name}[{i}]: {found}, by differences {wanted}");
    }
}

fn check<M: Module<Reference>>(
    name: &str,
    module: Result<M>,
    x: impl Into<Shape>,
    forward: impl Fn(&M::Of<Lifted>, &Lifted) -> Result<Lifted>,
) {
    let mut random = Random::new(11, 0);
    let mut tensors = Vec::new();
    let structure = module.unwrap().map(|name, tensor| {
        // Add noise: the initial zeros of biases would hide mistakes.
        let scale = if is_buffer(name) { 0.0 } else { 0.3 };
        let noise = Reference::randn(&(), &mut random, *tensor.shape()).unwrap();
        tensors.push(tensor.add(&noise.affine(scale, 0.0).unwrap()).unwrap());
        tensors.len() - 1
    });
    let module = |tensors: &[Reference]| structure.map(|_, &i| tensors[i].clone());
    let value = |tensors: &[Reference], x: &Reference| {
        let y = forward(&freeze(&module(tensors)), &Var::constant(x.clone())).unwrap();
        loss(&y).unwrap().value().values()[0]
    };

    let x = randn(x);
    let (lifted, leaf) = (lift(&module(&tensors)), Var::leaf(x.clone()));
    let targets: Vec<&Lifted> = parameters(&lifted).into_iter().chain([&leaf]).collect();
    let gradients = grad(loss(&forward(&lifted, &leaf).unwrap()).unwrap(), &targets).unwrap();
    let (by_x, by_parameters) = gradients.split_last().unwrap();

    compare(&format!("{name} by x"), &x, by_x, |x| value(&tensors, &x));
    let mut by_parameters = by_parameters.iter();
    structure.map(|parameter, &i| {
        if !is_buffer(parameter) {
            let gradient = by_parameters.next().expect("a gradient for each parameter");
            compare(&format!("{name} by {parameter}"), &tensors[i], gradient, |changed| {
                let mut tensors = tensors.clone();
                tensors[i] = changed;
                value(&tensors, &x)
            });
        }
    });
    assert!(by_parameters.next().is_none());
}

#[test]
fn feed_forward() {
    let down = Geometry { stride: [1, 2, 2], padding: [1; 3] };
    check("linear", Linear::new(&mut fresh(), 4, 3, true), [2, 3, 4], |l, x| l.forward(x));
    check("conv", Conv::new(&mut fresh(), [3, 4, 4], 2, 3, down), [1, 2, 4, 6, 2], |l, x| {
        l.forward(x)
    });
    let up = ConvTranspose::new(&mut fresh(), [3, 4, 4], 2, 3, down);
    check("conv_transpose", up, [1, 2, 2, 3, 2], |l, x| l.forward(x));
    check("norm", Norm::new(&mut fresh(), 6, 3, 0.2), [2, 2, 2, 3, 6], |l, x| l.forward(x));
    for (name, activation) in [
        ("none", Activation::None),
        ("relu", Activation::Relu),
        ("leaky", Activation::Leaky(0.2)),
        ("tanh", Activation::Tanh),
        ("sigmoid", Activation::Sigmoid),
    ] {
        let linear = Linear::new(&mut fresh(), 3, 2, true);
        check(name, linear, [4, 3], |l, x| activation.forward(&l.forward(x)?));
    }
}

#[test]
fn resize_conv() {
    let resize = || ResizeConv::new(&mut fresh(), 2, 3);
    check("resize", resize(), [2, 1, 3, 2, 2], |l, x| l.forward(x));
    let resize = resize().unwrap();
    for x in [randn([2, 2, 3, 4, 2]), randn([1, 1, 1, 1, 2])] {
        let large = x.upsample([1, 2, 2]).unwrap();
        let want = large.conv(&resize.weight, same([1, 3, 3])).unwrap();
        let want = want.add(&resize.bias).unwrap();
        let got = resize.forward(&x).unwrap();
        assert_eq!(got.shape(), want.shape());
        for (got, want) in got.values().iter().zip(want.values()) {
            assert!((got - want).abs() < 1e-12, "{got} and not {want}");
        }
    }
    assert!(resize.forward(&randn([3, 4])).is_err());
    let names: Vec<String> = resize.named().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["weight", "bias"]);
}

#[test]
fn conditional_norm() {
    // The condition is computed from x, so that the gradient by x flows through both inputs.
    let norm = ConditionalNorm::new(&mut fresh(), 3, 4, 2, 0.2);
    check("conditional_norm", norm, [2, 3, 4], |l, x| {
        l.forward(x, &x.select(1, 0)?.slice(1, 0, 3)?.tanh()?)
    });
}

#[test]
fn embedding() {
    let table = Embedding::new(&mut fresh(), 5, 3);
    check("embedding", table, [4], |l, x| {
        let indices = Lifted::from_slice(&(), &[0.0, 3.0, 3.0, 9.0], [4])?;
        l.forward(&indices)?.mul(&x.reshape([4, 1])?)
    });
}

#[test]
fn recurrent() {
    check("lstm", Lstm::new(&mut fresh(), 3, 2), [2, 3, 3], |l, x| {
        let gates = l.inputs(x)?;
        let mut state = l.zero_state(&(), 2)?;
        for t in 0..3 {
            state = l.step(&gates.select(0, t)?, &state)?;
        }
        state.hidden.add(&state.cell)
    });
    for reverse in [false, true] {
        check("gru", Gru::new(&mut fresh(), 3, 2), [2, 3, 3], |l, x| {
            let mask = Lifted::from_slice(&(), &[1.0, 1.0, 1.0, 1.0, 0.0, 0.0], [2, 3])?;
            let states = l.run(x, Some(&mask), reverse)?;
            Lifted::stack(&states.iter().collect::<Vec<_>>(), 0)
        });
    }
}

#[test]
fn conv_recurrent() {
    let lstm = ConvLstm::new(&mut fresh(), [1, 3, 3], 2, 2);
    check("conv_lstm", lstm, [2, 2, 2, 3, 2], |l, x| {
        let gates = l.inputs(x)?;
        let state = l.step(&gates.select(0, 0)?, &l.zero_state(&(), 2, [1, 2, 3])?)?;
        let state = l.step(&gates.select(0, 1)?, &state)?;
        state.hidden.add(&state.cell)
    });
    let lstm = ConvLstm::new(&mut fresh(), [1, 3, 3], 2, 2);
    check("conv_lstm, joined", lstm, [2, 2, 2, 3, 2], |l, x| {
        let at = |t: usize| x.slice(1, t, 1);
        let state = l.first(&at(0)?)?;
        let state = l.forward(&at(1)?, &state)?;
        state.hidden.add(&state.cell)
    });
    let gru = ConvGru::new(&mut fresh(), [1, 3, 3], 2, 2);
    check("conv_gru", gru, [2, 2, 2, 3, 2], |l, x| {
        let gates = l.inputs(x)?;
        let state = l.step(&gates.select(0, 0)?, &l.zero_state(&(), 2, [1, 2, 3])?)?;
        l.step(&gates.select(0, 1)?, &state)
    });
}

#[test]
fn spectral_norm() {
    let mut init = fresh();
    let conv = Conv::new(&mut init, [1, 3, 3], 2, 3, same([1, 3, 3])).unwrap();
    let conv = SpectralNorm::new(&mut init, conv, 3);
    check("spectral_norm", conv, [1, 1, 3, 3, 2], |l, x| l.normalised()?.forward(x));
}
