//! The dataset `shapes`: captions against the pixels.

use std::collections::{BTreeMap, BTreeSet};

use kinora_video::{Attributes, Caption, Clip, Dataset, Draw, Shapes, Split};

const SHAPE_COLOUR: [&str; 2] = ["shape", "colour"];
const COLOUR_MOTION: [&str; 2] = ["colour", "motion"];

fn pair(attributes: &Attributes, names: [&str; 2]) -> (String, String) {
    (attributes[names[0]].clone(), attributes[names[1]].clone())
}

/// The pairs that a side shows in its first draws.
fn pairs(shapes: &Shapes, split: Split, names: [&str; 2]) -> BTreeSet<(String, String)> {
    (0..20_000)
        .map(|index| shapes.caption(split, Draw { seed: 5, index }).unwrap())
        .map(|caption| pair(&caption.attributes, names))
        .collect()
}

#[test]
fn held_out_pairs_never_meet_in_training() {
    let shapes = Shapes::new();
    let rows = [(SHAPE_COLOUR, 64, 6), (COLOUR_MOTION, 88, 9)];
    let trained = rows.map(|(names, all, held)| {
        let trained = pairs(&shapes, Split::Train, names);
        assert_eq!(trained.len(), all - held, "{names:?}");
        trained
    });
    for (names, trained) in rows.map(|row| row.0).iter().zip(&trained) {
        let held = pairs(&shapes, Split::HeldOut, *names);
        assert!(held.difference(trained).count() >= 6, "{names:?}");
    }
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for index in 0..20_000 {
        let draw = Draw { seed: 9, index };
        let held = shapes.caption(Split::HeldOut, draw).unwrap().attributes;
        let unseen = |i: usize, names| !trained[i].contains(&pair(&held, names));
        assert!(unseen(0, SHAPE_COLOUR) || unseen(1, COLOUR_MOTION), "{held:?}");
        for (name, value) in shapes.caption(Split::Train, draw).unwrap().attributes {
            values.entry(name).or_default().insert(value);
        }
    }
    let counts: Vec<usize> = values.values().map(BTreeSet::len).collect();
    assert_eq!(counts, [5, 8, 11, 5, 8, 3], "{values:?}");
}

#[test]
fn the_same_draw_is_the_same_example() {
    let (one, two) = (Shapes::new(), Shapes::new());
    let draw = |index| Draw { seed: 1, index };
    for split in [Split::Train, Split::HeldOut] {
        for index in (0..40).rev() {
            let example = one.example(split, draw(index)).unwrap();
            assert_eq!(example, two.example(split, draw(index)).unwrap());
            assert_eq!(example.caption, two.caption(split, draw(index)).unwrap());
            assert_eq!(example.clip.dims(), one.info().dims);
            assert_eq!(example.clip.fps(), one.info().fps);
        }
    }
    let other = Draw { seed: 2, index: 0 };
    assert_ne!(
        one.example(Split::Train, other).unwrap(),
        one.example(Split::Train, draw(0)).unwrap()
    );
    assert!(one.check().is_empty());
}

/// The centre `[x, y]` of the pixels that differ from the upper left corner, for each frame.
fn centroids(clip: &Clip) -> Vec<[f64; 2]> {
    let [frames, height, width, channels] = clip.dims();
    (0..frames)
        .map(|t| {
            let frame = clip.frame(t);
            let (mut sum, mut weight) = ([0.0; 2], 0.0);
            for (i, pixel) in frame.chunks_exact(channels).enumerate() {
                let far =
                    pixel.iter().zip(frame).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
                sum[0] += far * (i % width) as f64;
                sum[1] += far * (i / width) as f64;
                weight += far;
            }
            assert!(weight > 0.0 && frame.len() == height * width * channels);
            sum.map(|s| s / weight)
        })
        .collect()
}

