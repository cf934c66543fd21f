//! The layers of the Universal LPC spritesheet that are used, and what they are called: what is
//! seen in the render decides, not the name of the file. Left out: layers of an ambiguous colour,
//! layers of 192-pixel cells, and those that are lost at this size (belts, bracers, necklaces).

use super::figure::{Body, Hair, Hides, Item, Kind, Layers, Sex};
use super::wardrobe::Wardrobe;

const ALL: u8 = 0b11_1111;
/// "no_th-sh": no thrust, no shoot.
const NO_THRUST_SHOOT: u8 = 0b10_1101;
const THRUST: u8 = 0b00_0010;
const WALK: u8 = 0b00_0100;
const SLASH: u8 = 0b00_1000;
const SHOOT: u8 = 0b01_0000;

const F: Option<Sex> = Some(Sex::Woman);
const M: Option<Sex> = Some(Sex::Man);

pub fn wardrobe() -> Wardrobe {
    let hair = STYLES.iter().flat_map(|&(style, folders)| {
        folders.iter().flat_map(move |folder| {
            COLOURS.iter().flat_map(move |&(colour, files)| {
                files.iter().map(move |file| Hair {
                    style,
                    colour,
                    sheet: format!("hair/{{s}}/{folder}/{file}.png"),
                })
            })
        })
    });
    Wardrobe {
        bodies: BODIES,
        hair: hair.collect(),
        torso: TORSO,
        legs: LEGS,
        feet: FEET,
        headwear: HEADWEAR,
        weapons: WEAPONS,
    }
}

/// Styles and the folders that show them.
const STYLES: &[(&str, &[&str])] = &[
    ("long", &["long", "xlong", "unkempt", "bangslong2", "loose", "shoulderl", "shoulderr"]),
    ("short", &["bangsshort", "parted", "plain", "pixie"]),
    ("spiky", &["messy1", "messy2", "bedhead"]),
    ("curly", &["jewfro"]),
    ("bob", &["page", "page2"]),
    ("mohawk", &["mohawk"]),
    ("ponytail", &["ponytail", "ponytail2"]),
    ("high ponytail", &["longknot", "xlongknot"]),
    ("bun", &["shortknot"]),
    ("pigtails", &["bunches"]),
];

/// Colours and the files that show them.
const COLOURS: &[(&str, &[&str])] = &[
    ("black", &["black", "raven2"]),
    ("blonde", &["blonde", "gold"]),
    ("blue", &["blue"]),
    ("brown", &["brown", "brunette"]),
    ("green", &["green", "green2"]),
    ("grey", &["gray"]),
    ("orange", &["light-blonde"]),
    ("pink", &["pink2"]),
    ("purple", &["purple"]),
    ("red", &["redhead", "ruby-red"]),
    ("white", &["white"]),
];

const BODIES: &[Body] = &[
    body("light woman", Sex::Woman, Kind::Light, 6, &[&["body/{s}/light.png"]]),
    body("light man", Sex::Man, Kind::Light, 6, &[&["body/{s}/light.png"]]),
    body(
        "tanned woman",
        Sex::Woman,
        Kind::Tanned,
        4,
        &[&["body/{s}/tanned.png"], &["body/{s}/tanned2.png"]],
    ),
    body(
        "tanned man",
        Sex::Man,
        Kind::Tanned,
        4,
        &[&["body/{s}/tanned.png"], &["body/{s}/tanned2.png"]],
    ),
    body("dark woman", Sex::Woman, Kind::Dark, 6, DARK),
    body("dark man", Sex::Man, Kind::Dark, 6, DARK),
    body("dark elf woman", Sex::Woman, Kind::DarkElf, 3, DARK_ELF),
    body("dark elf man", Sex::Man, Kind::DarkElf, 3, DARK_ELF),
    body("pale elf woman", Sex::Woman, Kind::PaleElf, 3, PALE_ELF),
    body("pale elf man", Sex::Man, Kind::PaleElf, 3, PALE_ELF),
    body("orc woman", Sex::Woman, Kind::Orc, 3, ORC),
    body("orc man", Sex::Man, Kind::Orc, 5, ORC),
    body("skeleton", Sex::Man, Kind::Skeleton, 4, &[&["body/{s}/skeleton.png"]]),
];

const DARK: &[Layers] = &[&["body/{s}/dark.png"], &["body/{s}/dark2.png"]];
const DARK_ELF: &[Layers] = &[&["body/{s}/darkelf.png", "body/{s}/ears/elvenears_darkelf.png"]];
const PALE_ELF: &[Layers] = &[&["body/{s}/darkelf2.png", "body/{s}/ears/elvenears_darkelf2.png"]];
const ORC: &[Layers] = &[&["body/{s}/orc.png"], &["body/{s}/red_orc.png"]];

