//! The objectives against their formulas in 64 bits, and R1 against differences.

use crate::differences::{check, fresh, randn, unsettled};
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_gan::{
    Discriminator, DiscriminatorConfig, FilmShape, Logits, Loss, Mix, contrast, log_loss, r1,
};
use kinora_nn::freeze;
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Tensor, Var, grad};

const ALL: [Loss; 4] = [Loss::Minimax, Loss::NonSaturating, Loss::Hinge, Loss::Relativistic];

/// The logits of real clips, of generated clips, and of real clips under a wrong sentence.
const LOGITS: [[f32; 3]; 3] = [[2.0, -0.5, 0.25], [-1.5, 0.75, 0.0], [0.5, -2.0, 1.25]];

fn logits() -> Logits<Reference> {
    let [real, fake, wrong] = LOGITS.map(|row| Reference::from_slice(&(), &row, [3]).unwrap());
    Logits { real, fake, wrong }
}

fn mean(f: impl Fn(usize) -> f64) -> f64 {
    (0..3).map(f).sum::<f64>() / 3.0
}

/// D = σ(ℓ).
fn d(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

fn near(found: &Reference, wanted: f64, what: &str) {
    assert!(found.shape().is_empty(), "{what}");
    let found = found.values()[0];
    assert!((found - wanted).abs() < 1e-6, "{what}: {found}, by the formula {wanted}");
}

#[test]
fn values_are_those_of_the_formulas() {
    let [real, fake, wrong] = LOGITS;
    // -E[log D(x)] - E[log(1 - D(G(z)))], where the two kinds of negatives have half the weight
    // each.
    let minimax =
        mean(|i| -d(real[i]).ln() - 0.5 * (1.0 - d(fake[i])).ln() - 0.5 * (1.0 - d(wrong[i])).ln());
    let pair = |a: f32, b: f32| -d(a - b).ln();
    let rows = [
        (Loss::Minimax, minimax, mean(|i| (1.0 - d(fake[i])).ln())),
        (Loss::NonSaturating, minimax, mean(|i| -d(fake[i]).ln())),
        // max(0, 1 - ℓ): [0, 1.5, 0.75]; max(0, 1 + ℓ): [0, 1.75, 1] and [1.5, 0, 2.25].
        (Loss::Hinge, (2.25 + 0.5 * (2.75 + 3.75)) / 3.0, (1.5 - 0.75) / 3.0),
        (
            Loss::Relativistic,
            mean(|i| 0.5 * pair(real[i], fake[i]) + 0.5 * pair(real[i], wrong[i])),
            mean(|i| pair(fake[i], real[i])),
        ),
    ];
    let logits = logits();
    for (loss, of_discriminator, of_generator) in rows {
        near(&loss.discriminator(&logits).unwrap(), of_discriminator, &format!("{loss:?} of D"));
        let found = loss.generator(&logits.fake, &logits.real).unwrap();
        near(&found, of_generator, &format!("{loss:?} of G"));
    }
}

/// With k false captions per clip, their term is the mean over all k · n logits. The relativistic
/// loss pairs each false caption with the real logit of the same clip.
#[test]
fn several_false_captions_count_as_their_mean() {
    let [real, fake, first] = LOGITS;
    let falses = [first, [-0.75, 3.0, 0.5], [1.0, -1.0, -2.5]];
    let mean_of_falses = |f: &dyn Fn(usize, f32) -> f64| {
        falses.iter().map(|row| mean(|i| f(i, row[i]))).sum::<f64>() / 3.0
    };
    let softplus = |x: f32| -(1.0 - d(x)).ln();
    let log = mean(|i| softplus(-real[i]))
        + 0.5 * mean(|i| softplus(fake[i]))
        + 0.5 * mean_of_falses(&|_, wrong| softplus(wrong));
    let beyond = |x: f32| f64::from((1.0 + x).max(0.0));
    let hinge = mean(|i| beyond(-real[i]))
        + 0.5 * mean(|i| beyond(fake[i]))
        + 0.5 * mean_of_falses(&|_, wrong| beyond(wrong));
    let relativistic = 0.5 * mean(|i| softplus(fake[i] - real[i]))
        + 0.5 * mean_of_falses(&|i, wrong| softplus(wrong - real[i]));
    let wrong = Reference::from_slice(&(), &falses.concat(), [9]).unwrap();
    let logits = Logits { wrong, ..logits() };
    for (loss, wanted) in [
        (Loss::Minimax, log),
        (Loss::NonSaturating, log),
        (Loss::Hinge, hinge),
        (Loss::Relativistic, relativistic),
    ] {
        near(&loss.discriminator(&logits).unwrap(), wanted, &format!("{loss:?}"));
    }
    // Eight logits cannot be divided into false captions of three clips.
    let wrong = logits.wrong.slice(0, 0, 8).unwrap();
    assert!(Loss::Relativistic.discriminator(&Logits { wrong, ..logits }).is_err());
}

/// The logits of two clips with their own two sentences, then with three false ones.
const MATCHES: [[f64; 5]; 2] = [[1.5, -0.25, 2.0, 0.5, -1.0], [0.75, 0.5, -2.0, 1.25, 3.0]];

#[test]
fn contrast_is_the_cross_entropy_of_the_own_sentence() {
    let own =
        |i: usize, row: &[f64]| -(row[i].exp() / row.iter().map(|x| x.exp()).sum::<f64>()).ln();
    let of = |rows: &[[f64; 5]; 2]| (own(0, &rows[0]) + own(1, &rows[1])) / 2.0;
    let logits = Reference::new(MATCHES.concat(), [2, 5]).unwrap();
    near(&contrast(&logits).unwrap(), of(&MATCHES), "contrast");

    // The coefficient makes the incoming gradient 3 instead of 1.
    let lifted = Var::leaf(logits);
    let loss = contrast(&lifted).unwrap().affine(3.0, 0.0).unwrap();
    let gradient = grad(loss, &[&lifted]).unwrap().remove(0);
    for (at, found) in gradient.values().iter().enumerate() {
        let moved = |by: f64| {
            let mut rows = MATCHES;
            rows[at / 5][at % 5] += by;
            of(&rows)
        };
        let wanted = 3.0 * (moved(1e-6) - moved(-1e-6)) / 2e-6;
        assert!((found - wanted).abs() < 1e-7, "{at}: {found}, by differences {wanted}");
    }
}

/// The logits of the shares of three colours in two pixels, the colours, and the pixels.
const SHARES: [[f64; 3]; 2] = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]];
const COLOURS: [[f64; 2]; 3] = [[0.9, -0.8], [0.1, 0.3], [-0.7, 0.6]];
const PIXELS: [[f64; 2]; 2] = [[0.85, -0.75], [-0.2, 0.4]];

