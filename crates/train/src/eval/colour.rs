//! Accuracy of colours from pixels, without a network: a check on the judge that no network can
//! deceive.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use kinora_video::{Attributes, Clip, Dataset, Draw, Split};

use super::figure::unit;
use super::film::Set;
use super::interval::{Figure, share};
use crate::Result;

/// The attributes whose values are or contain colours.
const COLOURED: [&str; 4] = ["hair", "torso", "colour", "background"];
/// The attributes that determine the places of things in the frame.
const PLACED: [&str; 3] = ["action", "direction", "motion"];
/// Number of real clips that are measured.
const CLIPS: u64 = 5000;
/// The stream of these clips.
const DRAWS: u64 = 0x636f_6c6f_7572;
/// An attribute determines a pixel if it explains at least this share of the pixel's variance.
const EXPLAINED: f64 = 0.5;
/// The least number of pixels. If fewer pass [`EXPLAINED`], those with the largest share are taken.
const FEWEST: usize = 24;

/// The channels of a colour from 0 to 1, premultiplied by alpha if there is alpha.
type Colour = Vec<f64>;

/// For each motion and each attribute of colour: the pixels that the attribute determines, and
/// their mean colour for each value. All are measured on real clips.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    groups: BTreeMap<String, BTreeMap<&'static str, Region>>,
}

/// The pixels that an attribute determines.
#[derive(Clone, Debug)]
struct Region {
    /// Indices into `[t, h, w]`.
    pixels: Vec<usize>,
    /// The mean colour of these pixels, for each value.
    colours: BTreeMap<String, Colour>,
}

/// Sums over the clips of one value.
#[derive(Clone, Debug)]
struct Sums {
    clips: f64,
    /// The sum of the clips, `[t, h, w, c]`.
    values: Vec<f32>,
}

impl Palette {
    /// Measures real clips of the training split, scaled to `dims = [t, h, w, c]`. Empty for a
    /// dataset without an attribute of colour. `watch` gets the number of clips done and the number
    /// of all clips. `None` if `watch` breaks.
    ///
    /// # Errors
    /// If a clip cannot be drawn.
    pub fn of(
        dataset: &dyn Dataset,
        dims: [usize; 4],
        watch: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Option<Self>> {
        let draw = |index| Draw { seed: DRAWS, index };
        let mut draws: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for index in 0..CLIPS {
            let attributes = dataset.caption(Split::Train, draw(index))?.attributes;
            if COLOURED.iter().all(|name| !attributes.contains_key(*name)) {
                return Ok(Some(Self::default()));
            }
            draws.entry(group(&attributes)).or_default().push(index);
        }
        let (mut groups, mut seen) = (BTreeMap::new(), 0);
        for (name, indices) in draws {
            let mut sums: BTreeMap<&'static str, BTreeMap<String, Sums>> = BTreeMap::new();
            let mut squares = vec![0.0; dims.iter().product()];
            for index in indices {
                let example = dataset.example(Split::Train, draw(index))?;
                let values = unit(&example.clip.to_dims(dims)?);
                squares.iter_mut().zip(&values).for_each(|(sum, x)| *sum += x * x);
                for coloured in COLOURED {
                    let Some(value) = example.caption.attributes.get(coloured) else { continue };
                    let none = || Sums { clips: 0.0, values: vec![0.0; values.len()] };
                    let sums = sums.entry(coloured).or_default();
                    let sums = sums.entry(value.clone()).or_insert_with(none);
                    sums.clips += 1.0;
                    sums.values.iter_mut().zip(&values).for_each(|(sum, x)| *sum += x);
                }
                seen += 1;
                if watch(seen, CLIPS as usize).is_break() {
                    return Ok(None);
                }
            }
            let regions = sums.into_iter();
            let regions = regions.map(|(name, sums)| (name, Region::of(&sums, &squares, dims[3])));
            groups.insert(name, regions.collect());
        }
        Ok(Some(Self { groups }))
    }

    /// For each attribute, the value whose mean colour is nearest to that of the film. `attributes`
    /// are those of the film's caption; they give the motion.
    pub(super) fn values(
        &self,
        film: &Clip,
        attributes: &Attributes,
    ) -> BTreeMap<&'static str, String> {
        let Some(regions) = self.groups.get(&group(attributes)) else { return BTreeMap::new() };
        let values = unit(film);
        let nearest = |(name, region): (&&'static str, &Region)| {
            let own = mean(&values, &region.pixels, film.dims()[3]);
            let distance = |other: &Colour| -> f64 {
                own.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum()
            };
            let colours = region.colours.iter();
            let best = colours.min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))?;
            Some((*name, best.0.clone()))
        };
        regions.iter().filter_map(nearest).collect()
    }
}

impl Region {
    /// The pixels of which the attribute explains enough variance, from the sums of each value and
    /// the sums of squares over all clips.
    fn of(sums: &BTreeMap<String, Sums>, squares: &[f32], c: usize) -> Self {
        let clips: f64 = sums.values().map(|sums| sums.clips).sum();
        let explained = |pixel: usize| {
            let (mut between, mut all) = (0.0, 0.0);
            for (k, square) in squares.iter().enumerate().skip(pixel * c).take(c) {
                let sum: f64 = sums.values().map(|sums| f64::from(sums.values[k])).sum();
                let by_value =
                    sums.values().map(|sums| f64::from(sums.values[k]).powi(2) / sums.clips);
                between += by_value.sum::<f64>() - sum * sum / clips;
                all += f64::from(*square) - sum * sum / clips;
            }
            // Where almost nothing changes, the ratio is only rounding.
            if all / clips < 1e-3 { 0.0 } else { between / all }
        };
        let mut shares: Vec<(f64, usize)> =
            (0..squares.len() / c).map(|pixel| (explained(pixel), pixel)).collect();
        shares.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let count = shares.iter().take_while(|(share, _)| *share >= EXPLAINED).count();
        let pixels: Vec<usize> =
            shares.iter().take(count.max(FEWEST)).map(|(_, pixel)| *pixel).collect();
        let colours = sums.iter().map(|(value, sums)| {
            let colour = mean(&sums.values, &pixels, c);
            (value.clone(), colour.into_iter().map(|sum| sum / sums.clips).collect())
        });
        Self { colours: colours.collect(), pixels }
    }
}

/// The mean colour of some pixels.
fn mean(values: &[f32], pixels: &[usize], c: usize) -> Colour {
    let channel =
        |k: usize| pixels.iter().map(|pixel| f64::from(values[pixel * c + k])).sum::<f64>();
    (0..c).map(|k| channel(k) / pixels.len() as f64).collect()
}

/// The motion of a clip: the values of [`PLACED`], joined.
fn group(attributes: &Attributes) -> String {
    let values = PLACED.iter().filter_map(|name| attributes.get(*name));
    values.map(String::as_str).collect::<Vec<_>>().join("/")
}

/// For each attribute of colour, among the films whose sentence mentions it, the share whose colour
/// is nearest to the mentioned value.
pub fn accuracy(set: &Set) -> Vec<(&'static str, Option<Figure>)> {
    let of = |name: &'static str| {
        share(set.films.iter().filter_map(|film| {
            let caption = &set.captions[film.prompt];
            let value = film.colours.get(name)?;
            let said = caption.said.contains(name);
            said.then(|| (film.prompt, Some(value) == caption.attributes.get(name)))
        }))
    };
    COLOURED.into_iter().map(|name| (name, of(name))).collect()
}
