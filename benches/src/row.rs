//! Rows of results, and the tables that show them.

use serde_json::{Value, json};

use crate::peer::Rival;

/// One line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: String,
    pub unit: Unit,
    pub ours: f64,
    /// The values of the rivals that were measured.
    pub rivals: Vec<(Rival, f64)>,
    /// The last column: how PyTorch did it, or the speed relative to proportional cost.
    pub remark: String,
    /// Whether it computes many operations per number that it reads or writes.
    pub dense: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Clips,
    Films,
    Gflops,
    Mebibytes,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Clips => "clips/s",
            Self::Films => "films/s",
            Self::Gflops => "GFLOP/s",
            Self::Mebibytes => "MiB",
        }
    }
}

impl Row {
    pub fn of(&self, rival: Rival) -> Option<f64> {
        self.rivals.iter().find(|(who, _)| *who == rival).map(|(_, value)| *value)
    }

    /// The ratio to a rival: above 1 if kinora is faster, or needs less memory.
    pub fn ratio(&self, rival: Rival) -> Option<f64> {
        let theirs = self.of(rival)?;
        Some(if self.unit == Unit::Mebibytes { theirs / self.ours } else { self.ours / theirs })
    }

    fn to_json(&self) -> Value {
        let mut value = json!({ "name": self.name, "unit": self.unit.name(), "ours": self.ours });
        for (rival, theirs) in &self.rivals {
            value[rival.name()] = json!(theirs);
        }
        value["ratio"] = json!(self.ratio(Rival::PyTorch));
        value
    }
}

/// A kind of table, by its columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Table {
    /// Steps and samples beside PyTorch.
    Networks,
    /// Convolutions beside PyTorch, burn and candle, and as a share of the machine's peak.
    Convolutions { peak: f64 },
    /// kinora alone, relative to the speed at cost proportional to the work.
    Scaling,
}

impl Table {
    pub fn head(self) -> &'static str {
        match self {
            Self::Networks => {
                "| what | ours | PyTorch | ratio | compiled | ratio | unit | PyTorch's way |\n\
                 |---|--:|--:|--:|--:|--:|---|---|"
            }
            Self::Convolutions { .. } => {
                "| GFLOP/s | ours | of the peak | PyTorch | ratio | burn | candle | PyTorch's way |\n\
                 |---|--:|--:|--:|--:|--:|--:|---|"
            }
            Self::Scaling => "| what | clips/s | of proportional |\n|---|--:|--:|",
        }
    }

    pub fn line(self, row: &Row) -> String {
        let number = |x: Option<f64>, digits: usize| match x {
            Some(x) => format!("{x:.digits$}"),
            None => String::new(),
        };
        let rate = |rival| number(row.of(rival), 1);
        let ratio = |rival| number(row.ratio(rival), 2);
        let unit = row.unit.name().to_string();
        let mut cells = vec![row.name.clone(), number(Some(row.ours), 1)];
        cells.extend(match self {
            Self::Networks => {
                use Rival::{Compiled, PyTorch};
                let [eager, compiled] = [PyTorch, Compiled].map(|who| [rate(who), ratio(who)]);
                [eager, compiled, [unit, row.remark.clone()]].concat()
            }
            Self::Convolutions { peak } => vec![
                format!("{:.0} %", row.ours / peak * 100.0),
                rate(Rival::PyTorch),
                ratio(Rival::PyTorch),
                rate(Rival::Burn),
                rate(Rival::Candle),
                row.remark.clone(),
            ],
            Self::Scaling => vec![row.remark.clone()],
        });
        format!("| {} |", cells.join(" | "))
    }
}

/// A JSON array with one row per line.
pub fn to_json(rows: &[Row]) -> String {
    let lines: Vec<String> = rows.iter().map(|row| row.to_json().to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}