fn log_loss_by_the_formula(shares: &[[f64; 3]; 2], colours: &[[f64; 2]; 3]) -> f64 {
    let of = |pixel: usize| {
        let sum: f64 = shares[pixel].iter().map(|x| x.exp()).sum();
        let far = |i: usize| -> f64 {
            (0..2).map(|c| (PIXELS[pixel][c] - colours[i][c]).powi(2)).sum::<f64>() / 0.01
        };
        let p = (0..3).map(|i| shares[pixel][i].exp() / sum / (1.0 + far(i)).powi(2));
        -p.sum::<f64>().ln()
    };
    (of(0) + of(1)) / 2.0
}

#[test]
fn log_loss_is_the_likelihood_of_the_pixels() {
    let of = |rows: &[&[f64]], shape: &[usize]| {
        let tensor = Reference::new(rows.concat(), shape).unwrap();
        Var::leaf(tensor)
    };
    let logits = of(&SHARES.each_ref().map(|row| &row[..]), &[1, 2, 3]);
    let palette = of(&COLOURS.each_ref().map(|row| &row[..]), &[1, 3, 2]);
    let clips = of(&PIXELS.each_ref().map(|row| &row[..]), &[1, 1, 1, 2, 2]);
    let mix = Mix { shares: logits.softmax().unwrap(), palette: palette.clone() };
    let loss = log_loss(&mix, &clips).unwrap().mean_all().unwrap();
    near(loss.value(), log_loss_by_the_formula(&SHARES, &COLOURS), "log loss");
    let gradients = grad(loss, &[&logits, &palette]).unwrap();
    let compare = |gradient: &Reference, bound: f64, moved: &dyn Fn(usize, f64) -> f64| {
        for (at, found) in gradient.values().iter().enumerate() {
            let wanted = (moved(at, 1e-6) - moved(at, -1e-6)) / 2e-6;
            assert!((found - wanted).abs() < bound, "{at}: {found}, by differences {wanted}");
        }
    };
    compare(&gradients[0], 1e-6, &|at, by| {
        let mut shares = SHARES;
        shares[at / 3][at % 3] += by;
        log_loss_by_the_formula(&shares, &COLOURS)
    });
    compare(&gradients[1], 1e-5, &|at, by| {
        let mut colours = COLOURS;
        colours[at / 2][at % 2] += by;
        log_loss_by_the_formula(&SHARES, &colours)
    });
}

