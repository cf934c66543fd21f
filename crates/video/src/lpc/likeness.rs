//! Whether a sentence is false of a figure. Captions name each value by its own words, so a sentence with the
//! words for another value is false, even where ordinary English would allow it: "short hair" is false of a bob. A
//! sentence is in doubt if captions might use its words for the figure: "a white gown" for a blue gown, whose skirts
//! are white.

use super::figure::{Action, Figure, Head, Item, Kind, Part};
use super::mention::Told;

/// Whether a sentence that states `told` about the figure `other` is surely false of `figure`.
pub fn is_false(told: &Told, other: &Figure, figure: &Figure) -> bool {
    let (a, b) = (other, figure);
    let items = |part: Part| match (a.item(part), b.item(part)) {
        (Some(a), Some(b)) => !like(a, b),
        (None, None) => false,
        _ => true,
    };
    let (kind, was) = (a.body.kind, b.body.kind);
    let known = kind != Kind::Skeleton && was != Kind::Skeleton;
    let body = told.sex && a.body.sex != b.body.sex && known
        || told.kind && kind.name() != was.name()
        || told.skin && kind != was;
    let hair = match (a.head, b.head) {
        (Head::Hair(style, colour), Head::Hair(was, coloured)) => {
            told.hair && colour != coloured || told.hair_style && style != was
        }
        (Head::Bald, Head::Hair(..)) => told.hair_style,
        (Head::Hair(..), Head::Bald) => told.hair || told.hair_style,
        _ => false,
    };
    let legs = told.legs && !b.hides_legs() && items(Part::Legs);
    let feet = told.feet && !b.hides_feet() && items(Part::Feet);
    // "A helmet" can mean any item whose name ends in "helmet".
    let last = |item: Option<&Item>| item.map(|item| item.name.rsplit(' ').next());
    let headwear = told.headwear && items(Part::Headwear) && last(a.headwear) != last(b.headwear);
    let weapon = (told.carried || told.armed) && a.weapon != b.weapon;
    // Waving a wand may also be seen as casting a spell.
    let wand = |f: &Figure| f.weapon.is_some_and(|weapon| weapon.name == "wand");
    let spell = |a: &Figure, b: &Figure| wand(a) && b.action == Action::Spellcast;
    let action =
        told.action != 0 && told.action & b.action.bit() == 0 && !spell(a, b) && !spell(b, a);
    let falls = a.action == Action::Hurt || b.action == Action::Hurt;
    let direction = told.direction && a.direction != b.direction && !falls;
    let role = told.role.is_some_and(|role| !role.fits(b));
    let torso = told.torso && items(Part::Torso);
    let weapon = weapon && !spell(a, b);
    body || hair || torso || legs || feet || headwear || weapon || action || direction || role
}

/// Whether words for one item are also true of the other.
fn like(a: &Item, b: &Item) -> bool {
    let both = |end| a.name.ends_with(end) && b.name.ends_with(end);
    let pair = |x, y| (a.name, b.name) == (x, y) || (b.name, a.name) == (x, y);
    let pairs = pair("green vest", "white shirt") || pair("white dress", "white gown");
    a.name == b.name || both("gown") || pairs
}
