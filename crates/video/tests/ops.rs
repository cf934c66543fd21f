//! Operations on clips: sizes, channels, time, grids.

use anyhow::Result;
use kinora_video::{Clip, Error, grid, wrap};

fn noise(dims: [usize; 4], seed: u64) -> Clip {
    let mut rng = fastrand::Rng::with_seed(seed);
    let data = (0..dims.iter().product()).map(|_| rng.u8(..)).collect();
    Clip::new(dims, 8.0, data).unwrap()
}

fn flat([t, h, w]: [usize; 3], pixel: &[u8]) -> Clip {
    Clip::new([t, h, w, pixel.len()], 8.0, pixel.repeat(t * h * w)).unwrap()
}

const SIZES: [[usize; 4]; 9] = [
    [64, 64, 32, 32],
    [64, 64, 33, 17],
    [7, 5, 3, 5],
    [5, 7, 20, 21],
    [5, 7, 9, 9],
    [1, 1, 4, 6],
    [9, 9, 1, 1],
    [16, 3, 5, 12],
    [2, 2, 3, 3],
];

#[test]
fn a_flat_colour_stays_what_it_is() -> Result<()> {
    for [h, w, to_h, to_w] in SIZES {
        for pixel in [&[200][..], &[1, 128, 255], &[10, 200, 255, 255], &[250, 40, 7, 97]] {
            let clip = flat([2, h, w], pixel).resize(to_h, to_w)?;
            // With partial alpha, rounding may change a colour by 1.
            let slack = if pixel.len() == 4 && pixel[3] < 255 { 1 } else { 0 };
            for p in clip.data().chunks(pixel.len()) {
                let near = p.iter().zip(pixel).all(|(a, b)| a.abs_diff(*b) <= slack);
                assert!(near, "{h} x {w} to {to_h} x {to_w}: {p:?} of {pixel:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn areas_keep_the_mean() -> Result<()> {
    let mean = |clip: &Clip| {
        clip.data().iter().map(|&v| f64::from(v)).sum::<f64>() / clip.data().len() as f64
    };
    for [h, w, to_h, to_w] in [[64, 64, 32, 32], [64, 64, 33, 17], [60, 50, 7, 49], [9, 9, 1, 1]] {
        let clip = noise([3, h, w, 3], 5);
        let difference = mean(&clip) - mean(&clip.resize(to_h, to_w)?);
        // Only rounding differs; it averages out over many pixels.
        assert!(difference.abs() < 0.5, "{h} x {w} to {to_h} x {to_w}: {difference}");
        assert!(to_h * to_w < 100 || difference.abs() < 0.05, "{difference}");
    }
    Ok(())
}

#[test]
fn transparent_pixels_give_no_colour() -> Result<()> {
    // One visible pixel of four: its colour stays, its alpha is a quarter.
    let data = [[200, 100, 50, 255], [9, 9, 9, 0], [0; 4], [255, 255, 255, 0]].concat();
    let clip = Clip::new([1, 2, 2, 4], 8.0, data)?;
    assert_eq!(clip.resize(1, 1)?.data(), [200, 100, 50, 64]);
    Ok(())
}

#[test]
fn whole_factors_repeat_pixels() -> Result<()> {
    let clip = noise([2, 3, 5, 4], 1);
    let large = clip.resize(6, 15)?;
    assert_eq!(clip.scale(1)?, clip);
    assert_eq!(clip.scale(3)?.dims(), [2, 9, 15, 4]);
    for (i, y, x) in [(0, 0, 0), (1, 5, 14), (1, 3, 7), (0, 2, 8)] {
        let (a, b) =
            (&clip.frame(i)[(y / 2 * 5 + x / 3) * 4..], &large.frame(i)[(y * 15 + x) * 4..]);
        assert_eq!(a[..4], b[..4], "{i} {y} {x}");
    }
    for bad in [clip.scale(0), clip.scale(1 << 20), clip.scale(usize::MAX), clip.resize(0, 3)] {
        assert!(matches!(bad, Err(Error::Clip { .. } | Error::TooLarge { .. })), "{bad:?}");
    }
    Ok(())
}

#[test]
fn channels() -> Result<()> {
    let clip = Clip::new([1, 1, 3, 4], 8.0, vec![255, 0, 0, 255, 0, 0, 255, 0, 100, 100, 100, 51])?;
    assert_eq!(clip.over([10, 20, 30]).data(), [255, 0, 0, 10, 20, 30, 28, 36, 44]);
    assert_eq!(clip.to_channels(3)?.data(), [255, 0, 0, 255, 255, 255, 224, 224, 224]);
    assert_eq!(clip.to_channels(1)?.data(), [76, 255, 224]);
    let grey = Clip::new([1, 1, 2, 1], 8.0, vec![7, 250])?;
    assert_eq!(grey.to_channels(4)?.data(), [7, 7, 7, 255, 250, 250, 250, 255]);
    assert_eq!(grey.to_channels(3)?.to_channels(1)?, grey);
    assert!(grey.to_channels(2).is_err());
    Ok(())
}

#[test]
fn time() -> Result<()> {
    let clip = Clip::new([4, 1, 1, 1], 8.0, vec![0, 1, 2, 3])?;
    for (frames, expected, fps) in [
        (4, &[0, 1, 2, 3][..], 8.0),
        (2, &[1, 3], 4.0),
        (8, &[0, 0, 1, 1, 2, 2, 3, 3], 16.0),
        (1, &[2], 2.0),
        (6, &[0, 1, 1, 2, 3, 3], 12.0),
    ] {
        let other = clip.resample(frames)?;
        assert_eq!((other.data(), other.fps()), (expected, fps));
    }
    assert!(clip.resample(0).is_err());
    for fps in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(matches!(clip.clone().with_fps(fps), Err(Error::Fps(_))));
    }
    assert_eq!(clip.with_fps(3.0)?.fps(), 3.0);
    Ok(())
}

#[test]
fn places() -> Result<()> {
    let clip = Clip::new([1, 2, 2, 1], 8.0, vec![1, 2, 3, 4])?;
    for (size, at, expected) in [
        ([2, 2], [0, 0], &[1, 2, 3, 4][..]),
        ([3, 4], [1, 1], &[9, 9, 9, 9, 9, 1, 2, 9, 9, 3, 4, 9]),
        ([1, 1], [-1, -1], &[4]),
        ([1, 2], [-1, 1], &[9, 3]),
        ([2, 1], [0, -5], &[9, 9]),
        ([2, 1], [isize::MAX, isize::MIN], &[9, 9]),
    ] {
        assert_eq!(clip.place(size[0], size[1], at[0], at[1], [9; 4])?.data(), expected, "{at:?}");
    }
    // A wide picture in a square; the margins have the first pixel's colour or are transparent.
    let wide = flat([1, 2, 4], &[5, 6, 7]).fit(4, 4)?;
    assert_eq!(wide, flat([1, 4, 4], &[5, 6, 7]));
    let wide = flat([1, 2, 4], &[5, 6, 7, 255]).fit(8, 8)?;
    assert_eq!(
        (wide.data()[3], wide.data()[(2 * 8) * 4 + 3], wide.data()[8 * 8 * 4 - 1]),
        (0, 255, 0)
    );
    Ok(())
}

#[test]
fn grids_and_captions() -> Result<()> {
    let clips: Vec<Clip> = (0..3).map(|i| flat([2, 2, 3], &[i])).collect();
    let grid_of = grid(&clips, 2, 1)?;
    assert_eq!(grid_of.dims(), [2, 5, 7, 1]);
    let w = 255;
    #[rustfmt::skip]
    assert_eq!(grid_of.frame(1), [
        0, 0, 0, w, 1, 1, 1,
        0, 0, 0, w, 1, 1, 1,
        w, w, w, w, w, w, w,
        2, 2, 2, w, w, w, w,
        2, 2, 2, w, w, w, w,
    ]);
    assert_eq!(grid(&clips, 9, 0)?.dims(), [2, 2, 9, 1]);
    assert!(grid(&clips, 0, 0).is_err() && grid(&[], 1, 0).is_err());
    assert!(grid(&clips, 1, usize::MAX).is_err());
    assert!(matches!(
        grid(&[clips[0].clone(), noise([2, 2, 2, 1], 0)], 2, 0),
        Err(Error::Dims { .. })
    ));

    assert_eq!(wrap("a bc def", 6 * 4), ["a bc", "def"]);
    assert_eq!(wrap("abcdefgh i", 6 * 3), ["abc", "def", "gh", "i"]);
    assert!(wrap("  ", 60).is_empty());
    assert_eq!(wrap("ab", 0), ["a", "b"]);
    let clip = flat([2, 2, 12], &[50, 60, 70, 0]).captioned("l! \u{20ac}", 2)?;
    assert_eq!(clip.dims(), [2, 2 + 18, 12, 4]);
    let black = clip.frame(1).chunks(4).filter(|p| **p == [0, 0, 0, 255]).count();
    // l has 10 pixels and ! has 6; ? replaces a character outside the font and has 9.
    assert_eq!(black, 10 + 6 + 9);
    assert_eq!(clip.frame(0)[..2 * 12 * 4], [50, 60, 70, 0].repeat(24));
    // Letters lose their accents, however these are encoded.
    let shown = |text| flat([1, 2, 30], &[9; 4]).captioned(text, 2);
    assert!(shown("\u{c9}lf \u{f1}")? == shown("Elf n")?);
    assert!(shown("E\u{301}lf n\u{303}")? == shown("Elf n")?);
    Ok(())
}
