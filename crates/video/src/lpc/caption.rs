//! Sentences about a figure, in many wordings. About half of them state all clothes and hair
//! that can be seen; the others state only a part.

use fastrand::Rng;

use super::figure::{Action, Direction, Figure, Head, Item, Sex};
use super::mention::{Mention, Style, Thing, Told};
use super::noun::{self, a};
use super::words::{animation, facing, towards, verbs};
use crate::draws::{Voice, pick};

const WOMEN: [&str; 6] = ["Mira", "Anna", "Lena", "Zoe", "Priya", "Ines"];
const MEN: [&str; 6] = ["Tom", "Omar", "Arthur", "Ivan", "Diego", "Kenji"];

/// Adjectives that say nothing about what can be seen, so that a model learns to ignore such words.
const IDLE: [&str; 8] = ["nice", "simple", "old", "new", "fine", "worn", "clean", "fancy"];

/// A sentence about a figure, and what the sentence states. One in twenty-five of the sentences with
/// articles has a name instead ("Mira the knight"), so that a model learns to ignore names.
pub fn sentence(figure: &Figure, voice: Voice) -> (String, Told) {
    let mut mention = Mention::draw(figure, voice);
    let tags = match mention.style {
        Style::Full => 22,
        Style::Loose => 0,
        Style::Short => 100,
    };
    let say = |mention| {
        let mut saying = Saying { figure, mention, voice, told: Told::default() };
        let rng = &mut Thing::Template.rng(voice);
        let text = if rng.u32(..100) < tags { saying.tags(rng) } else { saying.clause(rng) };
        let has_stop = mention.style != Style::Short && rng.u32(..100) < 12;
        (text, saying.told, has_stop)
    };
    let (mut text, mut told, mut has_stop) = say(mention);
    if told == Told::default() {
        // "A hero" states nothing, so no sentence with this wording is false.
        mention.action = true;
        (text, told, has_stop) = say(mention);
    }
    if has_stop {
        return (capital(&text) + ".", told);
    }
    (text, told)
}

struct Saying<'a> {
    figure: &'a Figure,
    mention: Mention,
    voice: Voice,
    told: Told,
}

