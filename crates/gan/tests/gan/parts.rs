//! The parts that a generator may have: wide paths, bypass, direct path, attention of cells, sketch and
//! residual blocks.

use crate::differences::{fresh, randn, unsettled};
use crate::generator::{FILM, Inputs, SENTENCE, WORD, config, of, styled};
use kinora_gan::{FilmShape, Generator, GeneratorConfig};
use kinora_nn::Module;
use kinora_tensor::Tensor;
use kinora_tensor::conformance::Reference;

/// A model that gets the wide paths, the attention of cells, the sketch and the residual blocks later
/// draws the same films at first.
#[test]
fn new_layers_change_no_film() {
    let config = GeneratorConfig { hidden: 4, style: 5, ..config() };
    let with =
        GeneratorConfig { wide: 7, cells: true, sketch: true, refine: true, ..config.clone() };
    let without = Generator::new(&mut fresh(), &config, FILM, SENTENCE, WORD).unwrap();
    let fresh: Generator<Reference> =
        Generator::new(&mut fresh(), &with, FILM, SENTENCE, WORD).unwrap();
    let shared = without.named();
    let grown = fresh.map(|name, x| {
        shared.iter().find(|(found, _)| found == name).map_or(x, |(_, was)| was).clone()
    });
    let inputs = Inputs::<Reference>::draw(&(), 2, FILM, &with);
    assert_eq!(inputs.frames(&grown), inputs.frames(&without));
}

/// With a bypass, the size of the recurrence's input does not matter, so it cannot saturate the gates.
#[test]
fn a_bypass_normalises_the_input_of_the_recurrence() {
    let films = |bypass: bool, scale: f32| {
        let config = GeneratorConfig { bypass, style: 5, ..config() };
        let generator = of(&config).map(|name, x| match name {
            "plan.weight" | "plan.bias" | "moment.weight" => x.affine(scale, 0.0).unwrap(),
            _ => x.clone(),
        });
        let frames = Inputs::<Reference>::draw(&(), 2, FILM, &config).frames(&generator);
        frames.values().to_vec()
    };
    let differ = |bypass: bool| {
        let pairs = films(bypass, 1.0).into_iter().zip(films(bypass, 50.0));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    assert!(differ(true) < 1e-3, "{}", differ(true));
    assert!(differ(false) > 0.05, "{}", differ(false));
}

/// With a direct path, films depend on the sentence even if the style and the attention ignore it.
#[test]
fn a_direct_path_passes_the_style() {
    for direct in [false, true] {
        let config = GeneratorConfig { direct, style: 5, ..config() };
        let generator = of(&config).map(|name, x| match name {
            _ if name.starts_with("style.") || name == "attention.weight" => {
                x.affine(0.0, 0.0).unwrap()
            }
            _ => x.clone(),
        });
        let inputs = Inputs::<Reference>::draw(&(), 1, FILM, &config);
        let sentence = randn(20, *inputs.sentence.shape());
        let other = Inputs { sentence, ..inputs.clone() };
        assert_eq!(inputs.frames(&generator) != other.frames(&generator), direct);
    }
}

/// A sketch has the shape of the frames, and each cell of the decoder's input gives the pixels that
/// lie in the cell, row by row: another value in one cell changes the pixels of this cell alone, and
/// the bias tells the rows and columns of a cell apart.
#[test]
fn a_sketch_is_made_cell_by_cell() {
    let config = styled();
    let generator = of(&config);
    let Inputs { sentence, words, bias, noise } = Inputs::<Reference>::draw(&(), 2, FILM, &config);
    let mut drawn = generator.draw(&sentence, &words, &bias, &noise, &[0, 2, 0, 2]).unwrap();
    let FilmShape { height, width, channels, .. } = FILM;
    let [h, w] = config.base(FILM).unwrap();
    let (rows, columns) = (height / h, width / w);
    // Row and column of the cell, and the place of the value in it.
    let place = |at: usize| {
        let (row, column) = (at / channels / width % height, at / channels % width);
        let inside = (row % rows * columns + column % columns) * channels + at % channels;
        (row / rows, column / columns, inside)
    };
    let before = generator.sketch(&drawn).unwrap().unwrap();
    assert_eq!(before.shape()[..], [2, 2, height, width, channels]);
    let biases = generator.map(|name, x| match name {
        "sketch.weight" => x.affine(0.0, 0.0).unwrap(),
        "sketch.bias" => {
            let count = x.shape().elements();
            Reference::new((0..count).map(|i| i as f64).collect(), [count]).unwrap()
        }
        _ => x.clone(),
    });
    for (at, &value) in biases.sketch(&drawn).unwrap().unwrap().values().iter().enumerate() {
        assert_eq!(value, place(at).2 as f64, "{at}");
    }
    // The last cell of the second frame of the first film.
    let mut values = drawn.input.values().to_vec();
    let (area, hidden) = (h * w, config.hidden);
    values[(2 * area - 1) * hidden] += 1.0;
    drawn.input = Reference::new(values, *drawn.input.shape()).unwrap();
    let after = generator.sketch(&drawn).unwrap().unwrap();
    let frame = height * width * channels;
    for (at, (a, b)) in before.values().iter().zip(after.values()).enumerate() {
        let (row, column, _) = place(at);
        let inside = at / frame == 1 && (row, column) == (h - 1, w - 1);
        assert_eq!(a != b, inside, "{at}");
    }
}

/// Many queries of a sentence get what each of them gets alone.
#[test]
fn each_cell_attends_by_itself() {
    let attention =
        unsettled(&kinora_gan::Attention::<Reference>::new(&mut fresh(), 5, 4).unwrap());
    let (queries, words) = (randn(1, [2, 3, 5]), randn(2, [2, 6, 4]));
    let bias = randn(3, [2, 6]);
    let (contexts, weights) = attention.many(&queries, &words, &bias).unwrap();
    assert_eq!((&contexts.shape()[..], &weights.shape()[..]), (&[2, 3, 4][..], &[2, 3, 6][..]));
    for k in 0..3 {
        let one = queries.slice(1, k, 1).unwrap().reshape([2, 5]).unwrap();
        let (context, weight) = attention.forward(&one, &words, &bias).unwrap();
        let at = |x: &Reference| x.slice(1, k, 1).unwrap().values().to_vec();
        assert_eq!(at(&contexts), context.values());
        assert_eq!(at(&weights), weight.values());
    }
}
