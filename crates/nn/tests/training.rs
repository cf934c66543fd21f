//! Tests of the initialisers, Adam, averages, spectral norm and gradient norms.

use kinora_nn::{
    Adam, AdamConfig, Conv, Ema, Fill, Fresh, Init, Linear, Lstm, Module, Outline, SpectralNorm,
    clip_factor, count, describe, gradient_norm, kaiming, lift, parameters, same, xavier,
};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Desc, Error, Random, Tensor, Var, grad};

fn fresh() -> Fresh<Reference> {
    Fresh::new(&(), Random::new(3, 0))
}

fn tensor(values: &[f64]) -> Reference {
    Reference::new(values.to_vec(), [values.len()]).unwrap()
}

#[test]
fn fills() {
    let fill = |fill| fresh().tensor([40, 60].into(), fill).unwrap().values().to_vec();
    let deviation = |x: &[f64]| (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt();
    assert!(fill(Fill::Zeros).iter().all(|&x| x == 0.0));
    assert!(fill(Fill::Ones).iter().all(|&x| x == 1.0));
    assert!((deviation(&fill(Fill::Normal(0.5))) - 0.5).abs() < 0.02);
    let uniform = fill(Fill::Uniform(0.3));
    assert!(uniform.iter().all(|x| x.abs() <= 0.3f32.into()));
    assert!((deviation(&uniform) - 0.3 / 3f64.sqrt()).abs() < 0.01);
    let blocks = fresh().tensor([2, 6].into(), Fill::Blocks(&[0.0, 1.0, 5.0])).unwrap();
    let row = [0.0, 0.0, 1.0, 1.0, 5.0, 5.0];
    assert_eq!(blocks.values(), [row, row].concat());
    assert_eq!(kaiming(8, 0.0), Fill::Normal(0.5));
    assert_eq!(kaiming(4, 1.0), Fill::Normal(0.5));
    assert_eq!(xavier(2, 4), Fill::Uniform(1.0));
    assert_eq!(fill(Fill::Normal(1.0)), fill(Fill::Normal(1.0)), "the same seed");
}

/// The columns of each block, or its rows if it has fewer rows, are orthogonal and of length
/// `gain`.
#[test]
fn orthogonal() {
    for (rows, columns, blocks) in [(7, 3, 1), (3, 7, 1), (4, 16, 4), (18, 8, 4), (1, 1, 1)] {
        let fill = Fill::Orthogonal { gain: 2.0, blocks };
        let all = fresh().tensor([rows, columns].into(), fill).unwrap();
        let width = columns / blocks;
        for block in 0..blocks {
            let q = all.slice(1, block * width, width).unwrap();
            let tall = rows >= width;
            let product = q.matmul_t(tall, &q, !tall).unwrap();
            let n = rows.min(width);
            for (i, x) in product.values().iter().enumerate() {
                let wanted = if i % n == i / n { 4.0 } else { 0.0 };
                assert!((x - wanted).abs() < 1e-5, "{rows}x{columns}, block {block}: {x}");
            }
        }
    }
}

#[test]
fn impossible_sizes_are_errors() {
    let huge = 1 << 40;
    let errors = [
        Linear::<Desc>::new(&mut Outline, huge, huge, true).err(),
        Linear::<Reference>::new(&mut fresh(), huge, 1, true).err(),
        Lstm::<Desc>::new(&mut Outline, 1, usize::MAX).err(),
        Conv::<Desc>::new(&mut Outline, [huge; 3], huge, 1, same([1; 3])).err(),
        fresh().tensor([3].into(), Fill::Blocks(&[0.0, 1.0])).err(),
        fresh().tensor([3].into(), Fill::Orthogonal { gain: 1.0, blocks: 0 }).err(),
    ];
    for error in errors {
        assert!(matches!(error, Some(Error::Shape { op: "init", .. })), "{error:?}");
    }
}

#[test]
fn names_and_counts() {
    let outline = Outline;
    let net = vec![
        Linear::new(&mut { outline }, 2, 3, true).unwrap(),
        Linear::new(&mut { outline }, 3, 1, false).unwrap(),
    ];
    let names: Vec<String> = net.named().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["0.weight", "0.bias", "1.weight"]);
    assert_eq!(count(&net), 2 * 3 + 3 + 3);
    let same = Linear::new(&mut fresh(), 2, 3, true).unwrap();
    assert_eq!(describe(&same).weight, net[0].weight);
}

