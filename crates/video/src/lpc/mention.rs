//! What a sentence is meant to mention, and what it states in the end.

use super::figure::{Action, Direction, Figure, Head, Item, Kind, Part};
use crate::draws::{Voice, pick};

/// Purposes of the random numbers of a voice.
#[derive(Clone, Copy)]
pub enum Thing {
    Style,
    Count,
    Skin,
    Hair,
    Torso,
    Legs,
    Feet,
    Headwear,
    Weapon,
    Action,
    Direction,
    Noun,
    Name,
    Adjective,
    HairColour,
    HairStyle,
    Order,
    Join,
    Way,
    Template,
    Typing,
    Deed,
}

impl Thing {
    pub fn rng(self, voice: Voice) -> fastrand::Rng {
        voice.rng(self as u64)
    }

    /// True with a probability of `of_a_hundred` percent.
    pub fn chance(self, voice: Voice, of_a_hundred: u32) -> bool {
        self.rng(voice).u32(..100) < of_a_hundred
    }
}

/// How much a sentence states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Everything that can be seen.
    Full,
    /// A few things, as in a prompt.
    Loose,
    /// A few words without articles.
    Short,
}

/// The things that a sentence mentions. A thing that cannot be seen is never mentioned.
#[derive(Clone, Copy, Debug)]
pub struct Mention {
    pub style: Style,
    pub skin: bool,
    pub hair: bool,
    pub torso: bool,
    pub legs: bool,
    pub feet: bool,
    pub headwear: bool,
    pub weapon: bool,
    pub action: bool,
    pub direction: bool,
}

impl Mention {
    /// About half of the sentences mention all clothes and hair; most of the others up to three things. About nine in
    /// ten mention the action and the direction. A fall is always mentioned.
    pub fn draw(figure: &Figure, voice: Voice) -> Self {
        let style = match Thing::Style.rng(voice).u32(..100) {
            0..46 => Style::Full,
            46..84 => Style::Loose,
            _ => Style::Short,
        };
        let human = matches!(figure.body.kind, Kind::Light | Kind::Tanned | Kind::Dark);
        let skeleton = figure.body.kind == Kind::Skeleton;
        let feet = figure.feet.is_some() || !figure.hides_feet() && !skeleton;
        let weapon = figure.action == Action::Walk && seen(figure, figure.weapon);
        // Each thing: whether it can be mentioned, its weight in loose and short sentences, and how
        // often (in percent) a full sentence has it.
        let all = [
            (Thing::Skin, !skeleton, if human { 3.0 } else { 1.0 }, 55),
            (Thing::Hair, figure.head != Head::Covered && !skeleton, 6.0, 100),
            (Thing::Torso, figure.torso.is_some() || !skeleton, 7.0, 100),
            (Thing::Legs, figure.legs.is_some(), 3.0, 100),
            (Thing::Feet, feet, 1.5, if figure.feet.is_some() { 100 } else { 40 }),
            (Thing::Headwear, seen(figure, figure.headwear), 5.0, 100),
            (Thing::Weapon, weapon, 5.0, 100),
        ];
        let count = &mut Thing::Count.rng(voice);
        let count = match style {
            Style::Full => all.len(),
            Style::Loose => pick(count, &[0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3]),
            Style::Short => pick(count, &[0, 0, 0, 1, 1, 2, 2, 3]),
        };
        // Weighted sampling by exponential clocks (Efraimidis & Spirakis 2006): whether a thing is
        // mentioned depends on how many things come before it, not on which.
        let mut said: Vec<(f32, usize)> = Vec::with_capacity(all.len());
        for (place, (thing, visible, weight, full)) in all.into_iter().enumerate() {
            let rng = &mut thing.rng(voice);
            let clock = -(1.0 - rng.f32()).ln() / weight;
            if visible && (style != Style::Full || rng.u32(..100) < full) {
                said.push((clock, place));
            }
        }
        said.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut is_said = [false; 7];
        said.iter().take(count).for_each(|(_, place)| is_said[*place] = true);
        let [skin, hair, torso, legs, feet, headwear, weapon] = is_said;
        let often = if style == Style::Full { [99, 97] } else { [96, 94] };
        let action = figure.action == Action::Hurt || Thing::Action.chance(voice, often[0]);
        let direction = !action || Thing::Direction.chance(voice, often[1]);
        let direction = direction && figure.action != Action::Hurt;
        // "A man with red hair". Without such captions, a model would take a missing direction for a fall.
        let neither = figure.action != Action::Hurt && Thing::Deed.chance(voice, 6);
        let (action, direction) = (action && !neither, direction && !neither);
        Self { style, skin, hair, torso, legs, feet, headwear, weapon, action, direction }
    }
}

