//! Turns a sprite sheet with its atlas into a GIF, four times as large:
//!
//! `cargo run --release -p kinora-video --example sheet_to_gif -- knight.sheet.png knight.gif`
//!
//! Without paths it draws a sheet of its own, in a temporary folder that it deletes.

use std::path::PathBuf;

use kinora_video::{Clip, Draw, SaveOptions, Split, open};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let mut paths = std::env::args().skip(1).map(PathBuf::from);
    let (sheet, gif) = match (paths.next(), paths.next()) {
        (Some(sheet), Some(gif)) => (sheet, gif),
        (None, _) => {
            let sheet = scratch.path().join("shapes.sheet.png");
            let example = open("shapes")?.example(Split::Train, Draw { seed: 0, index: 0 })?;
            example.clip.save(&sheet, &SaveOptions::default())?;
            (sheet, scratch.path().join("shapes.gif"))
        }
        _ => return Err("give the path of a sheet and the path of a GIF".into()),
    };
    let clip = Clip::load(&sheet)?;
    clip.scale(4)?.save(&gif, &SaveOptions::default())?;
    let [t, h, w, _] = clip.dims();
    println!("{}: {t} frames of {w} x {h} pixels, 4 times enlarged", gif.display());
    Ok(())
}
