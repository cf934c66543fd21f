//! Data specs: the name of a dataset, and the path of its files.

use std::path::Path;

use crate::{Clips, Dataset, Digits, Error, Lpc, Result, Shapes};

/// The names of the datasets, and whether they need a path.
const NAMES: [(&str, bool); 4] =
    [("shapes", false), ("digits", true), ("lpc", true), ("clips", true)];

/// Opens the dataset of a spec: `shapes`, `digits:PATH`, `lpc:PATH` or `clips:PATH`.
///
/// # Errors
/// If the spec is none of these, or the files at the path are missing or wrong. The error is the
/// first problem; [`check`] lists all.
pub fn open(spec: &str) -> Result<Box<dyn Dataset>> {
    let (name, path) = parse(spec)?;
    Ok(match name {
        "shapes" => Box::new(Shapes::new()),
        "digits" => Box::new(Digits::open(path)?),
        "lpc" => Box::new(Lpc::open(path)?),
        _ => Box::new(Clips::open(path)?),
    })
}

/// All problems with a spec and with the files of its dataset; empty if there are none.
pub fn check(spec: &str) -> Vec<Error> {
    match parse(spec) {
        Err(error) => vec![error],
        Ok(("digits", path)) => Digits::problems(path),
        Ok(("clips", path)) => Clips::problems(path),
        Ok(_) => open(spec).map_or_else(|error| vec![error], |dataset| dataset.check()),
    }
}

/// The name of the dataset, and its path (empty if the dataset has none).
fn parse(spec: &str) -> Result<(&'static str, &Path)> {
    let (given, path) = match spec.split_once(':') {
        Some((name, path)) => (name, Some(path)),
        None => (spec, None),
    };
    let forms = "a spec is one of shapes, digits:PATH, lpc:PATH, clips:PATH";
    let error = |reason: String| Err(Error::Spec { spec: spec.into(), reason });
    let Some(&(name, needs_path)) = NAMES.iter().find(|(name, _)| *name == given) else {
        let nearest = NAMES.iter().min_by_key(|(name, _)| strsim::damerau_levenshtein(name, given));
        let nearest = match nearest {
            Some((name, true)) => format!("{name}:PATH"),
            Some((name, false)) => (*name).into(),
            None => String::new(),
        };
        return error(format!("there is no dataset {given:?}; {forms}; the nearest is {nearest}"));
    };
    match (needs_path, path) {
        (true, None | Some("")) => error(format!("a path is missing: {name}:PATH; {forms}")),
        (false, Some(_)) => error(format!("{name} takes no path; {forms}")),
        _ => Ok((name, Path::new(path.unwrap_or_default()))),
    }
}
