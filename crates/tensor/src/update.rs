use crate::{Error, Result, Shape, Tensor};

/// A rule of [`Tensor::update`] for changing a parameter p in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Update {
    /// Adam (Kingma and Ba, 2015), with decoupled weight decay (AdamW: Loshchilov and Hutter, 2019).
    /// State: the moments m and v. Inputs: the gradient g, and a factor `[1]` that scales it for
    /// clipping.
    ///
    /// With ĝ = factor · g: m ← β₁ m + (1 - β₁) ĝ, v ← β₂ v + (1 - β₂) ĝ²,
    /// p ← (1 - `rate` · `weight_decay`) p - `rate` · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε).
    Adam {
        /// The learning rate.
        rate: f32,
        /// β₁
        beta1: f32,
        /// β₂
        beta2: f32,
        /// ε
        epsilon: f32,
        /// The decoupled weight decay: p shrinks, and the moments do not see it.
        weight_decay: f32,
        /// t, counted from 1.
        step: u64,
    },
    /// Gradient descent with momentum (Polyak, 1964) and weight decay. State: the velocity v. Inputs as
    /// for `Adam`.
    ///
    /// v ← `momentum` · v + factor · g + `weight_decay` · p, p ← p - `rate` · v.
    Sgd {
        /// The learning rate.
        rate: f32,
        /// The share of the velocity that stays.
        momentum: f32,
        /// The weight decay, as a part of the gradient (L2).
        weight_decay: f32,
    },
    /// p ← p + `weight` (x - p), for a moving average of parameters. No state. Input: x.
    Lerp {
        /// 0 keeps p, 1 replaces p by x.
        weight: f32,
    },
}

/// The two factors of Adam that are the same for all elements:
/// `(rate / (1 - β₁ᵗ), 1 / √(1 - β₂ᵗ))`.
pub fn adam_factors(rate: f32, beta1: f32, beta2: f32, step: u64) -> (f32, f32) {
    let correction = |beta: f32| 1.0 - f64::from(beta).powf(step as f64);
    let rate = f64::from(rate) / correction(beta1);
    (rate as f32, correction(beta2).sqrt().recip() as f32)
}

impl Update {
    /// Checks the number and the shapes of the state and the inputs. [`Tensor::update`] calls this
    /// first.
    ///
    /// # Errors
    /// [`Error::Shape`] with the shapes of the parameter, the state and the inputs.
    pub fn check<T: Tensor>(&self, p: &T, state: &[&mut T], inputs: &[&T]) -> Result<()> {
        let (op, moments, factors) = match self {
            Update::Adam { .. } => ("adam", 2, 1),
            Update::Sgd { .. } => ("sgd", 1, 1),
            Update::Lerp { .. } => ("lerp", 0, 0),
        };
        let state_shapes = state.iter().map(|moment| *moment.shape());
        let input_shapes = inputs.iter().map(|input| *input.shape());
        let shapes: Vec<Shape> =
            [*p.shape()].into_iter().chain(state_shapes).chain(input_shapes).collect();
        let (alike, rest) = shapes.split_at((2 + moments).min(shapes.len()));
        if state.len() == moments
            && inputs.len() == 1 + factors
            && alike.iter().all(|shape| shape == p.shape())
            && rest.iter().all(|shape| shape[..] == [1])
        {
            return Ok(());
        }
        let reason = match factors {
            0 => "the parameter and the input need equal shapes",
            _ => "the parameter, its moments and the gradient need equal shapes, the factor [1]",
        };
        Err(Error::Shape { op, shapes, reason: reason.into() })
    }

    /// Applies the rule with tensor operations.
    pub(crate) fn expand<T: Tensor>(
        &self,
        p: &mut T,
        state: &mut [&mut T],
        inputs: &[&T],
    ) -> Result<()> {
        self.check(p, state, inputs)?;
        match *self {
            Update::Adam { rate, beta1, beta2, epsilon, weight_decay, step } => {
                let ([m, v], [g, factor]) = (state, inputs) else { unreachable!("checked") };
                let g = g.mul(factor)?;
                **m = m.affine(beta1, 0.0)?.add(&g.affine(1.0 - beta1, 0.0)?)?;
                **v = v.affine(beta2, 0.0)?.add(&g.mul(&g)?.affine(1.0 - beta2, 0.0)?)?;
                let kept = p.affine(1.0 - rate * weight_decay, 0.0)?;
                let (rate, root) = adam_factors(rate, beta1, beta2, step);
                let change = m.affine(rate, 0.0)?.div(&v.sqrt()?.affine(root, epsilon)?)?;
                *p = kept.sub(&change)?;
            }
            Update::Sgd { rate, momentum, weight_decay } => {
                let ([v], [g, factor]) = (state, inputs) else { unreachable!("checked") };
                let g = g.mul(factor)?.add(&p.affine(weight_decay, 0.0)?)?;
                **v = v.affine(momentum, 0.0)?.add(&g)?;
                *p = p.sub(&v.affine(rate, 0.0)?)?;
            }
            Update::Lerp { weight } => {
                *p = p.add(&inputs[0].sub(p)?.affine(weight, 0.0)?)?;
            }
        }
        Ok(())
    }
}
