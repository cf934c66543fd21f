//! Sentences about a figure, as people would put them: in many ways, and seldom all of it.

use fastrand::Rng;

use super::figure::{Action, Direction, Figure, Head, Kind, Sex};
use super::mention::Mention;
use crate::draws::pick;

/// Words of a sentence at most.
const MOST: usize = 22;

const WOMEN: [&str; 6] = ["Mira", "Anna", "Lena", "Zoe", "Priya", "Ines"];
const MEN: [&str; 6] = ["Tom", "Omar", "Arthur", "Ivan", "Diego", "Kenji"];

/// A sentence about `figure` that speaks of what `mention` says, with the attributes that it states;
/// in one of twenty-five it has a name ("Mira the knight"), so that it is learnt that a name is
/// nothing to be seen.
pub fn sentence(figure: &Figure, mention: Mention, rng: &mut Rng) -> (String, Vec<&'static str>) {
    loop {
        // The longest words for everything there is to say make 30; shorter ones are soon drawn.
        let (text, noun, said) = wording(figure, mention, rng);
        let words = text.split(' ').count();
        if words < MOST && rng.u32(..100) < 4 {
            let name = pick(rng, if figure.body.sex == Sex::Woman { &WOMEN } else { &MEN });
            let unnamed = [a(&noun), format!("the {noun}")];
            let found = unnamed.iter().flat_map(|who| [who.clone(), capital(who)]);
            let found = found.into_iter().find(|who| text.contains(who.as_str()));
            let text = match found {
                Some(who) => text.replacen(&who, &format!("{name} the {noun}"), 1),
                None => text,
            };
            return (text, said);
        }
        if words <= MOST {
            return (text, said);
        }
    }
}

/// A sentence, how it calls the figure, and the attributes that it states.
fn wording(
    figure: &Figure,
    mention: Mention,
    rng: &mut Rng,
) -> (String, String, Vec<&'static str>) {
    let chance = |rng: &mut Rng, of_a_hundred: u32| rng.u32(..100) < of_a_hundred;
    let has_direction = mention.direction && figure.action != Action::Hurt;
    let mut said = Said { figure, mention, rng };
    let noun = said.subject();
    let parts = said.parts();
    let (finite, participle) = said.verb();
    let facing = said.facing();
    let towards = said.towards();
    let torso = said.mention.torso;
    let rng = said.rng;

    let article = if chance(rng, 10) { format!("the {noun}") } else { a(&noun) };
    let joined = parts.join(" ");
    let who = [article.as_str(), &joined].join(" ");
    let who = who.trim_end();
    let done = if has_direction { format!("{participle}{towards}") } else { participle.to_owned() };
    let text = if !mention.action {
        match rng.u32(..3) {
            0 => format!("{who}, {facing}"),
            1 => format!("{facing}: {who}"),
            _ => format!("{who} {facing}"),
        }
    } else {
        match rng.u32(..100) {
            0..36 => format!("{who} {finite}{}", if has_direction { &towards } else { "" }),
            36..50 if figure.action != Action::Hurt => format!("{who} is {done}"),
            50..68 => format!("{who} {done}"),
            68..76 => format!("{done}: {who}"),
            76..84 if !parts.is_empty() => format!("{article} {done}, {joined}"),
            84..92 if has_direction => format!("{facing}, {who} {finite}"),
            92..100 => format!("{}, {done}", format!("{noun} {joined}").trim_end()),
            _ => format!("{who} {finite}{}", if has_direction { &towards } else { "" }),
        }
    };
    let text = if chance(rng, 6) { capital(&text) + "." } else { text };
    let said = stated(figure, Mention { torso, ..mention }, &noun);
    (text, noun, said)
}

