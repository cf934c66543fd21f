//! From a sentence and a seed to a film.

use kinora_cpu::CpuTensor;
use kinora_embed::{Encoded, Inputs};
use kinora_gan::Noise;
use kinora_model::{ClipConfig, ModelConfig, pixels};
use kinora_nn::{Fresh, Init, Module};
use kinora_tensor::Tensor;

use crate::tiny::{config, model, of};

const INPUTS: Inputs = Inputs { vocab: 240, vectors: 0, sentence: 0 };

const PROMPTS: [(&str, u64); 4] = [
    ("a knight walks to the left", 0),
    ("a red robe", 7),
    ("", 1),
    ("a knight walks to the left", 1),
];

#[test]
fn a_film_has_the_size_and_the_rate_of_its_model() {
    for channels in [1, 3, 4] {
        let clip = ClipConfig { channels, fps: 12.5, ..config().clip };
        let film = of(ModelConfig { clip, ..config() }).sample("a knight", 0).unwrap();
        assert_eq!((film.dims(), film.fps()), ([3, 4, 6, channels], 12.5));
    }
}

#[test]
fn one_seed_is_one_film() {
    let model = model();
    let film = |prompt, seed| model.sample(prompt, seed).unwrap();
    assert_eq!(film("a knight walks", 5), film("a knight walks", 5));
    assert_ne!(film("a knight walks", 5), film("a knight walks", 6));
    assert_ne!(film("a knight walks", 5), film("a red robe", 5));
    assert_ne!(film("a knight walks", 0), film("a knight walks", 1 << 40));
    // The film depends on the seed alone, not on earlier calls: a clone gives the same film.
    assert_eq!(
        model.clone().sample("a knight walks", u64::MAX).unwrap(),
        film("a knight walks", u64::MAX)
    );
}

