//! Cleaning of clips, on real clips and on imitated outputs of a network; and palettes from files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kinora_video::{Clip, Dataset, Draw, Error, Palette, Split, open};

/// A dataset on real files; `None`, with a message, if they are missing, which fails in CI.
fn real(name: &str, folder: &str) -> Option<Box<dyn Dataset>> {
    let data = std::env::var_os("KINORA_DATA").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = data.unwrap_or(root).join(folder);
    if folder.is_dir() {
        return Some(open(&format!("{name}:{}", folder.display())).unwrap());
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    println!("skipped: {} is missing; set KINORA_DATA", folder.display());
    None
}

fn clips(dataset: &dyn Dataset, count: u64) -> impl Iterator<Item = Clip> {
    let clip = move |split, index| dataset.example(split, Draw { seed: 11, index }).unwrap().clip;
    (0..count).flat_map(move |i| [clip(Split::Train, i), clip(Split::HeldOut, i)])
}

/// The colours of the pixels that are not empty.
fn colours(clip: &Clip) -> BTreeSet<[u8; 3]> {
    let c = clip.dims()[3];
    let visible = |p: &&[u8]| c < 4 || p[3] > 0;
    let colour = |p: &[u8]| if c == 1 { [p[0]; 3] } else { [p[0], p[1], p[2]] };
    clip.data().chunks_exact(c).filter(visible).map(colour).collect()
}

fn pixels(clip: &Clip) -> &[[u8; 4]] {
    clip.data().as_chunks().0
}

fn is_hard(clip: &Clip) -> bool {
    pixels(clip).iter().all(|pixel| matches!(pixel, [.., 255] | [0, 0, 0, 0]))
}

/// The mean absolute difference of two colours over the channels, of 255.
fn apart(a: &[u8], b: &[u8]) -> f64 {
    a[..3].iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / 3.0
}

/// Imitates the output of a network: every pixel a little off, soft edges, and `bits` loose parts in
/// each frame.
fn drawn_badly(clip: &Clip, bits: usize) -> Clip {
    let [t, h, w, _] = clip.dims();
    let mut data = clip.data().to_vec();
    let mut rng = fastrand::Rng::with_seed(5);
    for pixel in data.as_chunks_mut::<4>().0 {
        if pixel[3] > 0 {
            pixel[..3].iter_mut().for_each(|v| *v = v.saturating_add_signed(rng.i8(-9..=9)));
            pixel[3] = rng.u8(130..);
        } else if rng.u8(..) < 20 {
            *pixel = [rng.u8(..), rng.u8(..), rng.u8(..), rng.u8(1..120)];
        }
    }
    for (i, k) in (0..t).flat_map(|i| (0..bits).map(move |k| (i, k))) {
        // In the corners, where no figure is.
        let (y, x) = (2 + k % 3 * 3, 2 + k / 3 * 3 + i % 2);
        data[((i * h + y) * w + x) * 4..][..4].copy_from_slice(&[40, 30, 60, 200]);
    }
    Clip::new(clip.dims(), clip.fps(), data).unwrap()
}

#[test]
fn what_is_real_comes_back_to_the_byte() {
    let (mut many, mut soft) = (0, 0);
    let figures = ["lpc_universal", "sprites_li2018"].map(|folder| real("lpc", folder));
    for clip in figures.iter().flatten().flat_map(|lpc| clips(&**lpc, 80)) {
        assert!(clip.clean(&Palette::Auto) == clip, "{} colours", colours(&clip).len());
        many += usize::from(colours(&clip).len() > 32);
        soft += usize::from(!is_hard(&clip));
    }
    if figures.iter().any(Option::is_some) {
        assert!(many > 30 && soft > 10, "{many} of many colours, {soft} of soft alpha");
    }
    let others = [real("digits", "mnist"), Some(open("shapes").unwrap())];
    for clip in others.iter().flatten().flat_map(|dataset| clips(&**dataset, 20)) {
        assert!(clip.clean(&Palette::Auto) == clip, "{:?}", clip.dims());
    }
}

/// The steps that [`Palette::Auto`] skips for a real clip do it little harm: parts of one or two pixels
/// may go, similar colours are merged, and hard alpha and small palettes stay.
#[test]
fn what_is_real_hardly_changes_where_it_is_cleaned() {
    let Some(lpc) = real("lpc", "lpc_universal") else { return };
    let (mut kept, mut sum, mut count) = (0, 0.0, 0.0);
    for clip in clips(&*lpc, 120) {
        let clean = clip.clean(&Palette::Most(32));
        assert!(is_hard(&clean) && colours(&clean).len() <= 32);
        for t in 0..8 {
            let visible = |clip: &Clip| clip.frame(t).chunks(4).filter(|p| p[3] >= 128).count();
            let lost = visible(&clip) - visible(&clean);
            assert!(lost <= 2, "{lost} pixels");
        }
        for (a, b) in pixels(&clip).iter().zip(pixels(&clean)).filter(|(_, b)| b[3] > 0) {
            sum += apart(a, b);
            count += 1.0;
            assert!(apart(a, b) < 60.0, "{a:?} became {b:?}");
        }
        let is_whole = (0..8).all(|t| {
            let visible = |clip: &Clip| clip.frame(t).chunks(4).filter(|p| p[3] > 0).count();
            visible(&clip) == visible(&clean)
        });
        if is_hard(&clip) && is_whole && colours(&clip).len() <= 32 {
            assert!(clean == clip);
            kept += 1;
        }
    }
    assert!(kept > 25, "{kept} clips of few colours");
    assert!(sum / count < 1.5, "colours change by {} of 255", sum / count);
}

#[test]
fn what_a_network_adds_goes() {
    let Some(lpc) = real("lpc", "lpc_universal") else { return };
    for clip in clips(&*lpc, 20) {
        let bad = drawn_badly(&clip, 5);
        let clean = bad.clean(&Palette::Auto);
        assert!(colours(&bad).len() > 256 && colours(&clean).len() <= 32);
        assert!(is_hard(&clean));
        let found = |clip: &Clip| pixels(clip).iter().filter(|pixel| pixel[3] > 0).count();
        let wanted = pixels(&clip).iter().zip(pixels(&clean));
        let more = wanted.filter(|(a, b)| a[3] == 0 && b[3] > 0).count();
        assert_eq!(more, 0, "bits are left");
        assert!(found(&clean) + 16 >= found(&clip), "{} of {}", found(&clean), found(&clip));
        // Now the clip counts as drawn with a palette.
        assert!(clean.clean(&Palette::Auto) == clean);
        assert!(bad.clean(&Palette::Auto) == clean);
    }
}

/// An `n` x `n` square in the middle of 40 x 40 pixels, with parts beside it.
fn square(n: usize, parts: &[[usize; 4]]) -> Clip {
    let mut data = vec![0; 40 * 40 * 4];
    let mut fill = |[top, left, height, width]: [usize; 4]| {
        for (y, x) in (top..top + height).flat_map(|y| (left..left + width).map(move |x| (y, x))) {
            data[(40 * y + x) * 4..][..4].copy_from_slice(&[200, 10, 10, 255]);
        }
    };
    fill([20 - n / 2, 20 - n / 2, n, n]);
    parts.iter().for_each(|part| fill(*part));
    Clip::new([1, 40, 40, 4], 8.0, data).unwrap()
}

#[test]
fn loose_is_what_is_small_and_far() {
    for (what, n, part, is_kept) in [
        ("a corner that touches", 20, [9, 9, 1, 1], true),
        ("a pixel that is near", 20, [8, 12, 1, 1], false),
        ("two pixels that are near", 20, [8, 12, 1, 2], true),
        ("five pixels that are near", 20, [8, 12, 1, 5], true),
        ("five pixels that are far", 20, [7, 12, 1, 5], false),
        ("six pixels that are far", 20, [2, 12, 1, 6], true),
        ("a pixel beside a small figure", 4, [2, 12, 1, 1], true),
    ] {
        let (clip, alone) = (square(n, &[part]), square(n, &[]));
        let clean = clip.clean(&Palette::Most(8));
        assert!(clean == if is_kept { clip } else { alone }, "{what}");
    }
    let empty = Clip::new([1, 3, 3, 4], 8.0, vec![0; 36]).unwrap();
    assert_eq!(empty.clean(&Palette::Most(3)), empty);
    assert_eq!(empty.clean(&Palette::Auto), empty);
}

/// A row of pixels of this alpha, from the square's left side to a part on the left of the square.
#[test]
fn faint_pixels_join_parts() {
    for (what, gap, alpha, is_joined) in [
        ("one faint pixel", 1, 32, true),
        ("three faint pixels", 3, 100, true),
        ("pixels that are too faint", 2, 31, false),
        ("no pixels", 2, 0, false),
        ("too many pixels", 4, 100, false),
    ] {
        let clip = square(20, &[[19, 10 - gap - 6, 4, 6]]);
        let mut data = clip.data().to_vec();
        for x in 10 - gap..10 {
            data[(40 * 20 + x) * 4..][..4].copy_from_slice(&[10, 200, 10, alpha]);
        }
        let faint = Clip::new([1, 40, 40, 4], 8.0, data.clone()).unwrap();
        for x in 10 - gap..10 {
            data[(40 * 20 + x) * 4 + 3] = 255;
        }
        let joined = Clip::new([1, 40, 40, 4], 8.0, data).unwrap();
        let clean = faint.clean(&Palette::Most(8));
        assert!(clean == if is_joined { joined } else { clip }, "{what}");
    }
    // A part that would be removed because it is small and far is joined, too; two parts are joined once.
    let clip = square(20, &[[19, 5, 1, 2], [21, 5, 1, 2]]);
    let mut data = clip.data().to_vec();
    for x in 7..10 {
        data[(40 * 20 + x) * 4..][..4].copy_from_slice(&[200, 10, 10, 40]);
    }
    let faint = Clip::new([1, 40, 40, 4], 8.0, data).unwrap().clean(&Palette::Most(8));
    assert_eq!(faint.data().chunks(4).filter(|p| p[3] > 0).count(), 400 + 4 + 3);
    // A speck is removed, and not joined.
    let clip = square(20, &[]);
    let mut data = clip.data().to_vec();
    for (x, alpha) in [(9, 100), (8, 255)] {
        data[(40 * 20 + x) * 4..][..4].copy_from_slice(&[10, 200, 10, alpha]);
    }
    let speck = Clip::new([1, 40, 40, 4], 8.0, data).unwrap();
    assert!(speck.clean(&Palette::Most(8)) == clip);
}

#[test]
fn as_many_colours_as_are_wanted() {
    for c in [1, 3, 4] {
        let pixel =
            |i: usize| [(i * 7 % 256) as u8, (i / 5 % 256) as u8, (i * 31 % 256) as u8, 255];
        let data = (0..4 * 20 * 20).flat_map(|i| pixel(i)[..c].to_vec()).collect();
        let clip = Clip::new([4, 20, 20, c], 8.0, data).unwrap();
        for most in [1, 2, 5, 32, 255] {
            let clean = clip.clean(&Palette::Most(most));
            let found = colours(&clean).len();
            assert!(found <= most && found * 10 > most * 9, "{found} of {most}, {c} channels");
            assert_eq!((clean.dims(), clean.fps()), (clip.dims(), clip.fps()));
        }
        assert_eq!(clip.clean(&Palette::Most(0)), clip.clean(&Palette::Most(1)));
        let count = colours(&clip).len();
        assert_eq!(clip.clean(&Palette::Most(count)), clip);
        assert_eq!(clip.clean(&Palette::Colours(Vec::new())), clip);
    }
}

#[test]
fn the_nearest_of_given_colours() {
    let given = Palette::Colours(vec![[0; 3], [255, 0, 0], [240, 240, 250]]);
    let data = vec![200, 40, 30, 255, 20, 25, 30, 255, 220, 220, 220, 255, 9, 9, 9, 0];
    let clip = Clip::new([1, 2, 2, 4], 8.0, data).unwrap();
    let wanted = [255, 0, 0, 255, 0, 0, 0, 255, 240, 240, 250, 255, 0, 0, 0, 0];
    assert_eq!(clip.clean(&given).data(), wanted);
    // A grey clip stays grey with a grey palette.
    let grey = Clip::new([1, 1, 2, 1], 8.0, vec![30, 230]).unwrap();
    assert_eq!(grey.clean(&given).data(), [0, 0, 0, 240, 240, 250]);
    let greys = Palette::Colours(vec![[0; 3], [255; 3]]);
    assert_eq!(grey.clean(&greys).data(), [0, 255]);
}

#[test]
fn palettes_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).unwrap();
        Palette::load(folder.path().join(name))
    };
    let wanted = Palette::Colours(vec![[255, 128, 0], [1, 2, 3]]);
    let gimp = "GIMP Palette\nName: two\nColumns: 2\n#\n255 128   0\tOrange peel\n  1   2   3\n\n";
    let jasc = "JASC-PAL\r\n0100\r\n2\r\n255 128 0\r\n1 2 3\r\n";
    for (name, text) in [
        ("a.gpl", gimp),
        ("b.pal", jasc),
        ("c.hex", "ff8000\n010203\n"),
        ("d.HEX", "\u{feff}#FF8000\r\n#010203\r\n\r\nff8000"),
    ] {
        assert_eq!(load(name, text.as_bytes()).unwrap(), wanted, "{name}");
    }
    let data = vec![255, 128, 0, 255, 1, 2, 3, 255, 255, 128, 0, 255, 7, 7, 7, 0];
    let clip = Clip::new([1, 2, 2, 4], 8.0, data).unwrap();
    clip.save(folder.path().join("frames/"), &Default::default()).unwrap();
    assert_eq!(Palette::load(folder.path().join("frames/0000.png")).unwrap(), wanted);

    let many: String = (0..257).map(|i| format!("{i:06x}\n")).collect();
    for (name, text, part) in [
        ("e.gpl", "255 128 0\n", "line 1 must be GIMP Palette"),
        ("f.gpl", "GIMP Palette\n255 128\n", "line 2: \"255 128\" is not a colour"),
        ("g.gpl", "GIMP Palette\n# none\n", "0 colours; a palette must have 1 to 256"),
        ("h.pal", "JASC-PAL\n0100\n1\n256 0 0\n", "line 4: \"256 0 0\" is not a colour"),
        ("i.hex", "ff8000\n+f8000\n", "line 2: \"+f8000\" is not a colour"),
        ("j.hex", &many, "257 colours; a palette must have 1 to 256"),
        ("k.png", "no picture", ""),
        ("l.txt", "ff8000\n", "it must be a .gpl, .hex, .pal or .png"),
    ] {
        match load(name, text.as_bytes()) {
            Err(Error::Data { path, reason }) => {
                assert!(path.ends_with(name) && reason.contains(part), "{name}: {reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(matches!(load("m.hex", b"ff\xff"), Err(Error::Data { .. })));
    assert!(matches!(Palette::load("no/such.hex"), Err(Error::Read { .. })));
}
