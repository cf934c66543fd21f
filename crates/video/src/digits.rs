use std::path::{Path, PathBuf};

use crate::draws::{hash, rng};
use crate::idx::{self, SIDE};
use crate::{Attributes, Caption, Clip, Dataset, Draw, Error, Example, Info, Result, Split};

const FRAMES: usize = 16;
const SIZE: usize = 64;
/// Pixels per frame: a fifth of the way from wall to wall.
const SPEED: f32 = 7.2;
const MOTIONS: [&str; 2] = ["up and down", "left and right"];

/// A digit, and the index of its motion in [`MOTIONS`].
type Mover = (usize, usize);

/// One or two handwritten digits that bounce between the walls, after Sync-DRAW (Mittal et al.
/// 2017, arXiv:1611.10314) and TGANs-C (Pan et al. 2017, arXiv:1804.08264): 28-pixel digits of
/// MNIST on 64x64 grey pixels, 16 frames, 8 per second: `[16, 64, 64, 1]`.
///
/// Attributes: `digit` and `motion`; with a second digit, which always differs from the first, also
/// `digit2` and `motion2`. Each digit has one of the two motions in training. The held-out split shows
/// it in the other motion, from images (t10k) that training never shows.
#[derive(Debug)]
pub struct Digits {
    info: Info,
    path: PathBuf,
    train: idx::Digits,
    test: idx::Digits,
    /// The motion of each digit in training.
    trained: [usize; 10],
}

impl Digits {
    /// Reads the four IDX files of MNIST in a folder: `train-images-idx3-ubyte` and so on, each with
    /// or without `.gz`.
    ///
    /// # Errors
    /// The first of [`Digits::problems`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(path.as_ref()).map_err(|mut errors| errors.swap_remove(0))
    }

    /// All problems of a folder of MNIST; empty if there are none. Problems are a file that is
    /// missing, cut off, too long or not IDX, a label that is not a digit, and different numbers of
    /// labels and images. Each names the path and, except for a missing file, the byte.
    pub fn problems(path: impl AsRef<Path>) -> Vec<Error> {
        Self::read(path.as_ref()).err().unwrap_or_default()
    }

    fn read(path: &Path) -> Result<Self, Vec<Error>> {
        match (idx::Digits::read(path, "train"), idx::Digits::read(path, "t10k")) {
            (Ok(train), Ok(test)) => Ok(Self {
                path: path.to_owned(),
                info: Info {
                    spec: format!("digits:{}", path.display()),
                    dims: [FRAMES, SIZE, SIZE, 1],
                    fps: 8.0,
                    licence: "CC BY-SA 3.0".into(),
                    credits: "MNIST: Yann LeCun, Corinna Cortes, Christopher J.C. Burges".into(),
                },
                train,
                test,
                trained: trained_motions(),
            }),
            (train, test) => {
                Err([train.err(), test.err()].into_iter().flatten().flatten().collect())
            }
        }
    }

    /// The one or two movers of a draw, with the motions of its split.
    fn choose(&self, split: Split, draw: Draw) -> Vec<Mover> {
        let mut rng = rng(split, draw, 0);
        let mut digits: Vec<usize> = (0..10).collect();
        rng.shuffle(&mut digits);
        digits.truncate(rng.usize(1..=2));
        let motion = |digit: usize| match split {
            Split::Train => self.trained[digit],
            Split::HeldOut => 1 - self.trained[digit],
        };
        digits.into_iter().map(|digit| (digit, motion(digit))).collect()
    }

    fn movers_of(&self, attributes: &Attributes) -> Result<Vec<Mover>> {
        let mover = |digit: &str, motion: &str| -> Option<Mover> {
            let digit = attributes.get(digit)?.parse().ok().filter(|digit| *digit < 10)?;
            let motion = attributes.get(motion)?;
            Some((digit, MOTIONS.iter().position(|m| m == motion)?))
        };
        let first = mover("digit", "motion");
        let movers = match attributes.contains_key("digit2") {
            true => first.zip(mover("digit2", "motion2")).map(|(one, two)| vec![one, two]),
            false => first.map(|one| vec![one]),
        };
        movers.ok_or_else(|| Error::Spec {
            spec: self.info.spec.clone(),
            reason: format!("no caption of this dataset has the attributes {attributes:?}"),
        })
    }
}

impl Dataset for Digits {
    fn info(&self) -> &Info {
        &self.info
    }

    fn caption(&self, split: Split, draw: Draw) -> Result<Caption> {
        let movers = self.choose(split, draw);
        let names = [["digit", "motion"], ["digit2", "motion2"]];
        let attributes: Attributes = movers
            .iter()
            .zip(names)
            .flat_map(|(&(digit, motion), names)| {
                [
                    (names[0].to_owned(), digit.to_string()),
                    (names[1].to_owned(), MOTIONS[motion].to_owned()),
                ]
            })
            .collect();
        let said = attributes.keys().cloned().collect();
        Ok(Caption { text: say(&movers), attributes, said })
    }

