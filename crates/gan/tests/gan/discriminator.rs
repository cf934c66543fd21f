//! The discriminators: shapes, the projection, gradients, and the sizes they reject.

use crate::differences::{Lifted, check, fresh, randn, unsettled, weighed};
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_gan::{Discriminator, DiscriminatorConfig, FilmShape};
use kinora_nn::{Fresh, Module};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Random, Result, Tensor, Var};

const FILM: FilmShape = FilmShape { frames: 3, height: 5, width: 4, channels: 2 };
const SENTENCE: usize = 3;

fn config() -> DiscriminatorConfig {
    DiscriminatorConfig { clip: vec![3, 4], frame: vec![3, 2], features: 5 }
}

fn of_clips() -> Discriminator<Reference> {
    unsettled(&Discriminator::of_clips(&mut fresh(), &config(), FILM, SENTENCE).unwrap())
}

fn of_frames() -> Discriminator<Reference> {
    unsettled(&Discriminator::of_frames(&mut fresh(), &config(), FILM, SENTENCE).unwrap())
}

fn clips(n: usize, film: FilmShape) -> Reference {
    randn(1, [n, film.frames, film.height, film.width, film.channels])
}

#[test]
fn one_logit_a_film_of_any_size() {
    let device = CpuDevice::default();
    for [frames, height, width, channels] in
        [[3, 5, 4, 2], [1, 4, 4, 1], [2, 7, 9, 3], [16, 8, 16, 4], [9, 6, 5, 3]]
    {
        let film = FilmShape { frames, height, width, channels };
        config().check(film).unwrap();
        let mut init = Fresh::<CpuTensor>::new(&device, Random::new(0, 0));
        let of_clips = Discriminator::of_clips(&mut init, &config(), film, SENTENCE).unwrap();
        let of_frames = Discriminator::of_frames(&mut init, &config(), film, SENTENCE).unwrap();
        for (judge, frames) in [(of_clips, frames), (of_frames, 1)] {
            let mut random = Random::new(1, 0);
            let shape = [2, frames, height, width, channels];
            let x = CpuTensor::randn(&device, &mut random, shape).unwrap();
            let s = CpuTensor::randn(&device, &mut random, [2, SENTENCE]).unwrap();
            let features = judge.features(&x).unwrap();
            assert_eq!(features.shape()[..], [2, 5], "{film:?}");
            let logits = judge.logits(&features, &s).unwrap();
            assert_eq!(logits.shape()[..], [2], "{film:?}");
            assert!(logits.data().iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn gradients() {
    let s = Var::constant(randn(2, [2, SENTENCE]));
    let judged = |d: &Discriminator<Lifted>, x: &Lifted| -> Result<Lifted> {
        weighed(&d.logits(&d.features(x)?, &s)?)
    };
    let x = Var::constant(clips(2, FILM));
    check(&of_clips(), |d| judged(d, &x));
    let x = Var::constant(clips(2, FilmShape { frames: 1, ..FILM }));
    check(&of_frames(), |d| judged(d, &x));
}

/// One pass over the film serves any number of sentences.
#[test]
fn what_is_seen_does_not_depend_on_the_sentence() {
    let judge = of_clips();
    let (x, own, wrong) = (clips(2, FILM), randn(2, [2, SENTENCE]), randn(3, [2, SENTENCE]));
    let features = judge.features(&x).unwrap();
    let once = [&own, &wrong].map(|s| judge.logits(&features, s).unwrap());
    assert_ne!(once[0], once[1]);

    let twice = judge.features(&Tensor::concat(&[&x, &x], 0).unwrap()).unwrap();
    let sentences = Tensor::concat(&[&own, &wrong], 0).unwrap();
    let twice = judge.logits(&twice, &sentences).unwrap();
    assert_eq!(twice, Tensor::concat(&[&once[0], &once[1]], 0).unwrap());
}

#[test]
fn the_logit_is_realness_and_projection() {
    let judge = of_clips();
    let (x, s) = (clips(1, FILM), randn(2, [1, SENTENCE]));
    let features = judge.features(&x).unwrap();
    let named = judge.named();
    let of = |wanted: &str| named.iter().find(|(name, _)| name == wanted).unwrap().1.values();
    let (phi, s) = (features.values(), s.values().to_vec());
    let (w, bias, projection) =
        (of("realness.weight"), of("realness.bias"), of("projection.weight"));
    let realness: f64 = bias[0] + w.iter().zip(phi).map(|(w, phi)| w * phi).sum::<f64>();
    let matching: f64 = (0..SENTENCE)
        .flat_map(|i| (0..5).map(move |j| (i, j)))
        .map(|(i, j)| s[i] * projection[i * 5 + j] * phi[j])
        .sum();
    let wanted = realness + matching;
    let sentence = Reference::new(s, [1, SENTENCE]).unwrap();
    let found = judge.logits(&features, &sentence).unwrap().values()[0];
    assert!((found - wanted).abs() < 1e-6, "{found}, by hand {wanted}");
}

#[test]
fn a_film_is_judged_by_itself() {
    let judge = of_clips();
    let (x, s) = (clips(3, FILM), randn(2, [3, SENTENCE]));
    let together = judge.logits(&judge.features(&x).unwrap(), &s).unwrap();
    for k in 0..3 {
        let (x, s) = (x.slice(0, k, 1).unwrap(), s.slice(0, k, 1).unwrap());
        let alone = judge.logits(&judge.features(&x).unwrap(), &s).unwrap();
        assert_eq!(alone.values()[0], together.values()[k]);
    }
}

/// The discriminator of clips tells a clip from the same clip with its frames in another order.
#[test]
fn motion_is_seen() {
    let judge = of_clips();
    let x = clips(1, FILM);
    let frames = [2, 1, 0].map(|t| x.slice(1, t, 1).unwrap());
    let back = Tensor::concat(&frames.each_ref(), 1).unwrap();
    assert_ne!(judge.features(&x).unwrap(), judge.features(&back).unwrap());
}

#[test]
fn sizes_that_make_no_discriminator() {
    let good = config();
    let rows: [(DiscriminatorConfig, FilmShape, &str); 6] = [
        (DiscriminatorConfig { features: 0, ..good.clone() }, FILM, "discriminator.features = 0"),
        (DiscriminatorConfig { clip: vec![], ..good.clone() }, FILM, "discriminator.clip needs"),
        (DiscriminatorConfig { frame: vec![], ..good.clone() }, FILM, "discriminator.frame needs"),
        (DiscriminatorConfig { clip: vec![3, 0], ..good.clone() }, FILM, "discriminator.clip = 0"),
        (
            DiscriminatorConfig { frame: vec![9999], ..good.clone() },
            FILM,
            "discriminator.frame = 9999",
        ),
        (
            DiscriminatorConfig { clip: vec![2; 3], ..good.clone() },
            FILM,
            "discriminator.clip halves the resolution 3 times, too often for 5 by 4 pixels; remove",
        ),
    ];
    for (config, film, wanted) in rows {
        let reason = config.check(film).unwrap_err();
        assert!(reason.contains(wanted), "{reason:?}, not {wanted:?}");
    }
    let many = DiscriminatorConfig { clip: vec![2; 200], ..good.clone() };
    assert!(many.check(FILM).unwrap_err().contains("halves the resolution 200 times"));
    let huge = FilmShape { height: usize::MAX, ..FILM };
    assert!(good.check(huge).unwrap_err().contains("clip.height"));
}
