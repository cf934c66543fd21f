//! Sentences that are false of a figure: its own sentence with one thing changed.
//!
//! Words alone must not separate them from true sentences, or a model would learn to recognise odd
//! sentences instead of looking at the film. So a change is a Metropolis-Hastings step on figures
//! (Hastings 1970). Its proposal draws the changed thing as figures are drawn and keeps all other
//! things that the sentence states. Its acceptance keeps the distribution of figures.

use fastrand::Rng;

use super::caption::sentence;
use super::figure::{Action, Direction, Figure, Head, Item, Part};
use super::likeness::is_false;
use super::mention::Told;
use super::wardrobe::{HeldOut, Wardrobe};
use crate::Split;
use crate::draws::{Voice, pick};

/// A thing that a false sentence can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Body,
    Hair,
    HairStyle,
    Item(Part),
    Action,
    Direction,
}

/// The weight with which each slot is changed, if the sentence states it.
const SLOTS: [(Slot, u32); 10] = [
    (Slot::Hair, 18),
    (Slot::Item(Part::Torso), 16),
    (Slot::Item(Part::Legs), 10),
    (Slot::Item(Part::Headwear), 10),
    (Slot::Item(Part::Feet), 6),
    (Slot::Body, 6),
    (Slot::Action, 5),
    (Slot::Direction, 5),
    (Slot::HairStyle, 40),
    (Slot::Item(Part::Weapon), 3),
];

/// Tries with one wording before the next wording.
const TRIES: usize = 60;
/// Number of wordings before giving up.
const VOICES: usize = 50;

/// A sentence, and a figure that it is true of.
pub type Lie = (String, Figure);

fn is_new(found: &[Lie], lie: &Lie) -> bool {
    found.iter().all(|other| other.0 != lie.0)
}

/// Draws false sentences.
pub struct Liar<'a> {
    pub wardrobe: &'a Wardrobe,
    pub held_out: &'a HeldOut,
    pub split: Split,
    /// The figure that the sentences are false of.
    pub figure: &'a Figure,
}

