//! Captions, worded as people do: not always the same words, not always everything.

use super::{BACKGROUND, BACKGROUNDS, COLOUR, COLOURS, Choice, MOTION, SHAPE, SIZE_FIELD};

/// What each shape is called.
const SHAPE_WORDS: [&[&str]; 8] = [
    &["circle", "disc"],
    &["square", "box"],
    &["triangle"],
    &["diamond", "rhombus"],
    &["star"],
    &["cross", "plus sign"],
    &["ring", "hoop"],
    &["heart"],
];
const SIZE_WORDS: [&[&str]; 3] =
    [&["small", "little", "tiny"], &["medium", "medium-sized"], &["large", "big", "huge"]];
/// Verbs that go with any way.
const MOVES: [[&str; 2]; 5] = [
    ["moves", "moving"],
    ["goes", "going"],
    ["slides", "sliding"],
    ["travels", "travelling"],
    ["drifts", "drifting"],
];
const WAYS: [&[&str]; 10] = [
    &["left", "to the left", "leftwards"],
    &["right", "to the right", "rightwards"],
    &["up", "upwards", "to the top"],
    &["down", "downwards", "to the bottom"],
    &["up and to the left", "diagonally up left", "to the upper left"],
    &["up and to the right", "diagonally up right", "to the upper right"],
    &["down and to the left", "diagonally down left", "to the lower left"],
    &["down and to the right", "diagonally down right", "to the lower right"],
    &["in a circle", "around in a circle", "in circles"],
    &["in a zigzag", "in zigzags"],
];
/// Verbs that say the way themselves, by motion, with what follows them.
const VERBS: [&[[&str; 2]]; 11] = [
    &[],
    &[],
    &[["rises", "rising"]],
    &[["falls", "falling"], ["sinks", "sinking"]],
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
    ],
];

/// How something is said, apart from what is said.
pub(super) struct Wording {
    size: bool,
    background: bool,
    seed: u64,
}

impl Wording {
    pub(super) fn draw(rng: &mut fastrand::Rng) -> Self {
        Self { size: rng.f32() < 0.65, background: rng.f32() < 0.6, seed: rng.u64(..) }
    }

    /// Whether the sentence will tell a field's value.
    pub(super) fn tells(&self, field: usize) -> bool {
        match field {
            SIZE_FIELD => self.size,
            BACKGROUND => self.background,
            _ => true,
        }
    }

    pub(super) fn say(&self, choice: &Choice) -> String {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let mut any = |words: &[&'static str]| words[rng.usize(..words.len())];
        let size = any(SIZE_WORDS[choice[SIZE_FIELD]]);
        let shape = any(SHAPE_WORDS[choice[SHAPE]]);
        let colour = COLOURS[choice[COLOUR]].0;
        let subject = match self.size {
            true => format!("a {size} {colour} {shape}"),
            false if colour == "orange" => format!("an {colour} {shape}"),
            false => format!("a {colour} {shape}"),
        };
        let ground = BACKGROUNDS[choice[BACKGROUND]].0;
        let place = any(&["on", "on a", "over a", "in front of a"]);
        let place = match place {
            "on" => format!("on {ground}"),
            _ => format!("{place} {ground} background"),
        };
        let ways = WAYS.get(choice[MOTION]).copied().unwrap_or_default();
        let way = if ways.is_empty() { "" } else { any(ways) };
        let verbs = VERBS[choice[MOTION]];
        let own = ways.is_empty() || (!verbs.is_empty() && rng.u8(..3) == 0);
        let verbs = if own { verbs } else { &MOVES };
        let [finite, gerund] = verbs[rng.usize(..verbs.len())];
        let (before, after) = if own { ("", "") } else { (" ", way) };
        let clause = match rng.u8(..6) {
            0 => format!("{subject} {gerund}{before}{after}"),
            1 => format!("there is {subject} {gerund}{before}{after}"),
            2 if gerund != "not moving" => format!("{subject} is {gerund}{before}{after}"),
            _ => format!("{subject} {finite}{before}{after}"),
        };
        match (self.background, rng.u8(..5)) {
            (false, _) => clause,
            (true, 0) => format!("{place}, {clause}"),
            (true, _) => format!("{clause} {place}"),
        }
    }
}