    fn example(&self, split: Split, draw: Draw) -> Result<Example> {
        let images = match split {
            Split::Train => &self.train,
            Split::HeldOut => &self.test,
        };
        let mut rng = rng(split, draw, 1);
        let mut data = vec![0; FRAMES * SIZE * SIZE];
        for (digit, motion) in self.choose(split, draw) {
            bounce(&mut data, images.any(digit, &mut rng), motion, &mut rng);
        }
        let clip = Clip::new([FRAMES, SIZE, SIZE, 1], self.info.fps, data)?;
        Ok(Example { clip, caption: self.caption(split, draw)? })
    }

    fn wrong_captions(
        &self,
        split: Split,
        caption: &Caption,
        draw: Draw,
        count: usize,
    ) -> Result<Vec<String>> {
        let movers = self.movers_of(&caption.attributes)?;
        Ok(wrong(&self.trained, split, &movers, count, &mut rng(split, draw, 2)))
    }

    fn check(&self) -> Vec<Error> {
        Self::problems(&self.path)
    }
}

/// `count` false sentences: another digit or another motion for one of the digits, or the two
/// motions exchanged. In the training split the sentences name no held-out pair, or a discriminator
/// would learn that such pairs are false: there, another digit also brings its training motion.
fn wrong(
    trained: &[usize; 10],
    split: Split,
    movers: &[Mover],
    count: usize,
    rng: &mut fastrand::Rng,
) -> Vec<String> {
    let mut all = Vec::new();
    for (changed, &(digit, motion)) in movers.iter().enumerate() {
        let others =
            (0..10).flat_map(|digit| [(digit, 0), (digit, 1)]).filter(|other| match split {
                Split::Train => {
                    other.1 == trained[other.0] && movers.iter().all(|m| m.0 != other.0)
                }
                Split::HeldOut => {
                    (other.0 == digit) != (other.1 == motion)
                        && movers.iter().all(|m| m.0 == digit || m.0 != other.0)
                }
            });
        all.extend(others.map(|other| {
            let mut movers = movers.to_vec();
            movers[changed] = other;
            movers
        }));
    }
    rng.shuffle(&mut all);
    if let (Split::HeldOut, [one, two]) = (split, movers)
        && one.1 != two.1
    {
        // The exchange is one of the first four false sentences.
        all.insert(rng.usize(..4), vec![(one.0, two.1), (two.0, one.1)]);
    }
    all.iter().cycle().take(count).map(|movers| say(movers)).collect()
}

/// The motion of each digit in training: half go up and down, half left and right.
fn trained_motions() -> [usize; 10] {
    let mut digits: Vec<usize> = (0..10).collect();
    digits.sort_by_key(|digit| hash(&digit.to_string()));
    let mut trained = [0; 10];
    for &digit in &digits[..5] {
        trained[digit] = 1;
    }
    trained
}

fn say(movers: &[Mover]) -> String {
    let parts: Vec<String> = movers
        .iter()
        .map(|&(digit, motion)| format!("digit {digit} is moving {}", MOTIONS[motion]))
        .collect();
    parts.join(" and ")
}

/// Draws an image into each frame. It starts at a random place and is reflected at the walls; where
/// two digits overlap, the brighter pixel wins.
fn bounce(data: &mut [u8], image: &[u8], motion: usize, rng: &mut fastrand::Rng) {
    let room = (SIZE - SIDE) as f32;
    let fixed = rng.usize(..=SIZE - SIDE);
    // Twice the room: there and back.
    let start = rng.f32() * 2.0 * room;
    for (t, frame) in data.chunks_exact_mut(SIZE * SIZE).enumerate() {
        let along = (start + SPEED * t as f32) % (2.0 * room);
        let moving = (room - (along - room).abs()).round() as usize;
        let (top, left) = if motion == 0 { (moving, fixed) } else { (fixed, moving) };
        for (y, row) in image.chunks_exact(SIDE).enumerate() {
            let start = (top + y) * SIZE + left;
            for (pixel, &ink) in frame[start..start + SIDE].iter_mut().zip(row) {
                *pixel = ink.max(*pixel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_alone_do_not_tell_false_from_true() {
        let trained = trained_motions();
        let texts = |from: u64, to: u64| -> Vec<(String, bool)> {
            let both = (from..to).flat_map(|index| {
                let mut rng = rng(Split::Train, Draw { seed: 3, index }, 9);
                let mut digits: Vec<usize> = (0..10).collect();
                rng.shuffle(&mut digits);
                digits.truncate(1 + index as usize % 2);
                let movers: Vec<Mover> = digits.iter().map(|&d| (d, trained[d])).collect();
                let mut wrong = wrong(&trained, Split::Train, &movers, 4, &mut rng);
                [(say(&movers), true), (wrong.swap_remove(index as usize % 4), false)]
            });
            both.collect()
        };
        let auc = crate::auc::auc(&texts(0, 20_000), &texts(20_000, 24_000));
        assert!((0.47..0.53).contains(&auc), "{auc}");
    }
}