/// The attributes that a sentence states of what `mention` speaks of, and by the figure's noun.
fn stated(figure: &Figure, mention: Mention, noun: &str) -> Vec<&'static str> {
    let has = |any: &[&str]| noun.split([' ', '-']).any(|word| any.contains(&word));
    let m = mention;
    let skin = m.body || m.skin || has(&["orc", "skeleton"]) || has(&["dark", "pale"]);
    let sex = has(&["woman", "lady", "female", "man", "guy", "fellow", "male"]);
    let human = sex || has(&["person"]);
    let kind = has(&["orc", "elf", "skeleton"]) || human;
    let armed = matches!(figure.action, Action::Thrust | Action::Slash | Action::Shoot);
    let weapon = if armed { m.action } else { m.weapon && figure.action == Action::Walk };
    let bald = figure.head == Head::Bald;
    let hair = m.hair && figure.hair().is_some();
    [
        ("kind", kind),
        ("sex", sex),
        ("skin", skin),
        ("body", skin && kind && (sex || has(&["skeleton"]))),
        ("hair", hair),
        ("hair_style", m.hair && bald),
        (
            "torso",
            m.torso && figure.body.kind != Kind::Skeleton || m.torso && figure.torso.is_some(),
        ),
        ("legs", m.legs && figure.legs.is_some()),
        ("feet", m.feet && !figure.hides_feet()),
        ("headwear", m.headwear && figure.headwear.is_some()),
        ("weapon", weapon && figure.weapon.is_some()),
        ("action", m.action),
        ("direction", m.direction && figure.action != Action::Hurt),
    ]
    .into_iter()
    .filter_map(|(key, stated)| stated.then_some(key))
    .collect()
}

struct Said<'a> {
    figure: &'a Figure,
    mention: Mention,
    rng: &'a mut Rng,
}