/// Where a pixel is all one wrong colour, the absolute difference has almost no gradient by the
/// logit of the right colour; the log loss has a gradient near -1. It stays finite if even the
/// share underflows.
#[test]
fn log_loss_sees_colours_without_a_share() {
    let device = CpuDevice::default();
    let tensor = |data: &[f32], shape: &[usize]| CpuTensor::from_slice(&device, data, shape);
    let palette = Var::constant(tensor(&[-1.0, 1.0], &[1, 2, 1]).unwrap());
    let clip = Var::constant(tensor(&[1.0], &[1, 1, 1, 1, 1]).unwrap());
    let of = |logit: f32| {
        let logits = Var::leaf(tensor(&[0.0, logit], &[1, 1, 2]).unwrap());
        let mix = Mix { shares: logits.softmax().unwrap(), palette: palette.clone() };
        let film = mix.shares.matmul(&mix.palette).unwrap();
        let difference = film.affine(1.0, -1.0).unwrap().abs().unwrap().mean_all().unwrap();
        let slope = |loss: Var<CpuTensor>| grad(loss, &[&logits]).unwrap()[0].to_vec().unwrap()[1];
        (slope(difference), slope(log_loss(&mix, &clip).unwrap().mean_all().unwrap()))
    };
    let (difference, log_loss) = of(-8.0);
    assert!(difference.abs() < 1e-3 && log_loss < -0.9, "{difference} {log_loss}");
    let (_, log_loss) = of(-300.0);
    assert!(log_loss.is_finite(), "{log_loss}");
}

/// A matcher's logits lie between -40 and 40. If the probability of the own sentence underflows in
/// 32 bits, the loss is large but finite.
#[test]
fn contrast_stays_finite() {
    let device = CpuDevice::default();
    for (own, other) in [(40.0, -40.0), (-40.0, 40.0), (-1e4, 1e4)] {
        let rows = CpuTensor::from_slice(&device, &[own, other, other, own], [2, 2]).unwrap();
        let lifted = Var::leaf(rows);
        let loss = contrast(&lifted).unwrap();
        let value = loss.to_vec().unwrap()[0];
        assert!(value.is_finite() && (value > 60.0) == (own < other), "{own}: {value}");
        let gradient = grad(loss, &[&lifted]).unwrap().remove(0);
        assert!(gradient.data().iter().all(|g| g.is_finite()), "{own}: {gradient:?}");
    }
}

