//! Nouns and adjectives for a figure.

use fastrand::Rng;

use super::figure::{Figure, Head, Item, Kind, Sex};
use super::mention::{Mention, Role, Style, Thing, Told};
use crate::draws::Voice;

/// Adjectives and a noun, without the article. `told` receives what they state; things that need not
/// be said again are removed from `mention`.
pub fn noun(figure: &Figure, mention: &mut Mention, voice: Voice, told: &mut Told) -> String {
    let mut words = Vec::new();
    if mention.hair && figure.head == Head::Bald {
        told.hair_style = true;
        words.push("bald".to_owned());
    }
    if let (true, Some(colour)) = (mention.hair, figure.hair()) {
        let rng = &mut Thing::Adjective.rng(voice);
        if rng.u32(..100) < 15 {
            told.hair = true;
            let colour = hair_colour(colour, voice);
            words.push(match colour {
                "blonde" if rng.u32(..100) < 60 => colour.to_owned(),
                _ => format!("{colour}-haired"),
            });
        }
    }
    if mention.torso && figure.torso.is_none() {
        told.torso = true;
        words.push(bare_chested(voice).to_owned());
    }
    if mention.feet && figure.feet.is_none() {
        told.feet = true;
        words.push("barefoot".to_owned());
    }
    words.push(being(figure, mention, voice, told));
    words.join(" ")
}

pub fn bare_chested(voice: Voice) -> &'static str {
    let rng = &mut Thing::Torso.rng(voice);
    rng.u64(..);
    voice.pick(rng, &["bare-chested", "shirtless"])
}

pub fn hair_colour(colour: &'static str, voice: Voice) -> &'static str {
    let words: &[&str] = match colour {
        "grey" => &["grey", "grey", "gray"],
        "orange" => &["orange", "orange", "ginger"],
        "blonde" => &["blonde", "blonde", "blond", "fair", "golden", "sandy", "~yellow"],
        _ => return colour,
    };
    voice.pick(&mut Thing::HairColour.rng(voice), words)
}

/// The noun, by kind, sex, skin, clothes and action, with the skin as an adjective if mentioned.
fn being(figure: &Figure, mention: &mut Mention, voice: Voice, told: &mut Told) -> String {
    let rng = &mut Thing::Noun.rng(voice);
    let roll = rng.u32(..100);
    let woman = figure.body.sex == Sex::Woman;
    let kind = figure.body.kind;
    let human = matches!(kind, Kind::Light | Kind::Tanned | Kind::Dark);
    // "Archer" implies shooting, so it is used only if the action is mentioned.
    let role = Role::of(figure).filter(|role| *role != Role::Archer || mention.action);
    let often = match role {
        Some(Role::Knight) => 60,
        Some(Role::Mage | Role::Princess) => 40,
        _ => 15,
    };
    let role = role.filter(|_| roll < often);
    let base = if human { neutral(woman, voice, rng) } else { other(figure, mention, voice, rng) };
    // "A knight" or "a warrior" need not be human. A false caption with another body uses the same random
    // numbers, so this one is always drawn.
    let is_open = rng.bool();
    let open = human || !mention.skin && is_open;
    let plain = !base.contains(' ') || base.ends_with(" elf");
    told.role = role.filter(|_| open || plain);
    let noun = match (told.role, open) {
        (None, true) if (70..84).contains(&roll) => voice.pick(rng, loose_role(figure)).to_owned(),
        (None, true) if !mention.skin && roll >= 97 => "hero".to_owned(),
        (None, _) => base.to_owned(),
        (Some(role), true) => called(role, woman, voice, rng).to_owned(),
        (Some(role), false) => format!("{base} {}", called(role, false, voice, rng)),
    };
    if let (Some(Role::Knight | Role::Mage | Role::Princess), Style::Loose | Style::Short) =
        (told.role, mention.style)
    {
        // The role implies armour or a robe, so that may be left out.
        mention.torso &= rng.bool();
    }
    let skin = skin(kind, voice);
    let text = if mention.skin { format!("{skin} {noun}") } else { noun };
    let has = |any: &[&str]| text.split([' ', '-']).any(|word| any.contains(&word));
    let sex = has(&[
        "woman",
        "lady",
        "girl",
        "female",
        "princess",
        "sorceress",
        "maiden",
        "lass",
        "witch",
        "duchess",
        "enchantress",
        "noblewoman",
        "countess",
        "gal",
        "man",
        "guy",
        "fellow",
        "male",
        "boy",
        "gentleman",
        "dude",
        "bloke",
    ]);
    let person = has(&[
        "woman",
        "lady",
        "girl",
        "lass",
        "maiden",
        "gal",
        "man",
        "guy",
        "fellow",
        "boy",
        "gentleman",
        "dude",
        "bloke",
        "person",
    ]);
    let being = has(&["orc", "elf", "skeleton"]);
    told.sex |= sex;
    told.kind |= being || person || mention.skin;
    told.skin |= mention.skin || has(&["orc", "skeleton", "dark", "pale"]);
    text
}

fn skin(kind: Kind, voice: Voice) -> &'static str {
    let words: &[&str] = match kind {
        Kind::Light => &["light-skinned", "fair-skinned", "white-skinned"],
        Kind::Tanned => &["tanned"],
        Kind::Dark => &["dark-skinned", "brown-skinned"],
        Kind::DarkElf => &["grey-skinned"],
        Kind::PaleElf => &["pale"],
        Kind::Orc => &["green"],
        Kind::Skeleton => &[""],
    };
    let rng = &mut Thing::Skin.rng(voice);
    rng.u64(..);
    voice.pick(rng, words)
}

