//! Measures how clean the frames are: specks, noise and blur.

use std::collections::HashSet;

use kinora_video::Clip;

use super::figure::foreground;

/// The cleanness of a film.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clean {
    /// Connected pieces of the figure apart from the largest, per frame.
    pub loose: f64,
    /// Number of different colours of the figure over all frames.
    pub colours: f64,
    /// The share of half-transparent pixels among those that are not transparent; `None` for films
    /// without alpha.
    pub half_transparent: Option<f64>,
}

/// A pixel with less alpha than this is transparent. The bound is not 1, and that of [`OPAQUE`] is
/// not 255, because a network never quite reaches 0 or 255.
const TRANSPARENT: u8 = 16;
/// A pixel with this alpha or more is opaque.
const OPAQUE: u8 = 240;

impl Clean {
    /// Measures a film.
    pub fn of(clip: &Clip) -> Self {
        let [t, h, w, c] = clip.dims();
        let (mut loose, mut colours) = (0, HashSet::new());
        for t in 0..t {
            let mut figure = foreground(clip, t);
            for (pixel, _) in clip.frame(t).chunks_exact(c).zip(&figure).filter(|(_, is)| **is) {
                colours.insert(pixel[..c.min(3)].to_vec());
            }
            loose += pieces(&mut figure, [h, w]).saturating_sub(1);
        }
        let half_transparent = (c == 4).then(|| {
            let alphas =
                clip.data().iter().skip(3).step_by(4).filter(|alpha| **alpha >= TRANSPARENT);
            let (mut seen, mut half) = (0usize, 0usize);
            for alpha in alphas {
                seen += 1;
                half += usize::from(*alpha < OPAQUE);
            }
            half as f64 / seen.max(1) as f64
        });
        Self { loose: loose as f64 / t as f64, colours: colours.len() as f64, half_transparent }
    }
}

/// The number of pieces that are connected by sides or corners. The pieces are erased from
/// `figure`.
fn pieces(figure: &mut [bool], [h, w]: [usize; 2]) -> usize {
    let (mut count, mut left) = (0, Vec::new());
    for start in 0..h * w {
        if !std::mem::take(&mut figure[start]) {
            continue;
        }
        count += 1;
        left.push(start);
        while let Some(at) = left.pop() {
            let (y, x) = (at / w, at % w);
            for y in y.saturating_sub(1)..(y + 2).min(h) {
                for x in x.saturating_sub(1)..(x + 2).min(w) {
                    if std::mem::take(&mut figure[y * w + x]) {
                        left.push(y * w + x);
                    }
                }
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hang_together_by_sides_and_corners() {
        let of = |rows: &[&str]| {
            let mut figure: Vec<bool> = rows.concat().bytes().map(|c| c == b'#').collect();
            pieces(&mut figure, [rows.len(), rows[0].len()])
        };
        assert_eq!(of(&["...", "..."]), 0);
        assert_eq!(of(&["#..", ".#.", "..#"]), 1);
        assert_eq!(of(&["#.#", "#.#", "###"]), 1);
        assert_eq!(of(&["#.#", "#..", "..#"]), 3);
    }

    #[test]
    fn a_film_is_counted() {
        // Two frames of 1x4: opaque red, nothing, half green, opaque red; then red alone.
        let (red, none) = ([255, 0, 0, 255], [0; 4]);
        let frames = [red, none, [0, 255, 0, 130], red, red, none, none, none];
        let clip = Clip::new([2, 1, 4, 4], 8.0, frames.concat()).unwrap();
        let clean = Clean::of(&clip);
        assert_eq!(clean.loose, 0.5);
        assert_eq!(clean.colours, 2.0);
        assert_eq!(clean.half_transparent, Some(0.25));
    }
}
