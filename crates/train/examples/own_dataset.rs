//! Trains on a dataset written in Rust: bars of three colours that grow or shrink. A dataset like this
//! suits clips that a program draws, or clips from a database; a folder of files needs no code
//! (`clips:PATH`).
//!
//! `cargo run --release -p kinora-train --example own_dataset -- FOLDER` trains in FOLDER. It makes a few
//! steps, too few to learn anything. Without FOLDER it trains in a temporary folder, which it deletes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_train::{Config, Event, Training};
use kinora_video::{Caption, Clip, Dataset, Draw, Error, Example, Info, Split};

const COLOURS: [(&str, [u8; 3]); 3] =
    [("red", [200, 30, 30]), ("green", [30, 160, 40]), ("blue", [40, 60, 220])];
const MOTIONS: [&str; 2] = ["grows", "shrinks"];
const FRAMES: usize = 8;
const SIZE: usize = 16;

struct Bars {
    info: Info,
}

impl Bars {
    fn new() -> Self {
        Self {
            info: Info {
                spec: "bars".into(),
                dims: [FRAMES, SIZE, SIZE, 3],
                fps: 8.0,
                licence: "CC0".into(),
                credits: String::new(),
            },
        }
    }

    /// Colour and motion of a draw. The same draw always gives the same pair.
    fn pair(split: Split, draw: Draw) -> (usize, usize) {
        // Blue bars that shrink are held out.
        let train = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)];
        let number = draw.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(draw.index);
        match split {
            Split::Train => train[(number % train.len() as u64) as usize],
            Split::HeldOut => (2, 1),
        }
    }
}

impl Dataset for Bars {
    fn info(&self) -> &Info {
        &self.info
    }

    fn caption(&self, split: Split, draw: Draw) -> kinora_video::Result<Caption> {
        let (colour, motion) = Self::pair(split, draw);
        let (colour, motion) = (COLOURS[colour].0.to_string(), MOTIONS[motion].to_string());
        let text = format!("a {colour} bar {motion}");
        let attributes = BTreeMap::from([("colour".into(), colour), ("motion".into(), motion)]);
        Ok(Caption { text, said: attributes.keys().cloned().collect(), attributes })
    }

    fn example(&self, split: Split, draw: Draw) -> kinora_video::Result<Example> {
        let (colour, motion) = Self::pair(split, draw);
        let mut data = Vec::new();
        for frame in 0..FRAMES {
            let width = SIZE * (1 + if motion == 0 { frame } else { FRAMES - 1 - frame }) / FRAMES;
            for place in 0..SIZE * SIZE {
                let is_bar = place % SIZE < width && (5..11).contains(&(place / SIZE));
                data.extend(if is_bar { COLOURS[colour].1 } else { [255; 3] });
            }
        }
        let clip = Clip::new(self.info.dims, self.info.fps, data)?;
        Ok(Example { clip, caption: self.caption(split, draw)? })
    }

    /// The caption with the colour or the motion changed: there are three such captions.
    fn wrong_captions(
        &self,
        _: Split,
        caption: &Caption,
        draw: Draw,
        count: usize,
    ) -> kinora_video::Result<Vec<String>> {
        let own = |name: &str| caption.attributes[name].as_str();
        let colours = COLOURS.iter().map(|(colour, _)| (*colour, own("motion")));
        let motions = MOTIONS.iter().map(|motion| (own("colour"), *motion));
        let changed: Vec<String> = colours
            .chain(motions)
            .filter(|pair| *pair != (own("colour"), own("motion")))
            .map(|(colour, motion)| format!("a {colour} bar {motion}"))
            .collect();
        let first = draw.index as usize % changed.len();
        Ok(changed.into_iter().cycle().skip(first).take(count).collect())
    }

    fn check(&self) -> Vec<Error> {
        Vec::new() // there are no files that could be damaged
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| scratch.path().join("bars"));
    let set = [
        "data=bars",
        "clip.frames=8",
        "clip.height=16",
        "clip.width=16",
        "tokenizer.captions=100",
        "tokenizer.vocab=200",
        "generator.hidden=16",
        "generator.decoder=[16]",
        "discriminator.clip=[8, 8]",
        "discriminator.frame=[8, 8]",
        "matcher.channels=[8, 8]",
        "reading.steps=4",
        "copying.steps=4",
        "train.steps=12",
        "train.log_every=4",
    ];
    let config = Config::preset("shapes", &set.map(String::from))?;
    let open = |_: &str| Ok(Box::new(Bars::new()) as Box<dyn Dataset>);
    let device = CpuDevice::default();
    let training =
        Training::<CpuTensor>::create(&device, config, open, &folder, None, "own_dataset")?;
    let outcome = training.run(&mut |event| {
        if let Event::Log(line) = event {
            println!("{}", line.to_json());
        }
        ControlFlow::Continue(())
    })?;
    println!("{outcome:?} in {}", folder.display());
    Ok(())
}
