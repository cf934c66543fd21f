//! What needs the inside: captions are held against the attributes by their words alone, read here
//! by rules that share nothing with those that wrote them.

use std::collections::{BTreeMap, BTreeSet};

use super::figure::{Action, Direction};
use super::*;
use crate::Attributes;

const SEED: u64 = 5;

/// An `Lpc` whose sheets are not there: captions need none.
fn without_sheets(wardrobe: Wardrobe) -> Lpc {
    let info = Info {
        spec: "lpc:nowhere".to_owned(),
        dims: [FRAMES, CELL, CELL, 4],
        fps: 8.0,
        licence: String::new(),
        credits: String::new(),
    };
    let held_out = HeldOut::new(&wardrobe);
    Lpc { root: PathBuf::new(), info, wardrobe, held_out, cache: Cache::new(CACHE) }
}

/// Calls `test` with each caption of so many draws of both splits of both collections.
fn each(draws: u64, mut test: impl FnMut(&Lpc, Split, Draw, Caption)) {
    for lpc in [universal::wardrobe(), li2018::wardrobe()].map(without_sheets) {
        for index in 0..draws {
            for split in [Split::Train, Split::HeldOut] {
                let draw = Draw { seed: SEED, index };
                test(&lpc, split, draw, lpc.caption(split, draw).unwrap());
            }
        }
    }
}

fn has_held_out_pair(lpc: &Lpc, a: &Attributes) -> bool {
    let is = |key: &str, value: &str| a[key] == value;
    let held = &lpc.held_out;
    held.hair_torso.iter().any(|(hair, torso)| is("hair", hair) && is("torso", torso))
        || held.body_action.iter().any(|(body, action)| is("body", body) && is("action", action))
}

#[test]
fn held_out_pairs_never_meet_in_training_and_always_in_the_rest() {
    each(20_000, |lpc, split, _, caption| {
        let a = caption.attributes;
        assert_eq!(has_held_out_pair(lpc, &a), split == Split::HeldOut, "{a:?}");
    });
}

#[test]
fn a_tenth_of_the_pairs_is_held_out() {
    let lpc = without_sheets(universal::wardrobe());
    let colours: BTreeSet<_> = lpc.wardrobe.hair.iter().map(|hair| hair.colour).collect();
    let tenth = |pairs: usize| (pairs + 5) / 10;
    assert_eq!(lpc.held_out.hair_torso.len(), tenth(colours.len() * lpc.wardrobe.torso.len()));
    assert_eq!(lpc.held_out.body_action.len(), tenth(lpc.wardrobe.bodies.len() * 6));
}

#[test]
fn training_shows_every_value_and_every_action_from_every_side() {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut sides = BTreeSet::new();
    let mut bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let lpc = without_sheets(universal::wardrobe());
    for index in 0..20_000 {
        let a = lpc.caption(Split::Train, Draw { seed: SEED, index }).unwrap().attributes;
        sides.insert((a["action"].clone(), a["direction"].clone()));
        bodies.entry(a["action"].clone()).or_default().insert(a["body"].clone());
        for (key, value) in a {
            values.entry(key).or_default().insert(value);
        }
    }
    assert_eq!(sides.len(), 5 * 4 + 1);
    assert!(bodies.values().all(|bodies| bodies.len() >= 9), "{bodies:?}");
    let w = &lpc.wardrobe;
    let slots = [w.torso, w.legs, w.feet, w.headwear, w.weapons];
    for (key, items) in ["torso", "legs", "feet", "headwear", "weapon"].iter().zip(slots) {
        assert!(items.iter().all(|item| values[*key].contains(item.name)), "{key}");
    }
    assert!(w.hair.iter().all(|h| values["hair"].contains(h.colour)));
    assert!(w.hair.iter().all(|h| values["hair_style"].contains(h.style)));
    assert!(w.bodies.iter().all(|body| values["body"].contains(body.name)));
}

