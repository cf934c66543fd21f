//! The state of a run: peers, options, and the rows measured so far.

use anyhow::Result;
use serde_json::Value;

use crate::peak::Peak;
use crate::peer::{Peers, Rival};
use crate::row::{Row, Table, Unit};
use crate::time::{self, Timing};

pub struct Bench {
    pub peers: Peers,
    pub peak: Peak,
    pub repeats: usize,
    /// Only rows whose names contain this text are measured.
    pub filter: String,
    /// Keys of the presets that are changed: `key=value`.
    pub set: Vec<String>,
    pub rows: Vec<Row>,
    /// The printed text.
    pub text: String,
    table: Table,
    /// A heading that is printed with its first row.
    heading: Option<String>,
}

impl Bench {
    pub fn new(peers: Peers, peak: Peak, repeats: usize, filter: &str, set: &[String]) -> Self {
        Self {
            peers,
            peak,
            repeats,
            filter: filter.into(),
            set: set.to_vec(),
            rows: Vec::new(),
            text: String::new(),
            table: Table::Scaling,
            heading: None,
        }
    }

    /// Prints a line and keeps it.
    pub fn say(&mut self, line: &str) {
        println!("{line}");
        self.text += line;
        self.text.push('\n');
    }

    pub fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }

    /// Starts a table below a heading, for the rows that follow.
    pub fn section(&mut self, heading: &str, table: Table) {
        self.table = table;
        self.heading = Some(format!("\n## {heading}\n\n{}", table.head()));
    }

    /// Prints and keeps a row, if the filter wants it.
    pub fn add(&mut self, row: Row) {
        if !self.wants(&row.name) {
            return;
        }
        if let Some(heading) = self.heading.take() {
            self.say(&heading);
        }
        self.say(&self.table.line(&row));
        self.rows.push(row);
    }

    /// Measures `ours` and the rivals' answers to `request` in turn, `times * repeats` times. Short
    /// measurements need more repeats, because another program can disturb a whole measurement.
    pub fn time(
        &mut self,
        times: usize,
        ours: impl FnMut() -> Result<()>,
        rivals: &[Rival],
        request: Value,
    ) -> Result<Timing> {
        let at_once = || Ok(());
        time::alternate(times * self.repeats, ours, at_once, &mut self.peers, rivals, &request)
    }

    /// A summary of all convolutions; empty if there are none.
    pub fn summary(&self) -> Vec<String> {
        let of = |rival| -> Vec<(f64, &str)> {
            let convs = self.rows.iter().filter(|row| row.unit == Unit::Gflops);
            let mut ratios: Vec<(f64, &str)> =
                convs.filter_map(|row| Some((row.ratio(rival)?, row.name.as_str()))).collect();
            ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
            ratios
        };
        let mut lines = Vec::new();
        for (rival, name) in
            [(Rival::PyTorch, "PyTorch"), (Rival::Burn, "burn"), (Rival::Candle, "candle")]
        {
            let ratios = of(rival);
            if let Some((lowest, which)) = ratios.first() {
                let mean = geometric_mean(ratios.iter().map(|(ratio, _)| *ratio));
                lines.push(format!(
                    "- against {name}, {} convolutions: geometric mean of the ratios {mean:.2}, \
                     the lowest {lowest:.2} ({which})",
                    ratios.len()
                ));
            }
        }
        let mut dense: Vec<&Row> = self.rows.iter().filter(|row| row.dense).collect();
        dense.sort_by(|a, b| a.ours.total_cmp(&b.ours));
        if let Some(slowest) = dense.first() {
            let share = |row: &Row| row.ours / self.peak.best() * 100.0;
            lines.push(format!(
                "- the {} convolutions of at least 100 MFLOP and 16 channels on both sides reach at \
                 least {:.0} % of the peak (the lowest: {})",
                dense.len(),
                share(slowest),
                slowest.name
            ));
        }
        lines
    }
}

fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = values.map(f64::ln).collect();
    (logs.iter().sum::<f64>() / logs.len() as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_is_lowest() {
        let mut bench = Bench::new(Peers::default(), Peak { fma: 200.0, gemm: 100.0 }, 1, "", &[]);
        assert!(bench.summary().is_empty());
        for (name, ours, theirs, dense) in
            [("a", 100.0, 50.0, true), ("b", 150.0, 300.0, true), ("c", 1.0, 1.0, false)]
        {
            bench.add(Row {
                name: name.into(),
                unit: Unit::Gflops,
                ours,
                rivals: vec![(Rival::PyTorch, theirs)],
                remark: String::new(),
                dense,
            });
        }
        let lines = bench.summary();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains("ratios 1.00, the lowest 0.50 (b)"), "{lines:?}");
        assert!(lines[1].contains("the 2 convolutions of"), "{lines:?}");
        assert!(lines[1].contains("50 % of"), "{lines:?}");
    }
}