/// The loss of D falls with the logits of real, matching clips and rises with the other logits. The
/// loss of G falls with the logits of its own films.
#[test]
fn gradients_point_the_right_way() {
    let lifted = || {
        let Logits { real, fake, wrong } = logits();
        let [real, fake, wrong] = [real, fake, wrong].map(Var::leaf);
        Logits { real, fake, wrong }
    };
    for loss in ALL {
        let l = lifted();
        let by = grad(loss.discriminator(&l).unwrap(), &[&l.real, &l.fake, &l.wrong]).unwrap();
        for (gradient, sign) in by.iter().zip([-1.0, 1.0, 1.0]) {
            let signed = || gradient.values().iter().map(|g| g * sign);
            assert!(signed().all(|g| g >= 0.0) && signed().any(|g| g > 0.0), "{loss:?}: {by:?}");
        }
        let by = grad(loss.generator(&l.fake, &l.real).unwrap(), &[&l.fake]).unwrap();
        assert!(by[0].values().iter().all(|&g| g < 0.0), "{loss:?}: {by:?}");
    }
}

/// When D rounds to 0 or 1, log D or log(1 - D) would be -∞; computed on logits, nothing overflows.
#[test]
fn sure_logits_stay_finite() {
    let device = CpuDevice::default();
    let of = |x: f32| Var::leaf(CpuTensor::from_slice(&device, &[x, -x], [2]).unwrap());
    for loss in ALL {
        for size in [100.0, 1e4, 1e30] {
            let l = Logits { real: of(size), fake: of(-size), wrong: of(size) };
            let losses =
                [loss.discriminator(&l).unwrap(), loss.generator(&l.fake, &l.real).unwrap()];
            for loss_value in losses {
                let value = loss_value.to_vec().unwrap()[0];
                assert!(value.is_finite(), "{loss:?} at {size}: {value}");
                for gradient in grad(loss_value, &[&l.real, &l.fake, &l.wrong]).unwrap() {
                    assert!(gradient.data().iter().all(|g| g.is_finite()), "{loss:?} at {size}");
                }
            }
        }
    }
}

const FILM: FilmShape = FilmShape { frames: 2, height: 4, width: 4, channels: 1 };

fn judge() -> Discriminator<Reference> {
    let config = DiscriminatorConfig { clip: vec![3, 4], frame: vec![2], features: 5 };
    unsettled(&Discriminator::of_clips(&mut fresh(), &config, FILM, 3).unwrap())
}

#[test]
fn r1_is_the_mean_square_of_the_slope() {
    let judge = judge();
    let (x, s) = (randn(1, [2, 2, 4, 4, 1]), randn(2, [2, 3]));
    let sum = |values: Vec<f64>| {
        let x = Reference::new(values, *x.shape()).unwrap();
        judge.logits(&judge.features(&x).unwrap(), &s).unwrap().values().iter().sum::<f64>()
    };
    let slope = |i: usize| {
        let moved = |by: f64| {
            let mut values = x.values().to_vec();
            values[i] += by;
            sum(values)
        };
        (moved(1e-6) - moved(-1e-6)) / 2e-6
    };
    let wanted: f64 = (0..x.values().len()).map(|i| slope(i).powi(2)).sum::<f64>() / 2.0;
    let lifted = freeze::<Var<Reference>, _>(&freeze::<Reference, _>(&judge));
    let s = Var::constant(Var::constant(s.clone()));
    let found = r1(&x, |x| lifted.logits(&lifted.features(x)?, &s)).unwrap();
    assert!(wanted > 0.01 && (found.value().values()[0] - wanted).abs() < 1e-6 * wanted);
}

#[test]
fn r1_has_a_gradient_by_the_parameters() {
    let (x, s) = (randn(1, [2, 2, 4, 4, 1]), randn(2, [2, 3]));
    let s = Var::constant(Var::constant(s));
    // The slope by x does not depend on the bias of the logit, and `check` rejects a gradient of
    // zero. So a little of the logit itself is added.
    check(&judge(), |judge| {
        let lifted = freeze::<Var<Reference>, _>(judge);
        let penalty = r1(&x, |x| lifted.logits(&lifted.features(x)?, &s))?;
        let x = Var::constant(x.clone());
        let logits = judge.logits(&judge.features(&x)?, s.value())?;
        penalty.add(&logits.sum_all()?.affine(0.01, 0.0)?)
    });
}