#[test]
fn captions_are_true_and_wrong_captions_false() {
    each(6000, |lpc, split, draw, caption| {
        let (text, a) = (&caption.text, &caption.attributes);
        let lies = lies(text, a);
        assert!(lies.is_empty(), "{text:?} is true, yet {lies:?} of {a:?}");
        let wrong = lpc.wrong_captions(split, &caption, draw, 1).unwrap().remove(0);
        assert!(!self::lies(&wrong, a).is_empty(), "{wrong:?} is true of {a:?}");
        assert!([text, &wrong].iter().all(|text| text.split(' ').count() <= 22), "{text:?}");
    });
}

#[test]
fn most_captions_tell_action_and_direction_and_wording_varies() {
    let lpc = without_sheets(universal::wardrobe());
    let (mut actions, mut directions, mut texts) = (0, 0, BTreeSet::new());
    for index in 0..2000 {
        let caption = lpc.caption(Split::Train, Draw { seed: SEED, index }).unwrap();
        let told = told(&caption.text);
        actions += u32::from(told.contains_key("action"));
        let fall = caption.attributes["action"] == "hurt";
        directions += u32::from(fall || told.contains_key("direction"));
        texts.insert(caption.text);
    }
    assert!(actions >= 1800 && directions >= 1800, "{actions} {directions}");
    assert!(texts.len() > 1900, "{}", texts.len());
}

#[test]
fn some_figures_have_names() {
    let (mut all, mut named) = (0, 0);
    each(6000, |_, _, _, caption| {
        let names = caption.text.split(' ').filter(|word| {
            ["Mira", "Anna", "Lena", "Zoe", "Priya", "Ines"].contains(word)
                || ["Tom", "Omar", "Arthur", "Ivan", "Diego", "Kenji"].contains(word)
        });
        let names: Vec<&str> = names.collect();
        all += 1;
        named += usize::from(!names.is_empty());
        for name in names {
            assert!(caption.text.contains(&format!("{name} the ")), "{:?}", caption.text);
        }
    });
    assert!((all / 40..all / 20).contains(&named), "{named} of {all}");
}

#[test]
fn words_are_plain_english_and_some_are_kept_for_later() {
    let banned = "scarlet crimson strolling strolls golden-haired azure violet marching jewfro \
                  longhawk darkelf redhead raven jacket wc sc png";
    let banned: BTreeSet<_> = banned.split_whitespace().collect();
    let mut words = BTreeSet::new();
    each(6000, |lpc, split, draw, caption| {
        let wrong = lpc.wrong_captions(split, &caption, draw, 1).unwrap().remove(0);
        for text in [caption.text, wrong] {
            assert!(!text.contains("  ") && text.trim() == text, "{text:?}");
            words.extend(self::words(&text));
        }
    });
    assert!(words.is_disjoint(&banned.iter().map(|w| (*w).to_owned()).collect()));
    assert!(words.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    assert!(words.len() < 250, "{} words: {words:?}", words.len());
}

#[test]
fn a_caption_finds_its_figure_again_and_a_strange_one_is_an_error() {
    each(6000, |lpc, split, draw, caption| {
        assert_eq!(lpc.wardrobe.find(&caption.attributes), Some(lpc.figure(split, draw)));
    });
    let lpc = without_sheets(universal::wardrobe());
    let strange =
        Caption { text: "a red ball".into(), attributes: Attributes::new(), said: BTreeSet::new() };
    let draw = Draw { seed: 0, index: 0 };
    assert!(matches!(lpc.wrong_captions(Split::Train, &strange, draw, 1), Err(Error::Spec { .. })));
}

#[test]
fn wrong_captions_of_training_show_no_held_out_pair() {
    let lpc = without_sheets(universal::wardrobe());
    let mut changed = BTreeMap::new();
    for index in 0..20_000 {
        let draw = Draw { seed: SEED, index };
        let figure = lpc.figure(Split::Train, draw);
        let rng = &mut rng(Split::Train, draw, 3);
        let (other, _) = wrong::wrong(&lpc.wardrobe, &lpc.held_out, Split::Train, &figure, rng);
        assert!(!lpc.held_out.has(&other), "{other:?}");
        let motion = (figure.action, figure.direction) != (other.action, other.direction);
        *changed.entry(motion).or_insert(0) += 1;
    }
    assert!(changed[&true] > 8000 && changed[&false] > 5000, "{changed:?}");
}

#[test]
fn rows_are_those_of_the_layout() {
    assert_eq!(Action::Spellcast.row(Direction::Back), 0);
    assert_eq!(Action::Walk.row(Direction::Left), 9);
    assert_eq!(Action::Shoot.row(Direction::Right), 19);
    assert_eq!(Action::Hurt.row(Direction::Left), 20);
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(|w| w.trim_matches([',', '.', ':']).to_lowercase()).collect()
}

/// What a sentence says outright: for an attribute, the values that would make it true.
fn told(text: &str) -> BTreeMap<&'static str, Vec<Vec<&'static str>>> {
    let words = words(text);
    let text = format!(" {} ", words.join(" "));
    let has = |any: &str| any.split('|').any(|phrase| text.contains(&format!(" {phrase} ")));
    let mut told: BTreeMap<&'static str, Vec<Vec<&'static str>>> = BTreeMap::new();
    let mut tell = |key, values: &'static str| {
        told.entry(key).or_default().push(values.split('|').collect());
    };
    for (phrases, key, values) in TOLD {
        if has(phrases) {
            tell(key, values);
        }
    }
    let back = has("away|behind|seen from the back");
    if !back && has("us|viewer|camera|forward|seen from the front") {
        tell("direction", "front");
    }
    let ends = ["hair", "mohawk", "ponytail", "topknot", "pigtails", "bob", "curls"];
    for pair in words.windows(2) {
        if ends.contains(&pair[1].as_str()) {
            hair(&pair[0], &mut tell);
        }
    }
    for word in &words {
        if let Some(colour) = word.strip_suffix("-haired") {
            hair(colour, &mut tell);
        }
    }
    told
}

