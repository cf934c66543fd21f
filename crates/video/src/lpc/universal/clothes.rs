//! Items for torso, legs and feet.

use super::{ALL, F, M, NO_THRUST_SHOOT};
use crate::lpc::figure::{Hides, Item, Layers};

/// An item that fits both bodies, has all actions and covers nothing; others override these fields.
pub const fn item(
    name: &'static str,
    colour: &'static str,
    words: &'static [&'static str],
    layers: Layers,
) -> Item {
    Item { name, colour, words, sex: None, actions: ALL, weight: 4, hides: Hides::Nothing, layers }
}

const fn for_men(
    name: &'static str,
    colour: &'static str,
    words: &'static [&'static str],
    layers: Layers,
) -> Item {
    Item { sex: M, ..item(name, colour, words, layers) }
}

const fn robe(
    name: &'static str,
    colour: &'static str,
    words: &'static [&'static str],
    layers: Layers,
) -> Item {
    Item {
        sex: F,
        actions: NO_THRUST_SHOOT,
        weight: 6,
        hides: Hides::Legs,
        ..item(name, colour, words, layers)
    }
}

const fn dress(
    name: &'static str,
    colour: &'static str,
    words: &'static [&'static str],
    layers: Layers,
) -> Item {
    Item { sex: F, weight: 3, hides: Hides::Legs, ..item(name, colour, words, layers) }
}

const fn top(
    name: &'static str,
    colour: &'static str,
    words: &'static [&'static str],
    layers: Layers,
) -> Item {
    Item { sex: F, weight: 3, ..item(name, colour, words, layers) }
}

pub const TORSO: &[Item] = &[
    Item {
        weight: 9,
        ..item(
            "steel plate",
            "steel",
            &[
                "steel plate",
                "steel armour",
                "plate armour",
                "steel plate armour",
                "~full steel plate",
            ],
            &["torso/plate/chest_{s}.png", "torso/plate/arms_{s}.png"],
        )
    },
    Item {
        weight: 5,
        ..item(
            "golden plate",
            "gold",
            &[
                "golden plate",
                "golden armour",
                "gold armour",
                "golden plate armour",
                "~full golden plate",
            ],
            &["torso/gold/chest_{s}.png", "torso/gold/arms_{s}.png"],
        )
    },
    item(
        "chain mail",
        "mail",
        &["chain mail", "grey chain mail", "a mail shirt"],
        &["torso/chain/mail_{s}.png"],
    ),
    item(
        "purple tabard",
        "mail",
        &["a purple tabard", "a purple tabard over chain mail", "a purple surcoat"],
        &["torso/chain/mail_{s}.png", "torso/chain/tabard/jacket_{s}.png"],
    ),
    item(
        "leather vest",
        "brown",
        &[
            "a leather vest",
            "a brown leather vest",
            "leather armour",
            "a leather jerkin",
            "a brown jerkin",
            "~a plain leather vest",
        ],
        &["torso/leather/chest_{s}.png"],
    ),
    for_men(
        "brown shirt",
        "brown",
        &["a brown shirt"],
        &["torso/shirts/longsleeve/male/brown_longsleeve.png"],
    ),
    for_men(
        "maroon shirt",
        "red",
        &["a maroon shirt", "a dark red shirt", "~a plain maroon shirt"],
        &["torso/shirts/longsleeve/male/maroon_longsleeve.png"],
    ),
    for_men(
        "teal shirt",
        "blue",
        &["a teal shirt", "a turquoise shirt", "~a plain teal shirt"],
        &["torso/shirts/longsleeve/male/teal_longsleeve.png"],
    ),
    for_men(
        "white shirt",
        "white",
        &["a white shirt"],
        &["torso/shirts/longsleeve/male/white_longsleeve.png"],
    ),
    Item {
        sex: M,
        actions: NO_THRUST_SHOOT,
        ..item(
            "green vest",
            "green",
            &[
                "a green vest",
                "a green waistcoat",
                "a green vest over a white shirt",
                "~a plain green vest",
            ],
            &[
                "formal_male_no_th-sh/shirt.png",
                "formal_male_no_th-sh/vest.png",
                "formal_male_no_th-sh/tie.png",
            ],
        )
    },
    top(
        "brown top",
        "brown",
        &["a brown top", "a brown sleeveless top"],
        &["torso/shirts/sleeveless/female/brown_sleeveless.png"],
    ),
    top(
        "maroon top",
        "red",
        &["a maroon top", "a dark red top"],
        &["torso/shirts/sleeveless/female/maroon_sleeveless.png"],
    ),
    top(
        "teal top",
        "blue",
        &["a teal top", "a turquoise top"],
        &["torso/shirts/sleeveless/female/teal_sleeveless.png"],
    ),
    top("brown tunic", "brown", &["a brown tunic"], &["torso/tunics/female/brown_tunic.png"]),
    top(
        "maroon tunic",
        "red",
        &["a maroon tunic", "a dark red tunic"],
        &["torso/tunics/female/maroon_tunic.png"],
    ),
    top(
        "teal tunic",
        "blue",
        &["a teal tunic", "a turquoise tunic"],
        &["torso/tunics/female/teal_tunic.png"],
    ),
    top(
        "beige tunic",
        "white",
        &["a beige tunic", "a pale tunic"],
        &["torso/tunics/female/white_tunic.png"],
    ),
    robe(
        "black robe",
        "black",
        &["a black robe", "black robes", "~a long black robe"],
        &["torso/robes_female_no_th-sh/black.png"],
    ),
    robe(
        "blue robe",
        "blue",
        &["a blue robe", "a blue robe", "a dark blue robe", "blue robes", "~a long blue robe"],
        &["torso/robes_female_no_th-sh/blue.png"],
    ),
    robe(
        "brown robe",
        "brown",
        &["a brown robe", "brown robes", "~a long brown robe"],
        &["torso/robes_female_no_th-sh/brown.png"],
    ),
    robe(
        "green robe",
        "green",
        &["a green robe", "a dark green robe", "green robes", "~a long green robe"],
        &["torso/robes_female_no_th-sh/forest green.png"],
    ),
    robe(
        "purple robe",
        "purple",
        &["a purple robe", "a dark purple robe", "purple robes", "~a long purple robe"],
        &["torso/robes_female_no_th-sh/purple.png"],
    ),
    robe(
        "red robe",
        "red",
        &["a red robe", "a dark red robe", "red robes", "~a long red robe"],
        &["torso/robes_female_no_th-sh/red.png"],
    ),
    robe(
        "white robe",
        "white",
        &["a white robe", "white robes", "~a long white robe"],
        &["torso/robes_female_no_th-sh/white.png"],
    ),
    dress(
        "black dress",
        "black",
        &["a black dress", "a long black dress", "~a tight black dress"],
        &["torso/dress_female/tightdress_black.png"],
    ),
    dress(
        "red dress",
        "red",
        &["a red dress", "a long red dress", "~a tight red dress"],
        &["torso/dress_female/tightdress_red.png"],
    ),
    dress(
        "white dress",
        "white",
        &["a white dress", "a long white dress", "~a tight white dress"],
        &["torso/dress_female/tightdress_white.png"],
    ),
    dress(
        "pale blue dress",
        "blue",
        &["a pale blue dress", "a light blue dress"],
        &["torso/dress_female/tightdress_lightblue.png"],
    ),
    dress(
        "green dress",
        "green",
        &["a green dress", "a short green dress"],
        &["torso/dress_female/dress_w_sash_female.png"],
    ),
    Item {
        hides: Hides::LegsAndFeet,
        ..dress(
            "white gown",
            "white",
            &["a white gown", "a wide white dress"],
            &["torso/dress_female/underdress.png"],
        )
    },
    Item {
        hides: Hides::LegsAndFeet,
        ..dress(
            "blue gown",
            "blue",
            &["a blue gown", "a blue and white gown", "a light blue gown"],
            &[
                "torso/dress_female/underdress.png",
                "torso/dress_female/overskirt.png",
                "torso/dress_female/blue_vest.png",
            ],
        )
    },
];

