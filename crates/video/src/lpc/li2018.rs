//! The layers of "Sprites" (Li & Mandt 2018): one base body, no weapons, no headwear.

use super::figure::{Body, Hair, Hides, Item, Kind, Layers, Sex};
use super::wardrobe::{Wardrobe, styles};

pub fn wardrobe() -> Wardrobe {
    let hair =
        HAIR.iter().map(|&(style, colour, sheet)| Hair { style, colour, sheet: sheet.to_owned() });
    let hair: Vec<Hair> = hair.collect();
    Wardrobe {
        bodies: BODIES,
        styles: styles(&hair),
        hair,
        torso: TORSO,
        legs: LEGS,
        feet: FEET,
        headwear: &[],
        weapons: &[],
    }
}

/// Sheet 6 is left out: no common word describes hair on one half of the head.
const HAIR: &[(&str, &str, &str)] = &[
    ("spiky", "green", "hair/0.png"),
    ("high ponytail", "blue", "hair/1.png"),
    ("spiky", "orange", "hair/2.png"),
    ("short", "white", "hair/3.png"),
    ("short", "red", "hair/4.png"),
    ("curly", "purple", "hair/5.png"),
    ("spiky", "pink", "hair/8.png"),
    ("curly", "orange", "hair/9.png"),
];

const fn body(name: &'static str, kind: Kind, layers: Layers) -> Body {
    Body { name, sex: Sex::Man, kind, weight: 1, layers }
}

const BODIES: &[Body] = &[
    body("light man", Kind::Light, &["body/0.png"]),
    body("tanned man", Kind::Tanned, &["body/1.png"]),
    body("dark elf man", Kind::DarkElf, &["body/2.png"]),
    body("pale elf man", Kind::PaleElf, &["body/3.png"]),
    body("dark man", Kind::Dark, &["body/5.png"]),
    body("orc man", Kind::Orc, &["body/6.png"]),
];

const fn item(
    name: &'static str,
    colour: &'static str,
    words: &'static [&'static str],
    layers: Layers,
) -> Item {
    Item {
        name,
        colour,
        words,
        sex: None,
        actions: 0b11_1111,
        weight: 1,
        hides: Hides::Nothing,
        layers,
    }
}

const TORSO: &[Item] = &[
    item("maroon shirt", "red", &["a maroon shirt", "a dark red shirt"], &["topwear/0.png"]),
    item("teal shirt", "blue", &["a teal shirt", "a turquoise shirt"], &["topwear/1.png"]),
    item("white shirt", "white", &["a white shirt"], &["topwear/2.png"]),
    item(
        "steel plate",
        "steel",
        &["steel plate", "steel armour", "plate armour"],
        &["topwear/3.png"],
    ),
    item(
        "leather vest",
        "brown",
        &["a leather vest", "a brown leather vest", "leather armour"],
        &["topwear/4.png"],
    ),
    item("chain mail", "mail", &["chain mail", "grey chain mail"], &["topwear/6.png"]),
];

const LEGS: &[Item] = &[
    item("white trousers", "white", &["white trousers", "white pants"], &["bottomwear/0.png"]),
    item("golden leggings", "gold", &["golden leggings"], &["bottomwear/1.png"]),
    item("red trousers", "red", &["red trousers", "red pants"], &["bottomwear/2.png"]),
    item("steel leggings", "steel", &["steel leggings", "steel leg armour"], &["bottomwear/3.png"]),
    item("green trousers", "green", &["green trousers", "green pants"], &["bottomwear/4.png"]),
    item("brown skirt", "brown", &["a brown skirt", "a long brown skirt"], &["bottomwear/6.png"]),
];

const FEET: &[Item] = &[
    item("brown shoes", "brown", &["brown shoes"], &["shoes/0.png"]),
    item("golden boots", "gold", &["golden boots"], &["shoes/1.png"]),
    item("steel boots", "steel", &["steel boots", "grey boots"], &["shoes/2.png"]),
];
