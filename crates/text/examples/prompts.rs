//! Generates labelled sentences in the style of prompts for films, which are rare in treebanks. The
//! built-in tagger's additional training sentences come from
//!
//! ```text
//! cargo run --release -p kinora-text --example prompts -- pos > prompts.conllu
//! cargo run --release -p kinora-text --example prompts -- ner > prompts.bio
//! ```

use fastrand::Rng;

/// Sentences of a task.
const SENTENCES: usize = 800;

/// A grammar: for each symbol `<..>` its alternatives. A word is followed by a slash and its part
/// of speech and, if it is in a name, another slash and its BIO label.
const RULES: &[(&str, &[&str])] = &[
    (
        "<prompt>",
        &[
            "<who> <does>",
            "<who> <does>",
            "<who> <does> ./PUNCT",
            "<who> <does> and/CCONJ <does>",
            "<who> and/CCONJ <who> <do>",
            "<who> ,/PUNCT <doing>",
            "<who> <doing>",
            "<who> is/AUX <doing>",
            "<who> ,/PUNCT who/PRON has/VERB <dressed> ,/PUNCT <does>",
            "<two> <things> <do>",
            "there/PRON is/VERB <who> <where>",
            "show/VERB me/PRON <who> <doing>",
        ],
    ),
    (
        "<who>",
        &[
            "<a> <thing>",
            "<a> <thing> with/ADP <dressed>",
            "<a> <thing> in/ADP <worn>",
            "<a> <thing> with/ADP <dressed> in/ADP <worn>",
            "<a> <thing> with/ADP <dressed> and/CCONJ <dressed>",
            "<a> <how> <thing>",
            "<a> <colour> <thing>",
            "<a> <how> <colour> <thing>",
            "<name>",
            "<name> the/DET <thing>",
            "<name> ,/PUNCT <a> <thing> with/ADP <dressed> ,/PUNCT",
        ],
    ),
    ("<a>", &["a/DET", "a/DET", "the/DET"]),
    ("<two>", &["two/NUM", "three/NUM", "some/DET", "many/ADJ"]),
    (
        "<thing>",
        &[
            "knight/NOUN",
            "woman/NOUN",
            "man/NOUN",
            "skeleton/NOUN",
            "wizard/NOUN",
            "maiden/NOUN",
            "princess/NOUN",
            "king/NOUN",
            "soldier/NOUN",
            "girl/NOUN",
            "boy/NOUN",
            "dog/NOUN",
            "cat/NOUN",
            "horse/NOUN",
            "robot/NOUN",
            "dragon/NOUN",
            "circle/NOUN",
            "square/NOUN",
            "triangle/NOUN",
            "star/NOUN",
            "ball/NOUN",
            "car/NOUN",
            "bird/NOUN",
            "dark/ADJ elf/NOUN",
            "orc/NOUN",
            "lizard/NOUN man/NOUN",
            "digit/NOUN 7/NUM",
            "panda/NOUN",
        ],
    ),
    (
        "<things>",
        &["knights/NOUN", "women/NOUN", "dogs/NOUN", "robots/NOUN", "circles/NOUN", "people/NOUN"],
    ),
    (
        "<how>",
        &[
            "small/ADJ",
            "big/ADJ",
            "tall/ADJ",
            "young/ADJ",
            "old/ADJ",
            "brave/ADJ",
            "happy/ADJ",
            "tiny/ADJ",
            "pale/ADJ",
            "tired/ADJ",
        ],
    ),
    (
        "<colour>",
        &[
            "red/ADJ",
            "blue/ADJ",
            "green/ADJ",
            "brown/ADJ",
            "white/ADJ",
            "black/ADJ",
            "purple/ADJ",
            "golden/ADJ",
            "blond/ADJ",
            "scarlet/ADJ",
            "dark/ADJ green/ADJ",
            "pink/ADJ",
            "grey/ADJ",
        ],
    ),
    (
        "<dressed>",
        &[
            "<colour> hair/NOUN",
            "long/ADJ hair/NOUN",
            "<colour> eyes/NOUN",
            "a/DET sword/NOUN",
            "a/DET <colour> hat/NOUN",
            "a/DET beard/NOUN",
            "<colour> armour/NOUN",
            "no/DET hair/NOUN",
            "short/ADJ <colour> hair/NOUN",
            "a/DET bow/NOUN",
            "wings/NOUN",
        ],
    ),
    (
        "<worn>",
        &[
            "a/DET <colour> robe/NOUN",
            "a/DET <colour> shirt/NOUN",
            "<colour> trousers/NOUN",
            "a/DET long/ADJ dress/NOUN",
            "<colour> armour/NOUN",
            "a/DET cloak/NOUN",
            "leather/NOUN boots/NOUN",
            "a/DET <colour> skirt/NOUN",
        ],
    ),
    (
        "<does>",
        &[
            "walks/VERB <where>",
            "runs/VERB <where>",
            "moves/VERB <where>",
            "strolls/VERB <where>",
            "casts/VERB a/DET spell/NOUN <where>",
            "shoots/VERB an/DET arrow/NOUN <where>",
            "slashes/VERB <where>",
            "thrusts/VERB a/DET spear/NOUN <where>",
            "shoots/VERB",
            "jumps/VERB",
            "dances/VERB <where>",
            "falls/VERB",
            "dies/VERB",
            "waves/VERB",
            "rides/VERB <where>",
            "swims/VERB <where>",
            "bounces/VERB",
            "turns/VERB <where>",
            "looks/VERB at/ADP <who>",
            "casts/VERB a/DET spell/NOUN",
            "fights/VERB <who>",
        ],
    ),
    (
        "<do>",
        &[
            "walk/VERB <where>",
            "run/VERB <where>",
            "fight/VERB",
            "dance/VERB <where>",
            "move/VERB <where>",
            "cast/VERB spells/NOUN",
            "shoot/VERB arrows/NOUN",
            "jump/VERB",
        ],
    ),
    (
        "<doing>",
        &[
            "walking/VERB <where>",
            "running/VERB <where>",
            "casting/VERB a/DET spell/NOUN",
            "shooting/VERB an/DET arrow/NOUN",
            "moving/VERB <where>",
            "dancing/VERB <where>",
            "riding/VERB a/DET horse/NOUN",
            "flying/VERB <where>",
            "facing/VERB us/PRON",
            "sitting/VERB <where>",
            "eating/VERB an/DET apple/NOUN",
        ],
    ),
    (
        "<where>",
        &[
            "to/ADP the/DET left/NOUN",
            "to/ADP the/DET right/NOUN",
            "towards/ADP us/PRON",
            "away/ADV from/ADP us/PRON",
            "left/ADV",
            "right/ADV",
            "up/ADV",
            "down/ADV",
            "up/ADV and/CCONJ down/ADV",
            "slowly/ADV",
            "in/ADP a/DET forest/NOUN",
            "on/ADP a/DET <colour> ground/NOUN",
            "through/ADP the/DET rain/NOUN",
            "in/ADP <place>",
            "to/ADP <place>",
            "from/ADP left/NOUN to/ADP right/NOUN",
            "over/ADP a/DET bridge/NOUN",
        ],
    ),
    (
        "<name>",
        &[
            "Mira/PROPN/B-PER",
            "Anna/PROPN/B-PER",
            "Tom/PROPN/B-PER",
            "Arthur/PROPN/B-PER",
            "Lena/PROPN/B-PER",
            "Omar/PROPN/B-PER",
            "Yuki/PROPN/B-PER",
            "Sir/PROPN/O Lancelot/PROPN/B-PER",
            "Ada/PROPN/B-PER Lovelace/PROPN/I-PER",
            "Diego/PROPN/B-PER",
            "Zoe/PROPN/B-PER",
            "John/PROPN/B-PER Smith/PROPN/I-PER",
            "Ivan/PROPN/B-PER",
            "Priya/PROPN/B-PER",
        ],
    ),
    (
        "<place>",
        &[
            "Rome/PROPN/B-LOC",
            "Paris/PROPN/B-LOC",
            "London/PROPN/B-LOC",
            "Tokyo/PROPN/B-LOC",
            "New/PROPN/B-LOC York/PROPN/I-LOC",
            "Venice/PROPN/B-LOC",
            "Egypt/PROPN/B-LOC",
            "the/DET/B-LOC Alps/PROPN/I-LOC",
            "Camelot/PROPN/B-LOC",
        ],
    ),
];

fn main() -> Result<(), &'static str> {
    let task = std::env::args().nth(1);
    let (seed, pos) = match task.as_deref() {
        Some("pos") => (1, true),
        Some("ner") => (2, false),
        _ => return Err("give the task: pos or ner"),
    };
    let mut rng = Rng::with_seed(seed);
    for _ in 0..SENTENCES {
        let sentence = grown("<prompt>", &mut rng);
        for (number, word) in (1..).zip(sentence.split_whitespace()) {
            let mut parts = word.split('/');
            let mut next = || parts.next().unwrap_or("O");
            let (word, tag, label) = (next(), next(), next());
            match pos {
                true => println!("{number}\t{word}\t_\t{tag}{}", "\t_".repeat(6)),
                false => println!("{word}\t{label}"),
            }
        }
        println!();
    }
    Ok(())
}

/// A random expansion of a symbol; a word is returned unchanged.
fn grown(symbol: &str, rng: &mut Rng) -> String {
    let Some((_, ways)) = RULES.iter().find(|(name, _)| *name == symbol) else {
        return symbol.to_owned();
    };
    let way = ways[rng.usize(..ways.len())];
    way.split(' ').map(|part| grown(part, rng)).collect::<Vec<_>>().join(" ")
}
