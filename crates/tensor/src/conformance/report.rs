use std::fmt;

use crate::Result;

/// The result of one check of one case in [`check`](super::check).
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The name of the check, such as `forward`.
    pub check: &'static str,
    /// The name of the case.
    pub case: String,
    /// The largest allowed error.
    pub tolerance: f64,
    /// The measured error; infinite if there is a `failure`.
    pub error: f64,
    /// The error that the backend returned instead of a result.
    pub failure: Option<String>,
}

impl Finding {
    pub(super) fn new(check: &'static str, case: &str, tolerance: f64, error: Result<f64>) -> Self {
        let failure = error.as_ref().err().map(ToString::to_string);
        let error = error.unwrap_or(f64::INFINITY);
        Self { check, case: case.into(), tolerance, error, failure }
    }

    /// Whether the error is within the tolerance.
    pub fn passes(&self) -> bool {
        self.error <= self.tolerance
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, case, tolerance, error, failure } = self;
        write!(f, "{tolerance:9.1e} {error:9.1e}  {check:8}  {case}")?;
        failure.iter().try_for_each(|failure| write!(f, ": {failure}"))
    }
}

/// All findings. `{}` prints the worst case of each check and tolerance, the widest tolerance
/// first, then all failures. `{:#}` prints every finding, then all failures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// In the order of the cases.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The findings whose error exceeds the tolerance.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.passes())
    }

    /// Asserts that every finding passes.
    ///
    /// # Panics
    /// With the table as the message, if a finding fails.
    pub fn assert(&self) {
        assert!(self.failures().next().is_none(), "\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: Vec<&Finding> = self.findings.iter().collect();
        let order = |a: &&Finding, b: &&Finding| {
            let by_tolerance = b.tolerance.total_cmp(&a.tolerance).then(a.check.cmp(b.check));
            by_tolerance.then(b.error.total_cmp(&a.error))
        };
        rows.sort_by(order);
        if !f.alternate() {
            rows.dedup_by_key(|row| (row.check, row.tolerance.to_bits()));
        }
        writeln!(f, "tolerance     error  check     case")?;
        rows.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        let failed = self.failures().count();
        writeln!(f, "{failed} of {} out of tolerance", self.findings.len())?;
        self.failures().try_for_each(|row| writeln!(f, "{row}"))
    }
}
