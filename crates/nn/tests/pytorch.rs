//! Compares the layers, on the reference backend, with PyTorch.
//!
//! The numbers are in `pytorch.json`, which `pytorch.py` wrote with PyTorch 2.15.

use kinora_nn::{
    Adam, AdamConfig, ConditionalNorm, Conv, ConvGru, ConvLstm, ConvTranspose, Gru, Linear, Lstm,
    Module, Norm, Outline, Sgd, SgdConfig, same,
};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Desc, Geometry, Result, Shape, Tensor};

/// The elements 0.5 sin(seed + 1.7 i), as in the script.
fn wave(shape: impl Into<Shape>, seed: usize) -> Reference {
    let shape = shape.into();
    let value = |i: usize| 0.5 * (seed as f64 + 1.7 * i as f64).sin();
    Reference::new((0..shape.elements()).map(value).collect(), shape).unwrap()
}

/// The module of an outline. Its tensors have the seeds 1, 2, ..
fn filled<M: Module<Desc>>(outline: kinora_tensor::Result<M>) -> M::Of<Reference> {
    let mut seed = 0;
    outline.unwrap().map(|_, desc| {
        seed += 1;
        wave(desc.shape, seed)
    })
}

fn check(name: &str, found: &Reference) {
    let golden: serde_json::Value = serde_json::from_str(include_str!("pytorch.json")).unwrap();
    let wanted: Vec<f64> =
        golden[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(found.values().len(), wanted.len(), "{name}");
    for (i, (found, wanted)) in found.values().iter().zip(&wanted).enumerate() {
        assert!((found - wanted).abs() < 1e-6, "{name}[{i}]: {found}, PyTorch has {wanted}");
    }
}

fn stack(states: &[Reference]) -> Reference {
    Reference::stack(&states.iter().collect::<Vec<_>>(), 0).unwrap()
}

#[test]
fn feed_forward() {
    let linear = filled(Linear::new(&mut Outline, 4, 5, true));
    check("linear", &linear.forward(&wave([2, 3, 4], 0)).unwrap());

    let geometry = Geometry { stride: [1, 2, 1], padding: [1; 3] };
    let conv = filled(Conv::new(&mut Outline, [3, 4, 3], 2, 3, geometry));
    check("conv", &conv.forward(&wave([2, 3, 5, 4, 2], 0)).unwrap());

    let geometry = Geometry { stride: [1, 2, 2], ..same([3, 3, 3]) };
    let conv = filled(ConvTranspose::new(&mut Outline, [3, 4, 4], 3, 2, geometry));
    check("conv_transpose", &conv.forward(&wave([2, 2, 3, 2, 3], 0)).unwrap());

    let norm = filled(Norm::new(&mut Outline, 6, 3, 0.2));
    check("norm", &norm.forward(&wave([2, 2, 3, 2, 6], 0)).unwrap());

    let norm = filled(ConditionalNorm::new(&mut Outline, 4, 6, 3, 0.2));
    let y = norm.forward(&wave([2, 2, 3, 2, 6], 0), &wave([2, 4], 10)).unwrap();
    check("conditional_norm", &y);
}

#[test]
fn lstm() {
    let cell = filled(Lstm::new(&mut Outline, 3, 4));
    let gates = cell.inputs(&wave([2, 5, 3], 0)).unwrap();
    let mut state = cell.zero_state(&(), 2).unwrap();
    let mut states = Vec::new();
    for t in 0..5 {
        state = cell.step(&gates.select(0, t).unwrap(), &state).unwrap();
        states.push(state.hidden.clone());
    }
    check("lstm", &stack(&states));
}

/// The second sequence of the batch ends after two time steps; the padding after it must change
/// nothing.
#[test]
fn gru() {
    let cell = filled(Gru::new(&mut Outline, 3, 4));
    let x = wave([2, 5, 3], 0);
    check("gru", &stack(&cell.run(&x, None, false).unwrap()));

    let mask = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0];
    let mask = Reference::from_slice(&(), &mask, [2, 5]).unwrap();
    check("gru_masked_end", &cell.run(&x, Some(&mask), false).unwrap()[4]);
    let states = stack(&cell.run(&x, Some(&mask), true).unwrap());
    check("gru_masked_reverse", &states);
}

#[test]
fn conv_cells() {
    let x = wave([2, 3, 3, 3, 2], 0);
    let (lstm, gru) = (
        filled(ConvLstm::new(&mut Outline, [1, 3, 3], 2, 2)),
        filled(ConvGru::new(&mut Outline, [1, 3, 3], 2, 2)),
    );
    let (lstm_gates, gru_gates) = (lstm.inputs(&x).unwrap(), gru.inputs(&x).unwrap());
    let mut lstm_state = lstm.zero_state(&(), 2, [1, 3, 3]).unwrap();
    let mut gru_state = gru.zero_state(&(), 2, [1, 3, 3]).unwrap();
    let (mut lstm_states, mut gru_states) = (Vec::new(), Vec::new());
    for t in 0..3 {
        lstm_state = lstm.step(&lstm_gates.select(0, t).unwrap(), &lstm_state).unwrap();
        gru_state = gru.step(&gru_gates.select(0, t).unwrap(), &gru_state).unwrap();
        lstm_states.push(lstm_state.hidden.clone());
        gru_states.push(gru_state.clone());
    }
    check("conv_lstm", &stack(&lstm_states));
    let mut joined = lstm.first(&x.slice(1, 0, 1).unwrap()).unwrap();
    let mut joined_states = vec![joined.hidden.clone()];
    for t in 1..3 {
        joined = lstm.forward(&x.slice(1, t, 1).unwrap(), &joined).unwrap();
        joined_states.push(joined.hidden.clone());
    }
    check("conv_lstm", &stack(&joined_states));
    check("conv_gru", &stack(&gru_states));
}

/// The weight after three steps of `step`, from the same weight and gradients as in `pytorch.py`.
fn optimised(
    mut step: impl FnMut(Linear<Reference>, &[Reference], &Reference) -> Result<Linear<Reference>>,
) -> Reference {
    let mut module = filled(Linear::new(&mut Outline, 4, 5, false));
    let half = wave([1], 0).affine(0.0, 0.5).unwrap();
    for k in 0..3 {
        module = step(module, &[wave([4, 5], 10 + k)], &half).unwrap();
    }
    module.weight
}

#[test]
fn optimisers() {
    let module = filled(Linear::new(&mut Outline, 4, 5, false));
    let betas = AdamConfig { rate: 0.01, beta1: 0.5, beta2: 0.9, epsilon: 1e-8, weight_decay: 0.0 };
    for (name, weight_decay) in [("adam", 0.0), ("adamw", 0.2)] {
        let mut adam = Adam::new(&module, AdamConfig { weight_decay, ..betas }).unwrap();
        check(name, &optimised(|module, g, factor| adam.step(module, g, factor)));
    }
    let config = SgdConfig { rate: 0.01, momentum: 0.9, weight_decay: 0.2 };
    let mut sgd = Sgd::new(&module, config).unwrap();
    check("sgd", &optimised(|module, g, factor| sgd.step(module, g, factor)));
    let names: Vec<String> = sgd.named().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["velocity.weight"]);
}
