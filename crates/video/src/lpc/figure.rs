//! The content of a clip: a figure, its clothes and its action.

use crate::Attributes;

/// The value of an attribute that the figure does not have.
pub const NONE: &str = "none";
/// The value of an attribute that is covered: hair under a helmet, feet under a gown.
pub const HIDDEN: &str = "hidden";

/// The action of a figure, in the order of the blocks of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Spellcast,
    Thrust,
    Walk,
    Slash,
    Shoot,
    Hurt,
}

impl Action {
    pub const ALL: [Self; 6] =
        [Self::Spellcast, Self::Thrust, Self::Walk, Self::Slash, Self::Shoot, Self::Hurt];

    pub fn name(self) -> &'static str {
        ["spellcast", "thrust", "walk", "slash", "shoot", "hurt"][self as usize]
    }

    /// The bit of this action in a mask of actions.
    pub fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The columns of the sheet for the eight frames, in order. Those of spellcast and slash are from
    /// Li & Mandt (2018). The eight columns of shoot, of thirteen, show every stage. The fall ends
    /// with the figure lying still.
    pub fn columns(self) -> [usize; 8] {
        match self {
            Self::Spellcast => [0, 1, 2, 3, 4, 5, 4, 6],
            Self::Thrust => [0, 1, 2, 3, 4, 5, 6, 7],
            Self::Walk => [1, 2, 3, 4, 5, 6, 7, 8],
            Self::Slash => [0, 1, 2, 3, 4, 5, 4, 0],
            Self::Shoot => [0, 1, 3, 5, 6, 8, 9, 11],
            Self::Hurt => [0, 1, 2, 3, 4, 5, 5, 5],
        }
    }

    /// The row of the sheet for a direction; the fall has a single row, seen from the front.
    pub fn row(self, direction: Direction) -> usize {
        match self {
            Self::Hurt => 20,
            _ => 4 * self as usize + direction as usize,
        }
    }
}

/// The direction that a figure faces, in the order of the rows of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Back,
    Left,
    Front,
    Right,
}

impl Direction {
    pub const ALL: [Self; 4] = [Self::Back, Self::Left, Self::Front, Self::Right];

    pub fn name(self) -> &'static str {
        ["back", "left", "front", "right"][self as usize]
    }
}

/// The base body, which also chooses the version of each layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    Woman,
    Man,
}

impl Sex {
    /// The text for `{s}` in the path of a layer.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Woman => "female",
            Self::Man => "male",
        }
    }
}

/// Kind of being and its skin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Light,
    Tanned,
    Dark,
    DarkElf,
    PaleElf,
    Orc,
    Skeleton,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Light | Self::Tanned | Self::Dark => "human",
            Self::DarkElf | Self::PaleElf => "elf",
            Self::Orc => "orc",
            Self::Skeleton => "skeleton",
        }
    }

    pub fn skin(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Tanned => "tanned",
            Self::Dark => "dark",
            Self::DarkElf => "grey",
            Self::PaleElf => "pale blue",
            Self::Orc => "green",
            Self::Skeleton => "bone",
        }
    }
}

/// Paths of layers, drawn over each other, the lowest first. `{s}` stands for [`Sex::folder`].
pub type Layers = &'static [&'static str];

/// A body.
#[derive(Debug, PartialEq)]
pub struct Body {
    /// The value of the attribute `body`, such as "light woman".
    pub name: &'static str,
    pub sex: Sex,
    pub kind: Kind,
    pub weight: u32,
    /// The layers of its sheet.
    pub layers: Layers,
}

/// The parts of a figure that an item covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hides {
    Nothing,
    /// All hair.
    Hair,
    /// Hair that does not reach below the rim of the headwear.
    ShortHair,
    /// The legs, down to the feet.
    Legs,
    /// Legs and feet.
    LegsAndFeet,
}

/// An item that a figure wears or carries.
#[derive(Debug, PartialEq)]
pub struct Item {
    /// The value of the attribute, such as "blue robe".
    pub name: &'static str,
    /// A false caption never replaces an item by another of the same colour.
    pub colour: &'static str,
    /// The words of captions for it, such as "a blue robe".
    pub words: &'static [&'static str],
    /// The bodies that it fits; `None` for both.
    pub sex: Option<Sex>,
    /// A mask of the actions that its sheets have.
    pub actions: u8,
    pub weight: u32,
    pub hides: Hides,
    /// The layers of its sheet.
    pub layers: Layers,
}