/// Films made one by one and in a batch differ only by rounding: by at most 1 of 255 in bytes, and
/// by less than 10⁻⁴ in the network's numbers.
#[test]
fn a_batch_is_its_films() {
    let model = model();
    let together = model.sample_batch(&PROMPTS).unwrap();
    assert_eq!(together.len(), PROMPTS.len());
    for ((prompt, seed), film) in PROMPTS.into_iter().zip(&together) {
        let alone = model.sample(prompt, seed).unwrap();
        let apart = alone.data().iter().zip(film.data()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(apart <= Some(1), "{prompt:?}: {apart:?}");
    }
    let values = |prompts: &[(&str, u64)]| {
        let texts: Vec<&str> = prompts.iter().map(|(text, _)| *text).collect();
        let pieces = model.lexicon.read(&texts).unwrap();
        let seeds: Vec<u64> = prompts.iter().map(|&(_, seed)| seed).collect();
        let device = model.net.encoder.words.table.table.device();
        let noise = kinora_model::noise(device, &model.config, &seeds).unwrap();
        model.net.forward(&pieces, &noise).unwrap().to_vec().unwrap()
    };
    let all = values(&PROMPTS);
    for (prompt, beside) in PROMPTS.iter().zip(all.chunks(3 * 4 * 6 * 4)) {
        for (a, b) in values(&[*prompt]).iter().zip(beside) {
            assert!((a - b).abs() < 1e-4, "{prompt:?}: {a} alone, {b} beside others");
        }
    }
    assert_eq!(model.sample_batch(&[]).unwrap(), []);
}

#[test]
fn the_best_of_some_films_match_best() {
    let model = model();
    let seeds = [7, 1, 9, 4, 2];
    let all = model.best("a red robe", &seeds, 9).unwrap();
    assert_eq!(all.len(), 5);
    for (seed, logit, film) in &all {
        assert_eq!(*film, model.sample("a red robe", *seed).unwrap());
        let clean = film.clean(&Default::default());
        let alone = model.matches("a red robe", &[clean]).unwrap()[0];
        assert!((alone - logit).abs() < 1e-3, "{alone} alone, {logit} among others");
    }
    assert!(all.is_sorted_by(|a, b| a.1 >= b.1));
    assert_eq!(model.best("a red robe", &seeds, 2).unwrap(), all[..2]);
    assert_eq!(model.best("a red robe", &[], 2).unwrap(), []);
}

/// Without a prior, z is the normal noise of the seed. With a prior, the seed chooses a reference clip, and z is the
/// completion of the sentence by this clip. As many seeds in a row as there are references have all of them.
#[test]
fn the_seed_chooses_a_reference() {
    let model = model();
    let without = of(ModelConfig { references: 0, ..config() });
    let device = model.net.encoder.words.table.table.device();
    let pieces = model.lexicon.read(&["a knight"]).unwrap();
    let sentence = model.net.encoder.forward(&pieces).unwrap().sentence;
    let draw = |net: &kinora_model::Net<CpuTensor>, noise: &Noise<CpuTensor>| {
        let Encoded { sentence, words, bias } = net.encoder.forward(&pieces).unwrap();
        let values =
            net.generator.sharp(&sentence, &words, &bias, noise).unwrap().to_vec().unwrap();
        pixels::to_clip(&values, &model.config.clip).unwrap()
    };
    let prior = model.net.prior.as_ref().unwrap();
    let count = model.config.references;
    let mut chosen = Vec::new();
    for seed in 0..2 * count as u64 {
        let normal = kinora_model::noise(device, &model.config, &[seed]).unwrap();
        assert_eq!(draw(&without.net, &normal), without.sample("a knight", seed).unwrap());
        let film = model.sample("a knight", seed).unwrap();
        let references = (0..count).filter(|&reference| {
            let completion = prior.complete(&[reference], &sentence).unwrap();
            draw(&model.net, &Noise { film: completion, frames: normal.frames.clone() }) == film
        });
        let references: Vec<usize> = references.collect();
        assert_eq!(references.len(), 1, "seed {seed}: {references:?}");
        chosen.extend(references);
    }
    assert_ne!(chosen[..count], chosen[count..]);
    for block in chosen.chunks_mut(count) {
        block.sort_unstable();
        assert_eq!(*block, (0..count).collect::<Vec<_>>());
    }
}

/// More films than fit into one batch.
#[test]
fn a_large_batch_is_its_films_in_order() {
    let clip = ClipConfig { frames: 2, height: 256, width: 256, ..config().clip };
    let mut config = ModelConfig { clip, ..config() };
    config.generator.decoder = vec![2; 6];
    config.generator.group = 1;
    let model = of(config);
    let prompts = [0, 1, 2, 3, 4].map(|seed| ("a knight walks", seed));
    let together = model.sample_batch(&prompts).unwrap();
    assert_eq!(together.len(), 5);
    for ((prompt, seed), film) in prompts.into_iter().zip(&together) {
        let alone = model.sample(prompt, seed).unwrap();
        let apart = alone.data().iter().zip(film.data()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(apart <= Some(1), "seed {seed}: {apart:?}");
    }
    let logits = model.matches("a red robe", &together).unwrap();
    for (logit, film) in logits.iter().zip(together) {
        let alone = model.matches("a red robe", &[film]).unwrap()[0];
        assert!((alone - logit).abs() < 1e-3, "{alone} alone, {logit} beside");
    }
}

#[test]
fn any_sentence_has_a_film() {
    let model = model();
    let long = "a knight walks ".repeat(500);
    for prompt in ["", " ", "🦀", "日本語 のテキスト", "\u{0}\n\t", "A KNIGHT!!!", &long]
    {
        assert_eq!(model.sample(prompt, 0).unwrap().dims(), [3, 4, 6, 4], "{prompt:?}");
    }
}

#[test]
fn attention_is_one_share_a_piece() {
    let model = model();
    for (prompt, pieces) in [("a red robe", 3), ("", 0)] {
        let weights = model.attention(prompt, 3).unwrap();
        assert_eq!(weights.len(), 3, "one row a frame");
        for row in weights {
            assert_eq!(row.len(), pieces);
            let sum: f32 = row.iter().sum();
            assert!(pieces == 0 || (sum - 1.0).abs() < 1e-5, "{row:?}");
        }
    }
    // The sentence has more pieces than the model's eight places.
    assert_eq!(model.attention("a a a a a a a a a a a a", 0).unwrap()[0].len(), 8);
}

/// A film converted to numbers and back is the same film, up to rounding.
#[test]
fn films_come_back_through_pixels() {
    let film = model().sample("a knight", 0).unwrap();
    let values = pixels::to_values(&film);
    assert!(values.iter().all(|x| (-1.0..=1.0).contains(x)));
    let back = pixels::to_clip(&values, &config().clip).unwrap();
    for (a, b) in film.data().chunks(4).zip(back.data().chunks(4)) {
        // A premultiplied colour has fewer steps where alpha is small.
        let step = 1 + 255 / u16::from(a[3].max(1));
        assert!(a.iter().zip(b).all(|(a, b)| u16::from(a.abs_diff(*b)) <= step), "{a:?} {b:?}");
    }
    assert!(pixels::to_clip(&values[1..], &config().clip).is_err());
}

/// Each clip has one logit, which depends on the sentence and not on the other clips of the batch.
#[test]
fn clips_are_held_against_a_sentence() {
    let model = model();
    let clips: Vec<_> = (0..19).map(|seed| model.sample("a knight", seed).unwrap()).collect();
    let logits = model.matches("a red robe", &clips).unwrap();
    assert_eq!(logits.len(), clips.len());
    assert_eq!(model.matches("a red robe", &clips).unwrap(), logits);
    assert_ne!(model.matches("a knight walks to the left", &clips).unwrap(), logits);
    for (k, (clip, beside)) in clips.iter().zip(&logits).enumerate() {
        // A new matcher has the inverse temperature 12.
        assert!(beside.is_finite() && beside.abs() <= 12.1, "{beside}");
        let alone = model.matches("a red robe", std::slice::from_ref(clip)).unwrap();
        assert!((alone[0] - beside).abs() < 1e-3, "clip {k}: {alone:?} alone, {beside} beside");
    }
    assert!(logits.iter().any(|logit| (logit - logits[0]).abs() > 1e-4), "{logits:?}");
    assert_eq!(model.matches("a red robe", &[]).unwrap(), [0.0; 0]);
    for prompt in ["", "🦀"] {
        assert_eq!(model.matches(prompt, &clips[..2]).unwrap().len(), 2);
    }

    let small = clips[0].resize(3, 5).unwrap();
    let error = model.matches("a red robe", &[clips[1].clone(), small]).unwrap_err();
    assert!(matches!(error, kinora_model::Error::Config(_)), "{error:?}");
    let wanted = "a clip has 3 frames of 5 x 3, 4 channels, but this model needs 3 frames of 6 x 4, 4 channels";
    assert!(error.to_string().contains(wanted), "{error}");
}

#[test]
fn sizes_that_make_no_model() {
    let good = config();
    let clip = good.clip;
    let with = |clip| ModelConfig { clip, ..good.clone() };
    good.check().unwrap();
    let mut narrow = good.clone();
    narrow.encoder.word = 1;
    let mut odd = good.clone();
    odd.generator.decoder = vec![3];
    let mut deep = good.clone();
    deep.matcher.as_mut().unwrap().channels = vec![8; 3];
    for (config, wanted) in [
        (with(ClipConfig { frames: 0, ..clip }), "clip.frames = 0 must be from 1 to 256"),
        (with(ClipConfig { height: 5000, ..clip }), "clip.height = 5000"),
        (with(ClipConfig { width: 7, ..clip }), "clip.width = 7 must be multiples of 2"),
        (
            with(ClipConfig { channels: 2, ..clip }),
            "clip.channels = 2 must be 1 for grey, 3 for colour or 4",
        ),
        (with(ClipConfig { fps: 0.0, ..clip }), "clip.fps = 0"),
        (with(ClipConfig { fps: f32::NAN, ..clip }), "clip.fps = NaN"),
        (narrow, "encoder.word = 1"),
        (odd, "generator.decoder: 3 channels"),
        (deep, "matcher.channels halves the resolution 3 times, too often for 4 by 6 pixels"),
    ] {
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains(wanted), "{error:?}, not {wanted:?}");
        let mut init = kinora_nn::Outline;
        assert!(kinora_model::Net::new(&mut init, &config, &INPUTS).is_err());
    }
}

/// The initial weights depend on the seed alone.
#[test]
fn the_same_seed_is_the_same_model() {
    fn tensors<I: Init<kinora_cpu::CpuTensor>>(mut init: I) -> Vec<f32> {
        let net = kinora_model::Net::new(&mut init, &config(), &INPUTS).unwrap();
        net.named().into_iter().flat_map(|(_, x)| x.data().to_vec()).collect()
    }
    let device = kinora_cpu::CpuDevice::default();
    let of = |seed| tensors(Fresh::new(&device, kinora_tensor::Random::new(seed, 0)));
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
}
