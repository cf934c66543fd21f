//! Gradients by the parameters of a network against central differences in 64 bits.

use kinora_nn::{Embedding, Fresh, Module, freeze, lift, parameters};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Random, Result, Shape, Tensor, Var, grad};

/// The tensor type of the gradients.
pub type Lifted = Var<Reference>;

/// Half the distance between the two points of a difference.
const STEP: f64 = 1e-6;
const TOLERANCE: f64 = 1e-6;
/// How many elements of each parameter are compared.
const TRIED: usize = 5;

/// The initialiser of the tests' networks.
pub fn fresh() -> Fresh<Reference> {
    Fresh::new(&(), Random::new(3, 0))
}

/// Normal numbers; each stream gives its own.
pub fn randn(stream: u64, shape: impl Into<Shape>) -> Reference {
    Reference::randn(&(), &mut Random::new(5, stream), shape).unwrap()
}

/// Σ w · y for a fixed random w, so that no incoming gradient is 1.
pub fn weighed(y: &Lifted) -> Result<Lifted> {
    y.mul(&Var::constant(randn(7, *y.shape())))?.sum_all()
}

/// The module with noise added to each parameter: the initial zeros of biases would hide mistakes.
pub fn unsettled<M: Module<Reference, Of<Reference> = M>>(module: &M) -> M {
    let mut stream = 100;
    module.map(|_, tensor| {
        stream += 1;
        tensor.add(&randn(stream, *tensor.shape()).affine(0.2, 0.0).unwrap()).unwrap()
    })
}

/// Compares the gradient of the scalar `f` by each parameter with differences, at some elements. A
/// gradient that is zero everywhere fails, since its parameter would have no effect.
pub fn check<M: Module<Reference, Of<Reference> = M>>(
    module: &M,
    f: impl Fn(&M::Of<Lifted>) -> Result<Lifted>,
) {
    let lifted = lift(module);
    let gradients = grad(f(&lifted).unwrap(), &parameters(&lifted)).unwrap();
    let value = |module: &M| f(&freeze(module)).unwrap().value().values()[0];
    for (place, ((name, _), gradient)) in module.named().into_iter().zip(&gradients).enumerate() {
        let largest = gradient.values().iter().fold(0.0f64, |m, g| m.max(g.abs()));
        assert!(largest > 1e-9, "the gradient of {name} is zero");
        let mut random = Random::new(11, place as u64);
        for _ in 0..TRIED {
            let element = random.below(gradient.values().len());
            let moved = |by: f64| {
                let mut at = 0;
                value(&module.map(|_, tensor| {
                    let mut values = tensor.values().to_vec();
                    if at == place {
                        values[element] += by;
                    }
                    at += 1;
                    Reference::new(values, *tensor.shape()).unwrap()
                }))
            };
            let wanted = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let found = gradient.values()[element];
            let error = (found - wanted).abs() / (1.0 + wanted.abs());
            assert!(error < TOLERANCE, "{name}[{element}]: {found}, by differences {wanted}");
        }
    }
}

/// A tensor as a module, for [`check`].
pub fn as_module(tensor: &Reference) -> Embedding<Reference> {
    Embedding { table: tensor.clone() }
}
