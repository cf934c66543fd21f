//! Figures that agree with a figure in some things: twins, in what a sentence leaves open; variants, in
//! all but one thing.

use fastrand::Rng;

use super::figure::{Action, Body, Direction, Figure, Head, Hides, Item, Part};
use super::mention::Told;
use super::wardrobe::{Chances, Wardrobe, bald, suits};
use crate::draws::pick;

/// The share above which a figure without an item counts as the usual one.
const USUAL: f32 = 0.5;

impl Wardrobe {
    /// A twin of a figure: a figure with other values where the sentence states something, such that
    /// [`Wardrobe::complete`] gives the first figure for sentence and twin. If no random figure is one, about once in a
    /// hundred sentences, the twin is the figure itself.
    pub fn twin(&self, figure: &Figure, told: &Told, rng: &mut Rng) -> Figure {
        /// Draws at most; most figures need fewer than ten.
        const TRIES: usize = 200;
        let mut draws = (0..TRIES).map(|_| self.candidate(figure, told, rng));
        let twin = draws.find(|twin| self.complete(figure, told, twin) == *figure);
        twin.unwrap_or_else(|| figure.clone())
    }

    /// A figure that may be a twin: what the sentence states is drawn anew; most of the rest stays. A garment that differs in
    /// colour alone is the hardest to tell apart, so one in four is such a garment.
    fn candidate(&self, figure: &Figure, told: &Told, rng: &mut Rng) -> Figure {
        let mut twin = figure.clone();
        twin.body = loop {
            let body = self.draw_body(rng);
            if self.complete_body(figure, told, body) == figure.body {
                break body;
            }
        };
        if told.action != 0 || rng.u32(..8) == 0 {
            twin.action = pick(rng, &Action::ALL);
        }
        twin.direction = match twin.action {
            Action::Hurt => Direction::Front,
            _ if told.direction || figure.action == Action::Hurt => pick(rng, &Direction::ALL),
            _ => twin.direction,
        };
        for part in Part::ALL {
            if told.states(part)
                || told.gives(part)
                || self.odds(part, figure) == 1.0
                || self.odds(part, &twin) == 0.0
            {
                let worn = figure.item(part).filter(|_| rng.u8(..4) == 0);
                let recoloured = worn.and_then(|worn| self.recoloured(part, worn, &twin, rng));
                twin.wear(part, recoloured.or_else(|| self.draw_item(part, &twin, rng)));
            }
        }
        let drawn = self.draw_head(&twin, rng);
        twin.head = match (figure.head, drawn) {
            (Head::Hair(style, colour), Head::Hair(new_style, new_colour)) => {
                let style = if told.hair_style { new_style } else { style };
                let colour = if told.hair { new_colour } else { colour };
                match suits(style, &twin) && self.colours(style).contains(&colour) {
                    true => Head::Hair(style, colour),
                    false => drawn,
                }
            }
            (own, _) => {
                twin.head = own;
                let keeps = !told.hair && !told.hair_style && self.odds_of_head(figure) < 1.0;
                if keeps && self.odds_of_head(&twin) > 0.0 { own } else { drawn }
            }
        };
        twin
    }

    /// The figure for a sentence and a reference: it has the values of `figure` where the
    /// sentence states something, and otherwise those of the reference. The reference may have no value, such
    /// as the hair under a helmet, or one that does not fit, such as a gown on a man. Then the figure has a
    /// value that fits, always the same one for this sentence and reference.
    pub fn complete(&self, figure: &Figure, told: &Told, reference: &Figure) -> Figure {
        let mut other = reference.clone();
        other.body = self.complete_body(figure, told, reference.body);
        other.action = self.complete_action(figure, told, other.body, reference.action);
        other.direction = match other.action {
            Action::Hurt => Direction::Front,
            _ if told.direction => figure.direction,
            _ => reference.direction,
        };
        Part::ALL.into_iter().for_each(|part| other.wear(part, None));
        for part in Part::ALL {
            let item = self.complete_item(part, figure, told, reference, &other);
            other.wear(part, item);
        }
        other.head = self.complete_head(figure, told, reference, &other);
        other
    }