impl Saying<'_> {
    /// A sentence with articles.
    fn clause(&mut self, rng: &mut Rng) -> String {
        let noun = self.noun();
        let parts = self.parts();
        let commas = parts.len() > 1
            && Thing::Join
                .chance(self.voice, if self.mention.style == Style::Full { 65 } else { 25 });
        let joined = parts.join(if commas { ", " } else { " " });
        let subject = self.named(&noun);
        let who = format!("{subject} {joined}");
        // "a woman with red hair, in a blue robe, walks": commas on both sides of the last part.
        let who = if commas { who + "," } else { who.trim_end().to_owned() };
        let bare = who.trim_end_matches(',');
        if !self.mention.action && !self.mention.direction {
            return bare.to_owned();
        }
        if !self.mention.action {
            let facing = self.facing();
            return match rng.u32(..3) {
                0 => format!("{bare}, {facing}"),
                1 => format!("{facing}: {bare}"),
                _ => format!("{who} {facing}"),
            };
        }
        let (finite, participle) = self.verb();
        let to = self.towards();
        let done = format!("{participle}{to}");
        if self.voice.is_new() && rng.bool() {
            return match rng.u32(..2) {
                0 => format!("we see {subject} {done}{}", after(&joined)),
                _ => format!("here {bare} can be seen {done}"),
            };
        }
        match rng.u32(..100) {
            0..30 => format!("{who} {finite}{to}"),
            30..42 => format!("{who} is {done}"),
            42..58 => format!("{who} {done}"),
            58..66 => format!("{done}: {bare}"),
            66..76 if !parts.is_empty() => format!("{subject} {done}, {joined}"),
            76..82 if !parts.is_empty() && !commas => format!("{subject} {done} {joined}"),
            // "heads" and "goes" need a direction after them.
            82..88 if self.mention.direction && !matches!(finite, "heads" | "goes") => {
                format!("{}, {who} {finite}", self.facing())
            }
            88..92 if subject.starts_with("a") => format!("there is {who} {done}"),
            92..100 => {
                let who = format!("{noun} {joined}");
                format!("{}, {done}", who.trim_end())
            }
            _ => format!("{who} {finite}{to}"),
        }
    }

    /// A list of words, such as "orc, red hair, blue robe, walking left".
    fn tags(&mut self, rng: &mut Rng) -> String {
        let full = self.mention.style == Style::Full;
        let things = self.things();
        let with_noun = full || things.is_empty() || rng.u32(..100) < 55;
        let noun = if with_noun { self.noun() } else { String::new() };
        let things = things.join(", ");
        let done = self.done();
        let order = rng.u32(..100);
        let row: Vec<&str> = match order {
            _ if things.is_empty() => return format!("{noun} {done}").trim().to_owned(),
            // "knight walking left, red hair": the action follows the noun without a comma.
            0..20 if with_noun && !self.mention.action => vec![&noun, &things, &done],
            0..20 if with_noun => return format!("{noun} {done}, {things}"),
            20..32 => vec![&done, &noun, &things],
            _ => vec![&noun, &things, &done],
        };
        let row: Vec<&str> = row.into_iter().filter(|words| !words.is_empty()).collect();
        row.join(", ")
    }

    fn noun(&mut self) -> String {
        noun::noun(self.figure, &mut self.mention, self.voice, &mut self.told)
    }

    /// The noun with its article, or with a name.
    fn named(&self, noun: &str) -> String {
        let rng = &mut Thing::Name.rng(self.voice);
        let roll = rng.u32(..100);
        match roll {
            0..4 => {
                let woman = self.figure.body.sex == Sex::Woman;
                format!("{} the {noun}", pick(rng, if woman { &WOMEN } else { &MEN }))
            }
            4..14 => format!("the {noun}"),
            _ => a(noun),
        }
    }

    /// The words for worn items, with articles; each slot uses its own random numbers.
    fn worn(&mut self) -> Vec<String> {
        let (m, f) = (self.mention, self.figure);
        self.told.torso |= m.torso;
        self.told.headwear |= m.headwear;
        self.told.legs |= m.legs;
        self.told.feet |= m.feet;
        let mut slots = [
            (Thing::Torso, m.torso, f.torso),
            (Thing::Headwear, m.headwear, f.headwear),
            (Thing::Legs, m.legs, f.legs),
            (Thing::Feet, m.feet, f.feet),
        ];
        if Thing::Order.chance(self.voice, 60) {
            slots[1..].rotate_left(1);
        }
        let voice = self.voice;
        let item = |(thing, told, item): (Thing, bool, Option<&'static Item>)| {
            let item = item.filter(|_| told)?;
            let mut rng = thing.rng(voice);
            rng.u64(..);
            let words = voice.pick(&mut rng, item.words);
            Some(match rng.u32(..100) {
                0..8 => with_adjective(pick(&mut rng, &IDLE), words),
                _ => words.to_owned(),
            })
        };
        slots.into_iter().filter_map(item).collect()
    }

    /// "with red hair", "in a blue robe and brown shoes", "carrying a spear".
    fn parts(&mut self) -> Vec<String> {
        let voice = self.voice;
        let mut parts: Vec<String> =
            self.hair().map(|hair| format!("with {hair}")).into_iter().collect();
        let worn = self.worn();
        if !worn.is_empty() {
            let rng = &mut Thing::Order.rng(voice);
            rng.u64(..);
            let in_front = rng.u32(..100) >= 70;
            let first = [
                "in",
                "in",
                "in",
                "wearing",
                "wearing",
                "dressed in",
                "clothed in",
                "attired in",
                "clad in",
            ];
            let first = voice.pick(rng, &first);
            // A hat or boots alone are worn; nobody is "dressed in" them.
            let torso = self.mention.torso && self.figure.torso.is_some();
            let dressed = torso && !self.mention.headwear || first == "in";
            let first = if dressed { first } else { "wearing" };
            parts
                .insert(if in_front { 0 } else { parts.len() }, format!("{first} {}", list(&worn)));
        }
        if let Some(weapon) = self.carried() {
            let rng = &mut Thing::Order.rng(voice);
            rng.u64(..);
            let with = voice.pick(
                rng,
                &[
                    "with",
                    "carrying",
                    "carrying",
                    "holding",
                    "wielding",
                    "gripping",
                    "toting",
                    "bearing",
                    "~clutching",
                ],
            );
            parts.push(format!("{with} {weapon}"));
        }
        parts
    }

    /// Hair, worn items and weapon without articles: "red hair", "blue robe", "spear".
    fn things(&mut self) -> Vec<String> {
        let hair = self.hair();
        let worn = self.worn();
        let weapon = self.carried();
        let plain = |words: &str| bare(words).unwrap_or(words).to_owned();
        let mut things: Vec<String> = hair.iter().map(|hair| plain(hair)).collect();
        if self.mention.hair && self.figure.head == Head::Bald {
            self.told.hair_style = true;
            things.push("bald".to_owned());
        }
        if self.mention.torso && self.figure.torso.is_none() {
            things.push(noun::bare_chested(self.voice).to_owned());
        }
        things.extend(worn.iter().map(|words| plain(words)));
        if self.mention.feet && self.figure.feet.is_none() {
            things.push("barefoot".to_owned());
        }
        things.extend(weapon.map(plain));
        // So that the noun does not repeat them.
        self.mention.hair = false;
        self.mention.torso &= self.figure.torso.is_some();
        self.mention.feet &= self.figure.feet.is_some();
        things
    }

    fn carried(&mut self) -> Option<&'static str> {
        let weapon = self.figure.weapon.filter(|_| self.mention.weapon)?;
        self.told.carried = true;
        let mut rng = Thing::Weapon.rng(self.voice);
        rng.u64(..);
        Some(self.voice.pick(&mut rng, weapon.words))
    }

    /// The words for the hair, sometimes with its style, but never with a style that cannot be seen.
    fn hair(&mut self) -> Option<String> {
        let Head::Hair(style, colour) = self.figure.head else { return None };
        if !self.mention.hair || self.told.hair {
            return None;
        }
        self.told.hair = true;
        let c = noun::hair_colour(colour, self.voice);
        let front = self.figure.direction == Direction::Front;
        let covered = self.figure.headwear.is_some();
        let hidden = (front && style.ends_with("ponytail") || covered)
            && !matches!(style, "pigtails" | "long");
        let rng = &mut Thing::HairStyle.rng(self.voice);
        let often = if self.mention.style == Style::Full { 70 } else { 50 };
        if rng.u32(..100) >= often || hidden {
            let noun = self.voice.pick(
                rng,
                &["hair", "hair", "hair", "hair", "hair", "tresses", "strands", "locks"],
            );
            return Some(format!("{c} {noun}"));
        }
        self.told.hair_style = true;
        let second = rng.bool();
        Some(match style {
            "mohawk" => a(&format!("{c} mohawk")),
            "ponytail" if second => format!("{c} hair in a ponytail"),
            "ponytail" => a(&format!("{c} ponytail")),
            "high ponytail" => format!("a high {c} ponytail"),
            "bun" if second => format!("{c} hair in a bun"),
            "bun" => a(&format!("{c} topknot")),
            "pigtails" if second => format!("{c} hair in pigtails"),
            "pigtails" => format!("{c} pigtails"),
            "bob" => a(&format!("{c} bob")),
            "curly" if second => format!("{c} curls"),
            "spiky" if second => format!("messy {c} hair"),
            _ => format!("{style} {c} hair"),
        })
    }

    /// "walks" and "walking".
    fn verb(&mut self) -> (&'static str, &'static str) {
        let rng = &mut Thing::Action.rng(self.voice);
        rng.u64(..);
        let verbs = verbs(self.figure, self.mention.direction);
        let verb = self.voice.choose(rng, verbs, |verb| verb.finite);
        self.told.action = verb.fits;
        self.told.armed = verb.armed;
        (verb.finite.trim_start_matches('~'), verb.participle.trim_start_matches('~'))
    }

    /// "walking to the left", "walk cycle, facing left", only "facing left", or nothing.
    fn done(&mut self) -> String {
        if !self.mention.action {
            return if self.mention.direction { self.facing().to_owned() } else { String::new() };
        }
        let rng = &mut Thing::Way.rng(self.voice);
        if rng.u32(..100) < 15 {
            self.told.action = self.figure.action.bit();
            let name = self.voice.pick(rng, animation(self.figure.action));
            let facing = if self.mention.direction { self.facing() } else { "" };
            return format!("{name}, {facing}").trim_end_matches(", ").to_owned();
        }
        let participle = self.verb().1;
        format!("{participle}{}", self.towards())
    }

    /// The direction as a phrase of its own: "facing left".
    fn facing(&mut self) -> &'static str {
        self.told.direction = true;
        let rng = &mut Thing::Direction.rng(self.voice);
        rng.u64(..);
        self.voice.pick(rng, facing(self.figure.direction))
    }

    /// The direction after a verb, with the space or comma before it.
    fn towards(&mut self) -> String {
        if !self.mention.direction {
            return String::new();
        }
        let walk = self.figure.action == Action::Walk;
        let rng = &mut Thing::Way.rng(self.voice);
        rng.u64(..);
        let turned = rng.u32(..100) < 55;
        let comma = if rng.bool() { "," } else { "" };
        if turned && !walk {
            return format!("{comma} {}", self.facing());
        }
        self.told.direction = true;
        let rng = &mut Thing::Direction.rng(self.voice);
        rng.u64(..);
        format!(" {}", self.voice.pick(rng, towards(self.figure.direction, walk)))
    }
}

/// The words without their article, if they have one.
fn bare(words: &str) -> Option<&str> {
    words.strip_prefix("a ").or(words.strip_prefix("an "))
}

/// The words for an item with an adjective: "a worn blue robe" for "a blue robe".
fn with_adjective(adjective: &str, words: &str) -> String {
    match bare(words) {
        Some(noun) => a(&format!("{adjective} {noun}")),
        None => format!("{adjective} {words}"),
    }
}

/// The words with a comma before them; empty for no words.
fn after(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(", {words}") }
}

/// "x", "x and y", "x, y and z".
fn list(words: &[String]) -> String {
    match words {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
