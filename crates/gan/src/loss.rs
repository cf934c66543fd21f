use kinora_tensor::{Result, Tensor, Var, grad};
use serde::{Deserialize, Serialize};

/// The objective that generator and discriminator play for, computed on logits ℓ = log D / (1 - D).
///
/// A discriminator's loss has the terms real, generated, and real under a wrong sentence; the last
/// two, both negative examples, weigh half each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// min_G max_D E[log D(x)] + E[log(1 - D(G(s, z)))] (Goodfellow et al., "Generative adversarial
    /// nets", 2014, equation 1).
    Minimax,
    /// The same for D; G maximises E[log D(G(s, z))] (the same paper, section 3).
    #[default]
    NonSaturating,
    /// D: E[max(0, 1 - ℓ(x))] + E[max(0, 1 + ℓ(G(s, z)))]; G: -E[ℓ(G(s, z))] (Lim and Ye,
    /// "Geometric GAN", 2017).
    Hinge,
    /// D: E[-log σ(ℓ(x) - ℓ(G(s, z)))], G the reverse, in pairs (Jolicoeur-Martineau, "The relativistic
    /// discriminator", 2018).
    Relativistic,
}

/// The logits of one batch, `[n]` each.
#[derive(Clone, Debug)]
pub struct Logits<T> {
    /// Real clips under their own captions.
    pub real: T,
    /// Generated clips under the captions they were made from.
    pub fake: T,
    /// Real clips under captions that are false of them.
    pub wrong: T,
}

impl Loss {
    /// What the discriminator minimises, a scalar.
    ///
    /// # Errors
    /// If the logits differ in number, or the device fails.
    pub fn discriminator<T: Tensor>(self, logits: &Logits<T>) -> Result<T> {
        let Logits { real, fake, wrong } = logits;
        let loss = match self {
            Loss::Minimax | Loss::NonSaturating => {
                let negative = fake.softplus()?.add(&wrong.softplus()?)?;
                real.neg()?.softplus()?.add(&negative.affine(0.5, 0.0)?)?
            }
            Loss::Hinge => {
                let negative =
                    fake.affine(1.0, 1.0)?.relu()?.add(&wrong.affine(1.0, 1.0)?.relu()?)?;
                real.affine(-1.0, 1.0)?.relu()?.add(&negative.affine(0.5, 0.0)?)?
            }
            Loss::Relativistic => {
                let negative = fake.sub(real)?.softplus()?.add(&wrong.sub(real)?.softplus()?)?;
                negative.affine(0.5, 0.0)?
            }
        };
        loss.mean_all()
    }

    /// What the generator minimises, a scalar. `real` are the logits of real clips, which only
    /// [`Loss::Relativistic`] looks at.
    ///
    /// # Errors
    /// As of [`Loss::discriminator`].
    pub fn generator<T: Tensor>(self, fake: &T, real: &T) -> Result<T> {
        let loss = match self {
            Loss::Minimax => fake.softplus()?.neg()?,
            Loss::NonSaturating => fake.neg()?.softplus()?,
            Loss::Hinge => fake.neg()?,
            Loss::Relativistic => real.sub(fake)?.softplus()?,
        };
        loss.mean_all()
    }
}

/// R1: E‖∇ₓ ℓ(x)‖² over real clips, a scalar (Mescheder et al., "Which training methods for GANs do
/// actually converge?", 2018, equation 9, without γ / 2).
///
/// `logits` gives the logits `[n]` of the clips `x: [n, ..]`, or their sum, whose gradient is taken;
/// what it closes over of the discriminator is lifted once more than `Var<T>`, as by
/// [`freeze`](kinora_nn::freeze), so that the penalty has a gradient by the parameters.
///
/// # Errors
/// Those of `logits`, or if the device fails.
pub fn r1<T: Tensor>(
    x: &T,
    logits: impl FnOnce(&Var<Var<T>>) -> Result<Var<Var<T>>>,
) -> Result<Var<T>> {
    let n = x.shape()[0];
    let x = Var::leaf(Var::constant(x.clone()));
    let slope = grad(logits(&x)?, &[&x])?.remove(0);
    slope.mul(&slope)?.sum_all()?.affine(1.0 / n as f32, 0.0)
}
