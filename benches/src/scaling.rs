//! The cost of a training step as a function of batch, frames, side and threads.

use std::fmt::Write;
use std::time::Instant;

use anyhow::{Context, Result};
use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_train::{Config, State};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::bench::Bench;
use crate::row::{Row, Table, Unit};
use crate::time::{PAUSE, median};
use crate::workload::Workload;

/// A quantity that changes while all others stay as in the preset.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Axis {
    Batch,
    Frames,
    /// Pixels along an edge.
    Side,
    Threads,
}

/// Clips per second at some values of an axis.
struct Curve {
    axis: Axis,
    points: Vec<(usize, f64)>,
    /// The point from which proportional cost is computed.
    base: (usize, f64),
}

/// The measurements of one point.
struct Run {
    pool: ThreadPool,
    device: CpuDevice,
    workload: Workload,
    state: Option<State<CpuTensor>>,
    seconds: Vec<f64>,
}

impl Axis {
    const ALL: [Self; 4] = [Self::Batch, Self::Frames, Self::Side, Self::Threads];

    fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Frames => "frames",
            Self::Side => "side",
            Self::Threads => "threads",
        }
    }

    /// The value of the preset and values below and above it, in powers of two; for threads, up to all.
    fn values(self, config: &Config, threads: usize) -> Vec<usize> {
        let (halvings, doublings) = match self {
            Self::Batch => (4, 2),
            Self::Frames => (2, 2),
            // Four times the side is sixteen times the memory.
            Self::Side => (1, if config.clip.height > 32 { 1 } else { 2 }),
            Self::Threads => (0, threads.ilog2()),
        };
        let base = self.base(config);
        let below = (1..=halvings).rev().filter(|n| base.is_multiple_of(1 << n)).map(|n| base >> n);
        let mut values: Vec<usize> = below.chain((0..=doublings).map(|n| base << n)).collect();
        if self == Self::Threads && !threads.is_power_of_two() {
            values.push(threads);
        }
        values
    }

    /// The value of the preset itself; for threads, one.
    fn base(self, config: &Config) -> usize {
        match self {
            Self::Batch => config.train.batch,
            Self::Frames => config.clip.frames,
            Self::Side => config.clip.height,
            Self::Threads => 1,
        }
    }

    fn set(self, value: usize) -> Vec<String> {
        match self {
            Self::Batch => vec![format!("train.batch={value}")],
            Self::Frames => vec![format!("clip.frames={value}")],
            Self::Side => vec![format!("clip.height={value}"), format!("clip.width={value}")],
            Self::Threads => Vec::new(),
        }
    }

    /// Clips per second at `value` if cost were proportional to the work, given the point `base`.
    fn expected(self, base: (usize, f64), value: usize) -> f64 {
        let more = value as f64 / base.0 as f64;
        base.1
            * match self {
                Self::Batch => 1.0,
                Self::Frames => 1.0 / more,
                Self::Side => 1.0 / (more * more),
                Self::Threads => more,
            }
    }
}

/// Measures steps without the penalty along each axis, and draws them.
///
/// Returns an SVG, unless the filter leaves out an axis.
pub fn measure(workload: &Workload, bench: &mut Bench) -> Result<Option<String>> {
    let Workload { preset, config, .. } = workload;
    bench.section(&format!("{preset}: scaling"), Table::Scaling);
    let mut curves = Vec::new();
    for axis in Axis::ALL {
        let name = |value: usize| format!("{preset}/scaling, {} {value}", axis.name());
        let values = axis.values(config, rayon::current_num_threads());
        if !values.iter().any(|&value| bench.wants(&name(value))) {
            continue;
        }
        let curve = curve(workload, axis, &values, bench)?;
        for &(value, ours) in &curve.points {
            bench.add(Row {
                name: name(value),
                unit: Unit::Clips,
                ours,
                rivals: Vec::new(),
                remark: format!("{:.2}", ours / axis.expected(curve.base, value)),
                dense: false,
            });
        }
        curves.push(curve);
    }
    Ok((curves.len() == Axis::ALL.len()).then(|| svg(preset, &curves)))
}

/// Measures all points in turn, so that other programs on the machine disturb all of them alike.
fn curve(workload: &Workload, axis: Axis, values: &[usize], bench: &Bench) -> Result<Curve> {
    let Workload { preset, config, .. } = workload;
    let mut runs = values
        .iter()
        .map(|&value| {
            let threads = if axis == Axis::Threads { value } else { rayon::current_num_threads() };
            let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
            let workload = Workload::new(preset, &[&bench.set[..], &axis.set(value)].concat())?;
            // One device each, or the memory of the largest would evict that of the others.
            Ok(Run { pool, device: CpuDevice::new(), workload, state: None, seconds: Vec::new() })
        })
        .collect::<Result<Vec<Run>>>()?;
    // Other programs disturb runs on several threads most, so these are measured more often.
    let repeats = if axis == Axis::Threads { 9 * bench.repeats } else { bench.repeats };
    for round in 0..=repeats {
        for Run { pool, device, workload, state, seconds } in &mut runs {
            std::thread::sleep(PAUSE);
            let config = workload.config_with(false);
            let taken = match state.take() {
                Some(state) => state,
                None => workload.state::<CpuTensor>(device)?,
            };
            let start = Instant::now();
            *state = Some(pool.install(|| workload.step(taken, device, &config))?.0);
            // The first step does not count: the memory pool is empty.
            if round > 0 {
                seconds.push(start.elapsed().as_secs_f64());
            }
        }
    }
    let points: Vec<(usize, f64)> = values
        .iter()
        .zip(runs)
        .map(|(&value, run)| (value, run.workload.config.train.batch as f64 / median(run.seconds)))
        .collect();
    let base = points.iter().find(|(value, _)| *value == axis.base(config));
    let base = *base.context("the value of the preset was not measured")?;
    Ok(Curve { axis, points, base })
}