/// The name of the motion of a path of centres.
fn motion(path: &[[f64; 2]]) -> String {
    let range = |axis: usize| {
        let values = path.iter().map(|p| p[axis]);
        values.clone().fold(f64::MIN, f64::max) - values.fold(f64::MAX, f64::min)
    };
    let turns = |axis: usize| {
        let steps: Vec<f64> = path.windows(2).map(|w| w[1][axis] - w[0][axis]).collect();
        let steps: Vec<f64> = steps.into_iter().filter(|step| step.abs() > 0.3).collect();
        steps.windows(2).filter(|w| w[0] * w[1] < 0.0).count()
    };
    let way = |axis: usize, [less, more]: [&'static str; 2]| {
        let way = path[path.len() - 1][axis] - path[0][axis];
        if way.abs() < 2.0 { None } else { Some(if way < 0.0 { less } else { more }) }
    };
    if range(0) < 1.0 && range(1) < 1.0 {
        return "still".into();
    }
    if range(1) > 2.0 && turns(1) >= 3 {
        return "zigzag".into();
    }
    if range(0) > 2.0 && range(1) > 2.0 && turns(0) + turns(1) >= 2 {
        return "circle".into();
    }
    let ways = [way(1, ["up", "down"]), way(0, ["left", "right"])];
    ways.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_pixels_move_as_the_caption_says() {
    let shapes = Shapes::new();
    for index in 0..300 {
        for split in [Split::Train, Split::HeldOut] {
            let example = shapes.example(split, Draw { seed: 3, index }).unwrap();
            let path = centroids(&example.clip);
            let attributes = &example.caption.attributes;
            assert_eq!(
                motion(&path),
                attributes["motion"],
                "{index} {:?}: {path:?}",
                example.caption
            );
            // A motion is large enough to be seen at a quarter of the size.
            let far = path.iter().map(|p| (p[0] - path[0][0]).hypot(p[1] - path[0][1]));
            let far = far.fold(0.0, f64::max);
            assert!(far > 18.0 || attributes["motion"] == "still", "{index}: {far}");
            let place = [0, 1].map(|axis| {
                let values = path.iter().map(|p| p[axis]);
                let (low, high) =
                    (values.clone().fold(f64::MAX, f64::min), values.fold(0.0, f64::max));
                ((low + high) / 2.0 - 31.5) / 9.0
            });
            let named = match attributes["place"].as_str() {
                "at the top" => [0.0, -1.0],
                "at the bottom" => [0.0, 1.0],
                "at the left" => [-1.0, 0.0],
                "at the right" => [1.0, 0.0],
                _ => [0.0, 0.0],
            };
            let off = (place[0] - named[0]).hypot(place[1] - named[1]);
            assert!(off < 0.3, "{index} {named:?}: {place:?}");
        }
    }
}

#[test]
fn captions_tell_what_is_there_and_vary() {
    let shapes = Shapes::new();
    let (mut texts, mut sizes, mut grounds, mut places) = (BTreeSet::new(), 0, 0, 0);
    for index in 0..2000 {
        let caption = shapes.caption(Split::Train, Draw { seed: 4, index }).unwrap();
        let words: Vec<&str> = caption.text.split([' ', ',']).collect();
        let colours = ["red", "orange", "yellow", "green", "cyan", "blue", "pink", "white"];
        let told: Vec<&&str> = colours.iter().filter(|colour| words.contains(colour)).collect();
        assert_eq!(told, [&caption.attributes["colour"].as_str()], "{}", caption.text);
        let any = |list: &[&str]| words.iter().any(|word| list.contains(word));
        let size: &[&str] = match caption.attributes["size"].as_str() {
            "small" => &["small", "little", "tiny"],
            "medium" => &["medium", "medium-sized"],
            _ => &["large", "big", "huge"],
        };
        let all = ["small", "little", "tiny", "medium", "medium-sized", "large", "big", "huge"];
        assert_eq!(any(&all), any(size), "{}", caption.text);
        sizes += usize::from(any(&all));
        let ground = ["black", "grey", "navy", "brown", "purple"];
        assert_eq!(any(&ground), any(&[&caption.attributes["background"]]), "{}", caption.text);
        grounds += usize::from(any(&ground));
        let place: &[&str] = match caption.attributes["place"].as_str() {
            "in the middle" => &["in the middle", "in the centre"],
            "at the top" => &["in the upper half", "near the top"],
            "at the bottom" => &["in the lower half", "near the bottom"],
            "at the left" => &["in the left half", "on the left side"],
            _ => &["in the right half", "on the right side"],
        };
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| caption.text.contains(phrase));
        let any_place = [" half", "near the", " side", "in the middle", "in the centre"];
        assert_eq!(says(&any_place), says(place), "{}", caption.text);
        places += usize::from(says(place));
        assert!(!caption.text.contains("  ") && caption.text.trim() == caption.text);
        texts.insert(caption.text);
    }
    assert!(texts.len() > 1500, "{}", texts.len());
    assert!((1000..1600).contains(&sizes) && (900..1500).contains(&grounds), "{sizes} {grounds}");
    assert!((800..1200).contains(&places), "{places}");
}

