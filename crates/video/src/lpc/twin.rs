//! Twins: figures that agree in what a sentence leaves open, as far as clothes fit.

use fastrand::Rng;

use super::figure::{Figure, Head, Part};
use super::mention::Told;
use super::wardrobe::Wardrobe;

impl Wardrobe {
    /// A twin of a figure: body, hair and items that a sentence states are drawn anew; the others
    /// stay where they fit. The twin has the figure's action and direction.
    pub fn twin(&self, figure: &Figure, told: &Told, rng: &mut Rng) -> Figure {
        let own = figure.body;
        let mut twin = figure.clone();
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
            let armed = part == Part::Weapon && told.armed;
            if told.states(part) || armed || self.odds(part, &twin) == 0.0 {
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
}