const fn body(
    name: &'static str,
    sex: Sex,
    kind: Kind,
    weight: u32,
    sheets: &'static [Layers],
) -> Body {
    Body { name, sex, kind, weight, sheets }
}

/// An item that fits anyone, has all actions and hides nothing; the rest is said where it differs.
const fn item(
    name: &'static str,
    colour: &'static str,
    words: &'static [&'static str],
    sheets: &'static [Layers],
) -> Item {
    Item { name, colour, words, sex: None, actions: ALL, weight: 4, hides: Hides::Nothing, sheets }
}

const fn robe(
    name: &'static str,
    colour: &'static str,
    words: &'static [&'static str],
    sheets: &'static [Layers],
) -> Item {
    Item {
        sex: F,
        actions: NO_THRUST_SHOOT,
        weight: 6,
        hides: Hides::Legs,
        ..item(name, colour, words, sheets)
    }
}

const fn dress(
    name: &'static str,
    colour: &'static str,
    words: &'static [&'static str],
    sheets: &'static [Layers],
) -> Item {
    Item { sex: F, weight: 3, hides: Hides::Legs, ..item(name, colour, words, sheets) }
}

const fn top(
    name: &'static str,
    colour: &'static str,
    words: &'static [&'static str],
    sheets: &'static [Layers],
) -> Item {
    Item { sex: F, weight: 3, ..item(name, colour, words, sheets) }
}