impl Said<'_> {
    fn chance(&mut self, of_a_hundred: u32) -> bool {
        self.rng.u32(..100) < of_a_hundred
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        pick(self.rng, words)
    }

    /// Adjectives and a noun, without the article.
    fn subject(&mut self) -> String {
        let Figure { body, head, torso, feet, .. } = *self.figure;
        let woman = body.sex == Sex::Woman;
        let mut words = Vec::new();
        if self.mention.hair && head == Head::Bald {
            words.push("bald".to_owned());
        }
        if let (true, Some(colour)) = (self.mention.hair, self.figure.hair())
            && self.chance(15)
        {
            self.mention.hair = false;
            let colour = self.hair_colour(colour);
            words.push(match colour {
                "blonde" if self.chance(60) => colour.to_owned(),
                _ => format!("{colour}-haired"),
            });
        }
        if self.mention.torso && torso.is_none() && body.kind != Kind::Skeleton {
            words.push(self.pick(&["bare-chested", "shirtless"]).to_owned());
        }
        if self.mention.feet && feet.is_none() && !self.figure.hides_feet() {
            words.push("barefoot".to_owned());
        }
        words.push(if self.mention.body { self.exact(woman) } else { self.loose(woman) });
        words.join(" ")
    }

    /// Words that fit this kind and this sex alone.
    fn exact(&mut self, woman: bool) -> String {
        let sex = if woman { "woman" } else { "man" };
        let female = if woman { "female" } else { "male" };
        let (kind, first) = (self.figure.body.kind, self.chance(50));
        match kind {
            Kind::Skeleton => "skeleton".to_owned(),
            Kind::Light => format!("light-skinned {sex}"),
            Kind::Tanned => format!("tanned {sex}"),
            Kind::Dark => format!("{} {sex}", self.pick(&["dark-skinned", "brown-skinned"])),
            Kind::DarkElf if first => format!("dark elf {sex}"),
            Kind::DarkElf => format!("{female} dark elf"),
            Kind::PaleElf if first => format!("pale elf {sex}"),
            Kind::PaleElf => format!("{female} pale elf"),
            Kind::Orc if woman && first => "orc woman".to_owned(),
            Kind::Orc => format!("{female} orc"),
        }
    }

    /// What one would say in passing.
    fn loose(&mut self, woman: bool) -> String {
        let kind = self.figure.body.kind;
        let (skin, mut noun) = match kind {
            Kind::Skeleton => ("", "skeleton"),
            Kind::Light => (self.pick(&["light-skinned", "fair-skinned"]), ""),
            Kind::Tanned => ("tanned", ""),
            Kind::Dark => (self.pick(&["dark-skinned", "brown-skinned"]), ""),
            Kind::DarkElf => (
                "grey-skinned",
                match (self.mention.skin, woman) {
                    (true, _) => "elf",
                    (_, true) => self.pick(&[
                        "dark elf",
                        "dark elf",
                        "dark elf woman",
                        "female dark elf",
                        "elf",
                    ]),
                    _ => self.pick(&["dark elf", "dark elf", "dark elf", "dark elf man", "elf"]),
                },
            ),
            Kind::PaleElf => (
                "pale",
                match (self.mention.skin, woman) {
                    (true, _) => "elf",
                    (_, true) => self.pick(&["pale elf", "pale elf woman", "elf", "elf woman"]),
                    _ => self.pick(&["pale elf", "pale elf man", "elf", "elf"]),
                },
            ),
            Kind::Orc if woman => {
                ("green", self.pick(&["orc", "orc woman", "female orc", "orc woman"]))
            }
            Kind::Orc => ("green", "orc"),
        };
        let human = noun.is_empty();
        if human {
            noun = match (woman, self.rng.u32(..20)) {
                (_, 0) => "person",
                (true, 1..4) => "lady",
                (true, _) => "woman",
                (false, 1) => "fellow",
                (false, 2..4) => "guy",
                (false, _) => "man",
            };
        }
        let knight = self.figure.is_knight() && self.chance(65);
        if knight {
            // The word says that there is armour; it need not be said twice.
            self.mention.torso &= self.mention.strict || self.chance(50);
        }
        let noun = match (knight, human) {
            (true, true) if woman && self.chance(40) => "female knight".to_owned(),
            (true, true) => "knight".to_owned(),
            (true, false) if !noun.contains(' ') || noun.ends_with(" elf") => {
                format!("{noun} knight")
            }
            _ => noun.to_owned(),
        };
        if self.mention.skin && !skin.is_empty() { format!("{skin} {noun}") } else { noun }
    }

    fn hair_colour(&mut self, colour: &'static str) -> &'static str {
        match colour {
            "grey" => self.pick(&["grey", "grey", "gray"]),
            "orange" => self.pick(&["orange", "orange", "ginger"]),
            "blonde" => self.pick(&["blonde", "blonde", "blond"]),
            _ => colour,
        }
    }

    /// "with red hair", "in a blue robe and brown shoes", "carrying a spear".
    fn parts(&mut self) -> Vec<String> {
        let mut parts = Vec::new();
        if let (true, Head::Hair(style, colour)) = (self.mention.hair, self.figure.head) {
            parts.push(format!("with {}", self.hair(style, colour)));
        }
        let m = self.mention;
        let Figure { torso, legs, feet, headwear, .. } = *self.figure;
        let named = [(m.torso, torso), (m.headwear, headwear), (m.legs, legs), (m.feet, feet)];
        let worn: Vec<&str> = named
            .into_iter()
            .filter_map(|(named, item)| item.filter(|_| named).map(|item| self.pick(item.words)))
            .collect();
        if !worn.is_empty() {
            let first = self.pick(&["in", "in", "in", "wearing", "wearing", "dressed in"]);
            // One wears a hat but is not dressed in it.
            let hat = m.headwear && headwear.is_some();
            let first = if hat && first != "in" { "wearing" } else { first };
            let at = if self.chance(70) { parts.len() } else { 0 };
            parts.insert(at, format!("{first} {}", list(&worn)));
        }
        if let (true, Action::Walk, Some(weapon)) =
            (m.weapon, self.figure.action, self.figure.weapon)
        {
            let weapon = self.pick(weapon.words);
            parts.push(format!("{} {weapon}", self.pick(&["with", "carrying", "holding"])));
        }
        parts
    }

    /// The hair, its style named at times, and never where it cannot be seen.
    fn hair(&mut self, style: &'static str, colour: &'static str) -> String {
        let c = self.hair_colour(colour);
        let in_front = self.figure.direction == Direction::Front;
        let hidden = in_front && style.ends_with("ponytail") || self.figure.headwear.is_some();
        if hidden && style != "pigtails" && style != "long" || self.chance(45) {
            return format!("{c} hair");
        }
        let second = self.chance(50);
        match style {
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
        }
    }

    /// "walks" and "walking".
    fn verb(&mut self) -> (&'static str, &'static str) {
        let weapon = self.figure.weapon.map_or("", |item| item.name);
        let choices: &[(&str, &str)] = match (self.figure.action, weapon) {
            (Action::Spellcast, _) => &[
                ("casts a spell", "casting a spell"),
                ("casts a spell", "casting a spell"),
                ("casts magic", "casting magic"),
                ("does magic", "doing magic"),
                ("works a spell", "working a spell"),
            ],
            (Action::Thrust, "spear") => &[
                ("thrusts a spear", "thrusting a spear"),
                ("thrusts with a spear", "thrusting with a spear"),
                ("stabs with a spear", "stabbing with a spear"),
                ("jabs with a spear", "jabbing with a spear"),
                ("attacks with a spear", "attacking with a spear"),
            ],
            (Action::Thrust, _) => {
                &[("thrusts", "thrusting"), ("jabs", "jabbing"), ("stabs", "stabbing")]
            }
            // One heads somewhere.
            (Action::Walk, _) if !self.mention.direction => {
                &[("walks", "walking"), ("strides", "striding")]
            }
            (Action::Walk, _) => &[
                ("walks", "walking"),
                ("walks", "walking"),
                ("walks", "walking"),
                ("walks", "walking"),
                ("walks", "walking"),
                ("strides", "striding"),
                ("heads", "heading"),
            ],
            (Action::Slash, "dagger") => &[
                ("swings a dagger", "swinging a dagger"),
                ("swings a sword", "swinging a sword"),
                ("swings a blade", "swinging a blade"),
                ("slashes with a dagger", "slashing with a dagger"),
                ("slashes with a blade", "slashing with a blade"),
                ("slashes with a short sword", "slashing with a short sword"),
            ],
            (Action::Slash, "wand") => &[
                ("swings a wand", "swinging a wand"),
                ("waves a wand", "waving a wand"),
                ("swings a stick", "swinging a stick"),
            ],
            (Action::Slash, _) => &[
                ("slashes", "slashing"),
                ("slashes the air", "slashing the air"),
                ("swings an arm", "swinging an arm"),
            ],
            (Action::Shoot, "bow") => &[
                ("shoots an arrow", "shooting an arrow"),
                ("shoots an arrow", "shooting an arrow"),
                ("shoots a bow", "shooting a bow"),
                ("fires an arrow", "firing an arrow"),
                ("draws a bow", "drawing a bow"),
                ("aims a bow", "aiming a bow"),
            ],
            (Action::Shoot, _) => {
                &[("shoots", "shooting"), ("aims and shoots", "aiming and shooting")]
            }
            (Action::Hurt, _) => &[
                ("falls down", "falling down"),
                ("falls down", "falling down"),
                ("falls to the ground", "falling to the ground"),
                ("falls over", "falling over"),
                ("collapses", "collapsing"),
                ("drops to the ground", "dropping to the ground"),
            ],
        };
        pick(self.rng, choices)
    }

    /// The direction as a clause of its own: "facing left".
    fn facing(&mut self) -> &'static str {
        match self.figure.direction {
            Direction::Left => {
                self.pick(&["facing left", "turned to the left", "facing to the left"])
            }
            Direction::Right => {
                self.pick(&["facing right", "turned to the right", "facing to the right"])
            }
            Direction::Front => self.pick(&[
                "facing us",
                "facing the viewer",
                "facing forward",
                "seen from the front",
            ]),
            Direction::Back => self.pick(&[
                "facing away",
                "seen from behind",
                "seen from the back",
                "facing away from us",
            ]),
        }
    }

    /// The direction after a verb, with what parts it from the verb.
    fn towards(&mut self) -> String {
        if self.figure.action != Action::Walk && !self.chance(45) {
            let comma = if self.chance(50) { "," } else { "" };
            return format!("{comma} {}", self.facing());
        }
        let walk = self.figure.action == Action::Walk;
        let to = match self.figure.direction {
            Direction::Left => {
                self.pick(&["to the left", "to the left", "left", "leftwards", "towards the left"])
            }
            Direction::Right => self.pick(&[
                "to the right",
                "to the right",
                "right",
                "rightwards",
                "towards the right",
            ]),
            Direction::Front if walk => {
                self.pick(&["towards us", "towards the viewer", "forward", "towards the camera"])
            }
            Direction::Front => self.pick(&["towards us", "towards the viewer", "facing us"]),
            Direction::Back if walk => {
                self.pick(&["away from us", "away", "away from the viewer", "away from the camera"])
            }
            Direction::Back => self.pick(&["away from us", "facing away", "seen from behind"]),
        };
        // "swings a sword left" is clipped; "to the left" is not.
        let to = match to {
            "left" if !walk => "to the left",
            "right" if !walk => "to the right",
            _ => to,
        };
        format!(" {to}")
    }
}

/// The noun with its indefinite article.
fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// "x", "x and y", "x, y and z".
fn list(words: &[&str]) -> String {
    match words {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
