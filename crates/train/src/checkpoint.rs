//! The checkpoint: everything needed to resume a run, in one file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kinora_model::{Card, Lexicon, Sources};
use kinora_nn::{Fresh, Module, Precision};
use kinora_tensor::{Random, Tensor};
use kinora_text::Tokenizer;
use kinora_video::write_atomic;
use serde::{Deserialize, Serialize};

use crate::log::Window;
use crate::pairs::Pairs;
use crate::step::{State, stream};
use crate::{Config, Error, Result};

const FILE: &str = "checkpoint.safetensors";

/// The progress of a run: the state apart from the tensors. It holds no times, since these would
/// make the files of two equal runs differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub step: u64,
    /// Clips seen.
    pub clips: u64,
    pub window: Window,
    /// The origin of the model: the command, licences and credits.
    pub card: Card,
}

pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

pub(crate) fn save<T: Tensor>(
    folder: &Path,
    state: &State<T>,
    lexicon: &Lexicon,
    progress: &Progress,
) -> Result<()> {
    let progress = serde_json::to_string(progress).expect("plain data becomes JSON");
    let sources = serde_json::to_string(lexicon.sources()).expect("plain data becomes JSON");
    let words = serde_json::to_string(&lexicon.words).expect("plain data becomes JSON");
    let metadata = BTreeMap::from([
        ("kinora.progress".to_string(), progress),
        ("kinora.words".to_string(), words),
        ("kinora.phases".to_string(), "reading, copying, playing".to_string()),
        ("kinora.tokenizer".to_string(), lexicon.tokenizer.to_json()),
        ("kinora.sources".to_string(), sources),
    ]);
    let bytes = kinora_nn::save(&state.named(), &metadata, Precision::F32).map_err(fail(folder))?;
    Ok(write_atomic(&path(folder), &bytes)?)
}

pub(crate) fn load<T: Tensor>(
    device: &T::Device,
    config: &Config,
    folder: &Path,
) -> Result<(State<T>, Lexicon, Progress)> {
    let path = path(folder);
    let bytes = kinora_video::read_regular(&path, u64::MAX).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => "; start a new run from model.safetensors with --init",
            _ => "",
        };
        broken(folder, format!("{error}{hint}"))
    })?;
    let fail = fail(folder);
    let kinora_nn::Header { tensors, metadata } = kinora_nn::header(&bytes).map_err(&fail)?;
    let entry = |key: &str| {
        let missing =
            || broken(folder, format!("no {key} in the metadata; this is not a checkpoint"));
        metadata.get(key).ok_or_else(missing)
    };
    let progress = entry("kinora.progress")?;
    if !metadata.contains_key("kinora.phases") {
        let reason = "an earlier version of this program wrote this checkpoint, in a training without \
                      a matcher; start a new run from model.safetensors with --init";
        return Err(broken(folder, reason.into()));
    }
    let wrong = |key: &str, error: serde_json::Error| {
        let reason = format!(
            "the metadata {key} is damaged ({error}); start a new run from model.safetensors with --init"
        );
        broken(folder, reason)
    };
    let progress: Progress =
        serde_json::from_str(progress).map_err(|error| wrong("kinora.progress", error))?;
    let tokenizer = Tokenizer::from_json(entry("kinora.tokenizer")?)
        .map_err(|error| broken(folder, error.to_string()))?;
    let sources = match metadata.get("kinora.sources") {
        Some(text) => serde_json::from_str(text).map_err(|error| wrong("kinora.sources", error))?,
        None => Sources::default(),
    };
    let words = match metadata.get("kinora.words") {
        Some(text) => serde_json::from_str(text).map_err(|error| wrong("kinora.words", error))?,
        None => BTreeSet::new(),
    };
    let mut lexicon = Lexicon::open(&config.encoder, tokenizer, &sources, Some(folder))?;
    lexicon.words = words;
    let mut outline = State::outline(config, &lexicon.inputs(), progress.step)?;
    // An earlier version stored no pairs.
    if !tensors.iter().any(|tensor| tensor.name.starts_with("pairs.")) {
        outline.pairs = None;
    }
    let mut state = kinora_nn::load(&outline, device, &bytes, "").map_err(fail)?;
    if state.pairs.is_none() {
        let random = Random::new(config.seed, stream::PAIRS);
        state.pairs = Pairs::new(&mut Fresh::<T>::new(device, random), config)?;
    }
    state.step = progress.step;
    state.count(config);
    Ok((state, lexicon, progress))
}

/// Maps an error of the file to [`Error::Checkpoint`] and an error of the device to itself.
fn fail(folder: &Path) -> impl Fn(kinora_nn::Error) -> Error {
    move |error| match error {
        kinora_nn::Error::Tensor(error) => error.into(),
        other => broken(folder, other.to_string()),
    }
}

fn broken(folder: &Path, reason: String) -> Error {
    Error::Checkpoint { path: path(folder), reason }
}
