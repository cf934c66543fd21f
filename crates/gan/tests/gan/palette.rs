//! Films that are drawn with a palette.

use crate::differences::{fresh, unsettled};
use crate::generator::{FILM, Inputs, SENTENCE, WORD, config, of, styled};
use kinora_gan::{FilmShape, Generator, GeneratorConfig};
use kinora_nn::Module;
use kinora_tensor::Tensor;
use kinora_tensor::conformance::Reference;

/// With two colours each pixel lies on the straight line between them; the colours are
/// tanh(W known + b), where `known` is the style, computed by hand.
#[test]
fn pixels_are_mixtures_of_the_colours_of_the_palette() {
    for channels in [1, 3, 4] {
        check_mixtures(FilmShape { channels, ..FILM });
    }
    let plain = of(&config());
    let inputs = Inputs::<Reference>::draw(&(), 2, FILM, &config());
    let Inputs { sentence, words, bias, noise } = &inputs;
    let sharp = plain.sharp(sentence, words, bias, noise).unwrap();
    assert_eq!(sharp.values(), inputs.frames(&plain).values());
}

fn check_mixtures(film: FilmShape) {
    let mixed = GeneratorConfig { palette: 2, ..styled() };
    let generator = unsettled(&Generator::new(&mut fresh(), &mixed, film, SENTENCE, WORD).unwrap());
    let inputs = Inputs::<Reference>::draw(&(), 2, film, &mixed);
    let frames = inputs.frames(&generator);
    let Inputs { sentence, words, bias, noise } = &inputs;
    let sharp = generator.sharp(sentence, words, bias, noise).unwrap();
    let named = generator.named();
    let linear = |path: &str, x: &[f64]| -> Vec<f64> {
        let of = |part: &str| {
            let name = format!("{path}.{part}");
            named.iter().find(|(found, _)| *found == name).map(|(_, tensor)| tensor.values())
        };
        let weight = of("weight").unwrap();
        let width = weight.len() / x.len();
        let column = |j: usize| x.iter().enumerate().map(move |(i, x)| x * weight[i * width + j]);
        let bias = |j: usize| of("bias").map_or(0.0, |bias| bias[j]);
        (0..width).map(|j| bias(j) + column(j).sum::<f64>()).collect()
    };
    let leaky = |x: Vec<f64>| -> Vec<f64> { x.into_iter().map(|x| x.max(0.2 * x)).collect() };
    let channels = film.channels;
    for (film, pixels) in frames.values().chunks(frames.values().len() / 2).enumerate() {
        let row = |x: &Reference| x.slice(0, film, 1).unwrap().values().to_vec();
        let known = [row(&inputs.sentence), row(&inputs.noise.film)].concat();
        let add = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(b).map(|(a, b)| a + b).collect();
        let path = |name: &str| {
            let hidden = leaky(linear(&format!("{name}.0"), &known));
            linear(&format!("{name}.1"), &hidden)
        };
        let style = leaky(add(path("style"), path("wide.style")));
        let palette: Vec<f64> = linear("palette", &style).into_iter().map(f64::tanh).collect();
        let (first, second) = palette.split_at(channels);
        let mut shares = Vec::new();
        let sharp = sharp.values()[film * pixels.len()..].chunks(channels);
        for (pixel, sharp) in pixels.chunks(channels).zip(sharp) {
            let share = (pixel[0] - first[0]) / (second[0] - first[0]);
            assert!(share > 0.0 && share < 1.0, "{pixel:?} of {palette:?}");
            for c in 0..channels {
                let wanted = first[c] + share * (second[c] - first[c]);
                assert!((pixel[c] - wanted).abs() < 1e-6, "{pixel:?} of {palette:?}");
                // The alpha of a pixel stays, and a colour counts by its opacity.
                let opacity = |colour: &[f64]| colour.get(3).map_or(1.0, |a| 0.5 + 0.5 * a + 1e-6);
                let a = (1.0 - share).powi(4) * opacity(first);
                let b = share.powi(4) * opacity(second);
                let mean = (a * first[c] + b * second[c]) / (a + b);
                let wanted = if c == 3 { pixel[3] } else { mean };
                assert!((sharp[c] - wanted).abs() < 1e-5, "{sharp:?} of {palette:?}");
            }
            shares.push(share);
        }
        let spread = |f: fn(f64, f64) -> f64| shares.iter().copied().reduce(f).unwrap();
        assert!(spread(f64::max) - spread(f64::min) > 0.05, "{shares:?}");
    }
}
