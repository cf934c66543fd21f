//! The file of a judge: safetensors, with the subject in the metadata.

use std::collections::BTreeMap;
use std::path::Path;

use kinora_nn::{Module, Outline, Precision};
use kinora_tensor::Tensor;
use kinora_video::{describe_dims, write_atomic};

use super::{Judge, Nets, Subject};
use crate::{Error, Result};

/// The key of the subject in the metadata.
const SUBJECT: &str = "kinora.judge";

impl<T: Tensor> Judge<T> {
    /// Writes the judge into a file.
    ///
    /// # Errors
    /// If the weights cannot be read from the device, or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let subject = serde_json::to_string(&self.subject).expect("plain data becomes JSON");
        let metadata = BTreeMap::from([(SUBJECT.to_string(), subject)]);
        let bytes = kinora_nn::save(&self.nets.named(), &metadata, Precision::F32)
            .map_err(|error| wrong(path, error))?;
        Ok(write_atomic(path, &bytes)?)
    }

    /// The judge of a subject: loaded from a file, or an untrained one if the subject has no
    /// attributes. `None` if it has attributes and there is no file.
    ///
    /// # Errors
    /// As [`Judge::load`] and [`Judge::untrained`].
    pub fn open(device: &T::Device, path: &Path, subject: Subject) -> Result<Option<Self>> {
        match subject.labels.is_empty() {
            true => Self::untrained(device, subject).map(Some),
            false if path.exists() => Self::load(device, path, &subject).map(Some),
            false => Ok(None),
        }
    }

    /// Loads a judge of this subject from a file.
    ///
    /// # Errors
    /// If the file cannot be read, is not a judge, or is a judge of another subject. The message
    /// names the difference and the remedy.
    pub fn load(device: &T::Device, path: &Path, subject: &Subject) -> Result<Self> {
        let bytes =
            kinora_video::read_regular(path, u64::MAX).map_err(|error| wrong(path, error))?;
        let header = kinora_nn::header(&bytes).map_err(|error| wrong(path, error))?;
        let text = header.metadata.get(SUBJECT);
        let text =
            text.ok_or_else(|| wrong(path, "this is not a judge; train a judge with --fit-judge"))?;
        let found: Subject = serde_json::from_str(text).map_err(|error| wrong(path, error))?;
        if let Some(difference) = difference(&found, subject) {
            return Err(wrong(path, format!("{difference}; train a new judge with --fit-judge")));
        }
        let outline = Nets::new([&mut Outline, &mut Outline], &found)?;
        let nets = kinora_nn::load(&outline, device, &bytes, "").map_err(|error| match error {
            kinora_nn::Error::Tensor(error) => error.into(),
            other => wrong(path, other),
        })?;
        Ok(Self { subject: found, nets })
    }
}

/// The first difference between the subject of a judge and the wanted one, as a message.
fn difference(found: &Subject, wanted: &Subject) -> Option<String> {
    if found == wanted {
        return None;
    }
    Some(if found.kind != wanted.kind {
        format!("this is a judge of {}, not of {}", found.kind, wanted.kind)
    } else if found.dims != wanted.dims {
        format!(
            "this judge is for {}, not {}",
            describe_dims(found.dims),
            describe_dims(wanted.dims)
        )
    } else if found.labels != wanted.labels {
        "this judge knows other attributes or values than the data has".into()
    } else {
        "this judge was trained on clips that differ from those of the data".into()
    })
}

fn wrong(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Judge(format!("{}: {reason}", path.display()))
}