const TORSO: &[Item] = &[
    Item {
        weight: 9,
        ..item(
            "steel plate",
            "steel",
            &["steel plate", "steel armour", "plate armour", "steel plate armour"],
            &[&["torso/plate/chest_{s}.png", "torso/plate/arms_{s}.png"]],
        )
    },
    Item {
        weight: 5,
        ..item(
            "golden plate",
            "gold",
            &["golden plate", "golden armour", "gold armour", "golden plate armour"],
            &[&["torso/gold/chest_{s}.png", "torso/gold/arms_{s}.png"]],
        )
    },
    item(
        "chain mail",
        "mail",
        &["chain mail", "grey chain mail", "a mail shirt"],
        &[&["torso/chain/mail_{s}.png"]],
    ),
    item(
        "purple tabard",
        "mail",
        &["a purple tabard", "a purple tabard over chain mail", "a purple surcoat"],
        &[&["torso/chain/mail_{s}.png", "torso/chain/tabard/jacket_{s}.png"]],
    ),
    item(
        "leather vest",
        "brown",
        &["a leather vest", "a brown leather vest", "leather armour", "a leather jerkin"],
        &[&["torso/leather/chest_{s}.png"]],
    ),
    Item {
        sex: M,
        ..item(
            "brown shirt",
            "brown",
            &["a brown shirt"],
            &[&["torso/shirts/longsleeve/male/brown_longsleeve.png"]],
        )
    },
    Item {
        sex: M,
        ..item(
            "maroon shirt",
            "red",
            &["a maroon shirt", "a dark red shirt"],
            &[&["torso/shirts/longsleeve/male/maroon_longsleeve.png"]],
        )
    },
    Item {
        sex: M,
        ..item(
            "teal shirt",
            "blue",
            &["a teal shirt", "a turquoise shirt"],
            &[&["torso/shirts/longsleeve/male/teal_longsleeve.png"]],
        )
    },
    Item {
        sex: M,
        ..item(
            "white shirt",
            "white",
            &["a white shirt"],
            &[&["torso/shirts/longsleeve/male/white_longsleeve.png"]],
        )
    },
    Item {
        sex: M,
        actions: NO_THRUST_SHOOT,
        ..item(
            "green vest",
            "green",
            &["a green vest", "a green waistcoat", "a green vest over a white shirt"],
            &[&[
                "formal_male_no_th-sh/shirt.png",
                "formal_male_no_th-sh/vest.png",
                "formal_male_no_th-sh/tie.png",
            ]],
        )
    },
    top(
        "brown top",
        "brown",
        &["a brown top", "a brown sleeveless top"],
        &[&["torso/shirts/sleeveless/female/brown_sleeveless.png"]],
    ),
    top(
        "maroon top",
        "red",
        &["a maroon top", "a dark red top"],
        &[&["torso/shirts/sleeveless/female/maroon_sleeveless.png"]],
    ),
    top(
        "teal top",
        "blue",
        &["a teal top", "a turquoise top"],
        &[&["torso/shirts/sleeveless/female/teal_sleeveless.png"]],
    ),
    top("brown tunic", "brown", &["a brown tunic"], &[&["torso/tunics/female/brown_tunic.png"]]),
    top(
        "maroon tunic",
        "red",
        &["a maroon tunic", "a dark red tunic"],
        &[&["torso/tunics/female/maroon_tunic.png"]],
    ),
    top(
        "teal tunic",
        "blue",
        &["a teal tunic", "a turquoise tunic"],
        &[&["torso/tunics/female/teal_tunic.png"]],
    ),
    top(
        "beige tunic",
        "white",
        &["a beige tunic", "a pale tunic"],
        &[&["torso/tunics/female/white_tunic.png"]],
    ),
    robe(
        "black robe",
        "black",
        &["a black robe", "black robes"],
        &[&["torso/robes_female_no_th-sh/black.png"]],
    ),
    robe(
        "blue robe",
        "blue",
        &["a blue robe", "a blue robe", "a dark blue robe", "blue robes"],
        &[&["torso/robes_female_no_th-sh/blue.png"]],
    ),
    robe(
        "brown robe",
        "brown",
        &["a brown robe", "brown robes"],
        &[&["torso/robes_female_no_th-sh/brown.png"]],
    ),
    robe(
        "green robe",
        "green",
        &["a green robe", "a dark green robe", "green robes"],
        &[&["torso/robes_female_no_th-sh/forest green.png"]],
    ),
    robe(
        "purple robe",
        "purple",
        &["a purple robe", "a dark purple robe", "purple robes"],
        &[&["torso/robes_female_no_th-sh/purple.png"]],
    ),
    robe(
        "red robe",
        "red",
        &["a red robe", "a dark red robe", "red robes"],
        &[&["torso/robes_female_no_th-sh/red.png"]],
    ),
    robe(
        "white robe",
        "white",
        &["a white robe", "white robes"],
        &[&["torso/robes_female_no_th-sh/white.png"]],
    ),
    dress(
        "black dress",
        "black",
        &["a black dress", "a long black dress"],
        &[&["torso/dress_female/tightdress_black.png"]],
    ),
    dress(
        "red dress",
        "red",
        &["a red dress", "a long red dress"],
        &[&["torso/dress_female/tightdress_red.png"]],
    ),
    dress(
        "white dress",
        "white",
        &["a white dress", "a long white dress"],
        &[&["torso/dress_female/tightdress_white.png"]],
    ),
    dress(
        "pale blue dress",
        "blue",
        &["a pale blue dress", "a light blue dress"],
        &[&["torso/dress_female/tightdress_lightblue.png"]],
    ),
    dress(
        "green dress",
        "green",
        &["a green dress", "a short green dress"],
        &[&["torso/dress_female/dress_w_sash_female.png"]],
    ),
    Item {
        hides: Hides::LegsAndFeet,
        ..dress(
            "white gown",
            "white",
            &["a white gown", "a wide white dress"],
            &[&["torso/dress_female/underdress.png"]],
        )
    },
    Item {
        hides: Hides::LegsAndFeet,
        ..dress(
            "blue gown",
            "blue",
            &["a blue gown", "a blue and white gown", "a light blue gown"],
            &[&[
                "torso/dress_female/underdress.png",
                "torso/dress_female/overskirt.png",
                "torso/dress_female/blue_vest.png",
            ]],
        )
    },
];

const LEGS: &[Item] = &[
    item(
        "steel leggings",
        "steel",
        &["steel leggings", "steel leg armour", "grey leg armour"],
        &[&["legs/armor/{s}/metal_pants_{s}.png"]],
    ),
    item(
        "golden leggings",
        "gold",
        &["golden leggings", "golden leg armour"],
        &[&["legs/armor/{s}/golden_greaves_{s}.png"]],
    ),
    item(
        "purple trousers",
        "purple",
        &["purple trousers", "purple pants"],
        &[&["legs/pants/{s}/magenta_pants_{s}.png"]],
    ),
    item(
        "red trousers",
        "red",
        &["red trousers", "red pants"],
        &[&["legs/pants/{s}/red_pants_{s}.png"]],
    ),
    item(
        "green trousers",
        "green",
        &["green trousers", "green pants", "grey-green trousers"],
        &[&["legs/pants/{s}/teal_pants_{s}.png"]],
    ),
    item(
        "white trousers",
        "white",
        &["white trousers", "white pants"],
        &[&["legs/pants/{s}/white_pants_{s}.png"]],
    ),
    Item {
        sex: F,
        ..item(
            "brown skirt",
            "brown",
            &["a brown skirt", "a long brown skirt"],
            &[&["legs/skirt/female/robe_skirt_female_incomplete.png"]],
        )
    },
    Item {
        sex: M,
        weight: 2,
        ..item(
            "brown skirt",
            "brown",
            &["a brown skirt", "a long brown skirt"],
            &[&["legs/skirt/male/robe_skirt_male.png"]],
        )
    },
];

