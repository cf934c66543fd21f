//! Words for actions and directions. Phrases that begin with `~` are held out: no training caption
//! has them.

use super::figure::{Action, Direction, Figure};

/// Words for an action.
#[derive(Clone, Copy)]
pub struct Verb {
    /// "walks".
    pub finite: &'static str,
    /// "walking".
    pub participle: &'static str,
    /// A mask of the actions that the words are true of.
    pub fits: u8,
    /// Whether the words name the weapon.
    pub armed: bool,
}

const fn verb(finite: &'static str, participle: &'static str, action: Action) -> Verb {
    Verb { finite, participle, fits: 1 << action as u8, armed: false }
}

const fn armed(finite: &'static str, participle: &'static str, action: Action) -> Verb {
    Verb { armed: true, ..verb(finite, participle, action) }
}

/// Words for any way to fight.
const fn fight(finite: &'static str, participle: &'static str) -> Verb {
    let fits = 1 << Action::Thrust as u8 | 1 << Action::Slash as u8 | 1 << Action::Shoot as u8;
    Verb { finite, participle, fits, armed: false }
}

/// The words for a figure's action; common words are listed several times.
pub fn verbs(figure: &Figure, direction: bool) -> &'static [Verb] {
    match (figure.action, figure.weapon.map_or("", |item| item.name)) {
        (Action::Spellcast, _) => &SPELLCAST,
        (Action::Thrust, "spear") => &SPEAR,
        (Action::Thrust, _) => &THRUST,
        // The first four include "heads" and "goes", which need a direction.
        (Action::Walk, _) if !direction => &WALK[4..],
        (Action::Walk, _) => &WALK,
        (Action::Slash, "dagger") => &DAGGER,
        (Action::Slash, "wand") => &WAND,
        (Action::Slash, _) => &SLASH,
        (Action::Shoot, "bow") => &BOW,
        (Action::Shoot, _) => &SHOOT,
        (Action::Hurt, _) => &HURT,
    }
}

const SPELLCAST: [Verb; 16] = [
    verb("casts a spell", "casting a spell", Action::Spellcast),
    verb("casts a spell", "casting a spell", Action::Spellcast),
    verb("casts magic", "casting magic", Action::Spellcast),
    verb("does magic", "doing magic", Action::Spellcast),
    verb("uses magic", "using magic", Action::Spellcast),
    verb("works a spell", "working a spell", Action::Spellcast),
    verb("chants a spell", "chanting a spell", Action::Spellcast),
    verb("summons magic", "summoning magic", Action::Spellcast),
    verb("performs magic", "performing magic", Action::Spellcast),
    verb("weaves a spell", "weaving a spell", Action::Spellcast),
    verb("invokes a spell", "invoking a spell", Action::Spellcast),
    verb("channels magic", "channelling magic", Action::Spellcast),
    verb("works magic", "working magic", Action::Spellcast),
    verb("invokes magic", "invoking magic", Action::Spellcast),
    verb("conjures", "conjuring", Action::Spellcast),
    verb("~summons a spell", "~summoning a spell", Action::Spellcast),
];

const SPEAR: [Verb; 16] = [
    armed("thrusts a spear", "thrusting a spear", Action::Thrust),
    armed("thrusts with a spear", "thrusting with a spear", Action::Thrust),
    armed("stabs with a spear", "stabbing with a spear", Action::Thrust),
    armed("jabs with a spear", "jabbing with a spear", Action::Thrust),
    armed("attacks with a spear", "attacking with a spear", Action::Thrust),
    armed("fights with a spear", "fighting with a spear", Action::Thrust),
    fight("attacks", "attacking"),
    armed("strikes with a spear", "striking with a spear", Action::Thrust),
    armed("prods with a spear", "prodding with a spear", Action::Thrust),
    armed("pierces the air with a spear", "piercing the air with a spear", Action::Thrust),
    armed("lashes out with a spear", "lashing out with a spear", Action::Thrust),
    armed("drives a spear into the air", "driving a spear into the air", Action::Thrust),
    armed("stabs the air with a spear", "stabbing the air with a spear", Action::Thrust),
    armed("lunges with a spear", "lunging with a spear", Action::Thrust),
    armed("pokes with a spear", "poking with a spear", Action::Thrust),
    armed("~pushes with a spear", "~pushing with a spear", Action::Thrust),
];

