//! The bodies, hair and items of a collection, and how figures are drawn at random from them.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::figure::{
    Action, Body, Direction, Figure, HIDDEN, Hair, Head, Hides, Item, Kind, Layers, NONE, Part, Sex,
};
use crate::draws::{held_out, pick};
use crate::{Attributes, Split};

/// The bodies, hair and items of one collection of sheets.
pub struct Wardrobe {
    pub bodies: &'static [Body],
    pub hair: Vec<Hair>,
    /// The styles of `hair`, each with its colours.
    pub styles: Vec<(&'static str, Vec<&'static str>)>,
    pub torso: &'static [Item],
    pub legs: &'static [Item],
    pub feet: &'static [Item],
    pub headwear: &'static [Item],
    pub weapons: &'static [Item],
}

/// The pairs of attributes that never occur together in training.
#[derive(Debug)]
pub struct HeldOut {
    /// Hair colour and name of the item on the torso.
    pub hair_torso: BTreeSet<(&'static str, &'static str)>,
    /// Name of the body and name of the action.
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

    /// Whether a figure has a held-out pair.
    pub fn has(&self, figure: &Figure) -> bool {
        let hair =
            figure.hair().is_some_and(|c| self.hair_torso.contains(&(c, figure.torso_name())));
        hair || self.body_action.contains(&(figure.body.name, figure.action.name()))
    }
}

