//! The generator: shapes, which input affects which frame, gradients, and the sizes it rejects.

use crate::differences::{check, fresh, randn, unsettled, weighed};
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_gan::{FilmShape, Generator, GeneratorConfig, Noise};
use kinora_nn::{Fresh, Module};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Random, Shape, Tensor, Var};

pub const FILM: FilmShape = FilmShape { frames: 3, height: 4, width: 6, channels: 3 };
pub const SENTENCE: usize = 3;
pub const WORD: usize = 4;
const WORDS: usize = 3;

pub fn config() -> GeneratorConfig {
    let decoder = vec![4];
    GeneratorConfig {
        noise: 2,
        frame_noise: 2,
        position: 2,
        input: 2,
        hidden: 3,
        decoder,
        group: 2,
        ..GeneratorConfig::default()
    }
}

/// The config with all parts that a generator can have.
pub fn styled() -> GeneratorConfig {
    GeneratorConfig {
        hidden: 4,
        style: 5,
        wide: 7,
        palette: 4,
        bypass: true,
        cells: true,
        direct: true,
        sketch: true,
        refine: true,
        ..config()
    }
}

/// The inputs of a batch of films.
#[derive(Clone)]
pub struct Inputs<T> {
    pub sentence: T,
    pub words: T,
    pub bias: T,
    pub noise: Noise<T>,
}

impl<T: Tensor> Inputs<T> {
    pub fn draw(device: &T::Device, n: usize, film: FilmShape, config: &GeneratorConfig) -> Self {
        let mut random = Random::new(9, 0);
        let mut draw = |shape: &[usize]| T::randn(device, &mut random, Shape::from(shape)).unwrap();
        let noise = Noise {
            film: draw(&[n, config.noise]),
            frames: draw(&[n, film.frames, config.frame_noise]),
        };
        let (sentence, words) = (draw(&[n, SENTENCE]), draw(&[n, WORDS, WORD]));
        // Each sentence but the first lacks its last word.
        let bias: Vec<f32> =
            (0..n * WORDS).map(|i| if i > WORDS && i % WORDS == 2 { -1e4 } else { 0.0 }).collect();
        let bias = T::from_slice(device, &bias, [n, WORDS]).unwrap();
        Self { sentence, words, bias, noise }
    }

    pub fn film(&self, k: usize) -> Self {
        let cut = |x: &T| x.slice(0, k, 1).unwrap();
        let noise = Noise { film: cut(&self.noise.film), frames: cut(&self.noise.frames) };
        let (sentence, words) = (cut(&self.sentence), cut(&self.words));
        Self { sentence, words, bias: cut(&self.bias), noise }
    }

    pub fn frames(&self, generator: &Generator<T>) -> T {
        generator.forward(&self.sentence, &self.words, &self.bias, &self.noise).unwrap()
    }

    pub fn attention(&self, generator: &Generator<T>) -> T {
        generator.attention(&self.sentence, &self.words, &self.bias, &self.noise).unwrap()
    }
}

pub fn of(config: &GeneratorConfig) -> Generator<Reference> {
    unsettled(&Generator::new(&mut fresh(), config, FILM, SENTENCE, WORD).unwrap())
}

fn generator() -> Generator<Reference> {
    of(&config())
}

#[test]
fn films_have_the_size_that_was_asked_for() {
    let device = CpuDevice::default();
    for (film, decoder, style, palette) in [
        (FILM, vec![4], 0, 0),
        (FILM, vec![4], 5, 4),
        (FilmShape { frames: 1, height: 1, width: 1, channels: 1 }, vec![], 1, 0),
        (FilmShape { frames: 2, height: 16, width: 8, channels: 4 }, vec![6, 4, 2], 0, 7),
        (FilmShape { frames: 5, height: 2, width: 10, channels: 1 }, vec![2], 3, 1),
    ] {
        let config = GeneratorConfig { decoder, style, palette, ..config() };
        let mut init = Fresh::<CpuTensor>::new(&device, Random::new(0, 0));
        let generator = Generator::new(&mut init, &config, film, SENTENCE, WORD).unwrap();
        let inputs = Inputs::draw(&device, 2, film, &config);
        let frames = inputs.frames(&generator);
        assert_eq!(frames.shape()[..], [2, film.frames, film.height, film.width, film.channels]);
        let values = frames.to_vec().unwrap();
        assert!(values.iter().all(|x| x.abs() < 1.0), "{film:?}");
        assert!(values.iter().any(|x| x.abs() > 1e-3), "{film:?} is blank");
        let weights = inputs.attention(&generator);
        assert_eq!(weights.shape()[..], [2, film.frames, WORDS]);
        for row in weights.to_vec().unwrap().chunks(WORDS) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row:?}");
        }
    }
}

