//! All that figures are made of, and how a figure is drawn from it.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::figure::{
    Action, Body, Direction, Figure, HIDDEN, Hair, Head, Hides, Item, Kind, Layers, NONE, Sex,
};
use crate::draws::{held_out, pick};
use crate::{Attributes, Split};

/// The table of one collection of sheets.
pub struct Wardrobe {
    pub bodies: &'static [Body],
    pub hair: Vec<Hair>,
    pub torso: &'static [Item],
    pub legs: &'static [Item],
    pub feet: &'static [Item],
    pub headwear: &'static [Item],
    pub weapons: &'static [Item],
}

/// The pairs of attributes that never meet in training.
#[derive(Debug)]
pub struct HeldOut {
    /// Colour of the hair and name of the torso's item.
    pub hair_torso: BTreeSet<(&'static str, &'static str)>,
    /// Name of the body and of the action.
    pub body_action: BTreeSet<(&'static str, &'static str)>,
}

impl HeldOut {
    /// A tenth of each kind of pair.
    pub fn new(wardrobe: &Wardrobe) -> Self {
        let colours: BTreeSet<_> = wardrobe.hair.iter().map(|hair| hair.colour).collect();
        let torsos = wardrobe.torso.iter().map(|item| item.name).collect();
        let bodies = wardrobe.bodies.iter().map(|body| body.name).collect();
        let actions = Action::ALL.map(Action::name).to_vec();
        let tenth = |a: Vec<&'static str>, b: Vec<&'static str>| {
            held_out(&a, &b).into_iter().map(|(i, j)| (a[i], b[j])).collect()
        };
        Self {
            hair_torso: tenth(colours.into_iter().collect(), torsos),
            body_action: tenth(bodies, actions),
        }
    }

    /// Whether a figure shows such a pair.
    pub fn has(&self, figure: &Figure) -> bool {
        let hair =
            figure.hair().is_some_and(|c| self.hair_torso.contains(&(c, figure.torso_name())));
        hair || self.body_action.contains(&(figure.body.name, figure.action.name()))
    }
}

impl Wardrobe {
    /// A figure of the split: first what it does, evenly, then who it is, drawn again until it is
    /// on the right side.
    pub fn draw(&self, split: Split, held_out: &HeldOut, rng: &mut Rng) -> Figure {
        let action = pick(rng, &Action::ALL);
        let direction = match action {
            Action::Hurt => Direction::Front,
            _ => pick(rng, &Direction::ALL),
        };
        loop {
            let figure = self.figure(action, direction, rng);
            if held_out.has(&figure) == (split == Split::HeldOut) {
                return figure;
            }
        }
    }

    fn figure(&self, action: Action, direction: Direction, rng: &mut Rng) -> Figure {
        let body = weighted(rng, self.bodies, |body| body.weight);
        let (sex, skeleton) = (body.sex, body.kind == Kind::Skeleton);
        let any = |items: &'static [Item], rng: &mut Rng| fitting(items, sex, action, rng);
        let chance = |rng: &mut Rng, of_a_hundred| rng.u32(..100) < of_a_hundred;

        let bare = chance(rng, if skeleton { 45 } else { 6 });
        let torso = if bare && sex == Sex::Man { None } else { any(self.torso, rng) };
        let mut figure = Figure {
            body,
            head: Head::Covered,
            torso,
            legs: None,
            feet: None,
            headwear: None,
            weapon: None,
            action,
            direction,
        };
        // Plate is mostly worn with the rest of its suit.
        let metal = figure.is_knight().then(|| torso.map_or("", |t| t.colour));
        let suit = |items: &'static [Item]| items.iter().find(|item| Some(item.colour) == metal);
        if !(figure.hides_legs() || skeleton && bare && chance(rng, 70)) {
            let matching = suit(self.legs).filter(|_| chance(rng, 75));
            figure.legs = matching.or_else(|| any(self.legs, rng));
        }
        if !(figure.hides_feet() || chance(rng, if skeleton { 60 } else { 15 })) {
            let matching = suit(self.feet).filter(|_| chance(rng, 75));
            figure.feet = matching.or_else(|| any(self.feet, rng));
        }
        if chance(rng, if metal.is_some() { 35 } else { 20 }) {
            let matching = suit(self.headwear)
                .filter(|item| item.actions & action.bit() != 0 && chance(rng, 70));
            figure.headwear = matching.or_else(|| any(self.headwear, rng));
        }
        figure.head = self.head(&figure, rng);
        figure.weapon = self.weapon(&figure, rng);
        figure
    }

