use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use kinora_video::{Attributes, Dataset, Draw, Split};
use serde::{Deserialize, Serialize};

use crate::Result;

/// Captions that are searched for values of the attributes.
const CAPTIONS: u64 = 20_000;

/// The attributes of a dataset with all their values, in alphabetical order.
///
/// The classes of a judge are the values of all attributes, concatenated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, Vec<String>>);

impl Labels {
    /// The attributes of the training split of a dataset. An attribute that always has the same
    /// value is left out. Empty for a dataset without attributes.
    ///
    /// # Errors
    /// If a caption cannot be drawn.
    pub fn of(dataset: &dyn Dataset) -> Result<Self> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for index in 0..CAPTIONS {
            let caption = dataset.caption(Split::Train, Draw { seed: 0, index })?;
            if caption.attributes.is_empty() {
                break;
            }
            for (name, value) in caption.attributes {
                found.entry(name).or_default().insert(value);
            }
        }
        found.retain(|_, values| values.len() > 1);
        let list =
            |(name, values): (String, BTreeSet<String>)| (name, values.into_iter().collect());
        Ok(Self(found.into_iter().map(list).collect()))
    }

    /// Whether there are no attributes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is an attribute of this name.
    pub fn has(&self, attribute: &str) -> bool {
        self.0.contains_key(attribute)
    }

    /// The number of classes, which is the number of values of all attributes.
    pub fn classes(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// The names of the attributes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// For each attribute: its name, its values, and the range of its classes.
    pub fn heads(&self) -> impl Iterator<Item = (&str, &[String], Range<usize>)> {
        let mut start = 0;
        self.0.iter().map(move |(name, values)| {
            let classes = start..start + values.len();
            start = classes.end;
            (name.as_str(), values.as_slice(), classes)
        })
    }

    /// The class of an attribute's value; `None` if the attribute or the value is unknown.
    pub fn class(&self, attribute: &str, value: &str) -> Option<usize> {
        let (_, values, classes) = self.heads().find(|(name, ..)| *name == attribute)?;
        Some(classes.start + values.iter().position(|known| known == value)?)
    }

    /// The one-hot targets of these attributes: one number for each class, 1 for the given values,
    /// else 0.
    pub fn targets(&self, attributes: &Attributes) -> Vec<f32> {
        let mut targets = vec![0.0; self.classes()];
        for (name, value) in attributes {
            if let Some(class) = self.class(name, value) {
                targets[class] = 1.0;
            }
        }
        targets
    }
}

#[cfg(test)]
mod tests {
    use kinora_video::Shapes;

    use super::*;

    #[test]
    fn each_value_has_a_class_of_its_own() {
        let labels = Labels::of(&Shapes::new()).unwrap();
        let names: Vec<&str> = labels.names().collect();
        assert_eq!(names, ["background", "colour", "motion", "place", "shape", "size"]);
        assert_eq!(labels.classes(), 5 + 8 + 11 + 5 + 8 + 3);
        let mut next = 0;
        for (name, values, classes) in labels.heads() {
            assert_eq!((classes.start, classes.len()), (next, values.len()));
            for (value, class) in values.iter().zip(classes.clone()) {
                assert_eq!(labels.class(name, value), Some(class));
            }
            next = classes.end;
        }
        assert_eq!(labels.class("colour", "beige"), None);
        assert_eq!(labels.class("taste", "red"), None);
    }
}