impl Wardrobe {
    /// A random figure of the split: first an action and a direction, uniformly, then the rest,
    /// repeated until the figure is of the split.
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
        let mut figure = Figure {
            body: self.draw_body(rng),
            head: Head::Covered,
            torso: None,
            legs: None,
            feet: None,
            headwear: None,
            weapon: None,
            action,
            direction,
        };
        for part in Part::ALL {
            figure.wear(part, self.draw_item(part, &figure, rng));
        }
        figure.head = self.draw_head(&figure, rng);
        figure
    }

    pub fn draw_body(&self, rng: &mut Rng) -> &'static Body {
        let mut left = rng.u32(..self.bodies.iter().map(|body| body.weight).sum::<u32>());
        let body = self.bodies.iter().find(|body| {
            let rest = left.checked_sub(body.weight);
            left = rest.unwrap_or(left);
            rest.is_none()
        });
        body.unwrap_or(&self.bodies[0])
    }

    /// All items for a part.
    pub fn all(&self, part: Part) -> &'static [Item] {
        match part {
            Part::Torso => self.torso,
            Part::Legs => self.legs,
            Part::Feet => self.feet,
            Part::Headwear => self.headwear,
            Part::Weapon => self.weapons,
        }
    }

    /// A random item for a part, given the items of the parts before it; `None` for no item.
    pub fn draw_item(&self, part: Part, figure: &Figure, rng: &mut Rng) -> Option<&'static Item> {
        let Chances { none, suit, suited, sum } = self.chances(part, figure);
        if rng.f32() < none {
            return None;
        }
        if suit.is_some() && rng.f32() < suited {
            return suit;
        }
        let mut left = rng.u32(..sum);
        self.all(part).iter().filter(|item| item.fits(figure)).find(|item| {
            let rest = left.checked_sub(item.weight);
            left = rest.unwrap_or(left);
            rest.is_none()
        })
    }

    /// A garment like `worn`, but of another colour, that fits a figure.
    pub fn recoloured(
        &self,
        part: Part,
        worn: &Item,
        figure: &Figure,
        rng: &mut Rng,
    ) -> Option<&'static Item> {
        let others = self.all(part).iter().filter(|item| {
            item.garment() == worn.garment() && item.name != worn.name && item.fits(figure)
        });
        let others: Vec<_> = others.collect();
        (!others.is_empty()).then(|| pick(rng, &others))
    }

    /// The probability that [`Self::draw_item`] draws the figure's own item.
    pub fn odds(&self, part: Part, figure: &Figure) -> f32 {
        let Chances { none, suit, suited, sum } = self.chances(part, figure);
        match figure.item(part) {
            None => none,
            Some(item) if !item.fits(figure) => 0.0,
            Some(item) => {
                let rest = (1.0 - suited) * item.weight as f32 / sum as f32;
                (1.0 - none) * if suit == Some(item) { suited + rest } else { rest }
            }
        }
    }

    pub fn chances(&self, part: Part, figure: &Figure) -> Chances {
        let skeleton = figure.body.kind == Kind::Skeleton;
        // Plate armour is mostly worn with the other parts of its suit.
        let metal = figure.torso.filter(|_| figure.is_knight()).map(|torso| torso.colour);
        let (none, suited) = match part {
            Part::Torso => match (skeleton, figure.body.sex) {
                (true, _) => (0.45, 0.0),
                (_, Sex::Man) => (0.06, 0.0),
                (_, Sex::Woman) => (0.0, 0.0),
            },
            Part::Legs if figure.hides_legs() => (1.0, 0.0),
            Part::Legs if skeleton && figure.torso.is_none() => (0.7, 0.0),
            Part::Legs => (0.0, 0.75),
            Part::Feet if figure.hides_feet() => (1.0, 0.0),
            Part::Feet => (if skeleton { 0.6 } else { 0.15 }, 0.75),
            Part::Headwear => (if metal.is_some() { 0.65 } else { 0.8 }, 0.7),
            // Always a weapon for thrust and shoot, sometimes one for slash and walk.
            Part::Weapon => match figure.action {
                Action::Thrust | Action::Shoot => (0.0, 0.0),
                Action::Slash => (0.15, 0.0),
                Action::Walk => (0.82, 0.0),
                Action::Spellcast | Action::Hurt => (1.0, 0.0),
            },
        };
        let fits = || self.all(part).iter().filter(|item| item.fits(figure));
        let suit = metal.filter(|_| suited > 0.0);
        let suit = suit.and_then(|metal| fits().find(|item| item.colour == metal));
        let sum = fits().map(|item| item.weight).sum();
        Chances {
            none: if sum == 0 { 1.0 } else { none },
            suit,
            suited: if suit.is_some() { suited } else { 0.0 },
            sum,
        }
    }

    /// Random hair that suits the body and can be seen beside the headwear.
    pub fn draw_head(&self, figure: &Figure, rng: &mut Rng) -> Head {
        let (bald, hidden) = bald(figure);
        if rng.f32() < bald {
            return if hidden { Head::Covered } else { Head::Bald };
        }
        let styles = self.styles.iter().filter(|style| suits(style.0, figure));
        let count = styles.clone().count();
        if count == 0 {
            return Head::Covered;
        }
        let style = styles.clone().nth(rng.usize(..count));
        style.map_or(Head::Covered, |(style, colours)| Head::Hair(style, pick(rng, colours)))
    }

    /// The probability that [`Self::draw_head`] draws the figure's own head.
    pub fn odds_of_head(&self, figure: &Figure) -> f32 {
        let (bald, hidden) = bald(figure);
        let styles = self.styles.iter().filter(|style| suits(style.0, figure)).count();
        match figure.head {
            Head::Bald if hidden => 0.0,
            Head::Bald => bald,
            Head::Covered if !hidden => 0.0,
            Head::Covered => {
                if styles == 0 {
                    1.0
                } else {
                    bald
                }
            }
            Head::Hair(style, _) if !suits(style, figure) => 0.0,
            Head::Hair(style, _) => (1.0 - bald) / (styles * self.colours(style).len()) as f32,
        }
    }

    /// Whether [`Self::draw`] can draw the figure, in one of the splits.
    #[cfg(test)]
    pub fn is_possible(&self, figure: &Figure) -> bool {
        Part::ALL.into_iter().all(|part| self.odds(part, figure) > 0.0)
            && self.odds_of_head(figure) > 0.0
    }

    /// The colours of a style of hair.
    pub fn colours(&self, style: &str) -> &[&'static str] {
        self.styles.iter().find(|known| known.0 == style).map_or(&[], |known| &known.1)
    }

    /// The paths of the layers of a figure, the lowest first.
    pub fn layers(&self, figure: &Figure) -> Vec<String> {
        let item = |item: Option<&'static Item>| -> Layers { item.map_or(&[], |item| item.layers) };
        let hair = match figure.head {
            Head::Hair(style, colour) => {
                self.hair.iter().find(|hair| hair.style == style && hair.colour == colour)
            }
            Head::Bald | Head::Covered => None,
        };
        let feet = item(figure.feet);
        // A hem covers the shoes; boots cover trousers.
        let hem =
            figure.hides_legs() || figure.legs.is_some_and(|legs| legs.name.ends_with("skirt"));
        let (under, over): (Layers, Layers) = if hem { (feet, &[]) } else { (&[], feet) };
        let sex = figure.body.sex.folder();
        let lower = [figure.body.layers, under, item(figure.legs), item(figure.torso), over];
        let upper = [item(figure.headwear), item(figure.weapon)];
        let lower = lower.into_iter().flatten().copied();
        let hair = hair.map(|hair| hair.sheet.as_str());
        let upper = upper.into_iter().flatten().copied();
        lower.chain(hair).chain(upper).map(|path| path.replace("{s}", sex)).collect()
    }

    /// The figure with the given attributes; `None` if this wardrobe does not have them.
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

    /// All sheets of the wardrobe, as paths relative to the folder.
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
            .flat_map(|item| item.layers.iter().map(|path| (*path, item.sex)));
        let bodies = self
            .bodies
            .iter()
            .flat_map(|body| body.layers.iter().map(|path| (*path, Some(body.sex))));
        let hair = self.hair.iter().map(|hair| {
            let men = hair.style != "pigtails";
            (hair.sheet.as_str(), if men { None } else { Some(Sex::Woman) })
        });
        items.chain(bodies).chain(hair).flat_map(|(path, sex)| sexes(path, sex)).collect()
    }
}

