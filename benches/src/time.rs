//! Measures several programs in turn.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use crate::peer::{Answer, Peers, Rival};

/// Shortest duration of a measurement in seconds; shorter work is repeated.
pub const LEAST: f64 = 0.03;
/// Pause between two measurements, in which the threads of the last one go to sleep.
pub const PAUSE: Duration = Duration::from_millis(10);

/// Median seconds of one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    pub ours: f64,
    pub rivals: Vec<(Rival, f64)>,
    /// How PyTorch did it.
    pub way: String,
}

impl Timing {
    /// Linear interpolation from `self` (`share` = 0) to `other` (`share` = 1).
    pub fn between(&self, other: &Self, share: f64) -> Self {
        let mean = |a: f64, b: f64| a + share * (b - a);
        let rivals = self.rivals.iter().filter_map(|&(rival, seconds)| {
            let (_, others) = other.rivals.iter().find(|(who, _)| *who == rival)?;
            Some((rival, mean(seconds, *others)))
        });
        Self { ours: mean(self.ours, other.ours), rivals: rivals.collect(), way: self.way.clone() }
    }
}

/// Measures `ours` and the rivals' answers to `request` in turn, `repeats` times, after two calls of
/// each that do not count. `wait` waits until the work of `ours` is done.
pub fn alternate(
    repeats: usize,
    mut ours: impl FnMut() -> Result<()>,
    wait: impl Fn() -> Result<()>,
    peers: &mut Peers,
    rivals: &[Rival],
    request: &Value,
) -> Result<Timing> {
    let mut time = |times: usize| -> Result<f64> {
        let start = Instant::now();
        (0..times).try_for_each(|_| ours())?;
        wait()?;
        Ok(start.elapsed().as_secs_f64())
    };
    let enough = |one: f64| ((LEAST / one.max(1e-7)).ceil() as usize).max(1);
    time(1)?;
    let times = enough(time(1)?);
    let (mut way, mut able) = (String::new(), Vec::new());
    for &rival in rivals {
        match peers.time(rival, request, 1)? {
            Some(Answer::Took { .. }) => {}
            Some(Answer::Skipped(why)) if rival == Rival::Compiled => {
                way += &format!("; compiled: {}", why.replace('|', "/"));
                continue;
            }
            _ => continue,
        }
        let Some(Answer::Took { seconds, way: how }) = peers.time(rival, request, 1)? else {
            continue;
        };
        able.push((rival, enough(seconds), Vec::new()));
        if rival == Rival::PyTorch {
            way = how;
        }
    }
    let mut of_ours = Vec::new();
    for _ in 0..repeats {
        std::thread::sleep(PAUSE);
        of_ours.push(time(times)? / times as f64);
        for (rival, times, seconds) in &mut able {
            std::thread::sleep(PAUSE);
            if let Some(Answer::Took { seconds: all, .. }) = peers.time(*rival, request, *times)? {
                seconds.push(all / *times as f64);
            }
        }
    }
    let rivals = able.into_iter().filter(|(.., seconds)| !seconds.is_empty());
    let rivals = rivals.map(|(rival, _, seconds)| (rival, median(seconds))).collect();
    Ok(Timing { ours: median(of_ours), rivals, way })
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        for (values, wanted) in
            [(vec![3.0], 3.0), (vec![9.0, 1.0, 2.0], 2.0), (vec![4.0, 2.0], 3.0)]
        {
            assert_eq!(median(values), wanted);
        }
    }

    #[test]
    fn between_two() {
        let timing = |ours, rivals: &[(Rival, f64)]| Timing {
            ours,
            rivals: rivals.to_vec(),
            way: String::new(),
        };
        use Rival::{Compiled, PyTorch};
        let without = timing(1.0, &[(PyTorch, 2.0), (Compiled, 1.5)]);
        let with = timing(5.0, &[(PyTorch, 4.0)]);
        assert_eq!(without.between(&with, 0.25), timing(2.0, &[(PyTorch, 2.5)]));
    }

    #[test]
    fn what_is_short_is_repeated() {
        let mut calls = 0;
        let mut run = || {
            calls += 1;
            std::thread::sleep(Duration::from_millis(5));
            Ok(())
        };
        let mut peers = Peers::default();
        let timing =
            alternate(1, &mut run, || Ok(()), &mut peers, &[Rival::PyTorch], &Value::Null).unwrap();
        assert!(timing.ours >= 0.005 && timing.rivals.is_empty(), "{timing:?}");
        assert!((3..=8).contains(&calls), "{calls}");
    }
}
