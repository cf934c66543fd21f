//! The path of a shape's centre.

pub(super) const FRAMES: usize = 16;
pub(super) const SIZE: usize = 64;

/// The length of a straight path, in pixels, along each axis on which the shape moves.
const TRAVEL: f32 = 20.0;
/// The radius of a circular path, in pixels.
const ORBIT: f32 = 10.0;
/// The amplitude of a zigzag, in pixels.
const SWING: f32 = 6.0;
/// The distance, in pixels, from the middle of the picture to the middle of a path at another place.
const ASIDE: f32 = 9.0;

/// The centre of a shape at each frame, `[x, y]` in pixels from the upper left corner. `place` is the direction
/// from the middle of the picture to the middle of the path. A shape of radius 12 never leaves the picture.
pub(super) fn path(motion: &str, place: [f32; 2]) -> [[f32; 2]; FRAMES] {
    let direction = match motion {
        "left" => [-1.0, 0.0],
        "right" | "zigzag" => [1.0, 0.0],
        "up" => [0.0, -1.0],
        "down" => [0.0, 1.0],
        "up left" => [-1.0, -1.0],
        "up right" => [1.0, -1.0],
        "down left" => [-1.0, 1.0],
        "down right" => [1.0, 1.0],
        _ => [0.0, 0.0],
    };
    let middle = place.map(|side| SIZE as f32 / 2.0 + ASIDE * side);
    std::array::from_fn(|frame| {
        // From 0 (first frame) to 1 (last frame).
        let phase = frame as f32 / (FRAMES - 1) as f32;
        let straight = direction.map(|d| d * TRAVEL * (phase - 0.5));
        let aside = match motion {
            // Clockwise, from the top.
            "circle" => {
                let (sin, cos) = (std::f32::consts::TAU * frame as f32 / FRAMES as f32).sin_cos();
                [ORBIT * sin, -ORBIT * cos]
            }
            "zigzag" => [0.0, SWING * (1.0 - 4.0 * ((2.0 * phase).fract() - 0.5).abs())],
            _ => [0.0, 0.0],
        };
        [0, 1].map(|axis| middle[axis] + straight[axis] + aside[axis])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_stays_inside() {
        for motion in super::super::MOTIONS {
            for (_, place) in super::super::PLACES {
                for centre in path(motion, place) {
                    let inside = centre.iter().all(|x| (12.5..=51.5).contains(x));
                    assert!(inside, "{motion} {place:?} {centre:?}");
                }
            }
        }
    }
}
