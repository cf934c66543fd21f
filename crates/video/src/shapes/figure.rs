//! Signed distances to the edges of shapes, after Inigo Quilez, "2D distance functions"
//! (<https://iquilezles.org/articles/distfunctions2d/>).

/// A shape that fits the square from -1 to 1; y points down.
pub(super) enum Figure {
    /// A band around the circle of `radius`; a disc if the band reaches the centre.
    Round {
        /// Radius of the band's middle line.
        radius: f32,
        /// Half the width of the band.
        half: f32,
    },
    Heart,
    Polygon(Vec<[f32; 2]>),
}

impl Figure {
    pub(super) fn new(shape: &str) -> Self {
        match shape {
            "circle" => Self::Round { radius: 0.0, half: 0.92 },
            "ring" => Self::Round { radius: 0.72, half: 0.22 },
            "heart" => Self::Heart,
            "triangle" => Self::Polygon(vec![[0.0, -0.95], [0.95, 0.8], [-0.95, 0.8]]),
            "diamond" => Self::Polygon(vec![[0.0, -1.0], [0.68, 0.0], [0.0, 1.0], [-0.68, 0.0]]),
            "star" => Self::Polygon(
                (0..10)
                    .map(|corner| {
                        let radius = if corner % 2 == 0 { 1.0 } else { 0.42 };
                        let angle = std::f32::consts::PI * corner as f32 / 5.0;
                        [radius * angle.sin(), -radius * angle.cos()]
                    })
                    .collect(),
            ),
            "cross" => {
                let (arm, end) = (0.32, 0.95);
                let quarter = [[arm, -end], [arm, -arm], [end, -arm]];
                let turn = |[x, y]: [f32; 2]| [-y, x];
                let mut corners = quarter.to_vec();
                for from in 0..9 {
                    corners.push(turn(corners[from]));
                }
                Self::Polygon(corners)
            }
            _ => Self::Polygon(vec![[-0.82, -0.82], [0.82, -0.82], [0.82, 0.82], [-0.82, 0.82]]),
        }
    }

    /// The share, 0 to 1, of a pixel that the shape covers. `at` is the middle of the pixel, in
    /// pixels from the centre of the shape. The edge counts as straight within the pixel.
    pub(super) fn cover(&self, at: [f32; 2], radius: f32) -> f32 {
        (0.5 - self.distance(at.map(|x| x / radius)) * radius).clamp(0.0, 1.0)
    }

    /// The signed distance of `p` to the edge, negative inside.
    fn distance(&self, p: [f32; 2]) -> f32 {
        match self {
            Self::Round { radius, half } => (p[0].hypot(p[1]) - radius).abs() - half,
            Self::Heart => heart(p),
            Self::Polygon(corners) => polygon(p, corners),
        }
    }
}

fn heart(p: [f32; 2]) -> f32 {
    // The heart of the formula has its tip at (0, 0) and a height of 1.1, and y points up.
    const SCALE: f32 = 0.6;
    let (x, y) = ((p[0] * SCALE).abs(), 0.55 - p[1] * SCALE);
    let distance = if x + y > 1.0 {
        (x - 0.25).hypot(y - 0.75) - std::f32::consts::SQRT_2 / 4.0
    } else {
        let half = 0.5 * (x + y).max(0.0);
        let nearest = x.hypot(y - 1.0).min((x - half).hypot(y - half));
        if x < y { -nearest } else { nearest }
    };
    distance / SCALE
}

fn polygon(p: [f32; 2], corners: &[[f32; 2]]) -> f32 {
    let mut nearest = f32::INFINITY;
    let mut inside = false;
    let mut previous = corners[corners.len() - 1];
    for &corner in corners {
        let edge = [previous[0] - corner[0], previous[1] - corner[1]];
        let to = [p[0] - corner[0], p[1] - corner[1]];
        let length = edge[0] * edge[0] + edge[1] * edge[1];
        let along = ((to[0] * edge[0] + to[1] * edge[1]) / length).clamp(0.0, 1.0);
        let off = [to[0] - edge[0] * along, to[1] - edge[1] * along];
        nearest = nearest.min(off[0] * off[0] + off[1] * off[1]);
        // A point is inside if a horizontal ray from it crosses an odd number of edges.
        if (corner[1] > p[1]) != (previous[1] > p[1]) && to[0] < edge[0] * to[1] / edge[1] {
            inside = !inside;
        }
        previous = corner;
    }
    if inside { -nearest.sqrt() } else { nearest.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_adds_up_to_the_area() {
        let (radius, half) = (12.0_f32, 16);
        for shape in super::super::SHAPES {
            let figure = Figure::new(shape);
            let (mut covered, mut area, mut extent) = (0.0, 0.0, 0.0_f32);
            for y in -half..half {
                for x in -half..half {
                    covered += figure.cover([x as f32 + 0.4, y as f32 + 0.3], radius);
                    // The area, counted at 64 points per pixel.
                    for point in 0..64 {
                        let at = [(point % 8) as f32, (point / 8) as f32].map(|v| v / 8.0 + 0.0625);
                        let at = [(x as f32 + at[0]) / radius, (y as f32 + at[1]) / radius];
                        if figure.distance(at) < 0.0 {
                            area += 1.0 / 64.0;
                            extent = extent.max(at[0].abs()).max(at[1].abs());
                        }
                    }
                }
            }
            assert!((covered - area).abs() < 0.02 * area, "{shape}: {covered} for {area}");
            assert!((0.8..=1.01).contains(&extent), "{shape} reaches {extent}");
        }
    }
}