#[test]
fn gradients() {
    for config in [config(), styled()] {
        gradients_of(&config);
    }
}

fn gradients_of(config: &GeneratorConfig) {
    let inputs = Inputs::<Reference>::draw(&(), 2, FILM, config);
    let [sentence, words, bias, film, frames] =
        [inputs.sentence, inputs.words, inputs.bias, inputs.noise.film, inputs.noise.frames]
            .map(Var::constant);
    let noise = Noise { film, frames };
    check(&of(config), |g| {
        let drawn = g.draw(&sentence, &words, &bias, &noise, &[0, 1, 2, 0, 1, 2])?;
        let sum = weighed(&drawn.frames)?;
        g.sketch(&drawn)?.map_or(Ok(sum.clone()), |sketch| sum.add(&weighed(&sketch)?))
    });
}

/// Model files from before styles and palettes hold these tensors.
#[test]
fn without_style_and_palette_the_tensors_are_those_of_old_models() {
    let names = |config: &GeneratorConfig| -> Vec<String> {
        of(config).named().into_iter().map(|(name, _)| name).collect()
    };
    #[rustfmt::skip]
    let old = [
        "noise.input.weight", "noise.input.bias", "noise.state.weight", "noise.state.bias",
        "position.table", "attention.weight", "plan.weight", "plan.bias", "moment.weight",
        "recurrence.input.weight", "recurrence.input.bias", "recurrence.state.weight",
        "decoder.0.conv.weight", "decoder.0.conv.bias",
        "decoder.0.norm.modulation.weight", "decoder.0.norm.modulation.bias",
        "output.weight", "output.bias",
    ];
    assert_eq!(names(&config()), old);
    let new = names(&styled());
    #[rustfmt::skip]
    let added = [
        "style.0.weight", "style.0.bias", "style.1.weight", "style.1.bias",
        "pose.weight", "pose.bias",
        "palette.weight", "palette.bias",
        "wide.style.0.weight", "wide.style.0.bias", "wide.style.1.weight",
        "wide.plan.0.weight", "wide.plan.0.bias", "wide.plan.1.weight",
        "bypass.weight",
        "cells.attention.weight", "cells.tell.weight",
        "sketch.weight", "sketch.bias",
        "refine.0.first.weight", "refine.0.first.bias",
        "refine.0.norm.modulation.weight", "refine.0.norm.modulation.bias",
        "refine.0.second.weight", "refine.0.second.bias",
    ];
    assert_eq!(new.len(), old.len() + added.len());
    assert!(old.iter().chain(&added).all(|name| new.iter().any(|new| new == name)), "{new:?}");
}

/// Frames decoded alone equal those of the whole film, in the requested order.
#[test]
fn some_frames_are_those_of_the_whole_film() {
    for config in [config(), styled()] {
        let generator = of(&config);
        let inputs = Inputs::<Reference>::draw(&(), 2, FILM, &config);
        let whole = inputs.frames(&generator);
        for which in [&[0][..], &[1, 2], &[2, 0], &[0, 1, 2]] {
            let Inputs { sentence, words, bias, noise } = &inputs;
            let some =
                generator.draw(sentence, words, bias, noise, &which.repeat(2)).unwrap().frames;
            let wanted: Vec<Reference> =
                which.iter().map(|&frame| whole.slice(1, frame, 1).unwrap()).collect();
            assert_eq!(some, Tensor::concat(&wanted.iter().collect::<Vec<_>>(), 1).unwrap());
        }
        // Each film has frames of its own.
        let Inputs { sentence, words, bias, noise } = &inputs;
        let some = generator.draw(sentence, words, bias, noise, &[2, 0, 1, 2]).unwrap().frames;
        let film = |i: usize, [a, b]: [usize; 2]| {
            let film = whole.slice(0, i, 1).unwrap();
            let frame = |t| film.slice(1, t, 1).unwrap();
            Tensor::concat(&[&frame(a), &frame(b)], 1).unwrap()
        };
        assert_eq!(some, Tensor::concat(&[&film(0, [2, 0]), &film(1, [1, 2])], 0).unwrap());
    }
}

