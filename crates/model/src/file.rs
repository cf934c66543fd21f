//! A model in one file: safetensors, with the config, the tokenizer and the card in its metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};

use kinora_nn::{Header, Module, Outline, Precision, count};
use kinora_tensor::Tensor;
use kinora_text::Tokenizer;

use crate::{Card, Error, Lexicon, Model, ModelConfig, Net, Result, Sources};

/// The version of the file's form: 2 since a model may go with word vectors or an encoder from
/// elsewhere, 3 since it may hold a matcher. A file without it is of version 1.
pub const FORMAT: u32 = 3;

/// The name of the file where a model is a folder.
const FILE: &str = "model.safetensors";

/// The keys of the metadata.
const VERSION: &str = "kinora.format";
const CONFIG: &str = "kinora.config";
const CARD: &str = "kinora.card";
const TOKENIZER: &str = "kinora.tokenizer";
const SOURCES: &str = "kinora.sources";
const WORDS: &str = "kinora.words";

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
    /// The words of the captions that the model was trained on; empty where the file does not say.
    pub words: BTreeSet<String>,
    /// What the model goes with.
    pub sources: Sources,
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
/// [`Error::Weights`] if the file is not a model of this or an earlier version, or does not fit its
/// own config; it names the tensor or the key. Nothing that a file asks for is allocated before it
/// is known to be there.
pub fn contents(bytes: &[u8], origin: &str) -> Result<Contents> {
    let fail = |reason: String| Error::Weights { origin: origin.into(), reason };
    let header = kinora_nn::header(bytes).map_err(|error| fail(error.to_string()))?;
    let entry = |key: &str| {
        let missing = || fail(format!("no {key} in the metadata; is this a kinora model?"));
        header.metadata.get(key).ok_or_else(missing)
    };
    let format = match header.metadata.get(VERSION) {
        None => 1,
        Some(text) => text
            .parse()
            .ok()
            .filter(|&format| format > 0)
            .ok_or_else(|| fail(format!("metadata {VERSION}: {text:?} is no version")))?,
    };
    if format > FORMAT {
        let reason = format!("format {format} is newer than this program ({FORMAT}); update it");
        return Err(fail(reason));
    }
    let wrong = |key: &str, error: &dyn Display| fail(format!("metadata {key}: {error}"));
    let config: ModelConfig =
        serde_json::from_str(entry(CONFIG)?).map_err(|error| wrong(CONFIG, &error))?;
    let card = serde_json::from_str(entry(CARD)?).map_err(|error| wrong(CARD, &error))?;
    let tokenizer =
        Tokenizer::from_json(entry(TOKENIZER)?).map_err(|error| wrong(TOKENIZER, &error))?;
    let sources = match header.metadata.get(SOURCES) {
        Some(text) => serde_json::from_str(text).map_err(|error| wrong(SOURCES, &error))?,
        None => Sources::default(),
    };
    let words = match header.metadata.get(WORDS) {
        Some(text) => serde_json::from_str(text).map_err(|error| wrong(WORDS, &error))?,
        None => BTreeSet::new(),
    };
    let inputs = sources.inputs(&config.encoder, tokenizer.vocab_size());
    let outline = Net::new(&mut Outline, &config, &inputs).map_err(|e| fail(e.to_string()))?;
    kinora_nn::check(&outline, bytes, "").map_err(|error| fail(error.to_string()))?;
    let parameters = count(&outline);
    Ok(Contents { format, config, card, tokenizer, words, sources, parameters, header })
}

impl<T: Tensor> Model<T> {
    /// The model in a file, or in a folder with a `model.safetensors`, on the default device.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be read, else those of [`contents`].
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
        Self::from_bytes(device, &bytes, &path.display().to_string(), path.parent())
    }

    /// The model in the bytes of a file, which errors call `origin`; what the model goes with is looked
    /// for in the folder `beside`, then where it was.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(
        device: &T::Device,
        bytes: &[u8],
        origin: &str,
        beside: Option<&Path>,
    ) -> Result<Self> {
        let Contents { config, card, tokenizer, words, sources, .. } = contents(bytes, origin)?;
        let fail = |reason| Error::Weights { origin: origin.into(), reason };
        let mut lexicon = Lexicon::open(&config.encoder, tokenizer, &sources, beside)
            .map_err(|error| fail(error.to_string()))?;
        lexicon.words = words;
        let outline = Net::new(&mut Outline, &config, &lexicon.inputs())?;
        let net: Net<T> = kinora_nn::load(&outline, device, bytes, "")
            .map_err(|error| fail(error.to_string()))?;
        for (name, tensor) in net.named() {
            // A film of such weights would be empty, and nobody would know why.
            if let Some(value) = tensor.to_vec()?.into_iter().find(|value| !value.is_finite()) {
                return Err(fail(format!("tensor {name:?} holds {value}, which is no weight")));
            }
        }
        Ok(Self { config, card, lexicon, net })
    }

    /// The bytes of a file: the same ones for the same model.
    ///
    /// # Errors
    /// If the weights cannot be read from the device, or one is beyond the range of the precision.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>> {
        let json = |value: serde_json::Result<String>| value.expect("plain data becomes JSON");
        let mut metadata = BTreeMap::from([
            (VERSION.to_string(), FORMAT.to_string()),
            (CONFIG.to_string(), json(serde_json::to_string(&self.config))),
            (CARD.to_string(), json(serde_json::to_string(&self.card))),
            (TOKENIZER.to_string(), self.lexicon.tokenizer.to_json()),
        ]);
        let sources = self.lexicon.sources();
        if *sources != Sources::default() {
            metadata.insert(SOURCES.into(), json(serde_json::to_string(sources)));
        }
        if !self.lexicon.words.is_empty() {
            metadata.insert(WORDS.into(), json(serde_json::to_string(&self.lexicon.words)));
        }
        kinora_nn::save(&self.net.named(), &metadata, precision).map_err(|error| match error {
            kinora_nn::Error::Tensor(error) => error.into(),
            other => Error::Weights { origin: "saving".into(), reason: other.to_string() },
        })
    }

    /// Writes the model into one file, beside it first, so that no half of it is ever seen.
    ///
    /// # Errors
    /// As [`Model::to_bytes`], or if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, precision: Precision) -> Result<()> {
        Ok(kinora_video::write_atomic(path.as_ref(), &self.to_bytes(precision)?)?)
    }
}

/// The bytes of a model, a file or a folder with a `model.safetensors`, and the path of the file
/// they came from.
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
