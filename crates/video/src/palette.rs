//! Colour reduction, and palettes from files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::format::decode_image;
use crate::{Error, Result};

/// Largest number of colours of a palette file, the same as of an indexed picture.
const MOST: usize = 256;
/// Largest number of rounds of k-means.
const ROUNDS: usize = 16;

/// The colours of a clip after [`crate::Clip::clean`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// At most 32 colours for clips with alpha. Clips without alpha, whose edges are smooth, and
    /// clips that were drawn with a palette keep all their colours.
    #[default]
    Auto,
    /// At most this many colours (0 counts as 1), computed from the colours of the clip.
    Most(usize),
    /// These colours; each pixel takes the nearest. An empty list changes no colour.
    Colours(Vec<[u8; 3]>),
}

impl Palette {
    /// The distinct colours of a file, in its order: a GIMP palette (`.gpl`), lines of `RRGGBB`
    /// (`.hex`, from Lospec), a JASC palette (`.pal`), or a picture (`.png`).
    ///
    /// # Errors
    /// If the file cannot be read, has another format, or does not have 1 to 256 colours.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes =
            std::fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let text = || std::str::from_utf8(&bytes).map_err(|e| format!("not UTF-8: {e}"));
        let colours = match ending.as_str() {
            "gpl" => text().and_then(|text| lines(text, "GIMP Palette", 1, decimal)),
            "pal" => text().and_then(|text| lines(text, "JASC-PAL", 3, decimal)),
            "hex" => text().and_then(|text| lines(text, "", 0, hexadecimal)),
            "png" => picture(&bytes),
            _ => Err("not a palette; it must be a .gpl, .hex, .pal or .png".into()),
        };
        let wrong = |reason: String| Error::Data { path: path.into(), reason };
        let mut colours = colours.map_err(wrong)?;
        let mut seen = BTreeSet::new();
        colours.retain(|colour| seen.insert(*colour));
        if !(1..=MOST).contains(&colours.len()) {
            let reason =
                format!("found {} colours; a palette must have 1 to {MOST}", colours.len());
            return Err(wrong(reason));
        }
        Ok(Self::Colours(colours))
    }
}

/// The colours of a text that begins with `head`; the first `skip` lines have no colours.
fn lines(
    text: &str,
    head: &str,
    skip: usize,
    colour: fn(&str) -> Option<[u8; 3]>,
) -> Result<Vec<[u8; 3]>, String> {
    let text = text.trim_start_matches('\u{feff}');
    if !text.starts_with(head) {
        return Err(format!("line 1 must be {head}"));
    }
    let is_colour = |line: &str| {
        !(line.is_empty()
            || head.starts_with("GIMP")
                && (line.starts_with("#")
                    || line.starts_with("Name:")
                    || line.starts_with("Columns:")))
    };
    (1..)
        .zip(text.lines().map(str::trim))
        .skip(skip)
        .filter(|(_, line)| is_colour(line))
        .map(|(number, line)| {
            let form = if head.is_empty() { "RRGGBB, as ff8000" } else { "R G B, as 255 128 0" };
            let wrong = || format!("line {number}: {line:?} is not a colour; write {form}");
            colour(line).ok_or_else(wrong)
        })
        .collect()
}

