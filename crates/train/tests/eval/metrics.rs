//! Each metric is good on real clips, and worse on damaged ones.

use kinora_cpu::CpuDevice;
use kinora_train::eval::{Film, Set, accuracy, binding, colours, distance, diversity, mean};
use kinora_video::{Clip, Draw, Split};

use crate::damage::{frozen, permuted, reversed, shuffled, speckled, whole};
use crate::{Judged, lpc, real, set, shapes};

/// Number of clips in a test.
const COUNT: u64 = 240;

fn number(set: &Set, of: impl Fn(&Film) -> f64) -> f64 {
    let numbers: Vec<(usize, f64)> = set.films.iter().map(|film| (film.prompt, of(film))).collect();
    mean(&numbers).unwrap().value
}

/// The checks that all datasets share. `motion` is the attribute that the motion shows, and `least`
/// its least accuracy after a short training of the judge. `ordered` says whether the attribute
/// depends on the order of the frames; for characters it does not, since one pose tells a walk from
/// a fall.
fn check(judged: &Judged, motion: &str, ordered: bool, least: f64) {
    let labels = &judged.judge.subject.labels;
    let clips = real(judged, Split::HeldOut, 1, COUNT);
    let good = set(judged, &clips, whole);
    let of = |set: &Set, name: &str| accuracy::attribute(set, labels, name, 0).unwrap().value;
    assert!(of(&good, motion) > least, "{motion}: {}", of(&good, motion));
    let second = accuracy::attribute(&good, labels, motion, 1).unwrap().value;
    assert!(second > least - 0.1, "{motion}, second network: {second}");

    // Each clip with the caption of another, for the attributes that the short training has learnt.
    let others = set(judged, &permuted(&clips), whole);
    let mut learnt = 0;
    for name in labels.names() {
        let [Some(own), Some(other)] =
            [&good, &others].map(|set| accuracy::attribute(set, labels, name, 0))
        else {
            continue;
        };
        if own.value > 0.6 {
            learnt += 1;
            assert!(other.value < own.value - 0.1, "{name}: {other:?}, {own:?}");
        }
    }
    assert!(learnt >= 3, "the judge has learnt {learnt} attributes");
    let all = |set: &Set| accuracy::all_said(set, labels, 0).unwrap();
    assert!(all(&others).high < all(&good).low, "{:?} {:?}", all(&others), all(&good));
    let choice = |set: &Set| binding::choice(set, labels, 0).unwrap();
    assert!(choice(&others).high < choice(&good).low);
    assert!(choice(&others).value < 0.3, "{:?}", choice(&others));

    // Clips with reordered frames.
    let [back, mixed, still] =
        [reversed, shuffled, frozen].map(|change| set(judged, &clips, change));
    let in_order = |set: &Set| accuracy::in_order(set, 0).unwrap();
    for (damage, worse) in [("reversed", &back), ("shuffled", &mixed), ("frozen", &still)] {
        if ordered {
            let (own, other) = (of(&good, motion), of(worse, motion));
            assert!(other < own - 0.1, "{motion} {damage}: {other}, {own}");
        }
        // A shape that moves backwards looks like another shape that moves forward, and so short a
        // training hardly learns a shuffled one.
        let (own, other) = (in_order(&good), in_order(worse));
        match ordered {
            true => assert!(damage == "reversed" || other.value < own.value, "{damage}: {other:?}"),
            false => assert!(other.high < own.low, "{damage}: {other:?}, {own:?}"),
        }
    }
    let change = |set: &Set| number(set, |film| film.motion.unwrap().change);
    let flicker = |set: &Set| number(set, |film| film.motion.unwrap().flicker);
    let warp = |set: &Set| number(set, |film| film.motion.unwrap().warp);
    let stands = |set: &Set| number(set, |film| film.motion.unwrap().frozen);
    assert!(change(&mixed) > 1.1 * change(&good));
    assert!(flicker(&mixed) > 1.2 * flicker(&good));
    assert!(warp(&mixed) > 1.1 * warp(&good));
    assert_eq!((stands(&still), change(&still)), (1.0, 0.0));
    assert!(stands(&good) < 0.5);

    // Clips with specks.
    let rough = set(judged, &clips, speckled);
    let loose = |set: &Set| number(set, |film| film.clean.unwrap().loose);
    let colours = |set: &Set| number(set, |film| film.clean.unwrap().colours);
    assert!(loose(&rough) > loose(&good) + 3.0, "{} {}", loose(&rough), loose(&good));
    assert!(colours(&rough) > 1.5 * colours(&good), "{} {}", colours(&rough), colours(&good));
    assert!(flicker(&rough) > 1.5 * flicker(&good));
    if judged.judge.subject.dims[3] == 4 {
        let half = |set: &Set| number(set, |film| film.clean.unwrap().half_transparent.unwrap());
        assert!(half(&rough) > half(&good) + 0.1);
    }

    // The distances from other real clips.
    let base = set(judged, &real(judged, Split::HeldOut, 2, COUNT), whole);
    let [frechet, mmd] = [distance::frechet, distance::mmd]
        .map(|of| move |set: &Set, base: &Set| of(set, base).unwrap());
    let (own, same) = (frechet(&good, &base), mmd(&good, &base));
    assert!(same.low < 0.0 && 0.0 < same.high, "{same:?}");
    // The judge learns from clips with noise, so its features hardly notice specks; `clean` does. With so
    // few clips the intervals are wide, and a walk backwards is close to a walk.
    for (damage, worse, least) in
        [("shuffled", &mixed, 1.2), ("frozen", &still, 1.2), ("reversed", &back, 1.0)]
    {
        if !ordered || damage != "reversed" {
            let (far, apart) = (frechet(worse, &base).value, mmd(worse, &base).value);
            assert!(far > least * own.value, "{damage}: {far}, {own:?}");
            assert!(apart > same.value, "{damage}: {apart}, {same:?}");
        }
    }

    // Attributes that the captions leave open vary, unless all films are the same.
    let one = set(judged, &clips, |_, _| clips[0].1.clone());
    for name in labels.names() {
        let Some(free) = diversity::entropy(&good, labels, name) else { continue };
        assert!(free.value > 0.2, "{name}: {free:?}");
        assert_eq!(diversity::entropy(&one, labels, name).unwrap().value, 0.0);
        assert_eq!(diversity::within_prompt(&one, labels, name).unwrap().value, 0.0);
        let differ = diversity::within_prompt(&good, labels, name).unwrap();
        assert!(differ.value > 0.0, "{name}: {differ:?}");
    }
}