impl Item {
    /// The last word of its name, such as "trousers".
    pub fn garment(&self) -> &'static str {
        self.name.rsplit(' ').next().unwrap_or(self.name)
    }

    /// Whether a figure can wear it during its action.
    pub fn fits(&self, figure: &Figure) -> bool {
        self.sex.is_none_or(|sex| sex == figure.body.sex) && self.actions & figure.action.bit() != 0
    }
}

/// A slot for an item. The slots are drawn in this order; later ones depend on earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Torso,
    Legs,
    Feet,
    Headwear,
    Weapon,
}

impl Part {
    pub const ALL: [Self; 5] = [Self::Torso, Self::Legs, Self::Feet, Self::Headwear, Self::Weapon];
}

/// Hair, with one sheet.
#[derive(Debug, PartialEq)]
pub struct Hair {
    pub style: &'static str,
    pub colour: &'static str,
    pub sheet: String,
}

/// The hair of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Head {
    /// Visible hair: its style and its colour.
    Hair(&'static str, &'static str),
    Bald,
    /// Hair that the headwear hides.
    Covered,
}

/// A figure with its action and direction: everything that a caption can state.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub body: &'static Body,
    pub head: Head,
    pub torso: Option<&'static Item>,
    pub legs: Option<&'static Item>,
    pub feet: Option<&'static Item>,
    pub headwear: Option<&'static Item>,
    pub weapon: Option<&'static Item>,
    pub action: Action,
    pub direction: Direction,
}

impl Figure {
    /// The colour of visible hair.
    pub fn hair(&self) -> Option<&'static str> {
        match self.head {
            Head::Hair(_, colour) => Some(colour),
            _ => None,
        }
    }

    pub fn item(&self, part: Part) -> Option<&'static Item> {
        match part {
            Part::Torso => self.torso,
            Part::Legs => self.legs,
            Part::Feet => self.feet,
            Part::Headwear => self.headwear,
            Part::Weapon => self.weapon,
        }
    }

    pub fn wear(&mut self, part: Part, item: Option<&'static Item>) {
        match part {
            Part::Torso => self.torso = item,
            Part::Legs => self.legs = item,
            Part::Feet => self.feet = item,
            Part::Headwear => self.headwear = item,
            Part::Weapon => self.weapon = item,
        }
    }

    pub fn torso_name(&self) -> &'static str {
        self.torso.map_or(NONE, |item| item.name)
    }

    pub fn hides_legs(&self) -> bool {
        self.torso.is_some_and(|t| matches!(t.hides, Hides::Legs | Hides::LegsAndFeet))
    }

    pub fn hides_feet(&self) -> bool {
        self.torso.is_some_and(|t| t.hides == Hides::LegsAndFeet)
    }

    /// Whether it wears plate armour; captions then call it a knight.
    pub fn is_knight(&self) -> bool {
        self.torso.is_some_and(|t| t.name.ends_with("plate"))
    }

    pub fn attributes(&self) -> Attributes {
        let name = |item: Option<&'static Item>| item.map_or(NONE, |item| item.name);
        let hidden = |hides: bool, item| if hides { HIDDEN } else { name(item) };
        let (style, colour) = match self.head {
            Head::Hair(style, colour) => (style, colour),
            Head::Bald => ("bald", NONE),
            Head::Covered => (HIDDEN, HIDDEN),
        };
        let sex = match self.body.sex {
            Sex::Woman => "woman",
            Sex::Man => "man",
        };
        [
            ("body", self.body.name),
            ("sex", if self.body.kind == Kind::Skeleton { NONE } else { sex }),
            ("kind", self.body.kind.name()),
            ("skin", self.body.kind.skin()),
            ("hair_style", style),
            ("hair", colour),
            ("torso", name(self.torso)),
            ("legs", hidden(self.hides_legs(), self.legs)),
            ("feet", hidden(self.hides_feet(), self.feet)),
            ("headwear", name(self.headwear)),
            ("weapon", name(self.weapon)),
            ("action", self.action.name()),
            ("direction", self.direction.name()),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }
}