/// The probabilities of the items of a part.
pub struct Chances {
    /// The probability of no item.
    pub none: f32,
    /// The item that belongs to the plate armour on the torso.
    pub suit: Option<&'static Item>,
    /// The probability of that item, if there is an item.
    suited: f32,
    /// The sum of the weights of all items that fit.
    sum: u32,
}

/// Whether a style of hair suits the body and can be seen beside the headwear.
pub fn suits(style: &str, figure: &Figure) -> bool {
    let woman = figure.body.sex == Sex::Woman;
    match figure.headwear.map_or(Hides::Nothing, |item| item.hides) {
        Hides::Hair => false,
        Hides::ShortHair => matches!(style, "long" | "bob") || woman && style == "pigtails",
        _ => woman || style != "pigtails",
    }
}

/// The styles of hair, each with its colours.
pub fn styles(hair: &[Hair]) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut styles: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for Hair { style, colour, .. } in hair {
        styles.entry(*style).or_default().insert(*colour);
    }
    styles.into_iter().map(|(style, colours)| (style, colours.into_iter().collect())).collect()
}

/// The probability of a head without visible hair, and whether headwear hides that it is bald.
pub fn bald(figure: &Figure) -> (f32, bool) {
    let hides = figure.headwear.map_or(Hides::Nothing, |item| item.hides);
    let bald = match (figure.body.kind, figure.body.sex) {
        _ if hides == Hides::Hair => 1.0,
        (Kind::Skeleton, _) => 1.0,
        (Kind::Orc, Sex::Man) => 0.35,
        (_, Sex::Man) => 0.08,
        (_, Sex::Woman) => 0.0,
    };
    (bald, hides != Hides::Nothing)
}