    /// Hair that suits the body and can be seen beside the headwear.
    fn head(&self, figure: &Figure, rng: &mut Rng) -> Head {
        let hides = figure.headwear.map_or(Hides::Nothing, |item| item.hides);
        if hides == Hides::Hair {
            return Head::Covered;
        }
        let bald = match (figure.body.kind, figure.body.sex) {
            (Kind::Skeleton, _) => 100,
            (Kind::Orc, Sex::Man) => 35,
            (_, Sex::Man) => 8,
            (_, Sex::Woman) => 0,
        };
        if rng.u32(..100) < bald {
            return if hides == Hides::Nothing { Head::Bald } else { Head::Covered };
        }
        let suits = |hair: &&Hair| match (figure.body.sex, hides) {
            (sex, Hides::ShortHair) => {
                matches!(hair.style, "long" | "bob")
                    || sex == Sex::Woman && hair.style == "pigtails"
            }
            (Sex::Man, _) => hair.style != "pigtails",
            (Sex::Woman, _) => true,
        };
        let mut styles: Vec<_> = self.hair.iter().filter(suits).map(|hair| hair.style).collect();
        styles.dedup();
        if styles.is_empty() {
            return Head::Covered;
        }
        let style = pick(rng, &styles);
        let mut colours: Vec<_> =
            self.hair.iter().filter(|hair| hair.style == style).map(|hair| hair.colour).collect();
        colours.sort_unstable();
        colours.dedup();
        Head::Hair(style, pick(rng, &colours))
    }