/// One step of Adam, as in the paper.
fn naive_adam(p: &mut [f64], m: &mut [f64], v: &mut [f64], g: &[f64], t: i32, c: AdamConfig) {
    let (b1, b2) = (f64::from(c.beta1), f64::from(c.beta2));
    for i in 0..p.len() {
        m[i] = b1 * m[i] + (1.0 - b1) * g[i];
        v[i] = b2 * v[i] + (1.0 - b2) * g[i] * g[i];
        let (m, v) = (m[i] / (1.0 - b1.powi(t)), v[i] / (1.0 - b2.powi(t)));
        p[i] -= f64::from(c.rate) * m / (v.sqrt() + f64::from(c.epsilon));
    }
}

#[test]
fn adam() {
    for (beta1, beta2) in [(0.0, 0.99), (0.9, 0.999)] {
        let config = AdamConfig { rate: 0.05, beta1, beta2, epsilon: 1e-8, weight_decay: 0.0 };
        let mut init = fresh();
        let linear = Linear::new(&mut init, 3, 2, true).unwrap();
        let mut module = SpectralNorm::new(&mut init, linear, 2).unwrap();
        let u = module.u.values().to_vec();
        let mut adam = Adam::new(&module, config).unwrap();
        let mut wanted: Vec<[Vec<f64>; 3]> = parameters(&module)
            .iter()
            .map(|p| {
                [p.values().to_vec(), vec![0.0; p.values().len()], vec![0.0; p.values().len()]]
            })
            .collect();
        let mut random = Random::new(9, 0);
        for t in 1..=5 {
            let gradients: Vec<Reference> = parameters(&module)
                .iter()
                .map(|p| Reference::randn(&(), &mut random, *p.shape()).unwrap())
                .collect();
            module = adam.step(module, &gradients, &tensor(&[0.25])).unwrap();
            for ([p, m, v], g) in wanted.iter_mut().zip(&gradients) {
                let g: Vec<f64> = g.values().iter().map(|g| 0.25 * g).collect();
                naive_adam(p, m, v, &g, t, config);
            }
        }
        assert_eq!(adam.step, 5);
        assert_eq!(module.u.values(), u, "a buffer is not trained");
        for (found, [wanted, ..]) in parameters(&module).iter().zip(&wanted) {
            for (found, wanted) in found.values().iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-6, "{found}, naively {wanted}");
            }
        }
        let names: Vec<String> = adam.named().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["m.weight", "m.bias", "v.weight", "v.bias"]);
    }
}

#[test]
fn adam_refuses_other_gradients() {
    let module = || Linear::new(&mut fresh(), 2, 3, false).unwrap();
    let mut adam = Adam::new(&module(), AdamConfig::default()).unwrap();
    let one = tensor(&[1.0]);
    assert!(adam.step(module(), &[], &one).is_err());
    assert!(adam.step(module(), &[tensor(&[1.0; 6])], &one).is_err());
    let g = tensor(&[1.0; 6]).reshape([2, 3]).unwrap();
    assert!(adam.step(module(), &[g], &one).is_ok());
}

