//! Data specs: the name of a dataset, and the path of its files.

use std::path::Path;

use crate::{Clips, Dataset, Digits, Error, Lpc, Result, Shapes};

/// A kind of dataset. A new one is a new row of [`KINDS`].
struct Kind {
    /// The spec up to its colon.
    name: &'static str,
    needs_path: bool,
    open: fn(&Path) -> Result<Box<dyn Dataset>>,
    /// Lists all problems of the files at a path, for kinds whose files may be too broken to be opened.
    problems: Option<fn(&Path) -> Vec<Error>>,
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "shapes",
        needs_path: false,
        open: |_| Ok(Box::new(Shapes::new())),
        problems: None,
    },
    Kind {
        name: "digits",
        needs_path: true,
        open: |path| Ok(Box::new(Digits::open(path)?)),
        problems: Some(|path| Digits::problems(path)),
    },
    Kind {
        name: "lpc",
        needs_path: true,
        open: |path| Ok(Box::new(Lpc::open(path)?)),
        problems: None,
    },
    Kind {
        name: "clips",
        needs_path: true,
        open: |path| Ok(Box::new(Clips::open(path)?)),
        problems: Some(Clips::problems),
    },
];

impl Kind {
    /// `shapes` or `digits:PATH`.
    fn form(&self) -> String {
        format!("{}{}", self.name, if self.needs_path { ":PATH" } else { "" })
    }
}

/// Opens the dataset of a spec: `shapes`, `digits:PATH`, `lpc:PATH` or `clips:PATH`.
///
/// # Errors
/// If the spec is none of these, or the files at the path are missing or wrong. The error is the
/// first problem; [`check`] lists all.
pub fn open(spec: &str) -> Result<Box<dyn Dataset>> {
    let (kind, path) = parse(spec)?;
    (kind.open)(path)
}

/// All problems with a spec and with the files of its dataset; empty if there are none.
pub fn check(spec: &str) -> Vec<Error> {
    match parse(spec) {
        Err(error) => vec![error],
        Ok((Kind { problems: Some(problems), .. }, path)) => problems(path),
        Ok((kind, path)) => {
            (kind.open)(path).map_or_else(|error| vec![error], |dataset| dataset.check())
        }
    }
}

/// The kind of a dataset, and its path (empty if the kind takes none).
fn parse(spec: &str) -> Result<(&'static Kind, &Path)> {
    let (given, path) = match spec.split_once(':') {
        Some((name, path)) => (name, Some(path)),
        None => (spec, None),
    };
    let forms = format!("a spec is one of {}", KINDS.each_ref().map(Kind::form).join(", "));
    let error = |reason: String| Err(Error::Spec { spec: spec.into(), reason });
    let Some(kind) = KINDS.iter().find(|kind| kind.name == given) else {
        let distance = |kind: &&Kind| strsim::damerau_levenshtein(kind.name, given);
        let nearest = match Path::new(spec).is_dir() {
            true => format!("clips:{spec}"),
            false => KINDS.iter().min_by_key(distance).map(Kind::form).unwrap_or_default(),
        };
        return error(format!("there is no dataset {given:?}; {forms}; the nearest is {nearest}"));
    };
    let name = kind.name;
    match (kind.needs_path, path) {
        (true, None | Some("")) => error(format!("a path is missing: {name}:PATH; {forms}")),
        (false, Some(_)) => error(format!("{name} takes no path; {forms}")),
        _ => Ok((kind, Path::new(path.unwrap_or_default()))),
    }
}
