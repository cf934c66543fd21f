//! Whether a sentence is false of a figure beyond doubt. It is in doubt if somebody might use its
//! word for the thing that the figure has instead.

use super::figure::{Action, Figure, Head, Item, Kind, Part};
use super::mention::Told;

/// Whether a sentence that states `told` about the figure `other` is false of `figure` beyond doubt.
pub fn is_false(told: &Told, other: &Figure, figure: &Figure) -> bool {
    let (a, b) = (other, figure);
    let items = |part: Part| match (a.item(part), b.item(part)) {
        (Some(a), Some(b)) => !like(a, b),
        (None, None) => false,
        _ => true,
    };
    let body = {
        let (kind, was) = (a.body.kind, b.body.kind);
        let sexes = a.body.sex != b.body.sex;
        let known = kind != Kind::Skeleton && was != Kind::Skeleton;
        let odd = |kind| matches!(kind, Kind::Orc | Kind::Skeleton);
        told.sex && sexes && known
            || told.kind && kind.name() != was.name() && (odd(kind) || odd(was))
            || told.skin && kind != was && !close(kind, was)
    };
    let hair = match (a.head, b.head) {
        (Head::Hair(style, colour), Head::Hair(was, coloured)) => {
            told.hair && !alike(colour, coloured) || told.hair_style && !styles_alike(style, was)
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

/// Whether somebody might use the words for one item for the other.
fn like(a: &Item, b: &Item) -> bool {
    let both = |end| a.name.ends_with(end) && b.name.ends_with(end);
    let pair = |x, y| (a.name, b.name) == (x, y) || (b.name, a.name) == (x, y);
    a.colour == b.colour || both("plate") || both("gown") || pair("green vest", "white shirt")
}

/// Whether somebody might use the same word for two colours of hair.
fn alike(a: &str, b: &str) -> bool {
    let group = |colour| match colour {
        "white" | "grey" => 1,
        "blonde" | "orange" => 2,
        "black" | "brown" => 3,
        _ => 0,
    };
    a == b || group(a) != 0 && group(a) == group(b)
}

/// Whether somebody might use the same word for two styles of hair.
fn styles_alike(a: &str, b: &str) -> bool {
    let long = ["long", "ponytail", "high ponytail", "pigtails"];
    let short = ["short", "spiky", "curly", "bun", "bob"];
    a == b || [&long[..], &short[..]].iter().any(|all| all.contains(&a) && all.contains(&b))
}

/// Whether somebody might use the same word for the skin of two kinds.
fn close(a: Kind, b: Kind) -> bool {
    let pair = |x, y| (a, b) == (x, y) || (a, b) == (y, x);
    pair(Kind::Light, Kind::Tanned)
        || pair(Kind::Tanned, Kind::Dark)
        || pair(Kind::Light, Kind::PaleElf)
        || pair(Kind::Dark, Kind::DarkElf)
}
