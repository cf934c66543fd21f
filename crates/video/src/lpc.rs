//! Liberated Pixel Cup characters: figures composed from layers of sprite sheets.

mod caption;
mod figure;
mod li2018;
mod likeness;
mod mention;
mod noun;
mod sheet;
mod twin;
mod typing;
mod universal;
mod wardrobe;
mod words;
mod wrong;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use self::caption::sentence;
use self::figure::Figure;
use self::sheet::{CELL, Cache, Sheet};
use self::typing::typed;
use self::wardrobe::{HeldOut, Wardrobe};
use self::wrong::Liar;
use crate::draws::{Voice, rng};
use crate::file::{NOTES, read_regular};
use crate::{Caption, Clip, Dataset, Draw, Error, Example, Info, Result, Split};

/// Memory for decoded sheets, in bytes.
const CACHE: usize = 512 << 20;
/// Frames of a clip.
const FRAMES: usize = 8;

/// Clips of Liberated Pixel Cup characters, `[8, 64, 64, 4]` with a transparent background, from the
/// sheets of the Universal LPC spritesheet or of "Sprites" (Li & Mandt 2018).
///
/// A character has a body, hair, clothes, shoes, and sometimes headwear and a weapon. It casts a
/// spell, thrusts, walks, slashes, shoots or falls, seen from one of four sides. Each name, such as
/// "long" and "blonde" for hair, has one sheet. With several sheets, a caption could not tell which is meant,
/// and a model would blend them. Held out are a tenth of the pairs of hair colour and torso, and a tenth of the
/// pairs of body and action; hair under a helmet forms no pair. About a tenth of the words and phrases is held out too.
pub struct Lpc {
    root: PathBuf,
    info: Info,
    wardrobe: Wardrobe,
    held_out: HeldOut,
    cache: Cache,
}

impl Lpc {
    /// Opens a folder of sheets and recognises the collection by its files. Sheets are read later, on
    /// first use.
    ///
    /// # Errors
    /// If the folder does not exist, or has neither collection.
    pub fn open(path: &Path) -> Result<Self> {
        std::fs::read_dir(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let has = |file: &str| path.join(file).is_file();
        let wardrobe = if path.join("body/male").is_dir() && path.join("torso").is_dir() {
            universal::wardrobe()
        } else if has("body/0.png") && path.join("topwear").is_dir() {
            li2018::wardrobe()
        } else {
            return Err(Error::Data {
                path: path.into(),
                reason:
                    "no Liberated Pixel Cup sheets in this folder: it needs body/male and torso \
                         (Universal LPC spritesheet), or body/0.png and topwear (Sprites, \
                         Li & Mandt 2018)"
                        .to_owned(),
            });
        };
        let info = Info {
            spec: format!("lpc:{}", path.display()),
            dims: [FRAMES, CELL, CELL, 4],
            fps: 8.0,
            licence: "CC-BY-SA 3.0 or GPL 3.0".to_owned(),
            credits: credits(path),
        };
        let held_out = HeldOut::new(&wardrobe);
        Ok(Self { root: path.into(), info, wardrobe, held_out, cache: Cache::new(CACHE) })
    }

    fn figure(&self, split: Split, draw: Draw) -> Figure {
        self.wardrobe.draw(split, &self.held_out, &mut rng(split, draw, 0))
    }

    fn figure_of_twin(&self, split: Split, draw: Draw) -> Figure {
        let figure = self.figure(split, draw);
        let told = sentence(&figure, Voice::draw(split, draw, 1)).1;
        let rng = &mut rng(split, draw, 4);
        self.allowed(split, || self.wardrobe.twin(&figure, &told, rng))
    }

    fn variant_of(&self, split: Split, draw: Draw) -> Figure {
        let figure = self.figure(split, draw);
        let rng = &mut rng(split, draw, 5);
        self.allowed(split, || self.wardrobe.variant(&figure, rng))
    }

    /// The first figure of `draw` that may occur in this split: in training, without a held-out pair.
    fn allowed(&self, split: Split, mut draw: impl FnMut() -> Figure) -> Figure {
        loop {
            let figure = draw();
            if split == Split::HeldOut || !self.held_out.has(&figure) {
                return figure;
            }
        }
    }

    fn clip(&self, figure: &Figure) -> Result<Clip> {
        let row = figure.action.row(figure.direction);
        let size = CELL * CELL * 4;
        let mut data = vec![0; FRAMES * size];
        for path in self.wardrobe.layers(figure) {
            let sheet = self.cache.get(&self.root, &path)?;
            for (frame, column) in data.chunks_exact_mut(size).zip(figure.action.columns()) {
                sheet.draw(row, column, frame);
            }
        }
        Clip::new(self.info.dims, self.info.fps, data)
    }

    fn describe(figure: &Figure, split: Split, draw: Draw) -> Caption {
        let voice = Voice::draw(split, draw, 1);
        let (text, told) = sentence(figure, voice);
        let said = told.attributes(figure).into_iter().map(str::to_owned).collect();
        Caption { text: typed(text, voice), attributes: figure.attributes(), said }
    }
}

impl Dataset for Lpc {
    fn info(&self) -> &Info {
        &self.info
    }

