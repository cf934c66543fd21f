//! The layers of the Universal LPC spritesheet that the dataset uses, with their names. A name
//! describes the drawn pixels, which can differ from the name of the file. Of several layers for the same words,
//! one is kept: long hair has four folders, a blonde shade two files. Left out are also layers of an ambiguous
//! colour, long hair that looks short from some sides, layers with 192-pixel cells, and layers that cannot be seen
//! at this size (belts, bracers, necklaces).

mod clothes;

use self::clothes::{FEET, LEGS, TORSO, item};
use super::figure::{Body, Hair, Hides, Item, Kind, Layers, Sex};
use super::wardrobe::{Wardrobe, styles};

const ALL: u8 = 0b11_1111;
/// All actions except thrust and shoot ("no_th-sh" in names of files).
const NO_THRUST_SHOOT: u8 = 0b10_1101;
const THRUST: u8 = 0b00_0010;
const WALK: u8 = 0b00_0100;
const SLASH: u8 = 0b00_1000;
const SHOOT: u8 = 0b01_0000;

const F: Option<Sex> = Some(Sex::Woman);
const M: Option<Sex> = Some(Sex::Man);

pub fn wardrobe() -> Wardrobe {
    let hair = STYLES.iter().flat_map(|&(style, folder)| {
        COLOURS.iter().map(move |&(colour, file)| Hair {
            style,
            colour,
            sheet: format!("hair/{{s}}/{folder}/{file}.png"),
        })
    });
    let hair: Vec<Hair> = hair.collect();
    Wardrobe {
        bodies: BODIES,
        styles: styles(&hair),
        hair,
        torso: TORSO,
        legs: LEGS,
        feet: FEET,
        headwear: HEADWEAR,
        weapons: WEAPONS,
    }
}

/// Styles of hair, each with the folder of its sheets.
const STYLES: &[(&str, &str)] = &[
    ("long", "xlong"),
    ("short", "parted"),
    ("spiky", "messy1"),
    ("curly", "jewfro"),
    ("bob", "page"),
    ("mohawk", "mohawk"),
    ("ponytail", "ponytail"),
    ("high ponytail", "xlongknot"),
    ("bun", "shortknot"),
    ("pigtails", "bunches"),
];

/// Colours of hair, each with the file of its sheet.
const COLOURS: &[(&str, &str)] = &[
    ("black", "black"),
    ("blonde", "blonde"),
    ("blue", "blue"),
    ("brown", "brunette"),
    ("green", "green2"),
    ("grey", "gray"),
    ("orange", "light-blonde"),
    ("pink", "pink2"),
    ("purple", "purple"),
    ("red", "redhead"),
    ("white", "white"),
];

const BODIES: &[Body] = &[
    body("light woman", Sex::Woman, Kind::Light, 6, &["body/{s}/light.png"]),
    body("light man", Sex::Man, Kind::Light, 6, &["body/{s}/light.png"]),
    body("tanned woman", Sex::Woman, Kind::Tanned, 4, &["body/{s}/tanned.png"]),
    body("tanned man", Sex::Man, Kind::Tanned, 4, &["body/{s}/tanned.png"]),
    body("dark woman", Sex::Woman, Kind::Dark, 6, &["body/{s}/dark2.png"]),
    body("dark man", Sex::Man, Kind::Dark, 6, &["body/{s}/dark2.png"]),
    body("dark elf woman", Sex::Woman, Kind::DarkElf, 3, DARK_ELF),
    body("dark elf man", Sex::Man, Kind::DarkElf, 3, DARK_ELF),
    body("pale elf woman", Sex::Woman, Kind::PaleElf, 3, PALE_ELF),
    body("pale elf man", Sex::Man, Kind::PaleElf, 3, PALE_ELF),
    body("orc woman", Sex::Woman, Kind::Orc, 3, &["body/{s}/orc.png"]),
    body("orc man", Sex::Man, Kind::Orc, 5, &["body/{s}/orc.png"]),
    body("skeleton", Sex::Man, Kind::Skeleton, 4, &["body/{s}/skeleton.png"]),
];

const DARK_ELF: Layers = &["body/{s}/darkelf.png", "body/{s}/ears/elvenears_darkelf.png"];
const PALE_ELF: Layers = &["body/{s}/darkelf2.png", "body/{s}/ears/elvenears_darkelf2.png"];

const fn body(name: &'static str, sex: Sex, kind: Kind, weight: u32, layers: Layers) -> Body {
    Body { name, sex, kind, weight, layers }
}

const HEADWEAR: &[Item] = &[
    Item {
        hides: Hides::Hair,
        ..item(
            "steel helmet",
            "steel",
            &["a steel helmet", "a helmet", "a steel helm", "a closed helmet"],
            &["head/helms/{s}/metal_helm_{s}.png"],
        )
    },
    Item {
        // The sheet has no cells for the fall.
        actions: 0b01_1111,
        hides: Hides::Hair,
        ..item(
            "golden helmet",
            "gold",
            &["a golden helmet", "a golden helm", "a spiked golden helmet"],
            &["head/helms/{s}/golden_helm_{s}.png"],
        )
    },
    Item {
        hides: Hides::Hair,
        ..item(
            "mail hood",
            "mail",
            &["a mail hood", "a chain mail hood"],
            &["head/hoods/{s}/chain_hood_{s}.png"],
        )
    },
    Item {
        hides: Hides::Hair,
        ..item(
            "brown hood",
            "brown",
            &["a brown hood", "a hood"],
            &["head/hoods/{s}/cloth_hood_{s}.png"],
        )
    },
    Item {
        hides: Hides::ShortHair,
        ..item(
            "brown hat",
            "hat",
            &["a brown hat", "a feathered hat", "a brown hat with a red feather"],
            &["head/caps/{s}/leather_cap_{s}.png"],
        )
    },
    Item {
        hides: Hides::Hair,
        ..item(
            "brimmed helmet",
            "steel and brown",
            &["a brimmed helmet", "a round brimmed helmet"],
            &["head/helms/{s}/chainhat_{s}.png"],
        )
    },
    Item {
        hides: Hides::ShortHair,
        ..item(
            "red bandana",
            "red",
            &["a red bandana", "a red headscarf"],
            &["head/bandanas/{s}/red.png"],
        )
    },
    Item {
        sex: F,
        ..item(
            "golden tiara",
            "tiara",
            &["a golden tiara", "a small golden crown", "a tiara"],
            &["head/tiaras_female/gold.png"],
        )
    },
];

const WEAPONS: &[Item] = &[
    Item {
        actions: SHOOT,
        ..item(
            "bow",
            "bow",
            &["a bow"],
            &["weapons/right hand/either/bow.png", "weapons/left hand/either/arrow.png"],
        )
    },
    Item {
        actions: THRUST | WALK,
        ..item("spear", "spear", &["a spear"], &["weapons/right hand/{s}/spear_{s}.png"])
    },
    Item {
        actions: SLASH | WALK,
        weight: 7,
        ..item("dagger", "dagger", &["a dagger"], &["weapons/right hand/{s}/dagger_{s}.png"])
    },
    Item {
        actions: SLASH,
        weight: 2,
        ..item("wand", "wand", &["a wand"], &["weapons/right hand/{s}/woodwand_{s}.png"])
    },
    Item {
        actions: WALK,
        sex: M,
        ..item(
            "shield",
            "shield",
            &["a shield", "a round shield"],
            &["weapons/left hand/male/shield_male_cutoutforbody.png"],
        )
    },
];
