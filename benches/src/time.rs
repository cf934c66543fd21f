//! Two programs measured in turn.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use crate::peer::Peer;

/// A measurement lasts at least this long, by repeating what is short.
const LEAST: f64 = 0.03;
/// Between two measurements, so that the threads of the one before have gone to sleep.
const PAUSE: Duration = Duration::from_millis(10);

/// Median seconds for one of whatever is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    pub ours: f64,
    pub peer: Option<f64>,
    pub formats: String,
}

/// Measures `ours` and, with a peer, what it does upon `request`, in turn, `repeats` times, after
/// a first call of each that does not count.
pub fn alternate(
    repeats: usize,
    mut ours: impl FnMut() -> Result<()>,
    mut peer: Option<(&mut Peer, Value)>,
) -> Result<Timing> {
    let mut time = |times: usize| -> Result<f64> {
        let start = Instant::now();
        (0..times).try_for_each(|_| ours())?;
        Ok(start.elapsed().as_secs_f64())
    };
    let enough = |one: f64| ((LEAST / one.max(1e-7)).ceil() as usize).max(1);
    time(1)?;
    let times = enough(time(1)?);
    let (mut formats, mut peer_times) = (String::new(), 1);
    if let Some((peer, request)) = &mut peer {
        peer.time(request, 1)?;
        let one;
        (one, formats) = peer.time(request, 1)?;
        peer_times = enough(one);
    }
    let (mut of_ours, mut of_peer) = (Vec::new(), Vec::new());
    for _ in 0..repeats {
        std::thread::sleep(PAUSE);
        of_ours.push(time(times)? / times as f64);
        if let Some((peer, request)) = &mut peer {
            std::thread::sleep(PAUSE);
            of_peer.push(peer.time(request, peer_times)?.0 / peer_times as f64);
        }
    }
    let peer = (!of_peer.is_empty()).then(|| median(of_peer));
    Ok(Timing { ours: median(of_ours), peer, formats })
}

fn median(mut values: Vec<f64>) -> f64 {
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
    fn what_is_short_is_repeated() {
        let mut calls = 0;
        let mut run = || {
            calls += 1;
            std::thread::sleep(Duration::from_millis(5));
            Ok(())
        };
        let timing = alternate(1, &mut run, None).unwrap();
        assert!(timing.ours >= 0.005 && timing.peer.is_none(), "{timing:?}");
        assert!((3..=8).contains(&calls), "{calls}");
    }
}