const THRUST: [Verb; 12] = [
    verb("thrusts", "thrusting", Action::Thrust),
    verb("jabs", "jabbing", Action::Thrust),
    verb("stabs", "stabbing", Action::Thrust),
    fight("attacks", "attacking"),
    verb("prods", "prodding", Action::Thrust),
    verb("pierces the air", "piercing the air", Action::Thrust),
    fight("strikes", "striking"),
    verb("stabs the air", "stabbing the air", Action::Thrust),
    verb("lashes out", "lashing out", Action::Thrust),
    verb("lunges", "lunging", Action::Thrust),
    verb("pokes", "poking", Action::Thrust),
    verb("~pushes", "~pushing", Action::Thrust),
];

const WALK: [Verb; 23] = [
    verb("walks", "walking", Action::Walk),
    verb("walks", "walking", Action::Walk),
    verb("heads", "heading", Action::Walk),
    verb("goes", "going", Action::Walk),
    verb("walks", "walking", Action::Walk),
    verb("walks", "walking", Action::Walk),
    verb("strides", "striding", Action::Walk),
    verb("marches", "marching", Action::Walk),
    verb("paces", "pacing", Action::Walk),
    verb("hikes", "hiking", Action::Walk),
    verb("trots", "trotting", Action::Walk),
    verb("steps", "stepping", Action::Walk),
    verb("moves", "moving", Action::Walk),
    verb("travels", "travelling", Action::Walk),
    verb("roams", "roaming", Action::Walk),
    verb("ambles", "ambling", Action::Walk),
    verb("saunters", "sauntering", Action::Walk),
    verb("treks", "trekking", Action::Walk),
    verb("plods", "plodding", Action::Walk),
    verb("trudges", "trudging", Action::Walk),
    verb("struts", "strutting", Action::Walk),
    verb("~strolls", "~strolling", Action::Walk),
    verb("~wanders", "~wandering", Action::Walk),
];

const DAGGER: [Verb; 19] = [
    armed("swings a dagger", "swinging a dagger", Action::Slash),
    armed("swings a sword", "swinging a sword", Action::Slash),
    armed("swings a blade", "swinging a blade", Action::Slash),
    armed("slashes with a dagger", "slashing with a dagger", Action::Slash),
    armed("slashes with a blade", "slashing with a blade", Action::Slash),
    armed("slashes with a short sword", "slashing with a short sword", Action::Slash),
    armed("attacks with a dagger", "attacking with a dagger", Action::Slash),
    armed("fights with a sword", "fighting with a sword", Action::Slash),
    fight("attacks", "attacking"),
    fight("fights", "fighting"),
    armed("cuts with a dagger", "cutting with a dagger", Action::Slash),
    armed("chops with a blade", "chopping with a blade", Action::Slash),
    armed("strikes with a sword", "striking with a sword", Action::Slash),
    armed("swipes with a dagger", "swiping with a dagger", Action::Slash),
    armed("slices with a blade", "slicing with a blade", Action::Slash),
    armed("slashes at the air with a sword", "slashing at the air with a sword", Action::Slash),
    armed("hews with a sword", "hewing with a sword", Action::Slash),
    armed("hacks with a sword", "hacking with a sword", Action::Slash),
    armed("~swings a knife", "~swinging a knife", Action::Slash),
];

const WAND: [Verb; 8] = [
    armed("swings a wand", "swinging a wand", Action::Slash),
    armed("waves a wand", "waving a wand", Action::Slash),
    armed("swings a stick", "swinging a stick", Action::Slash),
    armed("wields a wand", "wielding a wand", Action::Slash),
    armed("swishes a wand", "swishing a wand", Action::Slash),
    armed("whips a wand", "whipping a wand", Action::Slash),
    armed("flicks a wand", "flicking a wand", Action::Slash),
    armed("~shakes a wand", "~shaking a wand", Action::Slash),
];