    fn caption(&self, split: Split, draw: Draw) -> Result<Caption> {
        Ok(Self::describe(&self.figure(split, draw), split, draw))
    }

    fn example(&self, split: Split, draw: Draw) -> Result<Example> {
        let figure = self.figure(split, draw);
        let clip = self.clip(&figure)?;
        Ok(Example { clip, caption: Self::describe(&figure, split, draw) })
    }

    fn twin(&self, split: Split, draw: Draw) -> Result<Option<Clip>> {
        self.clip(&self.figure_of_twin(split, draw)).map(Some)
    }

    fn variant(&self, split: Split, draw: Draw) -> Result<Option<Clip>> {
        self.clip(&self.variant_of(split, draw)).map(Some)
    }

    fn wrong_captions(
        &self,
        split: Split,
        caption: &Caption,
        draw: Draw,
        count: usize,
    ) -> Result<Vec<String>> {
        let figure = self.wardrobe.find(&caption.attributes).ok_or_else(|| Error::Spec {
            spec: self.info.spec.clone(),
            reason: format!(
                "no character of this dataset has the attributes {:?}",
                caption.attributes
            ),
        })?;
        let voice = Voice::draw(split, draw, 1);
        let Self { wardrobe, held_out, .. } = self;
        let liar = Liar { wardrobe, held_out, split, figure: &figure };
        let lies = liar.sentences(voice, count, &mut rng(split, draw, 3));
        let lies = lies.ok_or_else(|| Error::Spec {
            spec: self.info.spec.clone(),
            reason: format!("found fewer than {count} false captions for {:?}", caption.text),
        })?;
        Ok(lies.into_iter().map(|(text, _)| typed(text, voice)).collect())
    }

    fn check(&self) -> Vec<Error> {
        let sheets = self.wardrobe.sheets();
        sheets.iter().filter_map(|path| Sheet::open(&self.root.join(path)).err()).collect()
    }
}

/// The credits: the names in AUTHORS.txt, where each is underlined with dashes.
fn credits(root: &Path) -> String {
    let text = read_regular(&root.join("AUTHORS.txt"), NOTES).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let names: Vec<&str> = lines
        .windows(2)
        .filter(|pair| pair[1].len() > 2 && pair[1].bytes().all(|byte| byte == b'-'))
        .map(|pair| pair[0])
        .collect();
    if names.is_empty() {
        "the authors of the Liberated Pixel Cup art (lpc.opengameart.org) and of the Universal LPC \
         spritesheet"
            .to_owned()
    } else {
        format!("Liberated Pixel Cup art by {}", names.join(", "))
    }
}
