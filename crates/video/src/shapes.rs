use std::collections::BTreeSet;

use crate::draws::{Voice, held_out, rng};
use crate::{Attributes, Caption, Clip, Dataset, Draw, Error, Example, Info, Result, Split};

mod figure;
mod path;
mod words;

use figure::Figure;
use path::{FRAMES, SIZE};

const SHAPES: [&str; 8] =
    ["circle", "square", "triangle", "diamond", "star", "cross", "ring", "heart"];
const COLOURS: [(&str, [u8; 3]); 8] = [
    ("red", [230, 40, 40]),
    ("orange", [250, 140, 20]),
    ("yellow", [250, 225, 50]),
    ("green", [50, 190, 70]),
    ("cyan", [60, 215, 230]),
    ("blue", [60, 110, 255]),
    ("pink", [250, 130, 190]),
    ("white", [245, 245, 245]),
];
/// Half the width of a shape, in pixels.
const SIZES: [(&str, f32); 3] = [("small", 5.5), ("medium", 8.5), ("large", 12.0)];
const MOTIONS: [&str; 11] = [
    "left",
    "right",
    "up",
    "down",
    "up left",
    "up right",
    "down left",
    "down right",
    "circle",
    "zigzag",
    "still",
];
const BACKGROUNDS: [(&str, [u8; 3]); 5] = [
    ("black", [10, 10, 12]),
    ("grey", [96, 96, 100]),
    ("navy", [20, 30, 80]),
    ("brown", [84, 52, 28]),
    ("purple", [72, 24, 96]),
];
/// The middle of the path: its name, and the direction from the middle of the picture.
const PLACES: [(&str, [f32; 2]); 5] = [
    ("in the middle", [0.0, 0.0]),
    ("at the top", [0.0, -1.0]),
    ("at the bottom", [0.0, 1.0]),
    ("at the left", [-1.0, 0.0]),
    ("at the right", [1.0, 0.0]),
];

const SHAPE: usize = 0;
const COLOUR: usize = 1;
const SIZE_FIELD: usize = 2;
const MOTION: usize = 3;
const BACKGROUND: usize = 4;
const PLACE: usize = 5;
const FIELDS: [&str; 6] = ["shape", "colour", "size", "motion", "background", "place"];

/// Number of false sentences of a clip that are distinct; further ones may repeat.
const DISTINCT: usize = 8;

/// A value for each of [`FIELDS`], as an index into its list.
type Choice = [usize; FIELDS.len()];

/// Coloured shapes that move over a plain background, drawn anti-aliased on demand: 64x64 RGB,
/// 16 frames, 8 per second: `[16, 64, 64, 3]`.
///
/// Attributes: `shape`, `colour`, `size`, `motion`, `background`, `place`. They determine each
/// pixel, and a caption can name each of them. A tenth of the pairs of shape
/// and colour, and of colour and motion, never occur together in training. Every held-out clip has at
/// least one such pair, and no false caption of the training split names one. A false caption is the
/// true caption with another value of one attribute. Some words and sentence structures occur only in captions
/// of the held-out split, in every second draw.
#[derive(Debug)]
pub struct Shapes {
    info: Info,
    shape_colour: BTreeSet<(usize, usize)>,
    colour_motion: BTreeSet<(usize, usize)>,
}

impl Shapes {
    /// The dataset; it needs no files.
    pub fn new() -> Self {
        let colours = COLOURS.map(|(name, _)| name);
        Self {
            info: Info {
                spec: "shapes".into(),
                dims: [FRAMES, SIZE, SIZE, 3],
                fps: 8.0,
                licence: "CC0 (drawn by kinora)".into(),
                credits: String::new(),
            },
            shape_colour: held_out(&SHAPES, &colours),
            colour_motion: held_out(&colours, &MOTIONS),
        }
    }

    fn is_held_out(&self, choice: &Choice) -> bool {
        self.shape_colour.contains(&(choice[SHAPE], choice[COLOUR]))
            || self.colour_motion.contains(&(choice[COLOUR], choice[MOTION]))
    }

    fn choose(&self, split: Split, rng: &mut fastrand::Rng) -> Choice {
        loop {
            let choice = std::array::from_fn(|field| rng.usize(..count(field)));
            if self.is_held_out(&choice) == (split == Split::HeldOut) {
                return choice;
            }
        }
    }