/// Whether an item can be seen. From behind, the head hides a tiara and the body hides a dagger.
fn seen(figure: &Figure, item: Option<&Item>) -> bool {
    let back = figure.direction == Direction::Back;
    item.is_some_and(|item| !(back && matches!(item.name, "golden tiara" | "dagger")))
}

/// A role that a figure has by its clothes or its weapon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Knight,
    Mage,
    Princess,
    Archer,
}

impl Role {
    pub fn of(figure: &Figure) -> Option<Self> {
        let torso = figure.torso_name();
        let dress = torso.ends_with("dress");
        let tiara = figure.headwear.is_some_and(|item| item.name == "golden tiara");
        match torso {
            _ if torso.ends_with("plate") => Some(Self::Knight),
            _ if torso.ends_with("robe") => Some(Self::Mage),
            _ if torso.ends_with("gown") || dress && tiara => Some(Self::Princess),
            _ if figure.weapon.is_some_and(|item| item.name == "bow") => Some(Self::Archer),
            _ => None,
        }
    }

    /// Whether a figure of this role can have this item on its torso.
    pub fn wears(self, torso: Option<&Item>) -> bool {
        let ends: &[&str] = match self {
            Self::Knight => &["plate"],
            Self::Mage => &["robe"],
            Self::Princess => &["gown", "dress"],
            Self::Archer => return true,
        };
        torso.is_some_and(|item| ends.iter().any(|end| item.name.ends_with(end)))
    }

    /// Whether somebody might use the role's noun for the figure.
    pub fn fits(self, figure: &Figure) -> bool {
        let torso = figure.torso_name();
        let is = |item: Option<&Item>, ends: &[&str]| {
            item.is_some_and(|item| ends.iter().any(|end| item.name.ends_with(end)))
        };
        match self {
            Self::Knight => {
                is(figure.torso, &["plate", "mail", "tabard"])
                    || is(figure.headwear, &["helmet", "mail hood"])
            }
            Self::Mage => {
                torso.ends_with("robe")
                    || figure.action == Action::Spellcast
                    || is(figure.weapon, &["wand"])
                    || is(figure.headwear, &["hood"])
            }
            Self::Princess => {
                is(figure.torso, &["gown", "dress"]) || is(figure.headwear, &["tiara"])
            }
            Self::Archer => figure.action == Action::Shoot,
        }
    }
}

/// What a sentence states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub kind: bool,
    pub sex: bool,
    pub skin: bool,
    /// The colour of the hair.
    pub hair: bool,
    /// The style of the hair, or baldness.
    pub hair_style: bool,
    pub torso: bool,
    pub legs: bool,
    pub feet: bool,
    pub headwear: bool,
    /// The weapon, as a thing that is carried.
    pub carried: bool,
    /// The weapon, by the words for the action.
    pub armed: bool,
    /// A mask of the actions that the words are true of; 0 if no action is stated.
    pub action: u8,
    pub direction: bool,
    pub role: Option<Role>,
}

impl Told {
    /// Whether the sentence states a part, by its own words or by those for a role. The weapon of
    /// an action is a part of the action.
    pub fn states(&self, part: Part) -> bool {
        let role = self.role.is_some_and(|role| role != Role::Archer);
        match part {
            Part::Torso => self.torso || role,
            Part::Legs => self.legs,
            Part::Feet => self.feet,
            Part::Headwear => self.headwear || self.role == Some(Role::Princess),
            Part::Weapon => self.carried,
        }
    }

    /// Whether the sentence gives the item of a part. A role only narrows the choice.
    pub fn gives(&self, part: Part) -> bool {
        match part {
            Part::Torso => self.torso,
            Part::Headwear => self.headwear,
            Part::Weapon => self.carried || self.armed,
            Part::Legs | Part::Feet => self.states(part),
        }
    }

    /// The keys of the attributes that the sentence states.
    pub fn attributes(&self, figure: &Figure) -> Vec<&'static str> {
        let skeleton = figure.body.kind == Kind::Skeleton;
        [
            ("kind", self.kind),
            ("sex", self.sex && !skeleton),
            ("skin", self.skin),
            ("body", self.kind && self.skin && (self.sex || skeleton)),
            ("hair", self.hair),
            ("hair_style", self.hair_style),
            ("torso", self.torso),
            ("legs", self.legs),
            ("feet", self.feet),
            ("headwear", self.headwear),
            ("weapon", self.carried || self.armed),
            ("action", self.action.count_ones() == 1),
            ("direction", self.direction),
        ]
        .into_iter()
        .filter_map(|(key, told)| told.then_some(key))
        .collect()
    }
}