    /// A weapon that fits the action: spear and bow always, the others at times.
    pub fn weapon(&self, figure: &Figure, rng: &mut Rng) -> Option<&'static Item> {
        let armed = match figure.action {
            Action::Thrust | Action::Shoot => 100,
            Action::Slash => 85,
            Action::Walk => 18,
            Action::Spellcast | Action::Hurt => 0,
        };
        let armed = rng.u32(..100) < armed;
        armed.then(|| fitting(self.weapons, figure.body.sex, figure.action, rng)).flatten()
    }

    /// The paths of the layers of a figure, the lowest first. One name may stand for several
    /// sheets; the draw chooses.
    pub fn layers(&self, figure: &Figure, rng: &mut Rng) -> Vec<String> {
        let item = |rng: &mut Rng, item: Option<&Item>| -> Layers {
            item.map_or(&[], |item| pick(rng, item.sheets))
        };
        let hair = match figure.head {
            Head::Hair(style, colour) => {
                let fits = |hair: &&Hair| hair.style == style && hair.colour == colour;
                let sheets: Vec<&str> =
                    self.hair.iter().filter(fits).map(|hair| hair.sheet.as_str()).collect();
                (!sheets.is_empty()).then(|| pick(rng, &sheets))
            }
            Head::Bald | Head::Covered => None,
        };
        let feet = item(rng, figure.feet);
        // A hem falls over the shoes; boots go over trousers.
        let hem =
            figure.hides_legs() || figure.legs.is_some_and(|legs| legs.name.ends_with("skirt"));
        let (under, over): (Layers, Layers) = if hem { (feet, &[]) } else { (&[], feet) };
        let sex = figure.body.sex.folder();
        let lower = [
            pick(rng, figure.body.sheets),
            under,
            item(rng, figure.legs),
            item(rng, figure.torso),
            over,
        ];
        let upper = [item(rng, figure.headwear), item(rng, figure.weapon)];
        let lower = lower.into_iter().flatten().copied();
        let upper = upper.into_iter().flatten().copied();
        lower.chain(hair).chain(upper).map(|path| path.replace("{s}", sex)).collect()
    }

    /// The figure that has the given attributes; `None` if they are not of this wardrobe.
    pub fn find(&self, attributes: &Attributes) -> Option<Figure> {
        let get = |key: &str| attributes.get(key).map(String::as_str);
        let body = self.bodies.iter().find(|body| Some(body.name) == get("body"))?;
        let item = |key: &str, items: &'static [Item]| match get(key)? {
            NONE | HIDDEN => Some(None),
            name => {
                let fits =
                    |item: &&Item| item.name == name && item.sex.is_none_or(|sex| sex == body.sex);
                items.iter().find(fits).map(Some)
            }
        };
        let head = match (get("hair_style")?, get("hair")?) {
            ("bald", _) => Head::Bald,
            (HIDDEN, _) => Head::Covered,
            (style, colour) => {
                let hair =
                    self.hair.iter().find(|hair| hair.style == style && hair.colour == colour)?;
                Head::Hair(hair.style, hair.colour)
            }
        };
        Some(Figure {
            body,
            head,
            torso: item("torso", self.torso)?,
            legs: item("legs", self.legs)?,
            feet: item("feet", self.feet)?,
            headwear: item("headwear", self.headwear)?,
            weapon: item("weapon", self.weapons)?,
            action: Action::ALL.into_iter().find(|a| Some(a.name()) == get("action"))?,
            direction: Direction::ALL.into_iter().find(|d| Some(d.name()) == get("direction"))?,
        })
    }

    /// Every sheet that the table names, as a path below the folder.
    pub fn sheets(&self) -> BTreeSet<String> {
        let sexes = |path: &str, sex: Option<Sex>| {
            let of = |s: Sex| path.replace("{s}", s.folder());
            [Sex::Woman, Sex::Man]
                .into_iter()
                .filter(|s| sex.is_none_or(|sex| sex == *s))
                .map(of)
                .collect::<Vec<_>>()
        };
        let slots = [self.torso, self.legs, self.feet, self.headwear, self.weapons];
        let items = slots
            .into_iter()
            .flatten()
            .flat_map(|item| item.sheets.iter().copied().flatten().map(|path| (*path, item.sex)));
        let bodies = self.bodies.iter().flat_map(|body| {
            body.sheets.iter().copied().flatten().map(|path| (*path, Some(body.sex)))
        });
        let hair = self.hair.iter().map(|hair| {
            let men = hair.style != "pigtails";
            (hair.sheet.as_str(), if men { None } else { Some(Sex::Woman) })
        });
        items.chain(bodies).chain(hair).flat_map(|(path, sex)| sexes(path, sex)).collect()
    }
}

/// One of the items that fit, by weight; `None` if none does.
fn fitting(
    items: &'static [Item],
    sex: Sex,
    action: Action,
    rng: &mut Rng,
) -> Option<&'static Item> {
    let fits = |item: &Item| item.sex.is_none_or(|s| s == sex) && item.actions & action.bit() != 0;
    let weight = |item: &Item| if fits(item) { item.weight } else { 0 };
    items.iter().any(fits).then(|| weighted(rng, items, weight))
}

/// One of some values, as often as its weight; some weight must not be zero.
fn weighted<'a, T>(rng: &mut Rng, values: &'a [T], weight: impl Fn(&T) -> u32) -> &'a T {
    let mut left = rng.u32(..values.iter().map(&weight).sum::<u32>());
    values
        .iter()
        .find(|value| match left.checked_sub(weight(value)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        })
        .expect("the draw is below the sum of the weights")
}