    /// A body that can have all that the sentence states, the one most like the reference.
    fn complete_body(&self, figure: &Figure, told: &Told, reference: &Body) -> &'static Body {
        let own = figure.body;
        let alike = |body: &&'static Body| {
            let other = Figure { body, ..only_stated(figure, told) };
            let stated = (!told.kind || body.kind.name() == own.kind.name())
                && (!told.skin || body.kind == own.kind)
                && (!told.sex || body.sex == own.sex)
                && self.can_have_hair(figure, told, &other)
                && self.can_have_items(figure, told, &other);
            let kind = body.kind.name() == reference.kind.name();
            (stated, kind, body.sex == reference.sex, body.kind == reference.kind)
        };
        let best = self.bodies.iter().map(|body| alike(&body)).max();
        let best: Vec<_> = self.bodies.iter().filter(|body| Some(alike(body)) == best).collect();
        pick_by(reference.kind as usize, &best).unwrap_or(own)
    }

    /// An action that the sentence states, and that allows all items that it states; if possible, that of the
    /// reference.
    fn complete_action(
        &self,
        figure: &Figure,
        told: &Told,
        body: &'static Body,
        reference: Action,
    ) -> Action {
        let fits = |action: &Action| {
            // Each sentence about a fall says so.
            let stated = match told.action {
                0 => *action != Action::Hurt,
                mask => mask & action.bit() != 0,
            };
            let other = Figure { action: *action, body, ..only_stated(figure, told) };
            stated && self.can_have_items(figure, told, &other)
        };
        let fitting: Vec<_> = Action::ALL.into_iter().filter(fits).collect();
        match fitting.contains(&reference) {
            true => reference,
            false => pick_by(reference as usize, &fitting).unwrap_or(figure.action),
        }
    }

    /// Whether a figure with this body and action can have the items that the sentence states.
    fn can_have_items(&self, figure: &Figure, told: &Told, other: &Figure) -> bool {
        Part::ALL.into_iter().all(|part| {
            let role = told.role.filter(|_| part == Part::Torso && !told.torso);
            match (told.gives(part), figure.item(part), role) {
                (true, Some(item), _) => item.fits(other),
                (true, None, _) => self.chances(part, other).none > 0.0,
                (false, _, Some(role)) => {
                    self.fitting(part, other).any(|item| role.wears(Some(item)))
                }
                (false, _, None) => true,
            }
        })
    }

    /// Whether a figure with this body can have the hair that the sentence states.
    fn can_have_hair(&self, figure: &Figure, told: &Told, other: &Figure) -> bool {
        let bald = bald(other).0;
        match (told.hair_style, told.hair, figure.head) {
            (false, false, _) => true,
            (true, _, Head::Hair(style, _)) => bald < 1.0 && suits(style, other),
            (true, ..) => bald > 0.0,
            (false, true, _) => bald < 1.0,
        }
    }

    /// The items for a part that fit a figure.
    fn fitting(&self, part: Part, other: &Figure) -> impl Iterator<Item = &'static Item> {
        self.all(part).iter().filter(move |item| item.fits(other))
    }

    fn complete_item(
        &self,
        part: Part,
        figure: &Figure,
        told: &Told,
        reference: &Figure,
        other: &Figure,
    ) -> Option<&'static Item> {
        if told.gives(part) {
            return figure.item(part);
        }
        let role = told.role.filter(|_| part == Part::Torso);
        let fits = |item: Option<&'static Item>| {
            let mut with = other.clone();
            with.wear(part, item);
            let of_role = role.is_none_or(|role| role.wears(item));
            of_role && self.odds(part, &with) > 0.0 && leaves_room(figure, told, &with)
        };
        let worn = reference.item(part);
        // Who puts on plate armour puts on the suit, since few figures wear plate with trousers.
        let suits_up = matches!(part, Part::Legs | Part::Feet)
            && other.is_knight()
            && other.torso != reference.torso;
        if !suits_up && self.odds(part, reference) < 1.0 && fits(worn) {
            return worn;
        }
        let Chances { none, suit, .. } = self.chances(part, other);
        if none > USUAL {
            return None;
        }
        let fitting = self.all(part).iter().filter(|item| fits(Some(item))).collect();
        let place = self.place(part, reference);
        suit.or_else(|| {
            pick_by(place, &nearest(colour_of(part, reference), fitting, |item| item.colour))
        })
    }

    fn complete_head(
        &self,
        figure: &Figure,
        told: &Told,
        reference: &Figure,
        other: &Figure,
    ) -> Head {
        let (bald, hidden) = bald(other);
        let bare = if hidden { Head::Covered } else { Head::Bald };
        let parts = |head: Head| match head {
            Head::Hair(style, colour) => (Some(style), Some(colour)),
            Head::Bald | Head::Covered => (None, None),
        };
        let (own, worn) = (parts(figure.head), parts(reference.head));
        let is_bald = match told.hair_style {
            true => own.0.is_none(),
            // A skeleton, or a head under a helmet, does not tell whether there would be hair.
            false => {
                let hairless = !told.hair && worn.0.is_none();
                hairless && self.odds_of_head(reference) < 1.0 && bald > 0.0
            }
        };
        if is_bald || bald == 1.0 {
            return bare;
        }
        let stated = own.1.filter(|_| told.hair);
        let fits = |style: &&str| {
            let colour = stated.is_none_or(|colour| self.colours(style).contains(&colour));
            colour && suits(style, other)
        };
        let fitting: Vec<_> = self.styles.iter().map(|known| known.0).filter(fits).collect();
        let seen = match (worn.0, reference.direction) {
            // From the front, a high ponytail shows only its knot: of some 300 pixels, 14 differ from a bun's.
            (Some("high ponytail"), Direction::Front) if other.direction != Direction::Front => {
                Some("bun")
            }
            (style, _) => style,
        };
        let style = if told.hair_style { own.0 } else { seen };
        let style = style.filter(|style| fitting.contains(style));
        let style = style.or_else(|| pick_by(self.place(Part::Torso, reference), &fitting));
        let Some(style) = style else { return Head::Covered };
        let colours = self.colours(style);
        let colour = stated.or(worn.1).filter(|colour| colours.contains(colour));
        let near = || nearest(colour_of(Part::Legs, reference), colours.to_vec(), |colour| colour);
        colour
            .or_else(|| pick_by(self.place(Part::Legs, reference), &near()))
            .map_or(bare, |colour| Head::Hair(style, colour))
    }

    /// An index that picks a substitute for a value that the reference does not give: that of its item for a part, else of the
    /// item on its torso, else 0.
    fn place(&self, part: Part, figure: &Figure) -> usize {
        let of = |part| self.all(part).iter().position(|item| Some(item) == figure.item(part));
        of(part).or_else(|| of(Part::Torso)).unwrap_or(0)
    }

    /// A variant of a figure: its body (the sex stays), the colour or the style of its hair, or one item is
    /// drawn anew. Parts that then do not fit are drawn anew too: a robe hides the legs. If no other value is
    /// found, the variant is the figure itself.
    pub fn variant(&self, figure: &Figure, rng: &mut Rng) -> Figure {
        /// Draws at most; most figures need fewer than ten.
        const TRIES: usize = 50;
        let mut draws = (0..TRIES).map(|_| {
            let mut other = figure.clone();
            match (rng.usize(..5 + Part::ALL.len()), figure.head) {
                (0, _) => other.body = self.draw_body(rng),
                (1, Head::Hair(style, _)) => {
                    other.head = Head::Hair(style, pick(rng, self.colours(style)));
                }
                (1, _) => {}
                // Styles are the hardest to learn, because they differ in few pixels.
                (2..5, head) => {
                    other.head = match (head, self.draw_head(figure, rng)) {
                        (Head::Hair(_, colour), Head::Hair(style, _))
                            if self.colours(style).contains(&colour) =>
                        {
                            Head::Hair(style, colour)
                        }
                        (_, drawn) => drawn,
                    };
                }
                (place, _) => {
                    let part = Part::ALL[place - 5];
                    other.wear(part, self.draw_item(part, figure, rng));
                }
            }
            for part in Part::ALL {
                if self.odds(part, &other) == 0.0 {
                    other.wear(part, self.draw_item(part, &other, rng));
                }
            }
            if self.odds_of_head(&other) == 0.0 {
                other.head = self.draw_head(&other, rng);
            }
            other
        });
        let differs = |other: &Figure| other != figure && other.body.sex == figure.body.sex;
        draws.find(differs).unwrap_or_else(|| figure.clone())
    }
}

