//! What was measured.

use std::fmt;

use serde_json::{Value, json};

/// One line of the table; both rates are in `unit`, and more is faster.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: String,
    pub ours: f64,
    pub peer: Option<f64>,
    pub unit: &'static str,
    /// How the peer did it.
    pub formats: String,
}

/// The head of a table of rows.
pub const HEAD: &str = "\
| what | ours | PyTorch | ratio | unit | PyTorch's way |
|---|--:|--:|--:|---|---|";

impl Row {
    /// Above 1 where ours is faster.
    pub fn ratio(&self) -> Option<f64> {
        self.peer.map(|peer| self.ours / peer)
    }

    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "ours": self.ours,
            "peer": self.peer,
            "ratio": self.ratio(),
            "unit": self.unit,
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, ours, unit, formats, .. } = self;
        let number = |x: Option<f64>, digits| match x {
            Some(x) => format!("{x:.digits$}"),
            None => String::new(),
        };
        let (peer, ratio) = (number(self.peer, 1), number(self.ratio(), 2));
        write!(f, "| {name} | {ours:.1} | {peer} | {ratio} | {unit} | {formats} |")
    }
}

/// An array with one row a line.
pub fn to_json(rows: &[Row]) -> String {
    let lines: Vec<String> = rows.iter().map(|row| row.to_json().to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

/// The geometric mean of the ratios, if there are any.
pub fn mean_ratio<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<f64> {
    let logs: Vec<f64> = rows.filter_map(|row| Some(row.ratio()?.ln())).collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    (!logs.is_empty()).then(|| mean.exp())
}
