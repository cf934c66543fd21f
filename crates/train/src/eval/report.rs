//! The report of an evaluation: rows of figures, as a table for people or as JSON for programs.

use std::fmt::Write;

use kinora_video::{Attributes, Caption, Clip};
use serde_json::{Map, Value, json};

use super::Figure;

/// The splits of a dataset, and their titles in the table.
pub(super) const TITLES: [(&str, &str); 2] = [
    ("seen", "combinations of attributes as in training"),
    ("held_out", "combinations that were held out"),
];

/// The figures of one metric for one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The metric, such as `accuracy`.
    pub metric: &'static str,
    /// The subject of the metric, such as an attribute or a region; empty for a metric of the whole
    /// set.
    pub of: String,
    /// The unit of the figures.
    pub unit: Unit,
    /// The figure of the films.
    pub films: Option<Figure>,
    /// The figure of the real clips, which a perfect model would reach.
    pub real: Option<Figure>,
    /// The figure of the films by the second network of the judge.
    pub second: Option<f64>,
}

/// The unit of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A share from 0 to 1, shown in percent.
    Share,
    /// A number, shown as it is.
    Number,
}

/// The rows of one split of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct SideReport {
    /// `seen` or `held_out`.
    pub name: &'static str,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A film beside the real clip of its caption.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// `seen` or `held_out`.
    pub side: &'static str,
    /// The caption of the real clip, from which the film was made.
    pub caption: Caption,
    /// The real clip.
    pub real: Clip,
    /// The film.
    pub film: Clip,
    /// The most probable value of each attribute of the film, by the first network of the judge.
    pub judged: Attributes,
}

/// The report of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The name of the model, and the number of steps that it was trained for.
    pub model: (String, u64),
    /// The spec of the dataset.
    pub data: String,
    /// Prompts of each split.
    pub prompts: usize,
    /// Films per prompt.
    pub seeds: usize,
    /// The split with combinations of attributes as in training, then the one with held-out combinations.
    pub sides: Vec<SideReport>,
    /// The films of the first prompts of each split.
    pub shown: Vec<Shown>,
}

impl Report {
    /// The row of a split with this metric and subject.
    pub fn row(&self, side: &str, metric: &str, of: &str) -> Option<&Row> {
        let side = self.sides.iter().find(|found| found.name == side)?;
        side.rows.iter().find(|row| row.metric == metric && row.of == of)
    }

    /// The report as an object:
    /// `{"model", "steps", "data", "prompts", "seeds", "seen": {..}, "held_out": {..}}`.
    /// A split has an object for each metric, which has an object for each subject (`all` if
    /// [`Row::of`] is empty):
    /// `{"value", "low", "high", "films", "real", "real_low", "real_high", "second"}`.
    /// A missing figure is null.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("model".into(), json!(self.model.0));
        object.insert("steps".into(), json!(self.model.1));
        object.insert("data".into(), json!(self.data));
        object.insert("prompts".into(), json!(self.prompts));
        object.insert("seeds".into(), json!(self.seeds));
        for side in &self.sides {
            let mut metrics = Map::new();
            for row in &side.rows {
                let of = if row.of.is_empty() { "all" } else { &row.of };
                let metric = metrics.entry(row.metric).or_insert_with(|| json!({}));
                let round = |value: Option<f64>| value.map(|value| (value * 1e6).round() / 1e6);
                let films = |part: fn(&Figure) -> f64| round(row.films.as_ref().map(part));
                let real = |part: fn(&Figure) -> f64| round(row.real.as_ref().map(part));
                metric[of] = json!({
                    "value": films(|figure| figure.value),
                    "low": films(|figure| figure.low),
                    "high": films(|figure| figure.high),
                    "films": row.films.map_or(0, |figure| figure.films),
                    "real": real(|figure| figure.value),
                    "real_low": real(|figure| figure.low),
                    "real_high": real(|figure| figure.high),
                    "second": round(row.second),
                });
            }
            object.insert(side.name.into(), metrics.into());
        }
        object.into()
    }

    /// A line of the log after `step` steps, with the object of [`Report::to_json`] under the key
    /// `eval`.
    pub(crate) fn to_log(&self, step: u64) -> String {
        json!({ "step": step, "eval": self.to_json() }).to_string()
    }

    /// The report as a table of plain text.
    pub fn to_table(&self) -> String {
        let lines = self.lines();
        let width = |column: usize| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
        };
        let widths: [usize; 5] = std::array::from_fn(width);
        let mut table = String::new();
        for line in &lines {
            let mut text = format!("{:width$}", line[0], width = widths[0]);
            for (cell, width) in line[1..].iter().zip(&widths[1..]) {
                let _ = write!(text, "  {cell:>width$}");
            }
            table += text.trim_end();
            table.push('\n');
        }
        table
    }

    /// The cells of the table; the first line is the header.
    pub(super) fn lines(&self) -> Vec<[String; 5]> {
        let head = ["", "films", "95% interval", "judge 2", "real clips"];
        let mut lines = vec![head.map(String::from)];
        for side in &self.sides {
            let title = TITLES.iter().find(|(name, _)| *name == side.name);
            let title = title.map_or(side.name, |(_, title)| title);
            lines.push([title, "", "", "", ""].map(String::from));
            for row in &side.rows {
                let show = |value: f64| row.unit.show(value);
                let interval = row
                    .films
                    .map(|figure| format!("{} to {}", show(figure.low), show(figure.high)));
                let metric = row.metric.replace('_', " ");
                lines.push([
                    format!("  {metric}{}{}", if row.of.is_empty() { "" } else { ": " }, row.of),
                    row.films.map(|figure| show(figure.value)).unwrap_or_default(),
                    interval.unwrap_or_default(),
                    row.second.map(show).unwrap_or_default(),
                    row.real.map(|figure| show(figure.value)).unwrap_or_default(),
                ]);
            }
        }
        lines
    }
}

impl Unit {
    /// A figure as text: percent with one decimal, or a number with about three significant digits.
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Share => format!("{:.1}%", 100.0 * value),
            Unit::Number if value == 0.0 => "0".into(),
            Unit::Number => {
                let whole = value.abs().log10().floor() as i32;
                format!("{value:.digits$}", digits = (2 - whole).clamp(0, 6) as usize)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, shown) in [
            (0.0, "0"),
            (1234.56, "1235"),
            (12.345, "12.3"),
            (0.012345, "0.0123"),
            (-0.5, "-0.500"),
        ] {
            assert_eq!(Unit::Number.show(value), shown);
        }
        assert_eq!(Unit::Share.show(0.12345), "12.3%");
    }
}