    /// The choice with another value of one of `fields`. In training the new choice has no held-out
    /// pair, or a discriminator would learn that such pairs are false.
    fn other(
        &self,
        split: Split,
        choice: &Choice,
        fields: &[usize],
        rng: &mut fastrand::Rng,
    ) -> Option<Choice> {
        // Field and value are drawn together, so that a change is as likely as its inverse. Then
        // words alone do not separate false sentences from true ones.
        let mut draws = (0..1000).map(|_| {
            let field = fields[rng.usize(..fields.len())];
            let mut other = *choice;
            other[field] = rng.usize(..count(field));
            other
        });
        draws.find(|other| other != choice && (split == Split::HeldOut || !self.is_held_out(other)))
    }

    fn choice_of(&self, attributes: &Attributes) -> Result<Choice> {
        let mut choice = Choice::default();
        for (field, place) in choice.iter_mut().enumerate() {
            let value = attributes.get(FIELDS[field]);
            let found =
                value.and_then(|value| (0..count(field)).find(|&i| name(field, i) == value));
            *place = found.ok_or_else(|| Error::Spec {
                spec: self.info.spec.clone(),
                reason: match value {
                    Some(value) => format!("this dataset has no {} {value:?}", FIELDS[field]),
                    None => format!("the caption has no attribute {}", FIELDS[field]),
                },
            })?;
        }
        Ok(choice)
    }
}

impl Default for Shapes {
    fn default() -> Self {
        Self::new()
    }
}

impl Dataset for Shapes {
    fn info(&self) -> &Info {
        &self.info
    }

    fn caption(&self, split: Split, draw: Draw) -> Result<Caption> {
        let choice = self.choose(split, &mut rng(split, draw, 0));
        let wording = words::Wording::new(Voice::draw(split, draw, 1));
        let text = wording.say(&choice);
        let said = (0..FIELDS.len()).filter(|&field| wording.tells(field));
        let said = said.map(|field| FIELDS[field].to_owned()).collect();
        let attributes = (0..FIELDS.len())
            .map(|field| (FIELDS[field].to_owned(), name(field, choice[field]).to_owned()))
            .collect();
        Ok(Caption { text, attributes, said })
    }

    fn example(&self, split: Split, draw: Draw) -> Result<Example> {
        let choice = self.choose(split, &mut rng(split, draw, 0));
        let clip = render(&choice, self.info.fps)?;
        Ok(Example { clip, caption: self.caption(split, draw)? })
    }

    fn twin(&self, split: Split, draw: Draw) -> Result<Option<Clip>> {
        let own = self.choose(split, &mut rng(split, draw, 0));
        let wording = words::Wording::new(Voice::draw(split, draw, 1));
        let drawn = &mut rng(split, draw, 4);
        let twin = loop {
            let mut twin = own;
            for field in (0..FIELDS.len()).filter(|&field| wording.tells(field)) {
                twin[field] = drawn.usize(..count(field));
            }
            if split == Split::HeldOut || !self.is_held_out(&twin) {
                break twin;
            }
        };
        render(&twin, self.info.fps).map(Some)
    }

    fn variant(&self, split: Split, draw: Draw) -> Result<Option<Clip>> {
        let own = self.choose(split, &mut rng(split, draw, 0));
        let drawn = &mut rng(split, draw, 5);
        let fields: Vec<usize> = (0..FIELDS.len()).collect();
        let variant = self.other(split, &own, &fields, drawn).unwrap_or(own);
        render(&variant, self.info.fps).map(Some)
    }

    fn wrong_captions(
        &self,
        split: Split,
        caption: &Caption,
        draw: Draw,
        count: usize,
    ) -> Result<Vec<String>> {
        let choice = self.choice_of(&caption.attributes)?;
        let rng = &mut rng(split, draw, 3);
        let wording = words::Wording::new(Voice::draw(split, draw, 1));
        let told: Vec<usize> = (0..FIELDS.len()).filter(|&field| wording.tells(field)).collect();
        let mut found: Vec<String> = Vec::with_capacity(count);
        while found.len() < count {
            // A repeated sentence is drawn again.
            let mut texts = (0..100).filter_map(|_| {
                self.other(split, &choice, &told, rng).map(|other| wording.say(&other))
            });
            let text = texts.find(|text| found.len() >= DISTINCT || !found.contains(text));
            found.push(text.ok_or_else(|| Error::Spec {
                spec: self.info.spec.clone(),
                reason: format!("found no false caption for {:?}", caption.text),
            })?);
        }
        Ok(found)
    }