/// A figure without the items that the sentence leaves open.
fn only_stated(figure: &Figure, told: &Told) -> Figure {
    let mut stated = figure.clone();
    for part in Part::ALL.into_iter().filter(|&part| !told.gives(part)) {
        stated.wear(part, None);
    }
    stated
}

/// Whether everything can be seen that the sentence states: legs are not under a gown, hair is not under a helmet.
fn leaves_room(figure: &Figure, told: &Told, other: &Figure) -> bool {
    let hides = other.headwear.map_or(Hides::Nothing, |item| item.hides);
    let style = match figure.head {
        Head::Hair(style, _) => suits(style, other),
        Head::Bald | Head::Covered => hides == Hides::Nothing,
    };
    !(told.legs && other.hides_legs()
        || told.feet && other.hides_feet()
        || told.hair && hides == Hides::Hair
        || told.hair_style && !style)
}

/// The colour of a figure's item for a part, else of the item on its torso.
fn colour_of(part: Part, figure: &Figure) -> &'static str {
    figure.item(part).or(figure.torso).map_or("", |item| item.colour)
}

/// Those of `all` whose colours are nearest to a colour: the colour itself; else warm colours for a warm one, and cool
/// ones for a cool one.
fn nearest<X>(colour: &str, all: Vec<X>, of: impl Fn(&X) -> &'static str) -> Vec<X> {
    const WARM: [&str; 7] = ["gold", "brown", "red", "blonde", "orange", "pink", ""];
    let nearness = |x: &X| {
        let other = of(x);
        (other == colour, WARM.contains(&other) == WARM.contains(&colour))
    };
    let most = all.iter().map(nearness).max();
    all.into_iter().filter(|x| Some(nearness(x)) == most).collect()
}

/// The element at a place, counted around; `None` if there is none.
fn pick_by<X: Copy>(place: usize, all: &[X]) -> Option<X> {
    all.get(place.checked_rem(all.len())?).copied()
}
