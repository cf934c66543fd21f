//! Configs from TOML: presets, files, and single keys.

use std::path::Path;

use toml::{Table, Value};

use super::{Config, PRESETS};
use crate::{Error, Result};

impl Config {
    /// The preset `name` with some keys changed, each `"section.key=value"`.
    ///
    /// # Errors
    /// If there is no such preset, a key is not known, or a value is not valid.
    pub fn preset(name: &str, set: &[String]) -> Result<Self> {
        Self::from_table(preset(name)?, set)
    }

    /// The config in a TOML file, with some keys changed, each `"section.key=value"`.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, or has a key that is not known or a value that is
    /// not valid. The message has the path, and the line if one line is at fault.
    pub fn load(path: &Path, set: &[String]) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.into(), source })?;
        Self::parse(&text, &path.display().to_string(), set)
    }

    /// Like [`Config::load`], from TOML text. Errors name it `origin`.
    ///
    /// # Errors
    /// Those of [`Config::load`], except for reading the file.
    pub fn parse(text: &str, origin: &str, set: &[String]) -> Result<Self> {
        let line = |offset: usize| 1 + text.bytes().take(offset).filter(|&b| b == b'\n').count();
        let given: Table = toml::from_str(text).map_err(|error| {
            let at =
                error.span().map_or(origin.into(), |span| format!("{origin}:{}", line(span.start)));
            Error::Config(format!("{at}: {}", error.message()))
        })?;
        let mut table = preset("shapes")?;
        for (key, value) in leaves(&given) {
            put(&mut table, &key, value).map_err(|reason| {
                let at = line_of(text, &key)
                    .map_or(origin.to_string(), |line| format!("{origin}:{line}"));
                Error::Config(format!("{at}: {reason}"))
            })?;
        }
        Self::from_table(table, set).map_err(|error| {
            // Messages about a value begin with its key. A value may also be from `set`.
            let message = error.to_string();
            let key = message.split_whitespace().next().unwrap_or_default().trim_end_matches(':');
            let is_set = set.iter().any(|item| item.trim_start().starts_with(key));
            match line_of(text, key).filter(|_| !is_set) {
                Some(line) => Error::Config(format!("{origin}:{line}: {message}")),
                None => error,
            }
        })
    }

    /// The config with some keys changed, each `"section.key=value"`.
    ///
    /// # Errors
    /// If a key is not known, or a value is not valid.
    pub fn with(&self, set: &[String]) -> Result<Self> {
        let table = Table::try_from(self).map_err(|error| Error::Config(error.to_string()))?;
        Self::from_table(table, set)
    }

    fn from_table(mut table: Table, set: &[String]) -> Result<Self> {
        for item in set {
            let fail = |reason: String| Error::Config(format!("--set {item}: {reason}"));
            let (key, text) =
                item.split_once('=').ok_or_else(|| fail("write it as key=value".into()))?;
            let (key, text) = (key.trim(), text.trim());
            // A text that is not a TOML value is a string without its quotes.
            let value = toml::from_str::<Table>(&format!("v = {text}"))
                .ok()
                .and_then(|mut table| table.remove("v"))
                .unwrap_or_else(|| Value::String(text.into()));
            if value.is_str() && text.parse::<i128>().is_ok_and(|n| i64::try_from(n).is_err()) {
                return Err(fail("a whole number must be below 2^63".into()));
            }
            put(&mut table, key, value).map_err(fail)?;
        }
        let config: Self =
            table.try_into().map_err(|error: toml::de::Error| Error::Config(error.to_string()))?;
        config.check()?;
        Ok(config)
    }
}

fn preset(name: &str) -> Result<Table> {
    let found = PRESETS.iter().find(|(known, _)| *known == name);
    let Some((_, text)) = found else {
        let known = PRESETS.map(|(known, _)| known);
        let hint = nearest(name, known.iter().copied());
        return Err(Error::Config(format!(
            "there is no preset {name:?}; the presets are {}{hint}",
            known.join(", ")
        )));
    };
    Ok(toml::from_str(text).expect("the presets are TOML"))
}

/// All values of a table and its inner tables, with their dotted keys.
fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                let inner = leaves(inner).into_iter();
                all.extend(inner.map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => all.push((key.clone(), value.clone())),
        }
    }
    all
}

/// The line of a TOML file that sets a dotted key, or an inline table around the key.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let mut section = String::new();
    let sets = |line: &str| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = format!("{}.", name.trim());
            return false;
        }
        let Some((name, _)) = line.split_once('=') else { return false };
        let name = format!("{section}{}", name.trim());
        key.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    text.lines().position(sets).map(|line| line + 1)
}

/// Replaces the value of an existing dotted key by one that its type can hold.
fn put(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let text = value.to_string();
    replace(table, key, value)?;
    let read = table.clone().try_into::<Config>();
    read.map(|_| ()).map_err(|error| format!("{key} = {text}: {}", error.message()))
}

/// Replaces the value of an existing dotted key by a value of the same type.
fn replace(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let known: Vec<String> = leaves(table).into_iter().map(|(key, _)| key).collect();
    if !known.iter().any(|k| k == key) {
        return Err(format!("there is no key {key:?}{}", nearest(key, known.iter().map(|k| &**k))));
    }
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let parts = section.split('.').filter(|part| !part.is_empty());
    let table = parts.fold(table, |table, part| match &mut table[part] {
        Value::Table(inner) => inner,
        _ => unreachable!("a known key has its place"),
    });
    let slot = &mut table[name];
    let value = match (&*slot, value) {
        (Value::Float(_), Value::Integer(whole)) => Value::Float(whole as f64),
        (_, value) => value,
    };
    let wanted = slot.type_str();
    if value.type_str() != wanted {
        return Err(format!("{key} must be of type {wanted}, not {}", value.type_str()));
    }
    if matches!(value, Value::Integer(whole) if whole < 0) {
        return Err(format!("{key} = {value} must not be negative"));
    }
    let is_size = |item: &Value| matches!(item, Value::Integer(whole) if *whole >= 0);
    if value.as_array().is_some_and(|items| !items.iter().all(is_size)) {
        return Err(format!("{key} must be a list of whole numbers, such as [64, 32]"));
    }
    *slot = value;
    Ok(())
}

/// `; did you mean "x"?`, or nothing if no candidate is similar.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_string();
    let score = |c: &&str| {
        let whole = strsim::jaro_winkler(word, c);
        whole.max(strsim::jaro_winkler(&last(word), &last(c)) - 0.01)
    };
    let best = candidates.max_by(|a, b| score(a).total_cmp(&score(b)));
    best.filter(|best| score(best) > 0.75)
        .map_or(String::new(), |b| format!("; did you mean {b:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_value_has_its_line_unless_another_replaces_it() {
        let text = "seed = 1\n[clip]\nchannels = 2\n";
        let parse = |set: &[&str]| {
            let set: Vec<String> = set.iter().map(ToString::to_string).collect();
            Config::parse(text, "my.toml", &set).map_err(|error| error.to_string())
        };
        assert!(parse(&[]).unwrap_err().starts_with("my.toml:3: clip.channels = 2 must be"));
        assert!(parse(&["clip.fps=8"]).unwrap_err().starts_with("my.toml:3: clip.channels = 2"));
        assert!(parse(&["clip.channels=5"]).unwrap_err().starts_with("clip.channels = 5 must be"));
        assert_eq!(parse(&["clip.channels=4"]).unwrap().clip.channels, 4);
    }
}
