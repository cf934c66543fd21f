use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::measured::Metrics;
use crate::{Error, Result};

/// The sums of the metrics since the last line of the log. They are kept in checkpoints, so that a
/// resumed training writes the same lines as an unbroken one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// For each metric: the number of steps in which it was measured, and its sum over them.
    sums: BTreeMap<String, (u64, f64)>,
}

impl Window {
    pub fn add(&mut self, metrics: &Metrics) {
        for (&name, &metric) in metrics {
            let (steps, sum) = self.sums.entry(name.into()).or_default();
            *steps += 1;
            *sum += f64::from(metric);
        }
    }

    /// Returns the means by name, and empties the window.
    pub fn take(&mut self) -> BTreeMap<String, f64> {
        let sums = std::mem::take(&mut self.sums).into_iter();
        sums.map(|(name, (steps, sum))| (name, sum / steps as f64)).collect()
    }
}

/// One line of the log: means since the previous line.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// The last step of the line.
    pub step: u64,
    /// Clips seen since the training began.
    pub clips: u64,
    /// Means of losses, accuracies and gradient norms, by name.
    pub metrics: BTreeMap<String, f64>,
    /// Seconds of training so far, including those before the run was resumed.
    pub seconds: f64,
    /// Clips per second since the previous line.
    pub clips_per_second: f64,
    /// The CPU time for drawing the clips, as a share of one core.
    pub feed_share: f64,
}

impl LogLine {
    /// The line as a JSON object, with numbers rounded to six decimals.
    pub fn to_json(&self) -> String {
        let mut line = Map::new();
        let number = |value: f64| Value::from((value * 1e6).round() / 1e6);
        line.insert("step".into(), self.step.into());
        line.insert("clips".into(), self.clips.into());
        for (name, &value) in &self.metrics {
            line.insert(name.clone(), number(value));
        }
        line.insert("seconds".into(), number(self.seconds));
        line.insert("clips_per_second".into(), number(self.clips_per_second));
        line.insert("feed_share".into(), number(self.feed_share));
        Value::Object(line).to_string()
    }
}

/// The file `log.jsonl` of a run.
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    /// Opens the log and drops its lines after `step`, which a resumed run writes again. Also
    /// returns the seconds of training at the last line that stays.
    pub fn open(folder: &Path, step: u64) -> Result<(Self, f64)> {
        let path = folder.join("log.jsonl");
        let bytes = match kinora_video::read_regular(&path, u64::MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(Error::Read { path, source }),
        };
        // The log is not needed to resume, so damaged bytes are no error.
        let text = String::from_utf8_lossy(&bytes);
        let (mut kept, mut seconds) = (String::new(), 0.0);
        for line in text.lines() {
            // A run that was killed while it wrote leaves a truncated line.
            let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
            if value["step"].as_u64().is_some_and(|at| at <= step) {
                kept.extend([line, "\n"]);
                seconds = value["seconds"].as_f64().unwrap_or(seconds);
            }
        }
        kinora_video::write_atomic(&path, kept.as_bytes())?;
        Ok((Self { path }, seconds))
    }

    /// Adds a line of JSON.
    pub fn append(&self, line: &str) -> Result<()> {
        let fail = |error: std::io::Error| Error::Write {
            path: self.path.clone(),
            reason: error.to_string(),
        };
        let mut file = OpenOptions::new().append(true).open(&self.path).map_err(fail)?;
        file.write_all(format!("{line}\n").as_bytes()).map_err(fail)?;
        file.sync_data().map_err(fail)
    }
}
