//! A parser of captions: the attributes that a sentence states, by its words alone.

use std::collections::BTreeMap;

use crate::Attributes;

pub fn words(text: &str) -> Vec<String> {
    text.split(' ').map(|w| w.trim_matches([',', '.', ':']).to_lowercase()).collect()
}

/// Nouns for hair of any style.
const HAIR: [&str; 4] = ["hair", "tresses", "strands", "locks"];

/// The attributes that a sentence states, each with the values that make the sentence true.
pub fn told(text: &str) -> BTreeMap<&'static str, Vec<Vec<&'static str>>> {
    let words = words(text);
    // Commas are kept, because they separate phrases.
    let text = text.to_lowercase().replace([',', '.', ':'], " ,");
    // In "from left to right", only the last word is the direction.
    let text =
        format!(" {text} ").replace(" from left to ", " to ").replace(" from right to ", " to ");
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
    let still = [" falls down ", " falling down ", " knocked down ", " struck down "];
    let way = still.iter().fold(text.clone(), |text, fall| text.replace(fall, " "));
    let back =
        has("away|behind|seen from the back|north|distance|background|horizon|to the back|up");
    if back {
        tell("direction", "back");
    } else if has(
        "us|viewer|camera|forward|seen from the front|south|in our direction|our way|to the front",
    ) || way.contains(" down ")
    {
        tell("direction", "front");
    }
    // A mail hood and a tabard over mail are other items.
    let mail = text.replace("chain mail hood", "").replace(" over chain mail ", " ");
    if mail.contains(" chain mail ") {
        tell("torso", "chain mail");
    }
    // Without a colour, plate armour is of steel. A golden one may have a typing error: "goldrn".
    if let Some((before, _)) = text.split_once(" plate armour ")
        && !before.rsplit(' ').next().is_some_and(|word| word.starts_with('g'))
    {
        tell("torso", "steel plate");
    }
    let person = "woman|lady|girl|gal|lass|maiden|man|guy|fellow|boy|gentleman|dude|bloke|person";
    if has(person) && !has("orc|elf|skeleton") {
        tell("kind", "human");
    }
    if let Some(at) = words.iter().position(|word| word == "ponytail") {
        let is_high = at >= 2 && words[at - 2] == "high";
        tell("hair_style", if is_high { "high ponytail" } else { "ponytail" });
    }
    for words in words.windows(3).filter(|words| HAIR.contains(&words[2].as_str())) {
        for style in ["long", "short"] {
            if words[0] == style {
                tell("hair_style", style);
            }
        }
    }
    let ends = [&HAIR[..], &["mohawk", "ponytail", "topknot", "pigtails", "bob", "curls"]].concat();
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
        "blonde" | "blond" | "fair" | "golden" | "sandy" | "yellow" => "blonde",
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

/// The attributes about which a sentence is false.
pub fn lies(text: &str, attributes: &Attributes) -> Vec<String> {
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

/// Phrases, with the attribute and the values that each states; `*` stands for any prefix.
const TOLD: &[(&str, &str, &str)] = &[
    ("left|leftwards|west", "direction", "left"),
    ("right|rightwards|east", "direction", "right"),
    ("walks|walking|strides|striding|heads|heading|walk|goes|going", "action", "walk"),
    ("strolls|strolling|marches|marching|wanders|wandering", "action", "walk"),
    ("paces|pacing|hikes|hiking|trots|trotting|steps|stepping", "action", "walk"),
    ("moves|moving|travels|travelling|roams|roaming|ambles|ambling", "action", "walk"),
    ("saunters|sauntering|treks|trekking|plods|plodding", "action", "walk"),
    ("trudges|trudging|struts|strutting", "action", "walk"),
    ("spell|magic|conjures|conjuring|spellcast|casting", "action", "spellcast"),
    ("thrusts|thrusting|stabs|stabbing|jabs|jabbing|thrust|stab", "action", "thrust"),
    ("lashes|lashing|drives a spear|driving a spear", "action", "thrust"),
    (
        "pushes|pushing|lunges|lunging|pokes|poking|prods|prodding|pierces|piercing",
        "action",
        "thrust",
    ),
    ("strikes|striking", "action", "thrust|slash|shoot"),
    ("attacks|attacking|fights|fighting", "action", "thrust|slash|shoot"),
    ("swings|swinging|slashes|slashing|waves|waving|slash", "action", "slash"),
    (
        "shakes|shaking|hacks|hacking|flicks|flicking|chops|chopping|slices|slicing",
        "action",
        "slash",
    ),
    ("hews|hewing|cleaves|cleaving|swishes|swishing|whips|whipping", "action", "slash"),
    ("cuts|cutting|swipes|swiping|wields a wand|wielding a wand", "action", "slash"),
    ("shoot|shoots|shooting|fires|firing|draws|drawing|aims|aiming", "action", "shoot"),
    (
        "looses|loosing|takes a shot|taking a shot|archery|archer|bowman|shot animation",
        "action",
        "shoot",
    ),
    ("releases|releasing|launches|launching|lets|letting|sends|sending", "action", "shoot"),
    ("slumps|slumping|topples|toppling|passes out|passing out", "action", "hurt"),
    ("killed|struck down|slain|keels|keeling|crumples|crumpling", "action", "hurt"),
    ("sinks|sinking|perishes|perishing|stumbles|stumbling", "action", "hurt"),
    ("swoons|swooning|blacks out|blacking out", "action", "hurt"),
    ("falls|falling|collapses|collapsing|drops|dropping|dies|dying|death", "action", "hurt"),
    ("wounded|injured", "action", "hurt"),
    ("hurt|hit|defeated|knocked|tumbles|tumbling|faints|fainting", "action", "hurt"),
    ("spear", "weapon", "spear"),
    ("arrow|arrows|bow", "weapon", "bow"),
    ("dagger|sword|blade|knife", "weapon", "dagger"),
    ("wand|stick", "weapon", "wand"),
    ("shield", "weapon", "shield"),
    ("woman|lady|female|girl|maiden|princess|noblewoman|countess|gal", "sex", "woman"),
    ("sorceress|enchantress|lass|witch|duchess", "sex", "woman"),
    ("mage|wizard|sorcerer|sorceress|witch|magician|enchantress", "torso", "*robe"),
    ("princess|duchess|noblewoman|countess", "torso", "*gown|*dress"),
    ("man|guy|fellow|male|boy|gentleman|dude|bloke", "sex", "man"),
    ("skeleton", "skin", "bone"),
    ("skeleton", "kind", "skeleton"),
    ("orc", "kind", "orc"),
    ("elf", "kind", "elf"),
    ("orc|green orc", "skin", "green"),
    ("elf", "skin", "grey|pale blue"),
    ("dark elf|grey-skinned", "skin", "grey"),
    ("pale elf|pale male elf|pale female elf", "skin", "pale blue"),
    ("light-skinned|fair-skinned|white-skinned", "skin", "light"),
    ("light-skinned|fair-skinned|white-skinned|tanned", "kind", "human"),
    ("dark-skinned|brown-skinned", "kind", "human"),
    ("tanned", "skin", "tanned"),
    ("dark-skinned|brown-skinned", "skin", "dark"),
    ("bald", "hair_style", "bald"),
    ("blonde|blond", "hair", "blonde"),
    ("mohawk", "hair_style", "mohawk"),
    ("pigtails", "hair_style", "pigtails"),
    ("topknot|bun", "hair_style", "bun"),
    ("bob", "hair_style", "bob"),
    ("curly|curls", "hair_style", "curly"),
    ("spiky|messy", "hair_style", "spiky"),
    ("knight|paladin|crusader", "torso", "*plate"),
    ("steel plate|steel armour|steel plate armour", "torso", "steel plate"),
    ("golden plate|golden armour|gold armour", "torso", "golden plate"),
    ("mail shirt", "torso", "chain mail"),
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