#[test]
fn metrics_of_shapes() {
    let judged = shapes();
    check(judged, "motion", true, 0.5);
    // The accuracy of colours from pixels.
    let clips = real(judged, Split::HeldOut, 1, COUNT);
    let good = set(judged, &clips, whole);
    let others = set(judged, &permuted(&clips), whole);
    for ((name, good), (_, other)) in colours(&good).into_iter().zip(colours(&others)) {
        let (Some(good), Some(other)) = (good, other) else { continue };
        assert!(other.high < good.low, "{name}: {good:?}, {other:?}");
    }
    // A sentence about shapes has no two colours that can be exchanged.
    let labels = &judged.judge.subject.labels;
    assert!(binding::pairs(&*judged.data, Split::Train, labels, 0, 5).unwrap().is_empty());
}

#[test]
fn metrics_of_characters() {
    let Some(judged) = lpc() else { return };
    check(judged, "action", false, 0.6);
    let clips = real(judged, Split::HeldOut, 1, COUNT);
    let good = set(judged, &clips, whole);
    let others = set(judged, &permuted(&clips), whole);
    for (name, least) in [("hair", 0.6), ("torso", 0.5)] {
        let of = |set: &Set| colours(set).into_iter().find(|(found, _)| *found == name).unwrap().1;
        let (good, other) = (of(&good).unwrap(), of(&others).unwrap());
        assert!(good.value > least && other.high < good.low, "{name}: {good:?}, {other:?}");
    }
}

#[test]
fn swapped_colours_are_told_apart() {
    let Some(judged) = lpc() else { return };
    let labels = &judged.judge.subject.labels;
    let pairs = binding::pairs(&*judged.data, Split::Train, labels, 0, 200).unwrap();
    assert_eq!(pairs.len(), 200);
    for pair in &pairs {
        let [first, second] = &pair.captions;
        assert_ne!(first.text, second.text);
        for name in &pair.attributes {
            assert_ne!(first.attributes[name], second.attributes[name]);
            assert!(first.said.contains(name));
        }
    }
    // The clip of the first caption shows the colours of the first caption, not of the second.
    let clip = |pair: &binding::Pair| {
        let Draw { seed, index } = pair.draw;
        let example = judged.data.example(Split::Train, Draw { seed, index }).unwrap();
        example.clip.to_dims(judged.judge.subject.dims).unwrap()
    };
    let clips: Vec<Clip> = pairs.iter().map(clip).collect();
    let shown: Vec<&Clip> = clips.iter().collect();
    let verdicts = judged.judge.look(&CpuDevice::default(), &shown).unwrap();
    let captions: Vec<_> = pairs.iter().flat_map(|pair| pair.captions.clone()).collect();
    let films = |offset: usize| {
        let films = (0..).zip(verdicts.clone());
        let films = films.map(|(k, verdict)| Film::of(2 * k + offset, verdict)).collect();
        binding::swap(&Set { captions: captions.clone(), films }, &pairs, labels, 0)
    };
    let (own, other) = (films(0), films(1));
    assert!(own.own.unwrap().low > own.crossed.unwrap().high, "{own:?}");
    assert_eq!((own.own, own.crossed), (other.crossed, other.own));
}
