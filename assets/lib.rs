#![doc = include_str!("README.md")]

/// A trained model.
#[derive(Debug)]
pub struct Asset {
    /// The name of the model.
    pub name: &'static str,
    /// The bytes of the model's file.
    pub model: &'static [u8],
}

/// Sprite characters, 8 frames of 64×64 pixels with alpha, under CC-BY-SA 3.0.
pub const LPC: Asset = Asset { name: "lpc", model: include_bytes!("lpc.safetensors") };

/// Moving shapes, 16 frames of 32×32 pixels, under CC0.
pub const SHAPES: Asset = Asset { name: "shapes", model: include_bytes!("shapes.safetensors") };

/// All models.
pub static ALL: [Asset; 2] = [LPC, SHAPES];
