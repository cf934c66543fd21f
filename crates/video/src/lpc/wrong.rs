//! Sentences that are false of a figure: the same figure with one or two things changed, and
//! these named.

use fastrand::Rng;

use super::figure::{Action, Direction, Figure, Head, Item, Kind};
use super::mention::Mention;
use super::wardrobe::{HeldOut, Wardrobe};
use crate::Split;
use crate::draws::pick;

/// A figure of which `figure` is no example, and what has to be named to say so. In training no
/// held-out pair is ever shown as wrong.
pub fn wrong(
    wardrobe: &Wardrobe,
    held_out: &HeldOut,
    split: Split,
    figure: &Figure,
    rng: &mut Rng,
) -> (Figure, Mention) {
    // One change that does not meet a held-out pair is nearly always found at once.
    for _ in 0..1000 {
        let mut other = figure.clone();
        let mut named = Mention::default();
        let changes = if rng.u32(..4) == 0 { 2 } else { 1 };
        while named.count() < changes {
            change(wardrobe, figure, &mut other, &mut named, rng);
        }
        if split == Split::HeldOut || !held_out.has(&other) {
            let mention = Mention::draw(&other, rng);
            return (other, mention.and(named));
        }
    }
    let mut other = figure.clone();
    let mut named = Mention::default();
    while named.count() == 0 {
        change(wardrobe, figure, &mut other, &mut named, rng);
    }
    (other, named.and(named))
}

/// Tries one change; half of the time it is of what is done, or where to.
fn change(
    wardrobe: &Wardrobe,
    was: &Figure,
    other: &mut Figure,
    named: &mut Mention,
    rng: &mut Rng,
) {
    let sex = was.body.sex;
    let fits =
        |item: &&Item| item.sex.is_none_or(|s| s == sex) && item.actions & other.action.bit() != 0;
    let differs = |item: &&Item, from: Option<&Item>| from.is_none_or(|from| !like(from, item));
    let choose = |items: &'static [Item], from: Option<&Item>, rng: &mut Rng| {
        let items: Vec<_> = items.iter().filter(|i| fits(i)).filter(|i| differs(i, from)).collect();
        (!items.is_empty()).then(|| pick(rng, &items))
    };
    match rng.u32(..100) {
        0..25 => {
            let worn = [other.torso, other.headwear].into_iter().flatten();
            let mask = worn.fold(0b11_1111, |mask, item| mask & item.actions);
            let action = pick(rng, &Action::ALL);
            // Who waves a wand may well be casting a spell.
            let spell = was.weapon.is_some_and(|w| w.name == "wand") && action == Action::Spellcast;
            if action != was.action && mask & action.bit() != 0 && !spell {
                other.action = action;
                if was.action == Action::Hurt {
                    other.direction = pick(rng, &Direction::ALL);
                }
                if action == Action::Hurt {
                    other.direction = Direction::Front;
                }
                other.weapon = wardrobe.weapon(other, rng);
                named.action = true;
            }
        }
        25..50 => {
            let direction = pick(rng, &Direction::ALL);
            if was.action != Action::Hurt
                && other.action != Action::Hurt
                && direction != was.direction
            {
                other.direction = direction;
                named.direction = true;
            }
        }
        50..67 => {
            if let Head::Hair(style, colour) = was.head {
                let same: Vec<_> = wardrobe.hair.iter().filter(|h| h.style == style).collect();
                let any: Vec<_> = wardrobe.hair.iter().collect();
                // A style of which there is but one colour goes with it.
                let one = same.iter().all(|h| h.colour == colour);
                let hair = pick(rng, if one { &any } else { &same });
                if !alike(hair.colour, colour) {
                    other.head = Head::Hair(hair.style, hair.colour);
                    named.hair = true;
                }
            }
        }
        67..82 => {
            if let Some(torso) = choose(wardrobe.torso, was.torso, rng) {
                other.torso = Some(torso);
                named.torso = true;
            }
        }
        82..90 => {
            let body = pick(rng, &wardrobe.bodies.iter().collect::<Vec<_>>());
            let known = body.kind != Kind::Skeleton && was.body.kind != Kind::Skeleton;
            // A change to a skeleton would leave it hair and clothes that are cut for others.
            if known
                && body.name != was.body.name
                && !close(body.kind, was.body.kind, body.sex == sex)
            {
                other.body = body;
                named.body = true;
            }
        }
        90..97 => {
            if let (true, Some(legs)) = (was.legs.is_some(), choose(wardrobe.legs, was.legs, rng)) {
                other.legs = Some(legs);
                named.legs = true;
            }
        }
        _ => {
            // "A helmet" may be any of them.
            let last = |item: &Item| item.name.rsplit(' ').next().unwrap_or_default();
            if let Some(headwear) = choose(wardrobe.headwear, was.headwear, rng)
                && was.headwear.is_none_or(|worn| last(worn) != last(headwear))
            {
                other.headwear = Some(headwear);
                named.headwear = true;
            }
        }
    }
}

/// Items of which one might go by the words for the other.
fn like(a: &Item, b: &Item) -> bool {
    let both = |end| a.name.ends_with(end) && b.name.ends_with(end);
    let pair = |x, y| (a.name, b.name) == (x, y) || (b.name, a.name) == (x, y);
    a.colour == b.colour || both("plate") || both("gown") || pair("green vest", "white shirt")
}

/// Colours of hair that somebody might call by the same name.
fn alike(a: &str, b: &str) -> bool {
    let group = |colour| match colour {
        "white" | "grey" => 1,
        "blonde" | "orange" => 2,
        "black" | "brown" => 3,
        _ => 0,
    };
    a == b || group(a) != 0 && group(a) == group(b)
}

/// Skins that somebody might call by the same name; between sexes the noun tells them apart.
fn close(a: Kind, b: Kind, same_sex: bool) -> bool {
    let pair = |x, y| (a, b) == (x, y) || (a, b) == (y, x);
    same_sex
        && (pair(Kind::Light, Kind::Tanned)
            || pair(Kind::Tanned, Kind::Dark)
            || pair(Kind::Light, Kind::PaleElf)
            || pair(Kind::Dark, Kind::DarkElf))
}