/// A noun for a human, whatever the clothes.
fn neutral(woman: bool, voice: Voice, rng: &mut Rng) -> &'static str {
    const WOMEN: [&str; 15] = [
        "woman",
        "woman",
        "woman",
        "woman",
        "woman",
        "woman",
        "woman",
        "lady",
        "lady",
        "girl",
        "lass",
        "person",
        "character",
        "maiden",
        "~gal",
    ];
    const MEN: [&str; 16] = [
        "man",
        "man",
        "man",
        "man",
        "man",
        "man",
        "man",
        "guy",
        "guy",
        "fellow",
        "boy",
        "gentleman",
        "dude",
        "person",
        "character",
        "bloke",
    ];
    voice.pick(rng, if woman { &WOMEN } else { &MEN })
}

/// A noun for an elf, an orc or a skeleton.
fn other(figure: &Figure, mention: &Mention, voice: Voice, rng: &mut Rng) -> &'static str {
    let woman = figure.body.sex == Sex::Woman;
    let words: &[&str] = match figure.body.kind {
        Kind::DarkElf | Kind::PaleElf if mention.skin => match woman {
            true => &["elf", "elf", "elf woman", "female elf"],
            false => &["elf", "elf", "elf", "male elf"],
        },
        Kind::DarkElf => match woman {
            true => &["dark elf", "dark elf", "dark elf woman", "female dark elf", "elf"],
            false => &["dark elf", "dark elf", "dark elf man", "male dark elf", "elf"],
        },
        Kind::PaleElf => match woman {
            true => {
                &["pale elf", "pale elf", "pale elf woman", "female pale elf", "elf woman", "elf"]
            }
            false => &["pale elf", "pale elf", "pale elf man", "male pale elf", "male elf", "elf"],
        },
        Kind::Orc => match woman {
            true => &["orc", "orc woman", "female orc", "female orc"],
            false => &["orc", "orc", "orc", "male orc"],
        },
        Kind::Skeleton | Kind::Light | Kind::Tanned | Kind::Dark => &["skeleton"],
    };
    voice.pick(rng, words)
}

fn called(role: Role, woman: bool, voice: Voice, rng: &mut Rng) -> &'static str {
    let words: &[&str] = match (role, woman) {
        (Role::Knight, true) => &["knight", "knight", "female knight", "paladin", "~crusader"],
        (Role::Knight, false) => &["knight", "knight", "knight", "paladin", "~crusader"],
        (Role::Mage, true) => {
            &["mage", "female mage", "wizard", "sorceress", "witch", "enchantress", "~magician"]
        }
        (Role::Mage, false) => &["mage", "mage", "wizard", "sorcerer", "~magician"],
        (Role::Princess, _) => {
            &["princess", "princess", "princess", "duchess", "noblewoman", "~countess"]
        }
        (Role::Archer, true) => &["archer", "archer", "female archer"],
        (Role::Archer, false) => &["archer", "archer", "bowman"],
    };
    voice.pick(rng, words)
}

/// Nouns by clothes and weapon, vague enough that nobody would call them false.
fn loose_role(figure: &Figure) -> &'static [&'static str] {
    let is = |item: Option<&Item>, ends: &[&str]| {
        item.is_some_and(|item| ends.iter().any(|end| item.name.ends_with(end)))
    };
    let armed = is(figure.weapon, &["spear", "dagger", "bow", "shield"]);
    let helmet = is(figure.headwear, &["helmet", "mail hood"]);
    if is(figure.torso, &["plate", "mail", "tabard"]) {
        return &["warrior", "warrior", "soldier", "fighter", "defender", "~guard"];
    }
    if armed || helmet {
        return &["warrior", "fighter", "warrior", "hero", "adventurer", "~mercenary"];
    }
    match figure.torso {
        torso if is(torso, &["shirt", "top", "tunic", "dress", "vest"]) => {
            &["villager", "villager", "townsperson", "farmer", "~peasant"]
        }
        _ => &["hero", "character", "traveller", "adventurer", "~explorer"],
    }
}

/// The noun with its indefinite article.
pub fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}
