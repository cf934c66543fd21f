use kinora_nn::cross_entropy;
use kinora_tensor::{Result, Tensor, Var, grad};
use serde::{Deserialize, Serialize};

use crate::Mix;

/// The objective of generator and discriminator, computed on logits ℓ = log(D / (1 - D)).
///
/// A discriminator's loss has three terms, each a mean: real clips, generated clips, and real clips
/// under a false sentence. The last two are negatives and have half the weight each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// min_G max_D E[log D(x)] + E[log(1 - D(G(s, z)))] (Goodfellow et al., "Generative adversarial
    /// nets", 2014, equation 1).
    Minimax,
    /// D as in `Minimax`; G maximises E[log D(G(s, z))] (the same paper, section 3).
    #[default]
    NonSaturating,
    /// D: E[max(0, 1 - ℓ(x))] + E[max(0, 1 + ℓ(G(s, z)))]; G: -E[ℓ(G(s, z))] (Lim and Ye,
    /// "Geometric GAN", 2017).
    Hinge,
    /// D: E[-log σ(ℓ(x) - ℓ(G(s, z)))], with x and G(s, z) paired by their place in the batch; G
    /// the reverse (Jolicoeur-Martineau, "The relativistic discriminator", 2018).
    Relativistic,
}

/// The logits of one batch.
#[derive(Clone, Debug)]
pub struct Logits<T> {
    /// Real clips under their own captions, `[n]`.
    pub real: T,
    /// Generated clips under the captions they were made from, `[n]`.
    pub fake: T,
    /// Real clips under k false captions each, `[k · n]`: the first false caption of every clip,
    /// then the second of every clip, and so on.
    pub wrong: T,
}

impl Loss {
    /// The loss that the discriminator minimises, a scalar.
    ///
    /// # Errors
    /// If the sizes of the logits disagree, or the device fails.
    pub fn discriminator<T: Tensor>(self, logits: &Logits<T>) -> Result<T> {
        let Logits { real, fake, wrong } = logits;
        let halves = |real: &T, fake: &T, wrong: &T| {
            let negative = fake.mean_all()?.add(&wrong.mean_all()?)?;
            real.mean_all()?.add(&negative.affine(0.5, 0.0)?)
        };
        match self {
            Loss::Minimax | Loss::NonSaturating => {
                halves(&real.neg()?.softplus()?, &fake.softplus()?, &wrong.softplus()?)
            }
            Loss::Hinge => {
                let beyond = |x: &T, sign: f32| x.affine(sign, 1.0)?.relu();
                halves(&beyond(real, -1.0)?, &beyond(fake, 1.0)?, &beyond(wrong, 1.0)?)
            }
            Loss::Relativistic => {
                let n = real.shape().elements();
                let wrong = wrong.reshape([wrong.shape().elements() / n, n])?;
                let mean = |x: &T| x.sub(real)?.softplus()?.mean_all();
                mean(fake)?.add(&mean(&wrong)?)?.affine(0.5, 0.0)
            }
        }
    }

    /// Whether the generator's loss uses the logits of real clips.
    pub fn wants_real(self) -> bool {
        self == Loss::Relativistic
    }

    /// The loss that the generator minimises, a scalar. `fake` and `real`, `[n]` each, are the
    /// logits of generated and real clips; `real` is ignored unless [`Loss::wants_real`].
    ///
    /// # Errors
    /// If the sizes of the logits disagree, or the device fails.
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

/// The InfoNCE loss: the mean over the clips of the cross entropy of the clip's own sentence among
/// all sentences (van den Oord et al., "Representation learning with contrastive predictive coding",
/// 2018, equation 4).
///
/// # Shapes
/// logits `[n, m]`, m at least n, where row i is a clip and column i its own sentence; returns a
/// scalar.
///
/// # Errors
/// If m is below n, or the device fails.
pub fn contrast<T: Tensor>(logits: &T) -> Result<T> {
    let own: Vec<usize> = (0..logits.shape()[0]).collect();
    cross_entropy(logits, &own)
}

/// The squared distance |x - y|² of pixel x and colour y at which the density is a quarter of its
/// maximum.
const NEAR: f32 = 0.01;

/// The negative log-likelihood -log p(x) of the pixels x of clips.
///
/// p(x) = Σᵢ shareᵢ / (1 + |x - colourᵢ|² / NEAR)² is the mixture of the colours of the pixel in `mix`,
/// with NEAR = 0.01. p is not normalised over x. This loss has a gradient even if the share of the
/// right colour is almost 0; a loss on the difference of colours then has almost none.
///
/// # Shapes
/// clips `[n, t, h, w, c]` with values in [-1, 1], and with the n, t, h, w and c of the mix; returns
/// `[n, t, h, w, 1]`.
///
/// # Errors
/// If the shapes disagree, or the device fails.
pub fn log_loss<T: Tensor>(mix: &Mix<T>, clips: &T) -> Result<T> {
    let [n, pixels] = [0, 1].map(|axis| mix.shares.shape()[axis]);
    let [colours, channels] = [1, 2].map(|axis| mix.palette.shape()[axis]);
    let device = clips.device();
    let x = clips.reshape([n, pixels, channels])?;
    let square = |x: &T| x.mul(x)?.sum(&[2]);
    let full = |value: f32, rows: usize| T::full(device, value, [n, rows, 1]);
    // One product gives
    // 1 + |x - y|² / NEAR = (x, |x|², 1) · (-2 y / NEAR, 1 / NEAR, 1 + |y|² / NEAR).
    let y = &mix.palette;
    let scale = NEAR.recip();
    let left = T::concat(&[&x, &square(&x)?, &full(1.0, pixels)?], 2)?;
    let squares = square(y)?.affine(scale, 1.0)?;
    let right = T::concat(&[&y.affine(-2.0 * scale, 0.0)?, &full(scale, colours)?, &squares], 2)?;
    let far = left.matmul_t(false, &right, true)?;
    // For values in [-1, 1] and c = 4 channels p is at least (1 + 4 c / NEAR)⁻² = 4 · 10⁻⁷.
    let [t, h, w] = [1, 2, 3].map(|axis| clips.shape()[axis]);
    mix.shares.div(&far.mul(&far)?)?.sum(&[2])?.log()?.neg()?.reshape([n, t, h, w, 1])
}

/// The penalty R1: E‖∇ₓ ℓ(x)‖² over real clips, a scalar (Mescheder et al., "Which training methods
/// for GANs do actually converge?", 2018, equation 9, without γ / 2).
///
/// `logits` maps the clips x, `[n, ..]`, to their logits `[n]` or to the sum of these logits. Its
/// discriminator must have tensors `Var<Var<T>>`, so that the penalty has a gradient by the
/// parameters: [`freeze`](kinora_nn::freeze) makes it from a discriminator of `Var<T>`.
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
