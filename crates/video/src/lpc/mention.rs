//! What a sentence speaks of.

use fastrand::Rng;

use super::figure::{Action, Direction, Figure, Head, Item, Kind};
use crate::draws::pick;

/// What a sentence speaks of. Each is left out all the same where it cannot be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mention {
    /// Kind and sex in words that fit no other kind and no other sex.
    pub body: bool,
    pub skin: bool,
    pub hair: bool,
    pub torso: bool,
    pub legs: bool,
    pub feet: bool,
    pub headwear: bool,
    pub weapon: bool,
    pub action: bool,
    pub direction: bool,
    /// Whether nothing of this may go unsaid because another word hints at it.
    pub strict: bool,
}

/// Which part of a mention.
type Part = fn(&mut Mention) -> &mut bool;

impl Mention {
    /// Up to three parts, and nearly always what is done and where to.
    pub fn draw(figure: &Figure, rng: &mut Rng) -> Self {
        let mut mention = Self::default();
        let human = matches!(figure.body.kind, Kind::Light | Kind::Tanned | Kind::Dark);
        let hair = figure.head != Head::Covered && figure.body.kind != Kind::Skeleton;
        let bare = figure.torso.is_none() && figure.body.kind != Kind::Skeleton;
        // From behind, the head hides a tiara, and the body what is held before it.
        let back = figure.direction == Direction::Back;
        let seen = |item: &Item| !(back && matches!(item.name, "golden tiara" | "dagger"));
        let mut parts: Vec<(u32, Part)> = vec![
            (if human { 3 } else { 1 }, |m| &mut m.skin),
            (if hair { 6 } else { 0 }, |m| &mut m.hair),
            (if figure.torso.is_some() || bare { 7 } else { 0 }, |m| &mut m.torso),
            (if figure.legs.is_some() { 2 } else { 0 }, |m| &mut m.legs),
            (1, |m| &mut m.feet),
            (if figure.headwear.is_some_and(seen) { 5 } else { 0 }, |m| &mut m.headwear),
            (
                if figure.action == Action::Walk && figure.weapon.is_some_and(seen) {
                    5
                } else {
                    0
                },
                |m| &mut m.weapon,
            ),
        ];
        let count = pick(rng, &[0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3]);
        for _ in 0..count {
            let weights: u32 = parts.iter().map(|part| part.0).sum();
            if weights == 0 {
                break;
            }
            let mut left = rng.u32(..weights);
            for (weight, part) in &mut parts {
                if left < *weight {
                    *part(&mut mention) = true;
                    *weight = 0;
                    break;
                }
                left -= *weight;
            }
        }
        mention.action = figure.action == Action::Hurt || rng.u32(..100) < 96;
        mention.direction = !mention.action || rng.u32(..100) < 94;
        mention
    }

    /// How many things are named.
    pub fn count(self) -> usize {
        let m = self;
        let parts = [m.body, m.skin, m.hair, m.torso, m.legs, m.feet, m.headwear, m.weapon];
        parts.into_iter().chain([m.action, m.direction]).filter(|named| *named).count()
    }

    /// All that either names, and none of it only by a hint.
    pub fn and(self, other: Self) -> Self {
        Self {
            body: self.body | other.body,
            skin: self.skin | other.skin,
            hair: self.hair | other.hair,
            torso: self.torso | other.torso,
            legs: self.legs | other.legs,
            feet: self.feet | other.feet,
            headwear: self.headwear | other.headwear,
            weapon: self.weapon | other.weapon,
            action: self.action | other.action,
            direction: self.direction | other.direction,
            strict: true,
        }
    }
}