impl Liar<'_> {
    /// `count` distinct sentences with the wording of the true sentence of `voice`. One in four
    /// exchanges two colours, if that is possible. `None` if too few sentences are found.
    pub fn sentences(&self, voice: Voice, count: usize, rng: &mut Rng) -> Option<Vec<Lie>> {
        let mut own = Own::new(self.figure, voice);
        let mut found: Vec<Lie> = Vec::with_capacity(count);
        let exchange = rng.usize(..4);
        for place in 0..count {
            let swapped = (place % 4 == exchange).then(|| self.swap(&own, rng)).flatten();
            if let Some(lie) = swapped.filter(|lie| is_new(&found, lie)) {
                found.push(lie);
                continue;
            }
            let mut tries = 0;
            loop {
                if tries > 0 && tries % TRIES == 0 {
                    own = Own::new(self.figure, own.voice.other());
                }
                if tries > TRIES * VOICES {
                    return None;
                }
                tries += 1;
                let Some(slot) = own.slot(rng) else { continue };
                let lie = self.change(&own, slot, rng).filter(|lie| is_new(&found, lie));
                if let Some(lie) = lie {
                    found.push(lie);
                    break;
                }
            }
        }
        Some(found)
    }

    /// The sentence about the figure with one thing changed, if that sentence is false.
    fn change(&self, own: &Own, slot: Slot, rng: &mut Rng) -> Option<Lie> {
        let other = self.step(own, slot, rng)?;
        // A cheap check rejects most steps without wording the sentence.
        let noun = slot == Slot::Body || own.told.role.is_some();
        let action = if own.told.action == 0 { 0 } else { other.action.bit() };
        if !noun && !is_false(&Told { action, ..own.told }, &other, self.figure) {
            return None;
        }
        self.told_of(own, &other, slot == Slot::Action)
    }

    /// The sentence about another figure, if it states the same things and is false.
    fn told_of(&self, own: &Own, other: &Figure, turned: bool) -> Option<Lie> {
        // A held-out pair in false sentences would teach that the pair is false.
        if self.split == Split::Train && self.held_out.has(other) {
            return None;
        }
        let (text, told) = sentence(other, own.voice);
        let same = same_things(&told, &own.told, turned);
        (same && is_false(&told, other, self.figure)).then(|| (text, other.clone()))
    }

    /// Another figure: the slot is drawn anew, and so are dependent parts that the sentence does not
    /// state. `None` if the step is rejected.
    fn step(&self, own: &Own, slot: Slot, rng: &mut Rng) -> Option<Figure> {
        let (was, told) = (self.figure, &own.told);
        let mut other = was.clone();
        let mut ratio = 1.0;
        match slot {
            Slot::Body => {
                other.body = self.wardrobe.draw_body(rng);
            }
            Slot::Action => {
                other.action = pick(rng, &Action::ALL);
                match (was.action, other.action) {
                    (_, Action::Hurt) => other.direction = Direction::Front,
                    (Action::Hurt, _) => other.direction = pick(rng, &Direction::ALL),
                    _ => {}
                }
            }
            Slot::Direction => {
                other.direction = pick(rng, &Direction::ALL);
                return (was.action != Action::Hurt).then_some(other);
            }
            Slot::Hair => {
                let Head::Hair(style, _) = was.head else { return None };
                other.head = if told.hair_style {
                    Head::Hair(style, pick(rng, self.wardrobe.colours(style)))
                } else {
                    self.wardrobe.draw_head(&other, rng)
                };
                return Some(other);
            }
            Slot::HairStyle => {
                other.head = self.wardrobe.draw_head(&other, rng);
                if let (Head::Hair(style, _), Head::Hair(_, colour)) = (other.head, was.head)
                    && told.hair
                {
                    let colours = self.wardrobe.colours(style);
                    let kept = colours.contains(&colour);
                    other.head = Head::Hair(style, colour);
                    return kept.then_some(other);
                }
                return Some(other);
            }
            // Items that differ in colour alone are the hardest to tell apart, and seldom drawn by chance.
            Slot::Item(part) if let Some(item) = self.recoloured(part, rng) => {
                other.wear(part, Some(item));
                ratio *= item.weight as f32 / was.item(part)?.weight as f32;
            }
            Slot::Item(part) => {
                // Only bare feet and a bare chest have words; other missing items are never stated.
                let bare = matches!(part, Part::Torso | Part::Feet);
                let mut draws = (0..100).map(|_| self.wardrobe.draw_item(part, &other, rng));
                let item = draws.find(|item| bare || item.is_some())?;
                other.wear(part, item);
            }
        }
        // Other parts can depend on the change: a gown covers the legs. Such parts are drawn anew if
        // the sentence does not state them; for parts that stay, the ratio of probabilities enters
        // the acceptance.
        let (redrawn, compared): (&[Part], &[Part]) = match slot {
            Slot::Body => (&Part::ALL, &Part::ALL),
            Slot::Action => (&[Part::Weapon], &[Part::Torso, Part::Headwear, Part::Weapon]),
            Slot::Item(Part::Torso) => {
                (&[Part::Legs, Part::Feet], &[Part::Legs, Part::Feet, Part::Headwear])
            }
            _ => (&[], &[]),
        };
        for &part in compared {
            if redrawn.contains(&part) && !told.states(part) {
                other.wear(part, self.wardrobe.draw_item(part, &other, rng));
            } else {
                ratio *= self.wardrobe.odds(part, &other) / self.wardrobe.odds(part, was);
            }
        }
        if matches!(slot, Slot::Body | Slot::Item(Part::Headwear)) {
            if told.hair || told.hair_style {
                ratio *= self.wardrobe.odds_of_head(&other) / self.wardrobe.odds_of_head(was);
            } else {
                other.head = self.wardrobe.draw_head(&other, rng);
            }
        }
        (rng.f32() < ratio).then_some(other)
    }

    /// In half of all cases, the figure's garment for a part in another colour, if there is one. Not for headwear,
    /// since "a helmet" is true of all helmets.
    fn recoloured(&self, part: Part, rng: &mut Rng) -> Option<&'static Item> {
        let is_garment = matches!(part, Part::Torso | Part::Legs | Part::Feet);
        let worn = self.figure.item(part).filter(|_| is_garment && rng.bool())?;
        self.wardrobe.recoloured(part, worn, self.figure, rng)
    }

    /// The sentence with the colours of two things exchanged: "blue hair, red robe" for a red-haired
    /// figure in a blue robe.
    fn swap(&self, own: &Own, rng: &mut Rng) -> Option<Lie> {
        let told = &own.told;
        let mut coloured = vec![
            (None, told.hair),
            (Some(Part::Torso), told.torso),
            (Some(Part::Legs), told.legs),
            (Some(Part::Feet), told.feet),
            (Some(Part::Headwear), told.headwear),
        ];
        coloured.retain(|thing| thing.1);
        let mut swapped = Vec::new();
        for (i, (a, _)) in coloured.iter().enumerate() {
            for (b, _) in &coloured[i + 1..] {
                swapped.extend(self.exchanged(*a, *b));
            }
        }
        if swapped.is_empty() {
            return None;
        }
        let other = pick(rng, &swapped.iter().collect::<Vec<_>>()).clone();
        let parts = Part::ALL.into_iter();
        let ratio: f32 = parts
            .map(|part| self.wardrobe.odds(part, &other) / self.wardrobe.odds(part, self.figure))
            .product();
        (rng.f32() < ratio).then(|| self.told_of(own, &other, false)).flatten()
    }

    /// The figure with the colours of two things exchanged, if both results exist. `None` as a part
    /// means the hair.
    fn exchanged(&self, a: Option<Part>, b: Option<Part>) -> Option<Figure> {
        let mut other = self.figure.clone();
        let colours = [self.colour(a)?, self.colour(b)?];
        if colours[0] == colours[1] {
            return None;
        }
        for (thing, colour) in [(a, colours[1]), (b, colours[0])] {
            match (thing, self.figure.head) {
                (None, Head::Hair(style, _)) => {
                    let known = self.wardrobe.colours(style).iter().find(|c| **c == colour)?;
                    other.head = Head::Hair(style, known);
                }
                (None, _) => return None,
                (Some(part), _) => {
                    let worn = self.figure.item(part)?.garment();
                    let item = self.wardrobe.all(part).iter().find(|item| {
                        item.colour == colour && item.garment() == worn && item.fits(self.figure)
                    })?;
                    other.wear(part, Some(item));
                }
            }
        }
        Some(other)
    }

    fn colour(&self, thing: Option<Part>) -> Option<&'static str> {
        match thing {
            None => self.figure.hair(),
            Some(part) => self.figure.item(part).map(|item| item.colour),
        }
    }
}

