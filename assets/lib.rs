#![doc = include_str!("README.md")]

/// A trained model.
#[derive(Debug)]
pub struct Asset {
    /// The name of the model.
    pub name: &'static str,
    /// The bytes of the model's file.
    pub model: &'static [u8],
    /// The bytes of the file of players, for a training that starts from the model: the
    /// recogniser, and the discriminators if they have learnt.
    pub players: Option<&'static [u8]>,
}

/// Sprite characters, 8 frames of 64×64 pixels with alpha, under CC-BY-SA 3.0. The file of players
/// has the recogniser alone: the training stopped before the discriminators had learnt.
pub const LPC: Asset = Asset {
    name: "lpc",
    model: include_bytes!("lpc.safetensors"),
    players: Some(include_bytes!("lpc.players.safetensors")),
};

/// Moving shapes, 16 frames of 32×32 pixels, under CC0.
pub const SHAPES: Asset =
    Asset { name: "shapes", model: include_bytes!("shapes.safetensors"), players: None };

/// All models.
pub static ALL: [Asset; 2] = [LPC, SHAPES];
