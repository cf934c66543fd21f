//! One palette for a whole clip.

use std::collections::BTreeMap;

/// At most this many colours, so that one entry of 256 is left for transparency.
pub const MOST: usize = 255;

/// Colours, and which of them each colour of the clip becomes.
pub struct Palette {
    pub colours: Vec<[u8; 3]>,
    index: BTreeMap<[u8; 3], u8>,
}

/// Some colours with their counts, and how far they are spread along their longest axis.
struct Group {
    colours: Vec<([u8; 3], u64)>,
    axis: usize,
    mean: [f64; 3],
    /// The sum of squared distances along `axis`.
    spread: f64,
}

impl Group {
    fn new(colours: Vec<([u8; 3], u64)>) -> Self {
        let count: u64 = colours.iter().map(|c| c.1).sum();
        let sum = |f: &dyn Fn([u8; 3]) -> f64| -> f64 {
            colours.iter().map(|&(c, n)| f(c) * n as f64).sum()
        };
        let mean = [0, 1, 2].map(|k| sum(&|c| f64::from(c[k])) / count as f64);
        let spreads = [0, 1, 2].map(|k| sum(&|c| (f64::from(c[k]) - mean[k]).powi(2)));
        let axis = (0..3).max_by(|&a, &b| spreads[a].total_cmp(&spreads[b])).unwrap_or(0);
        Self { axis, mean, spread: spreads[axis], colours }
    }

    /// In two at the mean of the longest axis; neither is empty if there is any spread.
    fn split(self) -> [Group; 2] {
        let (axis, mean) = (self.axis, self.mean[self.axis]);
        let (a, b) = self.colours.into_iter().partition(|c| f64::from(c.0[axis]) <= mean);
        [Group::new(a), Group::new(b)]
    }
}

impl Palette {
    /// Exact if there are at most [`MOST`] colours. Else a cut by variance: the group with the
    /// largest spread is halved at its mean until there are enough, and each colour becomes the
    /// nearest of the means.
    pub fn new(pixels: impl Iterator<Item = [u8; 3]>) -> Self {
        let mut counts: BTreeMap<[u8; 3], u64> = BTreeMap::new();
        let mut last: Option<([u8; 3], u64)> = None;
        for p in pixels {
            match &mut last {
                Some((colour, n)) if *colour == p => *n += 1,
                _ => {
                    if let Some((colour, n)) = last.replace((p, 1)) {
                        *counts.entry(colour).or_default() += n;
                    }
                }
            }
        }
        if let Some((colour, n)) = last {
            *counts.entry(colour).or_default() += n;
        }
        if counts.len() <= MOST {
            let colours: Vec<_> = counts.into_keys().collect();
            let index = colours.iter().enumerate().map(|(i, &c)| (c, i as u8)).collect();
            return Self { colours, index };
        }
        let mut groups = vec![Group::new(counts.iter().map(|(&c, &n)| (c, n)).collect())];
        while groups.len() < MOST {
            let widest = (0..groups.len())
                .max_by(|&a, &b| groups[a].spread.total_cmp(&groups[b].spread))
                .unwrap_or(0);
            let halves = groups.swap_remove(widest).split();
            groups.extend(halves);
        }
        let mut colours: Vec<[u8; 3]> =
            groups.iter().map(|g| g.mean.map(|v| v.round() as u8)).collect();
        colours.sort_unstable();
        colours.dedup();
        let nearest = |c: [u8; 3]| {
            let distance = |p: &[u8; 3]| -> u32 {
                (0..3).map(|k| u32::from(p[k].abs_diff(c[k])).pow(2)).sum()
            };
            (0..colours.len()).min_by_key(|&i| distance(&colours[i])).unwrap_or(0) as u8
        };
        let index = counts.into_keys().map(|c| (c, nearest(c))).collect();
        Self { colours, index }
    }

    /// The entry that stands for `colour`, which was among those the palette was made from.
    pub fn index(&self, colour: [u8; 3]) -> u8 {
        self.index.get(&colour).copied().unwrap_or(0)
    }
}
