//! Figures that agree with a figure in some things: twins, in what a sentence leaves open; variants, in
//! all but one thing.

use fastrand::Rng;

use super::figure::{Action, Direction, Figure, Head, Part};
use super::mention::Told;
use super::wardrobe::Wardrobe;
use crate::draws::pick;

impl Wardrobe {
    /// A twin of a figure: what a sentence states is drawn anew; the rest stays where it fits. Words
    /// that are true of several actions keep the action.
    ///
    /// If the sentence leaves the weapon open and the action allows several, the twin keeps the
    /// weapon. So its action must allow this weapon: a figure that walks without a weapon gets no
    /// twin that thrusts or shoots.
    pub fn twin(&self, figure: &Figure, told: &Told, rng: &mut Rng) -> Figure {
        let own = figure.body;
        let mut twin = figure.clone();
        if told.action.count_ones() == 1 {
            let fit = Action::ALL.into_iter().filter(|&action| self.fits(figure, told, action));
            twin.action = pick(rng, &fit.collect::<Vec<_>>());
        }
        let turns = told.direction || figure.action == Action::Hurt;
        twin.direction = match twin.action {
            Action::Hurt => Direction::Front,
            _ if turns => pick(rng, &Direction::ALL),
            _ => twin.direction,
        };
        twin.body = loop {
            let body = self.draw_body(rng);
            let of_kind = body.kind.name() == own.kind.name();
            let kind = told.kind || of_kind;
            // Another kind cannot have the same skin.
            let skin = told.skin || body.kind == own.kind || !of_kind;
            if kind && skin && (told.sex || body.sex == own.sex) {
                break body;
            }
        };
        for part in Part::ALL {
            if is_free(part, figure, told) || self.odds(part, &twin) == 0.0 {
                twin.wear(part, self.draw_item(part, &twin, rng));
            }
        }
        let drawn = self.draw_head(&twin, rng);
        if self.odds_of_head(&twin) == 0.0 {
            twin.head = drawn;
        } else if let (Head::Hair(style, colour), Head::Hair(new_style, new_colour)) =
            (twin.head, drawn)
        {
            let style = if told.hair_style { new_style } else { style };
            let colour = if told.hair { new_colour } else { colour };
            twin.head = match self.colours(style).contains(&colour) {
                true => Head::Hair(style, colour),
                false => drawn,
            };
        } else if told.hair_style || told.hair {
            twin.head = drawn;
        }
        twin
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

    /// Whether a twin with this action can have everything that the sentence leaves open.
    fn fits(&self, figure: &Figure, told: &Told, action: Action) -> bool {
        let other = Figure { action, ..figure.clone() };
        // A falling figure has no direction.
        let faces = told.direction || action != Action::Hurt || figure.action == Action::Hurt;
        let fits = |part| is_free(part, figure, told) || self.odds(part, &other) > 0.0;
        faces && Part::ALL.into_iter().all(fits)
    }
}

/// Whether a twin may have another item for a part: the sentence states the item, or the action
/// leaves no choice of the weapon.
fn is_free(part: Part, figure: &Figure, told: &Told) -> bool {
    let chosen = matches!(figure.action, Action::Walk | Action::Slash) && !told.armed;
    told.states(part) || part == Part::Weapon && !chosen
}
