//! Captions of shapes, with varied words; size, background and place are not always stated. Words that begin
//! with `~` are held out: no training caption has them.

use super::{BACKGROUND, BACKGROUNDS, COLOUR, COLOURS, Choice, MOTION, PLACE, SHAPE, SIZE_FIELD};
use crate::draws::Voice;

/// Words for each shape.
const SHAPE_WORDS: [&[&str]; 8] = [
    &["circle", "disc", "~disk"],
    &["square", "box"],
    &["triangle"],
    &["diamond", "rhombus"],
    &["star"],
    &["cross", "plus sign"],
    &["ring", "hoop"],
    &["heart"],
];
const SIZE_WORDS: [&[&str]; 3] = [
    &["small", "little", "tiny", "~mini"],
    &["medium", "medium-sized", "~middle-sized"],
    &["large", "big", "huge", "~giant"],
];
/// Verbs that need a direction from [`WAYS`].
const MOVES: [[&str; 2]; 6] = [
    ["moves", "moving"],
    ["goes", "going"],
    ["slides", "sliding"],
    ["travels", "travelling"],
    ["drifts", "drifting"],
    ["~glides", "~gliding"],
];
const WAYS: [&[&str]; 10] = [
    &["left", "to the left", "leftwards", "~over to the left"],
    &["right", "to the right", "rightwards", "~over to the right"],
    &["up", "upwards", "to the top", "~towards the top"],
    &["down", "downwards", "to the bottom", "~towards the bottom"],
    &["up and to the left", "diagonally up left", "to the upper left", "~to the top left"],
    &["up and to the right", "diagonally up right", "to the upper right", "~to the top right"],
    &["down and to the left", "diagonally down left", "to the lower left", "~to the bottom left"],
    &[
        "down and to the right",
        "diagonally down right",
        "to the lower right",
        "~to the bottom right",
    ],
    &["in a circle", "around in a circle", "in circles", "~round and round"],
    &["in a zigzag", "in zigzags", "~in a zigzag line"],
];
/// Verbs that state the motion themselves, for each motion.
const VERBS: [&[[&str; 2]]; 11] = [
    &[],
    &[],
    &[["rises", "rising"], ["~ascends", "~ascending"]],
    &[["falls", "falling"], ["sinks", "sinking"], ["~descends", "~descending"]],
    &[],
    &[],
    &[],
    &[],
    &[["circles around", "circling around"]],
    &[["zigzags", "zigzagging"]],
    &[
        ["stands still", "standing still"],
        ["stays in place", "staying in place"],
        ["does not move", "not moving"],
        ["rests", "resting"],
        ["~stays put", "~staying put"],
    ],
];

const PLACE_WORDS: [&[&str]; 5] = [
    &["in the middle", "in the centre", "~at the centre"],
    &["in the upper half", "near the top", "~close to the top"],
    &["in the lower half", "near the bottom", "~close to the bottom"],
    &["in the left half", "on the left side", "~close to the left edge"],
    &["in the right half", "on the right side", "~close to the right edge"],
];

/// Purposes of the random numbers of a voice, besides the fields.
const MENTION: u64 = 10;
const CLAUSE: u64 = 11;
const GROUND: u64 = 12;

/// The wording of a caption, apart from its content.
pub(super) struct Wording {
    size: bool,
    background: bool,
    place: bool,
    voice: Voice,
}

impl Wording {
    pub(super) fn new(voice: Voice) -> Self {
        let rng = &mut voice.rng(MENTION);
        let mut states = |share| rng.f32() < share;
        Self { size: states(0.65), background: states(0.6), place: states(0.5), voice }
    }

    /// Whether the sentence states the value of a field.
    pub(super) fn tells(&self, field: usize) -> bool {
        match field {
            SIZE_FIELD => self.size,
            BACKGROUND => self.background,
            PLACE => self.place,
            _ => true,
        }
    }

    pub(super) fn say(&self, choice: &Choice) -> String {
        let voice = self.voice;
        let any = |field: usize, words| voice.pick(&mut voice.rng(field as u64), words);
        let size = any(SIZE_FIELD, SIZE_WORDS[choice[SIZE_FIELD]]);
        let shape = any(SHAPE, SHAPE_WORDS[choice[SHAPE]]);
        let colour = COLOURS[choice[COLOUR]].0;
        let subject = match self.size {
            true => format!("a {size} {colour} {shape}"),
            false if colour == "orange" => format!("an {colour} {shape}"),
            false => format!("a {colour} {shape}"),
        };
        let ground = BACKGROUNDS[choice[BACKGROUND]].0;
        let rng = &mut voice.rng(GROUND);
        let ground = match voice.pick(rng, &["on", "on a", "over a", "in front of a", "~against a"])
        {
            "on" => format!("on {ground}"),
            before => format!("{before} {ground} background"),
        };
        let ground_first = rng.u8(..5) == 0;
        let rng = &mut voice.rng(MOTION as u64);
        let ways = WAYS.get(choice[MOTION]).copied().unwrap_or_default();
        let way = if ways.is_empty() { "" } else { voice.pick(rng, ways) };
        let verbs = VERBS[choice[MOTION]];
        let own = ways.is_empty() || (!verbs.is_empty() && rng.u8(..3) == 0);
        let verbs = if own { verbs } else { &MOVES };
        let verb = voice.choose(rng, verbs, |verb| verb[0]);
        let [finite, gerund] = verb.map(|word| word.trim_start_matches('~'));
        let (before, after) = if own { ("", "") } else { (" ", way) };
        let rng = &mut voice.rng(CLAUSE);
        let clause = match rng.u8(..6) {
            3..5 if voice.is_new() => format!("we see {subject} {gerund}{before}{after}"),
            0 => format!("{subject} {gerund}{before}{after}"),
            1 => format!("there is {subject} {gerund}{before}{after}"),
            2 if gerund != "not moving" => format!("{subject} is {gerund}{before}{after}"),
            _ => format!("{subject} {finite}{before}{after}"),
        };
        let place = any(PLACE, PLACE_WORDS[choice[PLACE]]);
        let clause = if self.place { format!("{clause} {place}") } else { clause };
        match (self.background, ground_first) {
            (false, _) => clause,
            (true, true) => format!("{ground}, {clause}"),
            (true, false) => format!("{clause} {ground}"),
        }
    }
}