/// Parses `R G B`; ignores the rest of the line, such as a name or alpha.
fn decimal(line: &str) -> Option<[u8; 3]> {
    let mut parts = line.split_whitespace().map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

fn hexadecimal(line: &str) -> Option<[u8; 3]> {
    let digits = line.strip_prefix('#').unwrap_or(line);
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([r, g, b])
}

fn picture(bytes: &[u8]) -> Result<Vec<[u8; 3]>, String> {
    let (_, _, pixels) = decode_image(bytes)?;
    let (pixels, _) = pixels.as_chunks();
    let mut colours = Vec::new();
    let mut seen = BTreeSet::new();
    for &[r, g, b, a] in pixels {
        if a >= 128 && seen.insert([r, g, b]) {
            colours.push([r, g, b]);
        }
        if colours.len() > MOST {
            return Err(format!("found more than {MOST} colours; a palette must have 1 to {MOST}"));
        }
    }
    Ok(colours)
}

/// The number of pixels of each colour.
pub(crate) fn count(pixels: impl Iterator<Item = [u8; 3]>) -> BTreeMap<[u8; 3], u64> {
    let mut counts = BTreeMap::new();
    let mut last: Option<([u8; 3], u64)> = None;
    // Most pixels have the colour of the one before them.
    for colour in pixels {
        match &mut last {
            Some((same, n)) if *same == colour => *n += 1,
            _ => {
                if let Some((colour, n)) = last.replace((colour, 1)) {
                    *counts.entry(colour).or_default() += n;
                }
            }
        }
    }
    if let Some((colour, n)) = last {
        *counts.entry(colour).or_default() += n;
    }
    counts
}

/// At most `most` colours, sorted, for the colours of `counts`: these themselves if they are few
/// enough, else the centres of clusters in OKLab, from a variance cut and rounds of k-means.
pub(crate) fn reduce(counts: &BTreeMap<[u8; 3], u64>, most: usize) -> Vec<[u8; 3]> {
    let most = most.max(1);
    if counts.len() <= most {
        return counts.keys().copied().collect();
    }
    // A colour weighs the square root of its count, so that eyes and other small parts keep
    // their colours. If there are many colours, the colours of one cell are averaged first.
    let step = if counts.len() > 8 * most { 8 } else { 1 };
    let mut cells: BTreeMap<[u8; 3], ([f64; 3], f64)> = BTreeMap::new();
    for (&colour, &n) in counts {
        let (sum, weight) = cells.entry(colour.map(|v| v / step)).or_default();
        sum.iter_mut().zip(oklab(colour)).for_each(|(sum, v)| *sum += f64::from(v) * n as f64);
        *weight += n as f64;
    }
    let points: Vec<Point> = cells
        .values()
        .map(|(sum, weight)| (sum.map(|v| (v / weight) as f32), weight.sqrt() as f32))
        .collect();
    let mut centres = cut(&points, most);
    for _ in 0..ROUNDS {
        let mut groups = vec![Vec::new(); centres.len()];
        for point in &points {
            groups[nearest(point.0, &centres)].push(*point);
        }
        let moved: Vec<_> = centres
            .iter()
            .zip(&groups)
            .map(|(centre, group)| if group.is_empty() { *centre } else { Group::new(group).mean })
            .collect();
        if moved == centres {
            break;
        }
        centres = moved;
    }
    let colours: BTreeSet<[u8; 3]> = centres.into_iter().map(srgb).collect();
    colours.into_iter().collect()
}

/// For each colour of `counts`, the index of the nearest of `colours`, which must not be empty.
pub(crate) fn assign(
    counts: &BTreeMap<[u8; 3], u64>,
    colours: &[[u8; 3]],
) -> BTreeMap<[u8; 3], usize> {
    let exact: BTreeMap<_, _> = colours.iter().enumerate().map(|(i, &c)| (c, i)).collect();
    let centres: Vec<[f32; 3]> = colours.iter().map(|&colour| oklab(colour)).collect();
    let index = |c: [u8; 3]| exact.get(&c).copied().unwrap_or_else(|| nearest(oklab(c), &centres));
    counts.keys().map(|&colour| (colour, index(colour))).collect()
}

/// A colour in OKLab, and its weight.
type Point = ([f32; 3], f32);

/// The index of the nearest centre; of equally near ones, the first.
fn nearest(point: [f32; 3], centres: &[[f32; 3]]) -> usize {
    let mut best = (0, f32::INFINITY);
    for (i, centre) in centres.iter().enumerate() {
        let [x, y, z] = [0, 1, 2].map(|k| point[k] - centre[k]);
        let distance = x * x + y * y + z * z;
        if distance < best.1 {
            best = (i, distance);
        }
    }
    best.0
}

/// A cluster of points, with its spread along the axis of largest spread.
struct Group {
    points: Vec<Point>,
    mean: [f32; 3],
    axis: usize,
    /// The weighted sum of squared distances to the mean along `axis`.
    spread: f64,
}

impl Group {
    fn new(points: &[Point]) -> Self {
        let weight: f64 = points.iter().map(|p| f64::from(p.1)).sum();
        let sum = |f: &dyn Fn([f32; 3]) -> f64| -> f64 {
            points.iter().map(|&(p, w)| f(p) * f64::from(w)).sum()
        };
        let mean = [0, 1, 2].map(|k| sum(&|p| f64::from(p[k])) / weight);
        let spreads = [0, 1, 2].map(|k| sum(&|p| (f64::from(p[k]) - mean[k]).powi(2)));
        let axis = (0..3).max_by(|&a, &b| spreads[a].total_cmp(&spreads[b])).unwrap_or(0);
        let mean = mean.map(|v| v as f32);
        Self { points: points.to_vec(), mean, axis, spread: spreads[axis] }
    }
}

/// The means of `most` groups: again and again, the group with the largest spread is split at its
/// mean.
fn cut(points: &[Point], most: usize) -> Vec<[f32; 3]> {
    let mut groups = vec![Group::new(points)];
    while groups.len() < most {
        let widest =
            (0..groups.len()).max_by(|&a, &b| groups[a].spread.total_cmp(&groups[b].spread));
        let Group { points, mean, axis, .. } = groups.swap_remove(widest.unwrap_or(0));
        let (low, high): (Vec<Point>, Vec<Point>) =
            points.into_iter().partition(|(p, _)| p[axis] <= mean[axis]);
        if low.is_empty() || high.is_empty() {
            // All points are equal, except for rounding.
            groups.push(Group { spread: 0.0, ..Group::new(&[low, high].concat()) });
            break;
        }
        groups.extend([Group::new(&low), Group::new(&high)]);
    }
    groups.into_iter().map(|group| group.mean).collect()
}

/// sRGB to OKLab (<https://bottosson.github.io/posts/oklab/>), whose distances match perception.
fn oklab(colour: [u8; 3]) -> [f32; 3] {
    let linear = |byte: u8| match f32::from(byte) / 255.0 {
        v if v <= 0.04045 => v / 12.92,
        v => ((v + 0.055) / 1.055).powf(2.4),
    };
    let rgb = colour.map(linear);
    let [l, m, s] = times(TO_CONES, rgb).map(f32::cbrt);
    times(TO_LAB, [l, m, s])
}

/// The inverse of [`oklab`], clamped to the range of sRGB and rounded.
fn srgb(lab: [f32; 3]) -> [u8; 3] {
    let cones = times(FROM_LAB, lab).map(|v| v * v * v);
    let encode = |v: f32| match v.clamp(0.0, 1.0) {
        v if v <= 0.003_130_8 => v * 12.92,
        v => 1.055 * v.powf(1.0 / 2.4) - 0.055,
    };
    times(FROM_CONES, cones).map(|v| (encode(v) * 255.0).round() as u8)
}

type Matrix = [[f32; 3]; 3];

fn times(matrix: Matrix, v: [f32; 3]) -> [f32; 3] {
    matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

#[rustfmt::skip]
const TO_CONES: Matrix = [
    [0.412_221_47, 0.536_332_54, 0.051_445_993],
    [0.211_903_5, 0.680_699_5, 0.107_396_96],
    [0.088_302_46, 0.281_718_84, 0.629_978_7],
];
#[rustfmt::skip]
const TO_LAB: Matrix = [
    [0.210_454_26, 0.793_617_8, -0.004_072_047],
    [1.977_998_5, -2.428_592_2, 0.450_593_7],
    [0.025_904_037, 0.782_771_77, -0.808_675_77],
];
#[rustfmt::skip]
const FROM_LAB: Matrix = [
    [1.0, 0.396_337_78, 0.215_803_76],
    [1.0, -0.105_561_346, -0.063_854_17],
    [1.0, -0.089_484_18, -1.291_485_5],
];
#[rustfmt::skip]
const FROM_CONES: Matrix = [
    [4.076_741_7, -3.307_711_6, 0.230_969_94],
    [-1.268_438, 2.609_757_4, -0.341_319_38],
    [-0.004_196_086, -0.703_418_6, 1.707_614_7],
];
