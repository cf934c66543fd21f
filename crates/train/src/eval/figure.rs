//! Which pixels of a film belong to the figure.

use std::ops::Range;

use kinora_video::Clip;

/// With alpha, a pixel belongs to the figure from this alpha on.
const OPAQUE: u8 = 128;
/// Without alpha, a pixel belongs to the figure if a channel differs by this much from the
/// background.
const DIFFERENT: u8 = 40;

/// Which pixels of frame `t` belong to the figure, `[h, w]`: by their alpha, or in clips without
/// alpha by their difference from the background, the median of the frame's border.
pub(super) fn foreground(clip: &Clip, t: usize) -> Vec<bool> {
    let [_, h, w, c] = clip.dims();
    let frame = clip.frame(t);
    if c == 4 {
        return frame.chunks_exact(4).map(|pixel| pixel[3] >= OPAQUE).collect();
    }
    let is_border = |k: usize| k < w || k >= (h - 1) * w || k.is_multiple_of(w) || k % w == w - 1;
    let border: Vec<&[u8]> =
        (0..h * w).filter(|&k| is_border(k)).map(|k| &frame[k * c..][..c]).collect();
    let ground: Vec<u8> = (0..c)
        .map(|channel| {
            let mut values: Vec<u8> = border.iter().map(|pixel| pixel[channel]).collect();
            let middle = values.len() / 2;
            *values.select_nth_unstable(middle).1
        })
        .collect();
    let differs =
        |pixel: &[u8]| pixel.iter().zip(&ground).any(|(a, b)| a.abs_diff(*b) >= DIFFERENT);
    frame.chunks_exact(c).map(differs).collect()
}

/// The pixels of a clip from 0 to 1, with colours premultiplied by alpha, `[t, h, w, c]`.
pub(super) fn unit(clip: &Clip) -> Vec<f32> {
    kinora_model::pixels::to_values(clip).iter().map(|value| 0.5 * value + 0.5).collect()
}

/// The rows of the frame with the upper, middle and lower parts of figures, and all rows, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Regions(pub Vec<(&'static str, Range<usize>)>);

/// The ends of the upper and the middle part, as shares of the figure's height. The head of a
/// Liberated Pixel Cup figure takes two fifths.
const ENDS: [f64; 2] = [0.4, 0.7];

impl Regions {
    /// The regions of the figures in some real clips. If `are_people`, they are named head, torso
    /// and legs.
    pub fn of<'a>(clips: impl Iterator<Item = &'a Clip>, are_people: bool) -> Self {
        let (mut rows, mut height) = (Vec::new(), 0);
        for clip in clips {
            let [t, h, w, _] = clip.dims();
            height = h;
            rows.resize(h, 0usize);
            for t in 0..t {
                for (row, pixels) in rows.iter_mut().zip(foreground(clip, t).chunks(w)) {
                    *row += pixels.iter().filter(|is_there| **is_there).count();
                }
            }
        }
        // Rows that few figures reach, such as with a weapon, do not count.
        let least = rows.iter().max().copied().unwrap_or(0) / 20;
        let first = rows.iter().position(|count| *count > least).unwrap_or(0);
        let end = rows.iter().rposition(|count| *count > least).map_or(height, |last| last + 1);
        let at = |share: f64| first + (share * (end - first) as f64).round() as usize;
        let names =
            if are_people { ["head", "torso", "legs"] } else { ["top", "middle", "bottom"] };
        let ranges = [first..at(ENDS[0]), at(ENDS[0])..at(ENDS[1]), at(ENDS[1])..end];
        let parts = names.into_iter().zip(ranges).filter(|(_, rows)| !rows.is_empty());
        Self(parts.chain([("whole", 0..height)]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey clip of one frame, from rows of characters: `#` is 200, else 20.
    fn clip(rows: &[&str]) -> Clip {
        let data = rows.concat().bytes().map(|c| if c == b'#' { 200 } else { 20 }).collect();
        Clip::new([1, rows.len(), rows[0].len(), 1], 8.0, data).unwrap()
    }

    #[test]
    fn what_differs_from_the_border_is_the_figure() {
        let rows = ["......", "..##..", "..#...", ".....#"];
        let found = foreground(&clip(&rows), 0);
        let expected: Vec<bool> = rows.concat().bytes().map(|c| c == b'#').collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn regions_are_rows_of_the_figure() {
        let mut rows = vec!["....."; 2];
        rows.extend(vec![".###."; 10]);
        rows.extend(vec!["....."; 4]);
        let Regions(regions) = Regions::of([clip(&rows)].iter(), true);
        let expected = [("head", 2..6), ("torso", 6..9), ("legs", 9..12), ("whole", 0..16)];
        assert_eq!(regions, expected);
    }
}