#[test]
fn a_wrong_caption_is_false_and_names_no_held_out_pair() {
    let shapes = Shapes::new();
    // For each sentence, the attributes of all clips that have it as their caption.
    let mut meanings: BTreeMap<String, Vec<Attributes>> = BTreeMap::new();
    for index in 0..80_000 {
        for split in [Split::Train, Split::HeldOut] {
            let caption = shapes.caption(split, Draw { seed: 6, index }).unwrap();
            meanings.entry(caption.text).or_default().push(caption.attributes);
        }
    }
    let trained = [SHAPE_COLOUR, COLOUR_MOTION].map(|names| pairs(&shapes, Split::Train, names));
    let mut checked = 0;
    for index in 0..4000 {
        for split in [Split::Train, Split::HeldOut] {
            let draw = Draw { seed: 8, index };
            let caption = shapes.caption(split, draw).unwrap();
            let all = shapes.wrong_captions(split, &caption, draw, 4).unwrap();
            assert_eq!(all, shapes.wrong_captions(split, &caption, draw, 4).unwrap());
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 4, "{all:?}");
            for wrong in all {
                assert_ne!(wrong, caption.text);
                let Some(meaning) = meanings.get(&wrong) else { continue };
                checked += 1;
                assert!(!meaning.contains(&caption.attributes), "{wrong:?} of {caption:?}");
                if split == Split::Train {
                    assert!(trained[0].contains(&pair(&meaning[0], SHAPE_COLOUR)), "{wrong:?}");
                    assert!(trained[1].contains(&pair(&meaning[0], COLOUR_MOTION)), "{wrong:?}");
                }
            }
        }
    }
    assert!(checked > 2000, "{checked}");
}

#[test]
fn a_caption_of_something_else_is_an_error() {
    let shapes = Shapes::new();
    let draw = Draw { seed: 0, index: 0 };
    let good = shapes.caption(Split::Train, draw).unwrap();
    for (name, value) in [("shape", "cloud"), ("colour", ""), ("motion", "🙂")] {
        let mut attributes = good.attributes.clone();
        attributes.insert(name.into(), value.into());
        let caption = Caption { attributes, ..good.clone() };
        let error = shapes.wrong_captions(Split::Train, &caption, draw, 1).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(value), "{error}");
    }
    let none = Caption { attributes: Attributes::new(), ..good };
    assert!(shapes.wrong_captions(Split::Train, &none, draw, 1).is_err());
}

#[test]
fn a_variant_differs() -> kinora_video::Result<()> {
    let shapes = Shapes::new();
    for index in 0..300 {
        let draw = Draw { seed: 8, index };
        let clip = shapes.example(Split::Train, draw)?.clip;
        let variant = shapes.variant(Split::Train, draw)?.expect("shapes have variants");
        assert_eq!(variant, shapes.variant(Split::Train, draw)?.expect("shapes have variants"));
        assert_eq!(variant.dims(), clip.dims());
        assert_ne!(variant, clip);
    }
    Ok(())
}

#[test]
fn a_twin_keeps_what_its_caption_leaves_open() -> kinora_video::Result<()> {
    let shapes = Shapes::new();
    let (mut open, mut stated) = ([0, 0], [0, 0]);
    for index in 0..600 {
        let draw = Draw { seed: 7, index };
        let example = shapes.example(Split::Train, draw)?;
        let twin = shapes.twin(Split::Train, draw)?.expect("shapes have twins");
        assert_eq!(twin, shapes.twin(Split::Train, draw)?.expect("shapes have twins"));
        assert_eq!(twin.dims(), example.clip.dims());
        // No shape covers the corners in every frame.
        let corners = |clip: &Clip| {
            let last = clip.frame(0).len() - 3;
            [0, 15].map(|t| [0, last].map(|at| clip.frame(t)[at..at + 3].to_vec()))
        };
        let counts = match example.caption.said.contains("background") {
            false => &mut open,
            true => &mut stated,
        };
        counts[0] += usize::from(corners(&twin) == corners(&example.clip));
        counts[1] += 1;
    }
    assert!(open[1] > 100 && open[0] == open[1], "{open:?}");
    // One of five backgrounds by chance.
    assert!(stated[1] > 100 && stated[0] * 3 < stated[1], "{stated:?}");
    Ok(())
}
