//! The path of a shape's centre.

pub(super) const FRAMES: usize = 16;
pub(super) const SIZE: usize = 64;

/// The centre of a shape at each frame, `[x, y]` in pixels from the upper left corner. A shape of
/// radius `radius` around it never leaves the picture.
pub(super) fn path(motion: &str, radius: f32, rng: &mut fastrand::Rng) -> [[f32; 2]; FRAMES] {
    let direction = match motion {
        "left" => [-1.0, 0.0],
        "right" => [1.0, 0.0],
        "up" => [0.0, -1.0],
        "down" => [0.0, 1.0],
        "up left" => [-1.0, -1.0],
        "up right" => [1.0, -1.0],
        "down left" => [-1.0, 1.0],
        "down right" => [1.0, 1.0],
        _ => [0.0, 0.0],
    };
    let sign = if rng.bool() { 1.0 } else { -1.0 };
    // Offsets from the middle of the path; `phase` goes from 0 (first frame) to 1 (last frame).
    let travel = between(rng, 22.0, 31.0);
    let orbit = between(rng, 10.0, 15.0);
    let swing = between(rng, 6.0, 8.0);
    let start = between(rng, 0.0, std::f32::consts::TAU);
    let offset = |frame: usize| -> [f32; 2] {
        let phase = frame as f32 / (FRAMES - 1) as f32;
        match motion {
            "circle" => {
                let angle = start + sign * std::f32::consts::TAU * frame as f32 / FRAMES as f32;
                [orbit * angle.cos(), orbit * angle.sin()]
            }
            "zigzag" => {
                let wave = 1.0 - 4.0 * ((2.0 * phase).fract() - 0.5).abs();
                [sign * travel * (phase - 0.5), swing * wave]
            }
            _ => direction.map(|d| d * travel * (phase - 0.5)),
        }
    };
    let offsets: [[f32; 2]; FRAMES] = std::array::from_fn(offset);
    let middle: [f32; 2] = std::array::from_fn(|axis| {
        let reach = offsets.iter().map(|o| o[axis].abs()).fold(0.0, f32::max) + radius + 0.5;
        between(rng, reach, SIZE as f32 - reach)
    });
    offsets.map(|o| [middle[0] + o[0], middle[1] + o[1]])
}

fn between(rng: &mut fastrand::Rng, from: f32, to: f32) -> f32 {
    from + (to - from) * rng.f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_stays_inside() {
        let mut rng = fastrand::Rng::with_seed(1);
        for motion in super::super::MOTIONS {
            for _ in 0..500 {
                for centre in path(motion, 14.0, &mut rng) {
                    assert!(
                        centre.iter().all(|x| (14.0..=50.0).contains(x)),
                        "{motion} {centre:?}"
                    );
                }
            }
        }
    }
}
