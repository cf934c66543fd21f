//! A model in one file: safetensors, with the config, the tokenizer and the card in its metadata.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kinora_nn::{Header, Module, Outline, Precision, count};
use kinora_tensor::Tensor;
use kinora_text::Tokenizer;

use crate::{Card, Error, Model, ModelConfig, Net, Result};

/// The version of the file's form. A file without it is of version 1.
pub const FORMAT: u32 = 1;

/// The name of the file where a model is a folder.
const FILE: &str = "model.safetensors";

/// What a model file holds, without its weights.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The version of the file's form.
    pub format: u32,
    /// Sizes.
    pub config: ModelConfig,
    /// What the model is.
    pub card: Card,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// How many numbers the networks have.
    pub parameters: usize,
    /// Names, shapes and types of the tensors.
    pub header: Header,
}

/// Reads what a model file holds, and checks the shape of every tensor, without taking its weights.
///
/// `origin` is what errors call the file.
///
/// # Errors
/// If the file is not a model of this or an earlier version, or does not fit its own config.
pub fn contents(bytes: &[u8], origin: &str) -> Result<Contents> {
    let fail = |reason: String| Error::Weights { origin: origin.into(), reason };
    let header = kinora_nn::header(bytes).map_err(|error| fail(error.to_string()))?;
    let entry = |key: &str| {
        let missing = || fail(format!("no {key} in the metadata; is this a kinora model?"));
        header.metadata.get(&format!("kinora.{key}")).ok_or_else(missing)
    };
    let format = match header.metadata.get("kinora.format") {
        None => 1,
        Some(text) => text.parse().map_err(|_| fail(format!("format {text:?} is no number")))?,
    };
    if format > FORMAT {
        let reason = format!("format {format} is newer than this program ({FORMAT}); update it");
        return Err(fail(reason));
    }
    let json =
        |key: &str, error: serde_json::Error| fail(format!("metadata kinora.{key}: {error}"));
    let config: ModelConfig =
        serde_json::from_str(entry("config")?).map_err(|error| json("config", error))?;
    let card = serde_json::from_str(entry("card")?).map_err(|error| json("card", error))?;
    let tokenizer =
        Tokenizer::from_json(entry("tokenizer")?).map_err(|error| fail(error.to_string()))?;
    let outline =
        Net::new(&mut Outline, &config, tokenizer.vocab_size()).map_err(|e| fail(e.to_string()))?;
    kinora_nn::check(&outline, bytes, "").map_err(|error| fail(error.to_string()))?;
    let parameters = count(&outline);
    Ok(Contents { format, config, card, tokenizer, parameters, header })
}

impl<T: Tensor> Model<T> {
    /// The model in a file, or in a folder with a `model.safetensors`, on the default device.
    ///
    /// # Errors
    /// If the file cannot be read, is no model, or does not fit its own config.
    pub fn load(path: impl AsRef<Path>) -> Result<Self>
    where
        T::Device: Default,
    {
        Self::load_on(&T::Device::default(), path)
    }

    /// As [`Model::load`], on a device.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_on(device: &T::Device, path: impl AsRef<Path>) -> Result<Self> {
        let (bytes, path) = read(path.as_ref())?;
        Self::from_bytes(device, &bytes, &path.display().to_string())
    }

    /// The model in the bytes of a file, which errors call `origin`.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(device: &T::Device, bytes: &[u8], origin: &str) -> Result<Self> {
        let Contents { config, card, tokenizer, .. } = contents(bytes, origin)?;
        let outline = Net::new(&mut Outline, &config, tokenizer.vocab_size())?;
        let net = kinora_nn::load(&outline, device, bytes, "")
            .map_err(|error| Error::Weights { origin: origin.into(), reason: error.to_string() })?;
        Ok(Self { config, card, tokenizer, net })
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// If the weights cannot be read from the device.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>> {
        let json = |value: serde_json::Result<String>| value.expect("plain data becomes JSON");
        let metadata = BTreeMap::from([
            ("kinora.format".to_string(), FORMAT.to_string()),
            ("kinora.config".to_string(), json(serde_json::to_string(&self.config))),
            ("kinora.card".to_string(), json(serde_json::to_string(&self.card))),
            ("kinora.tokenizer".to_string(), self.tokenizer.to_json()),
        ]);
        kinora_nn::save(&self.net.named(), &metadata, precision)
            .map_err(|error| Error::Weights { origin: "saving".into(), reason: error.to_string() })
    }

    /// Writes the model into one file, beside it first, so that no half of it is ever seen.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, precision: Precision) -> Result<()> {
        Ok(kinora_video::write_atomic(path.as_ref(), &self.to_bytes(precision)?)?)
    }
}

/// The bytes of a model and the path of the file they came from.
///
/// # Errors
/// If there is no such file.
pub fn read(path: &Path) -> Result<(Vec<u8>, PathBuf)> {
    let path = if path.is_dir() { path.join(FILE) } else { path.to_path_buf() };
    match std::fs::read(&path) {
        Ok(bytes) => Ok((bytes, path)),
        Err(source) => Err(Error::Read { path, source }),
    }
}
