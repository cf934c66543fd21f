//! The dataset `lpc` on its real sheets, and on small folders with wrong sheets.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use kinora_video::{Dataset, Draw, Error, Lpc, Split};

const UNIVERSAL: &str = "lpc_universal";
const SPRITES: &str = "sprites_li2018";

/// A folder of real sheets; `None`, with a message, if it is missing, which fails in CI.
fn real(name: &str) -> Option<Lpc> {
    let data = std::env::var_os("KINORA_DATA").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = data.unwrap_or(root).join(name);
    if folder.is_dir() {
        return Some(Lpc::open(&folder).unwrap());
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    println!("skipped: {} is missing; set KINORA_DATA", folder.display());
    None
}

fn draws(count: u64) -> impl Iterator<Item = (Split, Draw)> {
    let draw = |index| Draw { seed: 7, index };
    (0..count).flat_map(move |i| [Split::Train, Split::HeldOut].map(|split| (split, draw(i))))
}

/// Paths relative to the folder, in the order of `check`.
fn paths(problems: &[Error], root: &Path) -> Vec<String> {
    let path = |error: &Error| match error {
        Error::Read { path, .. } | Error::Data { path, .. } => {
            path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()
        }
        other => panic!("{other}"),
    };
    problems.iter().map(path).collect()
}

#[test]
fn all_sheets_of_the_tables_are_there() {
    for lpc in [UNIVERSAL, SPRITES].into_iter().filter_map(real) {
        assert_eq!(lpc.check().iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn every_frame_shows_a_figure_on_clear_ground() {
    for lpc in [UNIVERSAL, SPRITES].into_iter().filter_map(real) {
        for (split, draw) in draws(300) {
            let example = lpc.example(split, draw).unwrap();
            assert_eq!(example.clip.dims(), [8, 64, 64, 4]);
            for t in 0..8 {
                let pixels = example.clip.frame(t).chunks_exact(4);
                let seen = pixels.clone().filter(|pixel| pixel[3] > 0).count();
                assert!((250..3000).contains(&seen), "{seen} pixels: {:?}", example.caption);
                assert!(pixels.filter(|p| p[3] == 0).all(|p| p[..3] == [0, 0, 0]));
            }
            assert_ne!(example.clip.frame(0), example.clip.frame(3), "{:?}", example.caption);
        }
    }
}

#[test]
fn threads_in_any_order_draw_the_same() {
    let Some(lpc) = real(UNIVERSAL) else { return };
    let all: Vec<_> = draws(40).collect();
    let expected: Vec<_> = all.iter().map(|&(s, d)| lpc.example(s, d).unwrap()).collect();
    let fresh = real(UNIVERSAL).unwrap();
    let fresh = &fresh;
    std::thread::scope(|scope| {
        for start in [0, 20, 50, 70] {
            let (all, expected) = (&all, &expected);
            scope.spawn(move || {
                for i in (0..all.len()).map(|i| (start + 80 - i) % all.len()) {
                    let (split, draw) = all[i];
                    assert_eq!(fresh.example(split, draw).unwrap(), expected[i]);
                    assert_eq!(fresh.caption(split, draw).unwrap(), expected[i].caption);
                }
            });
        }
    });
}

#[test]
fn what_is_learnt_carries_licence_and_names() {
    let Some(lpc) = real(UNIVERSAL) else { return };
    let info = lpc.info();
    assert_eq!((info.dims, info.fps), ([8, 64, 64, 4], 8.0));
    assert_eq!(info.licence, "CC-BY-SA 3.0 or GPL 3.0");
    for name in ["Luke Mehl", "Johannes Sjölund", "Stephen Challener", "neo4cat6"] {
        assert!(info.credits.contains(name), "{name} is not in {}", info.credits);
    }
    assert!(!info.credits.contains("cutout"), "{}", info.credits);
}

#[test]
fn a_folder_without_sheets_says_what_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let error = Lpc::open(folder.path()).err().unwrap().to_string();
    for wanted in [folder.path().to_str().unwrap(), "body/male", "body/0.png"] {
        assert!(error.contains(wanted), "{wanted} is not in {error}");
    }
    let missing = folder.path().join("nowhere");
    assert!(matches!(Lpc::open(&missing), Err(Error::Read { path, .. }) if path == missing));
}

/// Writes an opaque sheet of a single grey.
fn write_sheet(path: &Path, width: u32, height: u32, grey: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path).unwrap()), width, height);
    encoder.set_color(png::ColorType::Rgba);
    let pixels = [grey, grey, grey, 255].repeat((width * height) as usize);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

/// Writes a small complete collection; each sheet has a single grey.
fn sprites(root: &Path) {
    let counts = [("body", 7), ("bottomwear", 7), ("topwear", 7), ("hair", 10), ("shoes", 3)];
    for (level, (folder, count)) in counts.into_iter().enumerate() {
        for i in 0..count {
            let path = root.join(folder).join(format!("{i}.png"));
            write_sheet(&path, 832, 1344, 50 * level as u8);
        }
    }
}

#[test]
fn sheets_that_are_wrong_are_all_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    sprites(root);
    let lpc = Lpc::open(root).unwrap();
    assert!(lpc.check().is_empty());
    assert!(lpc.info().credits.contains("Liberated Pixel Cup"));

    let whole = fs::read(root.join("hair/1.png")).unwrap();
    fs::write(root.join("hair/1.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(root.join("hair/2.png"), "no picture").unwrap();
    fs::write(root.join("hair/3.png"), "").unwrap();
    fs::remove_file(root.join("topwear/1.png")).unwrap();
    write_sheet(&root.join("topwear/2.png"), 64, 64, 0);
    write_sheet(&root.join("topwear/3.png"), 1344, 832, 0);
    // A header with huge sides must not lead to a huge allocation.
    let mut huge = whole.clone();
    huge[16..24].fill(0x7f);
    fs::write(root.join("shoes/0.png"), huge).unwrap();

    let problems = lpc.check();
    let wanted = ["hair/1", "hair/2", "hair/3", "shoes/0", "topwear/1", "topwear/2", "topwear/3"];
    assert_eq!(paths(&problems, root), wanted.map(|name| format!("{name}.png")));
    assert!(problems[5].to_string().contains("64x64"), "{}", problems[5]);

    let errors: BTreeSet<String> = draws(200)
        .filter_map(|(split, draw)| lpc.example(split, draw).err())
        .flat_map(|error| paths(&[error], root))
        .collect();
    assert_eq!(errors.len(), wanted.len(), "{errors:?}");
}

#[test]
fn layers_lie_in_order() {
    let folder = tempfile::tempdir().unwrap();
    sprites(folder.path());
    let lpc = Lpc::open(folder.path()).unwrap();
    for (split, draw) in draws(100) {
        let example = lpc.example(split, draw).unwrap();
        let a = &example.caption.attributes;
        // From below: body, shirt, shoes, hair; but a skirt lies over the shoes.
        let skirt = a["legs"].ends_with("skirt");
        let top = match (a["hair"].as_str(), a["feet"].as_str(), a["torso"].as_str()) {
            ("none", "none", "none") => 50,
            ("none", "none", _) => 100,
            ("none", _, "none") if skirt => 50,
            ("none", _, _) if skirt => 100,
            ("none", _, _) => 200,
            _ => 150,
        };
        assert!(example.clip.data().chunks_exact(4).all(|p| p == [top, top, top, 255]), "{a:?}");
    }
}