const FEET: &[Item] = &[
    item("black shoes", "black", &["black shoes"], &[&["feet/shoes/{s}/black_shoes_{s}.png"]]),
    item("brown shoes", "brown", &["brown shoes"], &[&["feet/shoes/{s}/brown_shoes_{s}.png"]]),
    Item {
        sex: F,
        ..item(
            "brown boots",
            "brown",
            &["brown boots", "long brown boots"],
            &[&["feet/boots/female/brown_longboots_female.png"]],
        )
    },
    Item {
        weight: 2,
        ..item(
            "steel boots",
            "steel",
            &["steel boots", "grey boots"],
            &[&["feet/armor/{s}/metal_boots_{s}.png"]],
        )
    },
    Item {
        weight: 2,
        ..item(
            "golden boots",
            "gold",
            &["golden boots"],
            &[&["feet/armor/{s}/golden_boots_{s}.png"]],
        )
    },
];

const HEADWEAR: &[Item] = &[
    Item {
        hides: Hides::Hair,
        ..item(
            "steel helmet",
            "steel",
            &["a steel helmet", "a helmet", "a steel helm", "a closed helmet"],
            &[&["head/helms/{s}/metal_helm_{s}.png"]],
        )
    },
    Item {
        // Its sheet has no cells for the fall.
        actions: 0b01_1111,
        hides: Hides::Hair,
        ..item(
            "golden helmet",
            "gold",
            &["a golden helmet", "a golden helm", "a spiked golden helmet"],
            &[&["head/helms/{s}/golden_helm_{s}.png"]],
        )
    },
    Item {
        hides: Hides::Hair,
        ..item(
            "mail hood",
            "mail",
            &["a mail hood", "a chain mail hood"],
            &[&["head/hoods/{s}/chain_hood_{s}.png"]],
        )
    },
    Item {
        hides: Hides::Hair,
        ..item(
            "brown hood",
            "brown",
            &["a brown hood", "a hood"],
            &[&["head/hoods/{s}/cloth_hood_{s}.png"]],
        )
    },
    Item {
        hides: Hides::ShortHair,
        ..item(
            "brown hat",
            "hat",
            &["a brown hat", "a feathered hat", "a brown hat with a red feather"],
            &[&["head/caps/{s}/leather_cap_{s}.png"]],
        )
    },
    Item {
        hides: Hides::ShortHair,
        ..item(
            "brimmed helmet",
            "steel and brown",
            &["a brimmed helmet", "a round brimmed helmet"],
            &[&["head/helms/{s}/chainhat_{s}.png"]],
        )
    },
    Item {
        hides: Hides::ShortHair,
        ..item(
            "red bandana",
            "red",
            &["a red bandana", "a red headscarf"],
            &[&["head/bandanas/{s}/red.png"]],
        )
    },
    Item {
        sex: F,
        ..item(
            "golden tiara",
            "tiara",
            &["a golden tiara", "a small golden crown", "a tiara"],
            &[&["head/tiaras_female/gold.png"]],
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
            &[
                &["weapons/right hand/either/bow.png", ARROW],
                &["weapons/right hand/either/greatbow.png", ARROW],
                &["weapons/right hand/either/recurvebow.png", ARROW],
            ],
        )
    },
    Item {
        actions: THRUST | WALK,
        ..item("spear", "spear", &["a spear"], &[&["weapons/right hand/{s}/spear_{s}.png"]])
    },
    Item {
        actions: SLASH | WALK,
        weight: 7,
        ..item("dagger", "dagger", &["a dagger"], &[&["weapons/right hand/{s}/dagger_{s}.png"]])
    },
    Item {
        actions: SLASH,
        weight: 2,
        ..item("wand", "wand", &["a wand"], &[&["weapons/right hand/{s}/woodwand_{s}.png"]])
    },
    Item {
        actions: WALK,
        sex: M,
        ..item(
            "shield",
            "shield",
            &["a shield", "a round shield"],
            &[&["weapons/left hand/male/shield_male_cutoutforbody.png"]],
        )
    },
];

const ARROW: &str = "weapons/left hand/either/arrow.png";