/// The true sentence: its voice, what it states, and the slots that can change.
struct Own {
    voice: Voice,
    told: Told,
    slots: Vec<(Slot, u32)>,
}

impl Own {
    fn new(figure: &Figure, voice: Voice) -> Self {
        let told = sentence(figure, voice).1;
        let slots = SLOTS.into_iter().filter(|(slot, _)| changes(&told, *slot)).collect();
        Self { voice, told, slots }
    }

    /// A slot to change.
    fn slot(&self, rng: &mut Rng) -> Option<Slot> {
        let mut left = rng.u32(..self.slots.iter().map(|slot| slot.1).sum::<u32>().max(1));
        let slot = self.slots.iter().find(|(_, weight)| {
            let rest = left.checked_sub(*weight);
            left = rest.unwrap_or(left);
            rest.is_none()
        });
        slot.map(|(slot, _)| *slot)
    }
}

/// Whether a sentence states a slot.
fn changes(told: &Told, slot: Slot) -> bool {
    match slot {
        Slot::Body => told.kind || told.sex || told.skin,
        Slot::Hair => told.hair,
        Slot::HairStyle => told.hair_style,
        Slot::Item(part @ (Part::Torso | Part::Legs | Part::Feet)) => told.states(part),
        Slot::Item(Part::Headwear) => told.headwear,
        Slot::Item(Part::Weapon) => told.carried || told.armed,
        Slot::Action => told.action != 0,
        Slot::Direction => told.direction,
    }
}

/// Whether two sentences state the same things, apart from the noun. A fall has no direction, so with
/// `turned` (another action) the direction may be gained or lost.
fn same_things(a: &Told, b: &Told, turned: bool) -> bool {
    let things = |t: &Told| {
        let worn = (t.torso, t.legs, t.feet, t.headwear, t.carried);
        (t.hair, t.hair_style, worn, t.action != 0, t.direction && !turned)
    };
    things(a) == things(b)
}