pub const LEGS: &[Item] = &[
    item(
        "steel leggings",
        "steel",
        &["steel leggings", "steel leg armour", "grey leg armour", "~a pair of steel leggings"],
        &["legs/armor/{s}/metal_pants_{s}.png"],
    ),
    item(
        "golden leggings",
        "gold",
        &["golden leggings", "golden leg armour", "~a pair of golden leggings"],
        &["legs/armor/{s}/golden_greaves_{s}.png"],
    ),
    item(
        "purple trousers",
        "purple",
        &["purple trousers", "purple pants", "~a pair of purple trousers"],
        &["legs/pants/{s}/magenta_pants_{s}.png"],
    ),
    item(
        "red trousers",
        "red",
        &["red trousers", "red pants", "~a pair of red trousers"],
        &["legs/pants/{s}/red_pants_{s}.png"],
    ),
    item(
        "green trousers",
        "green",
        &["green trousers", "green pants", "grey-green trousers", "~a pair of green trousers"],
        &["legs/pants/{s}/teal_pants_{s}.png"],
    ),
    item(
        "white trousers",
        "white",
        &["white trousers", "white pants", "~a pair of white trousers"],
        &["legs/pants/{s}/white_pants_{s}.png"],
    ),
    Item {
        sex: F,
        ..item(
            "brown skirt",
            "brown",
            &["a brown skirt", "a long brown skirt"],
            &["legs/skirt/female/robe_skirt_female_incomplete.png"],
        )
    },
    Item {
        sex: M,
        weight: 2,
        ..item(
            "brown skirt",
            "brown",
            &["a brown skirt", "a long brown skirt"],
            &["legs/skirt/male/robe_skirt_male.png"],
        )
    },
];

pub const FEET: &[Item] = &[
    item("black shoes", "black", &["black shoes"], &["feet/shoes/{s}/black_shoes_{s}.png"]),
    item("brown shoes", "brown", &["brown shoes"], &["feet/shoes/{s}/brown_shoes_{s}.png"]),
    Item {
        sex: F,
        ..item(
            "brown boots",
            "brown",
            &["brown boots", "long brown boots"],
            &["feet/boots/female/brown_longboots_female.png"],
        )
    },
    Item {
        weight: 2,
        ..item(
            "steel boots",
            "steel",
            &["steel boots", "grey boots"],
            &["feet/armor/{s}/metal_boots_{s}.png"],
        )
    },
    Item {
        weight: 2,
        ..item("golden boots", "gold", &["golden boots"], &["feet/armor/{s}/golden_boots_{s}.png"])
    },
];
