//! The motion of a film.

use kinora_video::Clip;

use super::figure::{foreground, unit};

/// The motion of a film. A realistic film has numbers close to those of real clips, neither larger
/// nor smaller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion {
    /// The mean absolute change of the figure's channels from frame to frame, for channels from 0
    /// to 1.
    pub change: f64,
    /// The part of the change that no shift of small blocks explains: the warping error, with
    /// motion from block matching (as in Lai et al., "Learning blind video temporal consistency",
    /// 2018, with blocks instead of optical flow).
    pub warp: f64,
    /// The part of the change of the figure's channels that the next frame reverses.
    pub flicker: f64,
    /// The share of frames that hardly differ from the frame before.
    pub frozen: f64,
}

/// A smaller change between two frames counts as no motion.
const STILL: f64 = 0.005;
/// The side of a block in pixels, and the largest shift in pixels.
const BLOCK: usize = 8;
const REACH: isize = 4;

impl Motion {
    /// Measures a film; `None` if it has one frame.
    pub fn of(clip: &Clip) -> Option<Self> {
        let [t, h, w, c] = clip.dims();
        if t < 2 {
            return None;
        }
        let pixels = unit(clip);
        let frames: Vec<&[f32]> = pixels.chunks(h * w * c).collect();
        let figures: Vec<Vec<bool>> = (0..t).map(|t| foreground(clip, t)).collect();
        let (mut change, mut warp, mut flicker, mut frozen) = (0.0, 0.0, 0.0, 0);
        for t in 1..t {
            let size = size(&figures[t - 1..=t], c);
            let difference = differences(frames[t - 1], frames[t]) / size;
            change += difference;
            frozen += usize::from(difference < STILL);
            warp += matched(frames[t - 1], frames[t], [h, w, c]) / size;
        }
        for t in 2..t {
            let [a, b, c] = [frames[t - 2], frames[t - 1], frames[t]];
            let back = a.iter().zip(b).zip(c).map(|((a, b), c)| {
                let (there, back) = (b - a, c - b);
                f64::from(if there * back < 0.0 { there.abs().min(back.abs()) } else { 0.0 })
            });
            flicker += back.sum::<f64>() / size(&figures[t - 2..=t], clip.dims()[3]);
        }
        let steps = (t - 1) as f64;
        Some(Self {
            change: change / steps,
            warp: warp / steps,
            flicker: flicker / (t.max(3) - 2) as f64,
            frozen: frozen as f64 / steps,
        })
    }
}

/// The number of pixels that belong to the figure in any of the frames, times the channels; at
/// least 1.
fn size(figures: &[Vec<bool>], channels: usize) -> f64 {
    let pixels = (0..figures[0].len()).filter(|&k| figures.iter().any(|figure| figure[k])).count();
    (pixels * channels).max(1) as f64
}

fn differences(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum()
}

/// The sum over the blocks of `next` of the difference from the most similar block of `last` within
/// [`REACH`]; both frames `[h, w, c]`.
fn matched(last: &[f32], next: &[f32], [h, w, c]: [usize; 3]) -> f64 {
    let mut sum = 0.0;
    for top in (0..h).step_by(BLOCK) {
        for left in (0..w).step_by(BLOCK) {
            let (rows, columns) = (BLOCK.min(h - top), BLOCK.min(w - left));
            let of = |[down, right]: [isize; 2], most: f64| {
                let (y, x) = (top as isize + down, left as isize + right);
                let is_inside =
                    y >= 0 && x >= 0 && y as usize + rows <= h && x as usize + columns <= w;
                if !is_inside {
                    return f64::INFINITY;
                }
                let mut sum = 0.0;
                for row in 0..rows {
                    let from = ((y as usize + row) * w + x as usize) * c;
                    let to = ((top + row) * w + left) * c;
                    let len = columns * c;
                    sum += differences(&last[from..from + len], &next[to..to + len]);
                    if sum >= most {
                        break;
                    }
                }
                sum
            };
            let mut least = of([0, 0], f64::INFINITY);
            for down in -REACH..=REACH {
                for right in -REACH..=REACH {
                    if least == 0.0 {
                        break;
                    }
                    least = least.min(of([down, right], least));
                }
            }
            sum += least;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clip of 16x32 pixels with a white 6x6 square on black, at one of these columns in each
    /// frame.
    fn square(columns: &[usize]) -> Clip {
        let pixel = |t: usize, y: usize, x: usize| {
            let is_in = (5..11).contains(&y) && (columns[t]..columns[t] + 6).contains(&x);
            if is_in { 255 } else { 0 }
        };
        let (h, w) = (16, 32);
        let data = (0..columns.len() * h * w).map(|k| pixel(k / (h * w), k / w % h, k % w));
        Clip::new([columns.len(), h, w, 1], 8.0, data.collect()).unwrap()
    }

    #[test]
    fn shifts_are_explained() {
        let motion = Motion::of(&square(&[10, 12, 14, 16])).unwrap();
        // Of 8 columns, 2 become white and 2 become black: 4 of 8 change.
        assert!((motion.change - 0.5).abs() < 1e-6, "{motion:?}");
        assert_eq!((motion.warp, motion.flicker, motion.frozen), (0.0, 0.0, 0.0));
    }

    #[test]
    fn what_stands_and_what_jumps_is_told() {
        let still = Motion::of(&square(&[3; 4])).unwrap();
        assert_eq!((still.change, still.frozen), (0.0, 1.0));
        let jumps = Motion::of(&square(&[3, 20, 3, 20])).unwrap();
        assert!(jumps.warp > 0.5 && jumps.flicker > 0.9, "{jumps:?}");
        assert_eq!(Motion::of(&square(&[3])), None);
    }
}