#[test]
fn average() {
    let linear = Linear::new(&mut fresh(), 2, 2, true).unwrap();
    let mut live = SpectralNorm::new(&mut fresh(), linear, 2).unwrap();
    let mut ema = Ema::new(&live, 0.5);
    assert_eq!([0, 1, 2, 1000].map(|step| ema.rate_at(step)), [0.1, 2.0 / 11.0, 0.25, 0.5]);
    let mut wanted = live.layer.weight.values().to_vec();
    for step in 0..20 {
        live = live.map(|_, t| t.affine(0.9, 0.1).unwrap());
        let before = live.layer.weight.values().to_vec();
        ema.update(&live, step).unwrap();
        let rate = f64::from(ema.rate_at(step));
        wanted.iter_mut().zip(&before).for_each(|(w, x)| *w = rate * *w + (1.0 - rate) * x);
        assert_eq!(live.layer.weight.values(), before, "the module itself stays");
    }
    for (found, wanted) in ema.module.layer.weight.values().iter().zip(&wanted) {
        assert!((found - wanted).abs() < 1e-6, "{found} {wanted}");
    }
    assert_eq!(ema.module.u, live.u);

    let other = vec![Linear::new(&mut fresh(), 2, 2, true).unwrap()];
    let mut ema = Ema::new(&other, 0.5);
    assert!(ema.update(&vec![], 0).is_err());
    let wider = vec![Linear::new(&mut fresh(), 2, 3, true).unwrap()];
    assert!(Ema::new(&other, 0.5).update(&wider, 0).is_err());
}

/// The largest singular value by many steps of power iteration on WᵀW.
fn largest_singular_value(w: &Reference) -> f64 {
    let columns = *w.shape().last().unwrap();
    let w = w.reshape([w.values().len() / columns, columns]).unwrap();
    let mut x = Reference::new(vec![1.0; columns], [columns, 1]).unwrap();
    let mut length = 0.0;
    for _ in 0..2000 {
        let y = w.matmul_t(true, &w.matmul(&x).unwrap(), false).unwrap();
        length = y.values().iter().map(|y| y * y).sum::<f64>().sqrt();
        x = Reference::new(y.values().iter().map(|y| y / length).collect(), [columns, 1]).unwrap();
    }
    length.sqrt()
}

#[test]
fn spectral_norm() {
    let mut init = fresh();
    let conv = Conv::new(&mut init, [1, 3, 3], 4, 6, same([1, 3, 3])).unwrap();
    assert!((largest_singular_value(&conv.weight) - 1.0).abs() > 0.1, "already normalised");
    let mut conv = SpectralNorm::new(&mut init, conv, 6).unwrap();
    for _ in 0..200 {
        conv.refresh().unwrap();
    }
    let sigma = largest_singular_value(&conv.normalised().unwrap().weight);
    assert!((sigma - 1.0).abs() < 1e-4, "{sigma}");

    let zero = conv.map(|_, t| t.affine(0.0, 0.0).unwrap());
    assert!(zero.normalised().unwrap().weight.values().iter().all(|&w| w == 0.0));
    let names: Vec<String> = conv.named().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["weight", "bias", "buffer.u"]);
    assert_eq!(parameters(&conv).len(), 2);

    let lifted = lift(&conv);
    let loss = lifted.normalised().unwrap().weight.sum_all().unwrap();
    let by_u = grad(loss, &[&lifted.u]).unwrap();
    assert!(by_u[0].values().iter().all(|&g| g == 0.0), "a buffer is constant");
    drop::<SpectralNorm<Var<Reference>, _>>(lifted);
}

#[test]
fn gradient_norms() {
    let norm = |parts: &[&[f64]]| {
        let gradients: Vec<_> = parts.iter().map(|part| tensor(part)).collect();
        gradient_norm(&gradients).unwrap().values()[0]
    };
    assert_eq!(norm(&[&[3.0], &[0.0, -4.0]]), 5.0);
    assert!(norm(&[&[1.0], &[f64::NAN, 1.0]]).is_nan());
    assert_eq!(norm(&[&[f64::INFINITY], &[1.0]]), f64::INFINITY);
    let factor = |norm: f64, limit| clip_factor(&tensor(&[norm]), limit).unwrap().values()[0];
    let factors =
        [(5.0, 8.0), (4.0, 2.0), (0.0, 0.5), (1e9, f32::INFINITY)].map(|(n, l)| factor(n, l));
    assert_eq!(factors, [1.0, 0.5, 1.0, 1.0]);
    assert!(factor(f64::NAN, 1.0).is_nan());
}
