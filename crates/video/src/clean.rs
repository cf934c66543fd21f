//! Cleans the output of a network into a sprite: hard edges, no loose parts, few colours.

use std::collections::HashSet;

use crate::palette::{assign, count, reduce};
use crate::{Clip, Palette};

/// Colours of a film without a given palette; drawn figures have some 45 (median 39).
const COLOURS: usize = 32;
/// A clip with at most `DRAWN` colours, and on average at least `PIXELS_A_COLOUR` pixels for each,
/// was drawn with a palette. A network gives nearly every pixel a colour of its own.
const DRAWN: usize = 256;
const PIXELS_A_COLOUR: usize = 8;

/// A part (pixels connected by sides or corners) is loose if it has at most 1 / `SPECK` of the pixels
/// of the largest part. Of 64,000 frames of drawn figures, 93 lose one or two pixels by this rule,
/// and none loses an arrow, the end of a spear or a hand.
const SPECK: usize = 400;
/// The same for a part that is more than [`NEAR`] pixels away from all larger parts.
const BIT: usize = 80;
const NEAR: usize = 2;

/// A pixel with at least this alpha is visible.
const SOLID: u8 = 128;
/// Parts are joined by at most `REACH` pixels with at least the alpha `FAINT`. A network draws a thin line, such as
/// a bow, with gaps where it is not sure of the line's place.
const FAINT: u8 = 32;
const REACH: usize = 3;

impl Clip {
    /// The clip as a sprite: alpha is 0 or 255, small loose parts are removed, parts that faint pixels connect
    /// are joined, and all frames share one palette. The result is deterministic; nothing is dithered.
    ///
    /// With [`Palette::Auto`], a clip without alpha is returned unchanged, and so is a clip that was
    /// drawn with a palette (at most 256 colours, on average on at least eight pixels each). So a
    /// cleaned clip may be cleaned again.
    ///
    /// ```
    /// use kinora_video::{Clip, Palette};
    ///
    /// // A network's red: 4 x 4 pixels, no two of them alike.
    /// let data = (0..16).flat_map(|i| [200 + i, 40, 30, 240 - 9 * i]).collect();
    /// let clip = Clip::new([1, 4, 4, 4], 8.0, data)?;
    /// let clean = clip.clean(&Palette::Most(1));
    /// assert_eq!(clean.frame(0)[..4], clean.frame(0)[4..8]);
    /// assert!(clean.data().chunks(4).all(|pixel| matches!(pixel[3], 0 | 255)));
    /// # Ok::<(), kinora_video::Error>(())
    /// ```
    pub fn clean(&self, palette: &Palette) -> Clip {
        let [t, h, w, c] = self.dims();
        if *palette == Palette::Auto && (c < 4 || self.is_drawn()) {
            return self.clone();
        }
        let is_coloured = |colours: &[[u8; 3]]| colours.iter().any(|&[r, g, b]| r != g || g != b);
        if let (1, Palette::Colours(colours)) = (c, palette)
            && is_coloured(colours)
        {
            return self.over([0; 3]).clean(palette);
        }
        let mut data = self.data().to_vec();
        if c == 4 {
            for frame in data.chunks_exact_mut(h * w * 4) {
                join(frame, h, w);
                remove_loose(frame, h, w);
            }
            for pixel in data.as_chunks_mut().0 {
                *pixel =
                    if pixel[3] < SOLID { [0; 4] } else { [pixel[0], pixel[1], pixel[2], 255] };
            }
        }
        let colour = |p: &[u8]| if c == 1 { [p[0]; 3] } else { [p[0], p[1], p[2]] };
        let visible = |p: &[u8]| c < 4 || p[3] > 0;
        let counts = count(data.chunks_exact(c).filter(|p| visible(p)).map(colour));
        let own;
        let colours = match palette {
            Palette::Colours(colours) => colours,
            Palette::Most(most) => {
                own = reduce(&counts, *most);
                &own
            }
            Palette::Auto => {
                own = reduce(&counts, COLOURS);
                &own
            }
        };
        if !colours.is_empty() {
            let index = assign(&counts, colours);
            for pixel in data.chunks_exact_mut(c).filter(|p| visible(p)) {
                let colour = colours[index[&colour(pixel)]];
                pixel.iter_mut().take(3).zip(colour).for_each(|(byte, v)| *byte = v);
            }
        }
        Clip::from_parts([t, h, w, c], self.fps(), data)
    }

    /// Whether the visible pixels have so few colours that the clip was drawn with a palette.
    fn is_drawn(&self) -> bool {
        let mut colours = HashSet::new();
        let mut pixels = 0;
        for pixel in self.data().as_chunks::<4>().0.iter().filter(|pixel| pixel[3] > 0) {
            pixels += 1;
            if colours.insert(pixel) && colours.len() > DRAWN {
                return false;
            }
        }
        pixels >= colours.len() * PIXELS_A_COLOUR
    }
}