/// ε_k affects frame k and the later frames of its film, and nothing else.
#[test]
fn noise_reaches_no_earlier_frame_and_no_other_film() {
    let generator = generator();
    let inputs = Inputs::<Reference>::draw(&(), 2, FILM, &config());
    let (before, heard) = (inputs.frames(&generator), inputs.attention(&generator));
    for k in 0..FILM.frames {
        let mut values = inputs.noise.frames.values().to_vec();
        values[(FILM.frames + k) * 2] += 0.5; // of the second film
        let mut inputs = inputs.clone();
        inputs.noise.frames = Reference::new(values, *inputs.noise.frames.shape()).unwrap();
        let frame = FILM.height * FILM.width * FILM.channels;
        let changed = |a: &Reference, b: &Reference, size: usize| -> Vec<bool> {
            a.values().chunks(size).zip(b.values().chunks(size)).map(|(a, b)| a != b).collect()
        };
        let wanted: Vec<bool> = (0..6).map(|at| at >= 3 + k).collect();
        assert_eq!(changed(&before, &inputs.frames(&generator), frame), wanted, "frame {k}");
        // The query at a frame has the state of the frame before.
        let wanted: Vec<bool> = (0..6).map(|at| at > 3 + k).collect();
        assert_eq!(changed(&heard, &inputs.attention(&generator), WORDS), wanted, "frame {k}");
    }
}

/// The sentence is the same at every frame, so only the state can change the weights.
#[test]
fn the_state_asks_too() {
    let generator = generator();
    let inputs = Inputs::<Reference>::draw(&(), 2, FILM, &config());
    let weights = inputs.attention(&generator);
    for film in weights.values().chunks(FILM.frames * WORDS) {
        let frames: Vec<&[f64]> = film.chunks(WORDS).collect();
        for pair in frames.windows(2) {
            let apart: f64 = pair[0].iter().zip(pair[1]).map(|(a, b)| (a - b).abs()).sum();
            assert!(apart > 1e-3, "{pair:?}");
        }
    }

    // At the first frame there is no state yet: softmax of [s, 0] W_a V / sqrt word, by hand.
    let named = generator.named();
    let (_, weight) = named.iter().find(|(name, _)| name == "attention.weight").unwrap();
    let (s, v) = (inputs.sentence.values(), inputs.words.values());
    let score = |word: usize| -> f64 {
        let products = (0..SENTENCE).flat_map(|i| (0..WORD).map(move |j| (i, j)));
        products.map(|(i, j)| s[i] * weight.values()[i * WORD + j] * v[word * WORD + j]).sum()
    };
    let exp: Vec<f64> = (0..WORDS).map(|k| (score(k) / (WORD as f64).sqrt()).exp()).collect();
    for (k, found) in weights.values()[..WORDS].iter().enumerate() {
        assert!((found - exp[k] / exp.iter().sum::<f64>()).abs() < 1e-7, "{found}");
    }
}