const SLASH: [Verb; 13] = [
    verb("slashes", "slashing", Action::Slash),
    verb("slashes the air", "slashing the air", Action::Slash),
    verb("swings an arm", "swinging an arm", Action::Slash),
    fight("attacks", "attacking"),
    verb("chops", "chopping", Action::Slash),
    verb("cuts the air", "cutting the air", Action::Slash),
    verb("swipes", "swiping", Action::Slash),
    fight("strikes", "striking"),
    verb("slices", "slicing", Action::Slash),
    verb("cleaves the air", "cleaving the air", Action::Slash),
    verb("hews", "hewing", Action::Slash),
    verb("hacks", "hacking", Action::Slash),
    verb("~cuts at the air", "~cutting at the air", Action::Slash),
];

const BOW: [Verb; 20] = [
    armed("shoots an arrow", "shooting an arrow", Action::Shoot),
    armed("shoots an arrow", "shooting an arrow", Action::Shoot),
    armed("shoots a bow", "shooting a bow", Action::Shoot),
    armed("shoots with a bow", "shooting with a bow", Action::Shoot),
    armed("fires an arrow", "firing an arrow", Action::Shoot),
    armed("draws a bow", "drawing a bow", Action::Shoot),
    armed("aims a bow", "aiming a bow", Action::Shoot),
    armed("attacks with a bow", "attacking with a bow", Action::Shoot),
    verb("shoots", "shooting", Action::Shoot),
    fight("attacks", "attacking"),
    armed("releases an arrow", "releasing an arrow", Action::Shoot),
    armed("launches an arrow", "launching an arrow", Action::Shoot),
    armed("fires a bow", "firing a bow", Action::Shoot),
    armed("lets an arrow fly", "letting an arrow fly", Action::Shoot),
    armed("fires arrows", "firing arrows", Action::Shoot),
    armed("shoots arrows", "shooting arrows", Action::Shoot),
    armed("sends an arrow flying", "sending an arrow flying", Action::Shoot),
    armed("aims an arrow", "aiming an arrow", Action::Shoot),
    armed("looses an arrow", "loosing an arrow", Action::Shoot),
    armed("~shoots from a bow", "~shooting from a bow", Action::Shoot),
];

const SHOOT: [Verb; 7] = [
    verb("shoots", "shooting", Action::Shoot),
    verb("aims and shoots", "aiming and shooting", Action::Shoot),
    verb("fires", "firing", Action::Shoot),
    verb("aims and fires", "aiming and firing", Action::Shoot),
    verb("takes aim and shoots", "taking aim and shooting", Action::Shoot),
    verb("takes a shot", "taking a shot", Action::Shoot),
    verb("~fires at a target", "~firing at a target", Action::Shoot),
];

const HURT: [Verb; 31] = [
    verb("falls down", "falling down", Action::Hurt),
    verb("falls down", "falling down", Action::Hurt),
    verb("falls to the ground", "falling to the ground", Action::Hurt),
    verb("falls over", "falling over", Action::Hurt),
    verb("collapses", "collapsing", Action::Hurt),
    verb("drops to the ground", "dropping to the ground", Action::Hurt),
    verb("dies", "dying", Action::Hurt),
    verb("dies", "dying", Action::Hurt),
    verb("is hurt", "getting hurt", Action::Hurt),
    verb("gets hit", "getting hit", Action::Hurt),
    verb("gets hit and falls", "getting hit and falling", Action::Hurt),
    verb("is defeated", "being defeated", Action::Hurt),
    verb("is knocked down", "being knocked down", Action::Hurt),
    verb("slumps to the ground", "slumping to the ground", Action::Hurt),
    verb("topples over", "toppling over", Action::Hurt),
    verb("passes out", "passing out", Action::Hurt),
    verb("drops dead", "dropping dead", Action::Hurt),
    verb("is killed", "being killed", Action::Hurt),
    verb("is struck down", "being struck down", Action::Hurt),
    verb("keels over", "keeling over", Action::Hurt),
    verb("crumples", "crumpling", Action::Hurt),
    verb("sinks to the ground", "sinking to the ground", Action::Hurt),
    verb("perishes", "perishing", Action::Hurt),
    verb("stumbles and falls", "stumbling and falling", Action::Hurt),
    verb("swoons", "swooning", Action::Hurt),
    verb("blacks out", "blacking out", Action::Hurt),
    verb("is slain", "being slain", Action::Hurt),
    verb("tumbles", "tumbling", Action::Hurt),
    verb("faints", "fainting", Action::Hurt),
    verb("~is injured", "~being injured", Action::Hurt),
    verb("~is wounded", "~being wounded", Action::Hurt),
];

