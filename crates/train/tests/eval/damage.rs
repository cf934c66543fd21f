//! Ways to damage real clips.

use kinora_tensor::Random;
use kinora_video::{Caption, Clip};

fn with_frames(clip: &Clip, frames: impl Iterator<Item = usize>) -> Clip {
    let data: Vec<u8> = frames.flat_map(|t| clip.frame(t).to_vec()).collect();
    Clip::new(clip.dims(), clip.fps(), data).unwrap()
}

pub fn whole(_: usize, clip: &Clip) -> Clip {
    clip.clone()
}

pub fn reversed(_: usize, clip: &Clip) -> Clip {
    with_frames(clip, (0..clip.dims()[0]).rev())
}

pub fn frozen(_: usize, clip: &Clip) -> Clip {
    with_frames(clip, (0..clip.dims()[0]).map(|_| 0))
}

pub fn shuffled(k: usize, clip: &Clip) -> Clip {
    let mut order: Vec<usize> = (0..clip.dims()[0]).collect();
    Random::new(k as u64, 0).shuffle(&mut order);
    with_frames(clip, order.into_iter())
}

/// About one pixel in 25 gets a random colour, half-transparent if there is alpha.
pub fn speckled(k: usize, clip: &Clip) -> Clip {
    let mut random = Random::new(k as u64, 1);
    let c = clip.dims()[3];
    let mut data = clip.data().to_vec();
    for pixel in data.chunks_exact_mut(c) {
        if random.below(25) == 0 {
            pixel[..3].iter_mut().for_each(|value| *value = random.below(256) as u8);
            if let Some(alpha) = pixel.get_mut(3) {
                *alpha = 128 + random.below(80) as u8;
            }
        }
    }
    Clip::new(clip.dims(), clip.fps(), data).unwrap()
}

/// Each clip with the caption of the next.
pub fn permuted(clips: &[(Caption, Clip)]) -> Vec<(Caption, Clip)> {
    let captions = clips.iter().map(|(caption, _)| caption.clone()).cycle().skip(1);
    captions.zip(clips.iter().map(|(_, clip)| clip.clone())).collect()
}
