//! Conversion between the bytes of a clip and the numbers of a network.
//!
//! A network sees each channel in [-1, 1]. Its colours are premultiplied by alpha, so that all
//! transparent pixels have one colour and edges can be averaged.

use kinora_video::Clip;

use crate::{ClipConfig, Result};

/// A pixel with less alpha than this (of 1) becomes empty: its colour would be noise.
const FAINT: f32 = 0.06;

/// The numbers of a clip, `[t, h, w, c]` in [-1, 1].
pub fn to_values(clip: &Clip) -> Vec<f32> {
    let signed = |byte: f32| byte * (2.0 / 255.0) - 1.0;
    match clip.dims()[3] {
        4 => {
            let premultiply = |p: &[u8; 4]| {
                let alpha = f32::from(p[3]);
                let colour = |k: usize| signed(f32::from(p[k]) * alpha / 255.0);
                [colour(0), colour(1), colour(2), signed(alpha)]
            };
            let (pixels, _) = clip.data().as_chunks();
            pixels.iter().map(premultiply).collect::<Vec<_>>().into_flattened()
        }
        _ => clip.data().iter().map(|&byte| signed(f32::from(byte))).collect(),
    }
}

/// The clip of a network's numbers `[t, h, w, c]`. Numbers beyond [-1, 1] are clamped.
///
/// # Errors
/// If the count of numbers is not that of a clip of this size.
pub fn to_clip(values: &[f32], config: &ClipConfig) -> Result<Clip> {
    let unit = |value: f32| (value * 0.5 + 0.5).clamp(0.0, 1.0);
    let byte = |unit: f32| (unit * 255.0).round() as u8;
    let data = match config.channels {
        4 => {
            let divide = |p: &[f32]| match unit(p[3]) {
                alpha if alpha < FAINT => [0; 4],
                alpha => {
                    let colour = |k: usize| byte((unit(p[k]) / alpha).min(1.0));
                    [colour(0), colour(1), colour(2), byte(alpha)]
                }
            };
            values.chunks_exact(4).flat_map(divide).collect()
        }
        _ => values.iter().map(|&value| byte(unit(value))).collect(),
    };
    Ok(Clip::new(config.dims(), config.fps, data)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(channels: usize) -> ClipConfig {
        ClipConfig { frames: 1, height: 1, width: 3, channels, fps: 8.0 }
    }

    #[test]
    fn bytes_come_back() {
        for channels in [1, 3] {
            let data: Vec<u8> = (0..3 * channels).map(|i| (i * 28) as u8).collect();
            let clip = Clip::new([1, 1, 3, channels], 8.0, data).unwrap();
            assert_eq!(to_clip(&to_values(&clip), &config(channels)).unwrap(), clip);
        }
    }

    #[test]
    fn alpha_comes_back() {
        let opaque_half_none = vec![10, 200, 255, 255, 40, 80, 120, 128, 0, 0, 0, 0];
        let clip = Clip::new([1, 1, 3, 4], 8.0, opaque_half_none).unwrap();
        let back = to_clip(&to_values(&clip), &config(4)).unwrap();
        for (a, b) in clip.data().iter().zip(back.data()) {
            assert!(a.abs_diff(*b) <= 1, "{clip:?} {back:?}");
        }
    }

    #[test]
    fn what_is_faint_is_empty() {
        let clip = to_clip(&[0.3; 12].map(|x: f32| x - 1.2), &config(4)).unwrap();
        assert_eq!(clip.data(), [0; 12]);
    }
}