/// Names of the animation of an action, as makers of sprites use them.
pub fn animation(action: Action) -> &'static [&'static str] {
    match action {
        Action::Spellcast => {
            &["spellcast animation", "casting animation", "spell animation", "~magic animation"]
        }
        Action::Thrust => &["thrust animation", "stab animation"],
        Action::Walk => &["walk cycle", "walk cycle", "walking animation", "~walk animation"],
        Action::Slash => &["slash animation", "slashing animation"],
        Action::Shoot => {
            &["shooting animation", "shoot animation", "archery animation", "~shot animation"]
        }
        Action::Hurt => &["death animation", "hurt animation", "falling animation"],
    }
}

/// Phrases for the direction alone: "facing left".
pub fn facing(direction: Direction) -> &'static [&'static str] {
    match direction {
        Direction::Left => &[
            "facing left",
            "facing left",
            "facing to the left",
            "turned to the left",
            "looking left",
            "facing west",
            "~looking to the left",
        ],
        Direction::Right => &[
            "facing right",
            "facing right",
            "facing to the right",
            "turned to the right",
            "looking right",
            "facing east",
            "~looking to the right",
        ],
        Direction::Front => &[
            "facing us",
            "facing the viewer",
            "facing forward",
            "seen from the front",
            "facing the camera",
            "facing down",
            "facing south",
            "looking at the viewer",
            "looking at the camera",
            "looking towards us",
            "looking our way",
            "staring at us",
            "turned towards us",
            "~looking at us",
        ],
        Direction::Back => &[
            "facing away",
            "facing away",
            "facing away from us",
            "seen from behind",
            "seen from the back",
            "facing up",
            "facing north",
            "looking away",
            "turned away",
            "turned away from the viewer",
            "~turned away from us",
        ],
    }
}

/// The direction after a verb: for a walk the way that it takes, for other actions the way that the
/// figure faces.
pub fn towards(direction: Direction, walk: bool) -> &'static [&'static str] {
    match (direction, walk) {
        (Direction::Left, true) => &[
            "left",
            "left",
            "to the left",
            "to the left",
            "leftwards",
            "towards the left",
            "off to the left",
            "from right to left",
            "west",
            "~over to the left",
        ],
        (Direction::Left, false) => &["to the left", "to the left", "towards the left"],
        (Direction::Right, true) => &[
            "right",
            "right",
            "to the right",
            "to the right",
            "rightwards",
            "towards the right",
            "off to the right",
            "from left to right",
            "east",
            "~over to the right",
        ],
        (Direction::Right, false) => &["to the right", "to the right", "towards the right"],
        (Direction::Front, true) => &[
            "towards us",
            "towards the viewer",
            "forward",
            "towards the camera",
            "our way",
            "closer to us",
            "straight at us",
            "over to us",
            "nearer to us",
            "down",
            "south",
            "in the direction of the viewer",
            "in the direction of the camera",
            "to the front",
            "~in our direction",
        ],
        (Direction::Front, false) => &["towards us", "towards the viewer", "towards the camera"],
        (Direction::Back, true) => &[
            "away from us",
            "away",
            "away from the viewer",
            "away from the camera",
            "into the background",
            "far into the background",
            "further away",
            "far away",
            "deep into the background",
            "up",
            "north",
            "off into the background",
            "towards the horizon",
            "to the horizon",
            "in the direction of the horizon",
            "to the back",
            "~into the distance",
        ],
        (Direction::Back, false) => &["away from us", "away from the viewer"],
    }
}
