//! The dataset `digits`: captions against the pixels, and errors for wrong files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use kinora_video::{Attributes, Caption, Dataset, Digits, Draw, Split};

/// The folder of MNIST; `None`, with a message, if it is missing, which fails in CI.
fn mnist() -> Option<PathBuf> {
    let data = std::env::var_os("KINORA_DATA").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = data.unwrap_or(root).join("mnist");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    println!("skipped: {} is missing; set KINORA_DATA", folder.display());
    None
}

/// The files of a small MNIST: 20 images, image `i` of digit `i % 10`, all its pixels `fill + i`.
fn small(fill: u8) -> [(&'static str, Vec<u8>); 2] {
    let number = |n: u32| n.to_be_bytes();
    let mut images = [2051, 20, 28, 28].map(number).concat();
    images.extend((0..20u8).flat_map(|i| [fill + i; 28 * 28]));
    let mut labels = [2049, 20].map(number).concat();
    labels.extend((0..20u8).map(|i| i % 10));
    [("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)]
}

fn write(folder: &Path, packed: bool) {
    for (stem, fill) in [("train", 20), ("t10k", 120)] {
        for (name, bytes) in small(fill) {
            let (name, bytes) = if packed {
                (format!("{stem}-{name}.gz"), gzip(&bytes))
            } else {
                (format!("{stem}-{name}"), bytes)
            };
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn movers(attributes: &Attributes) -> Vec<(String, String)> {
    [("digit", "motion"), ("digit2", "motion2")]
        .iter()
        .filter_map(|(digit, motion)| {
            Some((attributes.get(*digit)?.clone(), attributes.get(*motion)?.clone()))
        })
        .collect()
}

#[test]
fn each_digit_keeps_one_motion_out_of_training() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), false);
    let digits = Digits::open(folder.path()).unwrap();
    let seen = |split| {
        let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut two = 0;
        for index in 0..20_000 {
            let caption = digits.caption(split, Draw { seed: 1, index }).unwrap();
            let movers = movers(&caption.attributes);
            let sentence: Vec<String> = movers
                .iter()
                .map(|(digit, motion)| format!("digit {digit} is moving {motion}"))
                .collect();
            assert_eq!(caption.text, sentence.join(" and "));
            two += usize::from(movers.len() == 2);
            for (digit, motion) in movers {
                seen.entry(digit).or_default().insert(motion);
            }
        }
        assert!((9_000..11_000).contains(&two), "{two}");
        seen
    };
    let (trained, held) = (seen(Split::Train), seen(Split::HeldOut));
    assert_eq!((trained.len(), held.len()), (10, 10));
    for (digit, motions) in &trained {
        assert_eq!(motions.len(), 1, "{digit}");
        assert_eq!(held[digit].len(), 1, "{digit}");
        assert_ne!(motions, &held[digit], "{digit}");
    }
    assert_eq!(trained.values().collect::<BTreeSet<_>>().len(), 2);
}

/// The upper left corner `[left, top]` of the box around all pixels of a frame that are not black.
fn corner(frame: &[u8]) -> [i32; 2] {
    let lit = || (0..64 * 64).filter(|&i| frame[i] > 0).map(|i| [i as i32 % 64, i as i32 / 64]);
    [lit().map(|p| p[0]).min().unwrap(), lit().map(|p| p[1]).min().unwrap()]
}

#[test]
fn a_digit_moves_as_its_caption_says() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), true);
    let small = Digits::open(folder.path()).unwrap();
    let real = mnist().map(|folder| Digits::open(folder).unwrap());
    for digits in [Some(&small), real.as_ref()].into_iter().flatten() {
        let mut checked = 0;
        for index in 0..400 {
            for split in [Split::Train, Split::HeldOut] {
                let example = digits.example(split, Draw { seed: 2, index }).unwrap();
                assert_eq!(example.clip.dims(), [16, 64, 64, 1]);
                assert_eq!(example, digits.example(split, Draw { seed: 2, index }).unwrap());
                let [(_, motion)] = &movers(&example.caption.attributes)[..] else { continue };
                let path: Vec<[i32; 2]> = (0..16).map(|t| corner(example.clip.frame(t))).collect();
                let (moving, fixed) = if motion == "up and down" { (1, 0) } else { (0, 1) };
                assert!(path.iter().all(|p| p[fixed] == path[0][fixed]), "{:?}", example.caption);
                let steps: Vec<i32> =
                    path.windows(2).map(|w| w[1][moving] - w[0][moving]).collect();
                // 7.2 pixels, rounded at both ends; less at a reflection.
                let whole = steps.iter().filter(|s| (6..=8).contains(&s.abs())).count();
                assert!(whole >= 10 && steps.iter().all(|s| s.abs() <= 8), "{steps:?}");
                assert!(steps.iter().any(|s| *s > 0) && steps.iter().any(|s| *s < 0), "{steps:?}");
                checked += 1;
            }
        }
        assert!(checked > 300);
    }
}

#[test]
fn test_images_stay_out_of_training() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), false);
    let digits = Digits::open(folder.path()).unwrap();
    for index in 0..300 {
        for (split, fill) in [(Split::Train, 20), (Split::HeldOut, 120)] {
            let example = digits.example(split, Draw { seed: 3, index }).unwrap();
            let shown: Vec<String> =
                movers(&example.caption.attributes).into_iter().map(|m| m.0).collect();
            for &pixel in example.clip.data().iter().filter(|&&pixel| pixel > 0) {
                // The grey of an image identifies it.
                assert!((fill..fill + 20).contains(&pixel), "{split:?}: {pixel}");
                assert!(shown.contains(&((pixel - fill) % 10).to_string()), "{pixel} in {shown:?}");
            }
        }
    }
}