/// Clears the loose parts of a frame, `[h, w, 4]`.
fn remove_loose(frame: &mut [u8], h: usize, w: usize) {
    let Parts { parts, owner, largest } = Parts::of(frame, h, w);
    // Whether a larger part is near; of parts with equal size the first counts as larger.
    let is_near = |k: usize| {
        parts[k].iter().any(|&i| {
            around(i, h, w, NEAR).any(|j| {
                owner[j] > 0
                    && owner[j] != k + 1
                    && (parts[owner[j] - 1].len(), k + 1) > (parts[k].len(), owner[j])
            })
        })
    };
    for (k, part) in parts.iter().enumerate() {
        let is_speck = part.len() * SPECK <= largest;
        if is_speck || part.len() * BIT <= largest && !is_near(k) {
            part.iter().for_each(|&i| frame[4 * i..4 * i + 4].fill(0));
        }
    }
}

/// Joins each part of a frame, except specks and the largest part, to the nearest other part that faint pixels
/// connect it to: the pixels of a shortest path become visible.
fn join(frame: &mut [u8], h: usize, w: usize) {
    let Parts { parts, mut owner, largest } = Parts::of(frame, h, w);
    let Some(main) = parts.iter().position(|part| part.len() == largest) else { return };
    let is_speck = |k: usize| parts[k].len() * SPECK <= largest;
    // Joined parts form a group. The group of a part is at the end of its chain.
    let mut group: Vec<usize> = (0..parts.len()).collect();
    let end = |group: &[usize], mut k: usize| {
        while group[k] != k {
            k = group[k];
        }
        k
    };
    // For each pixel, the part whose search reached the pixel last, plus one, and the pixel before it.
    let mut reached = vec![(0, 0); h * w];
    for (k, part) in parts.iter().enumerate() {
        let own = end(&group, k);
        if own == end(&group, main) || is_speck(k) {
            continue;
        }
        part.iter().for_each(|&i| reached[i] = (k + 1, i));
        let mut edge = part.clone();
        'search: for _ in 0..=REACH {
            let mut next = Vec::new();
            for (i, j) in edge.iter().flat_map(|&i| around(i, h, w, 1).map(move |j| (i, j))) {
                if reached[j].0 == k + 1 {
                    continue;
                }
                reached[j] = (k + 1, i);
                let other = owner[j].checked_sub(1).filter(|&other| !is_speck(other));
                match other.map(|other| end(&group, other)) {
                    Some(other) if other != own => {
                        let mut at = i;
                        while reached[at].1 != at {
                            frame[4 * at + 3] = 255;
                            owner[at] = k + 1;
                            at = reached[at].1;
                        }
                        group[own] = other;
                        break 'search;
                    }
                    Some(_) => next.push(j),
                    None if frame[4 * j + 3] >= FAINT => next.push(j),
                    None => {}
                }
            }
            edge = next;
        }
    }
}

/// The connected parts (by sides or corners) of the visible pixels of a frame.
struct Parts {
    /// The indices of the pixels of each part.
    parts: Vec<Vec<usize>>,
    /// For each pixel the index of its part plus one; 0 for other pixels.
    owner: Vec<usize>,
    /// The size of the largest part.
    largest: usize,
}

impl Parts {
    fn of(frame: &[u8], h: usize, w: usize) -> Self {
        let pixels = frame.as_chunks::<4>().0;
        let mut left: Vec<bool> = pixels.iter().map(|pixel| pixel[3] >= SOLID).collect();
        let (mut parts, mut owner) = (Vec::new(), vec![0; h * w]);
        for start in 0..h * w {
            if !std::mem::take(&mut left[start]) {
                continue;
            }
            let mut part = vec![start];
            let mut next = 0;
            while let Some(&i) = part.get(next) {
                part.extend(around(i, h, w, 1).filter(|&j| std::mem::take(&mut left[j])));
                next += 1;
            }
            part.iter().for_each(|&i| owner[i] = parts.len() + 1);
            parts.push(part);
        }
        let largest = parts.iter().map(Vec::len).max().unwrap_or(0);
        Self { parts, owner, largest }
    }
}

/// The pixels at most `distance` rows and columns from pixel `i`, including `i`.
fn around(i: usize, h: usize, w: usize, distance: usize) -> impl Iterator<Item = usize> {
    let span = |at: usize, size: usize| at.saturating_sub(distance)..(at + distance + 1).min(size);
    let columns = span(i % w, w);
    span(i / w, h).flat_map(move |y| columns.clone().map(move |x| y * w + x))
}