/// A panel for each curve, with both axes logarithmic; the dashed line is the speed at proportional cost.
fn svg(preset: &str, curves: &[Curve]) -> String {
    const W: f64 = 240.0;
    const H: f64 = 220.0;
    const LEFT: f64 = 52.0;
    const TOP: f64 = 40.0;
    const RIGHT: f64 = 12.0;
    const BOTTOM: f64 = 40.0;
    let width = W * curves.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {H}\" width=\"{width}\" \
         height=\"{H}\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#222\">\n\
         <title>{preset}: clips per second of a training step</title>\n\
         <rect width=\"{width}\" height=\"{H}\" fill=\"#fff\"/>\n"
    );
    // Writing to a string cannot fail.
    let mut add = |line: std::fmt::Arguments| writeln!(svg, "{line}").unwrap_or_default();
    for (number, Curve { axis, points, base }) in curves.iter().enumerate() {
        let ideal: Vec<(usize, f64)> =
            points.iter().map(|&(value, _)| (value, axis.expected(*base, value))).collect();
        let rates = || points.iter().chain(&ideal).map(|point| point.1);
        // Whole octaves: each power of two gets a line.
        let low = rates().fold(f64::INFINITY, f64::min).log2().floor();
        let high = rates().fold(0.0, f64::max).log2().ceil().max(low + 1.0);
        let [first, last] =
            [points.first(), points.last()].map(|point| point.map_or(1.0, |p| p.0 as f64).log2());
        let left = W * number as f64 + LEFT;
        let x = |value: usize| {
            left + ((value as f64).log2() - first) / (last - first).max(1.0) * (W - LEFT - RIGHT)
        };
        let y = |rate: f64| H - BOTTOM - (rate.log2() - low) / (high - low) * (H - TOP - BOTTOM);
        let right = W * (number + 1) as f64 - RIGHT;
        let mut octave = low;
        while octave <= high {
            let (at, rate) = (y(octave.exp2()), octave.exp2());
            add(format_args!(
                "<path d=\"M{left:.1} {at:.1}H{right:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{rate}</text>",
                left - 6.0,
                at + 4.0
            ));
            octave += 1.0;
        }
        let path = |points: &[(usize, f64)]| {
            let places: Vec<String> =
                points.iter().map(|&(v, rate)| format!("{:.1} {:.1}", x(v), y(rate))).collect();
            format!("M{}", places.join("L"))
        };
        add(format_args!(
            "<path d=\"{}\" fill=\"none\" stroke=\"#888\" stroke-dasharray=\"4 3\"/>\n\
             <path d=\"{}\" fill=\"none\" stroke=\"#1668b8\" stroke-width=\"2\"/>",
            path(&ideal),
            path(points)
        ));
        for &(value, rate) in points {
            add(format_args!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#1668b8\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value}</text>",
                x(value),
                y(rate),
                x(value),
                H - BOTTOM + 16.0
            ));
        }
        add(format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text x=\"{left:.1}\" y=\"24\" font-weight=\"bold\">clips/s by {}</text>",
            (left + right) / 2.0,
            H - 8.0,
            match axis {
                Axis::Side => "side in pixels",
                other => other.name(),
            },
            axis.name()
        ));
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_proportional() {
        for (axis, wanted) in
            [(Axis::Batch, 12.0), (Axis::Frames, 6.0), (Axis::Side, 3.0), (Axis::Threads, 24.0)]
        {
            assert_eq!(axis.expected((4, 12.0), 8), wanted);
        }
        let config = Config::preset("lpc", &[]).unwrap();
        let values = |axis: Axis, threads| axis.values(&config, threads);
        assert_eq!(values(Axis::Batch, 1), [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(values(Axis::Frames, 1), [2, 4, 8, 16, 32]);
        assert_eq!(values(Axis::Side, 1), [32, 64, 128]);
        // A decoder with one doubling less allows smaller films.
        let small = Config::preset("shapes", &[]).unwrap();
        assert_eq!(Axis::Side.values(&small, 1), [16, 32, 64, 128]);
        assert_eq!(values(Axis::Threads, 1), [1]);
        assert_eq!(values(Axis::Threads, 2), [1, 2]);
        assert_eq!(values(Axis::Threads, 6), [1, 2, 4, 6]);
    }

    #[test]
    fn the_drawing_has_a_panel_for_each() {
        let curves: Vec<Curve> = Axis::ALL
            .into_iter()
            .map(|axis| Curve { axis, points: vec![(1, 3.0), (2, 5.0)], base: (1, 3.0) })
            .collect();
        let drawn = svg("p", &curves);
        assert_eq!(drawn.matches("<circle").count(), 8);
        assert_eq!(drawn.matches("clips/s by ").count(), 4);
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }
}