#[test]
fn a_wrong_caption_is_false() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), false);
    let digits = Digits::open(folder.path()).unwrap();
    let mut trained = BTreeSet::new();
    for index in 0..3000 {
        let caption = digits.caption(Split::Train, Draw { seed: 4, index }).unwrap();
        trained.extend(caption.text.split(" and digit ").map(|part| part.replace("digit ", "")));
    }
    assert_eq!(trained.len(), 10);
    let mut swapped = 0;
    for index in 0..3000 {
        for split in [Split::Train, Split::HeldOut] {
            let draw = Draw { seed: 5, index };
            let caption = digits.caption(split, draw).unwrap();
            let parts = |text: &str| -> BTreeSet<String> {
                text.split(" and digit ").map(|part| part.replace("digit ", "")).collect()
            };
            let truth = parts(&caption.text);
            let all = digits.wrong_captions(split, &caption, draw, 4).unwrap();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 4, "{all:?}");
            for wrong in all {
                let wrong = parts(&wrong);
                assert_eq!(truth.len(), wrong.len());
                let digit = |part: &String| part[..1].to_owned();
                let digits = |parts: &BTreeSet<String>| -> BTreeSet<String> {
                    parts.iter().map(digit).collect()
                };
                let false_parts = wrong.difference(&truth).count();
                // If the motions are exchanged, both digits have a false motion.
                let exchanged = false_parts == 2 && digits(&wrong) == digits(&truth);
                assert!(false_parts == 1 || exchanged, "{wrong:?} of {truth:?}");
                swapped += u32::from(exchanged);
                if split == Split::Train {
                    assert!(!exchanged && wrong.is_subset(&trained), "{wrong:?}");
                }
            }
        }
    }
    assert!((300..1200).contains(&swapped), "{swapped}");
    let draw = Draw { seed: 0, index: 0 };
    for (name, value) in [("digit", "10"), ("motion", "sideways"), ("digit2", "")] {
        let mut caption =
            Caption { text: String::new(), attributes: Attributes::new(), said: BTreeSet::new() };
        caption.attributes.insert("digit".into(), "1".into());
        caption.attributes.insert("motion".into(), "up and down".into());
        caption.attributes.insert(name.into(), value.into());
        assert!(digits.wrong_captions(Split::Train, &caption, draw, 1).is_err(), "{name}");
    }
}

#[test]
fn plain_and_packed_files_are_read_alike() {
    let folders = [false, true].map(|packed| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), packed);
        folder
    });
    // Gzip under a plain name: the content decides.
    for (name, bytes) in small(20) {
        std::fs::write(folders[1].path().join(format!("train-{name}")), gzip(&bytes)).unwrap();
    }
    let [plain, packed] = folders.each_ref().map(|folder| Digits::open(folder.path()).unwrap());
    for index in 0..20 {
        let draw = Draw { seed: 1, index };
        assert_eq!(
            plain.example(Split::Train, draw).unwrap(),
            packed.example(Split::Train, draw).unwrap()
        );
    }
    assert!(plain.check().is_empty());
    std::fs::remove_file(folders[0].path().join("t10k-labels-idx1-ubyte")).unwrap();
    assert_eq!(plain.check().len(), 1);
}

#[test]
fn wrong_files_are_errors_with_path_and_byte() {
    let [(images, image_bytes), (labels, label_bytes)] = small(20);
    let changed = |bytes: &[u8], at: usize, value: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = value;
        bytes
    };
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    let size = image_bytes.len();
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        (images, Vec::new(), "at byte 0: the file ends within its header"),
        (images, image_bytes[..7].to_vec(), "at byte 7: the file ends within its header"),
        (images, image_bytes[..size - 1].to_vec(), "at byte 15695: the file ends too early"),
        (images, longer(&image_bytes), "at byte 15696: the file is too long"),
        (images, changed(&image_bytes, 3, 1), "at byte 0: the magic number is 2049"),
        (images, b"GIF89a\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), "at byte 0: the magic number"),
        (images, changed(&image_bytes, 4, 255), "at byte 4: the count of images is 42"),
        (images, changed(&image_bytes, 7, 0), "at byte 4: the count of images is 0"),
        (images, changed(&image_bytes, 11, 29), "at byte 8: the images are [29, 28]"),
        (images, changed(&image_bytes, 7, 21), "at byte 15696: the file ends too early"),
        (labels, label_bytes[..20].to_vec(), "at byte 20: the file ends too early"),
        (labels, changed(&label_bytes, 13, 10), "at byte 13: label 10 is not a digit"),
        (labels, changed(&changed(&label_bytes, 11, 4), 21, 4), "no image of the digit 3"),
        (labels, changed(&label_bytes, 7, 19)[..27].to_vec(), "19 labels for the 20 images"),
        (labels, gzip(&label_bytes)[..20].to_vec(), "the gzip stream ends too early"),
        (labels, changed(&gzip(&label_bytes), 2, 99), "at byte 0"),
    ];
    for (file, bytes, expected) in rows {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), false);
        let path = folder.path().join(format!("train-{file}"));
        std::fs::write(&path, bytes).unwrap();
        let error = Digits::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
        // A second problem is listed beside the first.
        std::fs::remove_file(folder.path().join(format!("t10k-{file}"))).unwrap();
        let problems = Digits::problems(folder.path());
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
    let nowhere = Digits::problems("no/such/folder");
    assert_eq!(nowhere.len(), 4, "{nowhere:?}");
}