fn hair(word: &str, tell: &mut impl FnMut(&'static str, &'static str)) {
    let colour = match word {
        "blonde" | "blond" => "blonde",
        "orange" | "ginger" => "orange",
        "grey" | "gray" => "grey",
        "black" => "black",
        "blue" => "blue",
        "brown" => "brown",
        "green" => "green",
        "pink" => "pink",
        "purple" => "purple",
        "red" => "red",
        "white" => "white",
        _ => return,
    };
    tell("hair", colour);
}

/// The attributes that a sentence gets wrong.
fn lies(text: &str, attributes: &Attributes) -> Vec<String> {
    let told = told(text);
    let lie = |key: &str, values: &[&str]| {
        let value = attributes[key].as_str();
        !values.iter().any(|v| v.strip_prefix('*').map_or(*v == value, |end| value.ends_with(end)))
    };
    told.iter()
        .flat_map(|(key, all)| all.iter().map(move |values| (*key, values)))
        .filter(|(key, values)| lie(key, values))
        .map(|(key, values)| format!("{key} {values:?}"))
        .collect()
}

/// Phrases, and of which attribute they tell which values; `*` stands for any beginning.
const TOLD: &[(&str, &str, &str)] = &[
    ("left|leftwards", "direction", "left"),
    ("right|rightwards", "direction", "right"),
    ("away|behind|seen from the back", "direction", "back"),
    ("walks|walking|strides|striding|heads|heading", "action", "walk"),
    ("spell|magic", "action", "spellcast"),
    ("thrusts|thrusting|stabs|stabbing|jabs|jabbing|attacks|attacking", "action", "thrust"),
    ("swings|swinging|slashes|slashing|waves|waving", "action", "slash"),
    ("shoots|shooting|fires|firing|draws|drawing|aims|aiming", "action", "shoot"),
    ("falls|falling|collapses|collapsing|drops|dropping", "action", "hurt"),
    ("spear", "weapon", "spear"),
    ("arrow|bow", "weapon", "bow"),
    ("dagger|sword|blade", "weapon", "dagger"),
    ("wand|stick", "weapon", "wand"),
    ("shield", "weapon", "shield"),
    ("woman|lady|female", "sex", "woman"),
    ("man|guy|fellow|male", "sex", "man"),
    ("skeleton", "skin", "bone"),
    ("orc", "skin", "green"),
    ("elf", "skin", "grey|pale blue"),
    ("dark elf|grey-skinned", "skin", "grey"),
    ("pale elf|pale elf knight", "skin", "pale blue"),
    ("light-skinned|fair-skinned", "skin", "light"),
    ("tanned", "skin", "tanned"),
    ("dark-skinned|brown-skinned", "skin", "dark"),
    ("bald", "hair_style", "bald"),
    ("blonde|blond", "hair", "blonde"),
    ("mohawk", "hair_style", "mohawk"),
    ("ponytail", "hair_style", "*ponytail"),
    ("pigtails", "hair_style", "pigtails"),
    ("topknot|bun", "hair_style", "bun"),
    ("bob", "hair_style", "bob"),
    ("curly|curls", "hair_style", "curly"),
    ("spiky|messy", "hair_style", "spiky"),
    ("knight", "torso", "*plate"),
    (
        "steel plate|steel armour|plate armour|steel plate armour",
        "torso",
        "steel plate|golden plate",
    ),
    ("steel plate|steel armour|steel plate armour", "torso", "steel plate"),
    ("golden plate|golden armour|gold armour", "torso", "golden plate"),
    ("in chain mail|wearing chain mail|grey chain mail|mail shirt", "torso", "chain mail"),
    ("tabard|surcoat", "torso", "purple tabard"),
    ("leather|leather armour|jerkin|leather vest", "torso", "leather vest"),
    ("green vest|waistcoat", "torso", "green vest"),
    ("bare-chested|shirtless", "torso", "none"),
    ("brown shirt", "torso", "brown shirt"),
    ("white shirt", "torso", "white shirt|green vest"),
    ("maroon shirt|red shirt", "torso", "maroon shirt"),
    ("teal shirt|turquoise shirt", "torso", "teal shirt"),
    ("brown top|brown sleeveless top", "torso", "brown top"),
    ("maroon top|red top", "torso", "maroon top"),
    ("teal top|turquoise top", "torso", "teal top"),
    ("brown tunic", "torso", "brown tunic"),
    ("maroon tunic|red tunic", "torso", "maroon tunic"),
    ("teal tunic|turquoise tunic", "torso", "teal tunic"),
    ("beige tunic|pale tunic", "torso", "beige tunic"),
    ("black robe|black robes", "torso", "black robe"),
    ("blue robe|blue robes", "torso", "blue robe"),
    ("brown robe|brown robes", "torso", "brown robe"),
    ("green robe|green robes", "torso", "green robe"),
    ("purple robe|purple robes", "torso", "purple robe"),
    ("red robe|red robes", "torso", "red robe"),
    ("white robe|white robes", "torso", "white robe"),
    ("black dress", "torso", "black dress"),
    ("red dress", "torso", "red dress"),
    ("wide white dress|white gown", "torso", "white gown|blue gown"),
    ("white dress", "torso", "white dress|white gown"),
    ("blue dress", "torso", "pale blue dress"),
    ("green dress", "torso", "green dress"),
    ("blue gown|blue and white gown", "torso", "blue gown"),
    ("steel leggings|steel leg armour|grey leg armour", "legs", "steel leggings"),
    ("golden leggings|golden leg armour", "legs", "golden leggings"),
    ("purple trousers|purple pants", "legs", "purple trousers"),
    ("red trousers|red pants", "legs", "red trousers"),
    ("green trousers|green pants|grey-green trousers", "legs", "green trousers"),
    ("white trousers|white pants", "legs", "white trousers"),
    ("skirt", "legs", "brown skirt"),
    ("barefoot", "feet", "none"),
    ("black shoes", "feet", "black shoes"),
    ("brown shoes", "feet", "brown shoes"),
    ("brown boots", "feet", "brown boots"),
    ("steel boots|grey boots", "feet", "steel boots"),
    ("golden boots", "feet", "golden boots"),
    ("helmet|helm", "headwear", "*helmet"),
    ("golden helmet|golden helm|spiked", "headwear", "golden helmet"),
    ("steel helmet|steel helm|closed helmet", "headwear", "steel helmet"),
    ("brimmed helmet", "headwear", "brimmed helmet"),
    ("hood", "headwear", "*hood"),
    ("mail hood", "headwear", "mail hood"),
    ("brown hood", "headwear", "brown hood"),
    ("hat", "headwear", "brown hat"),
    ("bandana|headscarf", "headwear", "red bandana"),
    ("tiara|crown", "headwear", "golden tiara"),
];
