//! The file of a model: safetensors, with the config, the tokenizer and the card in its metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use kinora_nn::{Header, Module, Outline, Precision, count};
use kinora_tensor::Tensor;
use kinora_text::Tokenizer;

use crate::{Card, Error, Lexicon, Model, ModelConfig, Net, Result, Sources};

/// The version of the file format. Version 2 added external word vectors and encoders, version 3
/// the matcher, version 4 the attention of cells, version 5 the residual blocks, version 6 the wide
/// paths, the bypass and the sketch, version 7 a prior and the direct path of the sentence. Version 9 has
/// another prior, so models of versions 7 and 8 with a prior do not load. A file that states no version has
/// version 1.
pub const FORMAT: u32 = 9;
/// The formats whose priors are of another kind.
const OTHER_PRIORS: RangeInclusive<u32> = 7..=8;

/// The name of the model's file in a folder.
const FILE: &str = "model.safetensors";

// The keys of the metadata.
const VERSION: &str = "kinora.format";
const CONFIG: &str = "kinora.config";
const CARD: &str = "kinora.card";
const TOKENIZER: &str = "kinora.tokenizer";
const SOURCES: &str = "kinora.sources";
const WORDS: &str = "kinora.words";

/// The metadata of a model file and the outline of its tensors, without the weights.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The version of the file format, 1 to [`FORMAT`].
    pub format: u32,
    /// Whether the file has a checksum, which is then right ([`kinora_nn::verify`]).
    pub checked: bool,
    /// The sizes of the networks and of the films.
    pub config: ModelConfig,
    /// Name, training data, licence and credits.
    pub card: Card,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The words of the training captions; empty if the file has no list of them.
    pub words: BTreeSet<String>,
    /// The external files that the model needs.
    pub sources: Sources,
    /// Parameters of all networks together.
    pub parameters: usize,
    /// Names, shapes and types of the tensors.
    pub header: Header,
}

/// Reads the metadata of a model file and checks the shape of every tensor, without reading the
/// weights.
///
/// `origin` is the name of the file in errors.
///
/// # Errors
/// [`Error::Weights`] if the file is not a model, is damaged, has a newer format, or does not fit its own
/// config. The error names the tensor or the key. A size in the file allocates nothing until the
/// file is known to hold that much data.
pub fn contents(bytes: &[u8], origin: &str) -> Result<Contents> {
    let fail = |reason: String| Error::Weights { origin: origin.into(), reason };
    let header = kinora_nn::header(bytes).map_err(|error| fail(error.to_string()))?;
    let checked = kinora_nn::verify(bytes).map_err(|error| fail(error.to_string()))?;
    let entry = |key: &str| {
        let missing = || fail(format!("not a kinora model: the metadata has no {key}"));
        header.metadata.get(key).ok_or_else(missing)
    };
    let format = match header.metadata.get(VERSION) {
        None => 1,
        Some(text) => text
            .parse()
            .ok()
            .filter(|&format| format > 0)
            .ok_or_else(|| fail(format!("metadata {VERSION}: {text:?} is not a version")))?,
    };
    if format > FORMAT {
        let reason =
            format!("format {format} is newer than {FORMAT}, the newest known; update kinora");
        return Err(fail(reason));
    }
    let wrong = |key: &str, error: &dyn Display| fail(format!("metadata {key}: {error}"));
    let config: ModelConfig =
        serde_json::from_str(entry(CONFIG)?).map_err(|error| wrong(CONFIG, &error))?;
    if OTHER_PRIORS.contains(&format) && config.references > 0 {
        let reason = format!(
            "format {format} has a prior that this version of kinora cannot use; train the model again"
        );
        return Err(fail(reason));
    }
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
    Ok(Contents { format, checked, config, card, tokenizer, words, sources, parameters, header })
}

impl<T: Tensor> Model<T> {
    /// Loads a model onto the default device, from a file or from a folder with a
    /// `model.safetensors`.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be read. [`Error::Weights`] as for [`contents`], if a
    /// weight is NaN or infinite, or if an external file that the model needs is missing or
    /// differs.
    pub fn load(path: impl AsRef<Path>) -> Result<Self>
    where
        T::Device: Default,
    {
        Self::load_on(&T::Device::default(), path)
    }

    /// Loads a model onto the given device; otherwise as [`Model::load`].
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_on(device: &T::Device, path: impl AsRef<Path>) -> Result<Self> {
        let (bytes, path) = read(path.as_ref())?;
        Self::from_bytes(device, &bytes, &path.display().to_string(), path.parent())
    }

    /// Loads a model from the bytes of its file. `origin` is the name of the file in errors.
    ///
    /// The external files that the model needs are looked for in the folder `beside`, then at the
    /// paths in the config.
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
        Ok(Self { config, card, lexicon, net })
    }

    /// The model as the bytes of a file. The same model and precision give the same bytes.
    ///
    /// # Errors
    /// If the weights cannot be read from the device, or a weight exceeds the range of the
    /// precision.
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

    /// Writes the model to one file. The bytes go to a temporary file in the same folder, which is
    /// then renamed, so no reader ever sees half a model.
    ///
    /// # Errors
    /// As [`Model::to_bytes`], or if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, precision: Precision) -> Result<()> {
        Ok(kinora_video::write_atomic(path.as_ref(), &self.to_bytes(precision)?)?)
    }
}

/// The bytes of a model's file, and the path of that file. `path` is the file or a folder with a
/// `model.safetensors`.
///
/// # Errors
/// [`Error::Read`] if the file cannot be read.
pub fn read(path: &Path) -> Result<(Vec<u8>, PathBuf)> {
    // A file that the user named may be a pipe. A file inside a folder that the user named must be regular.
    let (path, bytes) = match path.is_dir() {
        true => (path.join(FILE), kinora_video::read_regular(&path.join(FILE), u64::MAX)),
        false => (path.to_path_buf(), std::fs::read(path)),
    };
    match bytes {
        Ok(bytes) => Ok((bytes, path)),
        Err(source) => Err(Error::Read { path, source }),
    }
}