    fn check(&self) -> Vec<Error> {
        Vec::new()
    }
}

/// Number of values of a field.
fn count(field: usize) -> usize {
    [SHAPES.len(), COLOURS.len(), SIZES.len(), MOTIONS.len(), BACKGROUNDS.len(), PLACES.len()]
        [field]
}

/// The name of a field's value.
fn name(field: usize, value: usize) -> &'static str {
    match field {
        SHAPE => SHAPES[value],
        COLOUR => COLOURS[value].0,
        SIZE_FIELD => SIZES[value].0,
        MOTION => MOTIONS[value],
        BACKGROUND => BACKGROUNDS[value].0,
        _ => PLACES[value].0,
    }
}

fn render(choice: &Choice, fps: f32) -> Result<Clip> {
    let radius = SIZES[choice[SIZE_FIELD]].1;
    let figure = Figure::new(SHAPES[choice[SHAPE]]);
    let colour = COLOURS[choice[COLOUR]].1;
    let ground = BACKGROUNDS[choice[BACKGROUND]].1;
    let mut data = ground.repeat(FRAMES * SIZE * SIZE);
    let path = path::path(MOTIONS[choice[MOTION]], PLACES[choice[PLACE]].1);
    for (frame, centre) in data.chunks_exact_mut(SIZE * SIZE * 3).zip(path) {
        // Pixels up to half a pixel beyond the edge are partly covered.
        let columns = reach(centre[0], radius);
        for y in reach(centre[1], radius) {
            for x in columns.clone() {
                let at = [x as f32 + 0.5 - centre[0], y as f32 + 0.5 - centre[1]];
                let cover = figure.cover(at, radius);
                let pixel = &mut frame[(y * SIZE + x) * 3..][..3];
                for (value, (ground, colour)) in pixel.iter_mut().zip(ground.iter().zip(colour)) {
                    let (ground, colour) = (f32::from(*ground), f32::from(colour));
                    *value = (ground + (colour - ground) * cover).round() as u8;
                }
            }
        }
    }
    Clip::new([FRAMES, SIZE, SIZE, 3], fps, data)
}

/// The pixels along one axis that a figure may touch.
fn reach(centre: f32, radius: f32) -> std::ops::Range<usize> {
    let first = (centre - radius - 1.0).floor().max(0.0) as usize;
    let end = (centre + radius + 1.0).ceil().max(0.0) as usize;
    first..end.min(SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_alone_do_not_tell_false_from_true() {
        let shapes = Shapes::new();
        let texts = |from: u64, to: u64| -> Vec<(String, bool)> {
            let both = (from..to).flat_map(|index| {
                let draw = Draw { seed: 3, index };
                let caption = shapes.caption(Split::Train, draw).unwrap();
                let mut wrong = shapes.wrong_captions(Split::Train, &caption, draw, 4).unwrap();
                [(caption.text, true), (wrong.swap_remove(index as usize % 4), false)]
            });
            both.collect()
        };
        let auc = crate::auc::auc(&texts(0, 20_000), &texts(20_000, 24_000));
        println!("AUC {auc:.4}");
        assert!((0.47..0.53).contains(&auc), "{auc}");
    }

    #[test]
    fn training_never_says_a_held_out_phrase() {
        let source = include_str!("shapes/words.rs");
        let marked = source.split("\"~").skip(1).filter_map(|rest| rest.split('"').next());
        let phrases: BTreeSet<&str> = marked.chain(["we see"]).collect();
        let (shapes, mut heard) = (Shapes::new(), BTreeSet::new());
        for index in 0..20_000 {
            for split in [Split::Train, Split::HeldOut] {
                let draw = Draw { seed: 4, index };
                let caption = shapes.caption(split, draw).unwrap().text;
                let text = format!(" {} ", caption.replace(',', ""));
                let says = |phrase: &&str| text.contains(&format!(" {phrase} "));
                let found: Vec<&str> = phrases.iter().copied().filter(says).collect();
                let new = split == Split::HeldOut && index % 2 == 1;
                assert!(new || found.is_empty(), "{text:?} says {found:?}");
                heard.extend(found);
            }
        }
        assert_eq!(heard, phrases);
    }
}