#[test]
fn a_film_does_not_depend_on_its_neighbours() {
    let reference = generator();
    let inputs = Inputs::<Reference>::draw(&(), 3, FILM, &config());
    let together = inputs.frames(&reference);
    for k in 0..3 {
        let alone = inputs.film(k).frames(&reference);
        assert_eq!(alone.values(), together.slice(0, k, 1).unwrap().values(), "film {k}");
    }

    let device = CpuDevice::default();
    let generator = reference
        .map(|_, x| CpuTensor::from_slice(&device, &x.to_vec().unwrap(), x.shape()).unwrap());
    let inputs = Inputs::<CpuTensor>::draw(&device, 3, FILM, &config());
    let together = inputs.frames(&generator);
    for k in 0..3 {
        let alone = inputs.film(k).frames(&generator);
        let beside = together.slice(0, k, 1).unwrap();
        for (a, b) in alone.data().iter().zip(beside.data()) {
            assert!((a - b).abs() < 1e-5, "film {k}: {a} alone, {b} beside others");
        }
    }
}

#[test]
fn a_film_hears_its_sentence_its_words_and_its_noise() {
    for config in [config(), styled()] {
        hears(&config);
    }
}

fn hears(config: &GeneratorConfig) {
    let generator = of(config);
    let inputs = Inputs::<Reference>::draw(&(), 1, FILM, config);
    let before = inputs.frames(&generator);
    let other = |x: &Reference| randn(20, *x.shape());
    type Part = fn(&mut Inputs<Reference>) -> &mut Reference;
    let changes: [(&str, Part); 4] = [
        ("sentence", |i| &mut i.sentence),
        ("words", |i| &mut i.words),
        ("z", |i| &mut i.noise.film),
        ("ε", |i| &mut i.noise.frames),
    ];
    for (name, of) in changes {
        let mut inputs = inputs.clone();
        *of(&mut inputs) = other(of(&mut inputs));
        let after = inputs.frames(&generator);
        let moved = before.values().iter().zip(after.values()).any(|(a, b)| (a - b).abs() > 1e-3);
        assert!(moved, "{name} has no effect");
    }
}

#[test]
fn sizes_that_make_no_generator() {
    let good = config();
    assert_eq!(good.base(FILM), Ok([2, 3]));
    let rows: [(GeneratorConfig, FilmShape, &str); 14] = [
        (GeneratorConfig { noise: 0, ..good.clone() }, FILM, "generator.noise = 0"),
        (
            GeneratorConfig { frame_noise: 5000, ..good.clone() },
            FILM,
            "generator.frame_noise = 5000",
        ),
        (GeneratorConfig { position: 0, ..good.clone() }, FILM, "generator.position"),
        (GeneratorConfig { input: usize::MAX, ..good.clone() }, FILM, "generator.input"),
        (GeneratorConfig { hidden: 0, ..good.clone() }, FILM, "generator.hidden"),
        (GeneratorConfig { group: 0, ..good.clone() }, FILM, "generator.group"),
        (GeneratorConfig { style: 4097, ..good.clone() }, FILM, "generator.style = 4097"),
        (GeneratorConfig { palette: 5000, ..good.clone() }, FILM, "generator.palette = 5000"),
        (GeneratorConfig { decoder: vec![3], ..good.clone() }, FILM, "3 channels are no multiple"),
        (GeneratorConfig { decoder: vec![2; 70], ..good.clone() }, FILM, "more than 6 layers"),
        (GeneratorConfig { refine: true, ..good.clone() }, FILM, "generator.hidden = 3"),
        (GeneratorConfig { wide: 8, ..good.clone() }, FILM, "generator.style must be above 0"),
        (good.clone(), FilmShape { frames: 0, ..FILM }, "clip.frames = 0"),
        (good.clone(), FilmShape { width: 7, ..FILM }, "clip.width = 7 must be multiples of 2"),
    ];
    for (config, film, wanted) in rows {
        let reason = config.base(film).unwrap_err();
        assert!(reason.contains(wanted), "{reason:?}, not {wanted:?}");
    }
}

/// The noise must have as many frames as the film.
#[test]
fn noise_of_another_length_is_an_error() {
    for frames in [0, FILM.frames - 1, FILM.frames + 1] {
        let film = FilmShape { frames, ..FILM };
        let Inputs { sentence, words, bias, noise } =
            Inputs::<Reference>::draw(&(), 2, film, &config());
        let error = generator().draw(&sentence, &words, &bias, &noise, &[0, 0]).unwrap_err();
        assert!(error.to_string().contains("must have 3 frames"), "{error}");
    }
}
