//! The folder of a model in Hugging Face's layout. `rust-bert` panics at invalid files, so this
//! module checks all of them first.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rust_bert::bert::BertConfig;
use rust_bert::distilbert::DistilBertConfig;
use rust_bert::pipelines::common::{ModelType, TokenizerOption};
use serde_json::Value;
use tch::{Kind, Tensor};

use super::wrong;
use crate::Result;

/// The file names of weights.
const WEIGHTS: [&str; 2] = ["model.safetensors", "rust_model.ot"];

/// Weights of a model at most.
const NUMBERS: i64 = 1 << 32;

/// The least `max_position_embeddings`: rust-bert splits a long text into overlapping windows.
const PLACES: i64 = 16;

pub struct Folder {
    pub kind: ModelType,
    pub config: Value,
    pub config_path: PathBuf,
    /// The pieces, one a line.
    pub vocab: String,
    pub vocab_path: PathBuf,
    /// Whether the vocabulary is lower case.
    pub lower_case: bool,
    pub weights_path: PathBuf,
}

impl Folder {
    pub fn open(folder: &Path) -> Result<Self> {
        let [config_path, vocab_path] = ["config.json", "vocab.txt"].map(|name| folder.join(name));
        let text = read(&config_path)?;
        let (kind, config) = checked(&text).map_err(|reason| wrong(&config_path, reason))?;
        let vocab = read(&vocab_path)?;
        let (found, wanted) = (vocab.lines().count() as u64, &config["vocab_size"]);
        if wanted.as_u64() != Some(found) {
            let reason = format!("{found} pieces, but config.json has vocab_size = {wanted}");
            return Err(wrong(&vocab_path, reason));
        }
        let weights_path = WEIGHTS.map(|name| folder.join(name)).into_iter().find(|p| p.is_file());
        let weights_path = weights_path
            .ok_or_else(|| wrong(folder, format!("there is no {}", WEIGHTS.join(" and no "))))?;
        let lower_case = lower_case(&vocab);
        Ok(Self { kind, config, config_path, vocab, vocab_path, lower_case, weights_path })
    }

    pub fn tokenizer(&self) -> Result<TokenizerOption> {
        tokenizer(self.kind, &self.vocab_path, self.lower_case)
    }

    /// The weights by name.
    pub fn tensors(&self) -> Result<HashMap<String, Tensor>> {
        let path = &self.weights_path;
        let tensors = match path.extension().is_some_and(|extension| extension == "safetensors") {
            true => Tensor::read_safetensors(path),
            false => Tensor::load_multi(path),
        };
        let tensors: HashMap<_, _> =
            tensors.map_err(|error| wrong(path, error))?.into_iter().collect();
        for (name, tensor) in &tensors {
            // Only position ids may be integers; weights must be floats.
            let whole =
                !matches!(tensor.kind(), Kind::Float | Kind::Half | Kind::BFloat16 | Kind::Double);
            if whole && !name.ends_with("position_ids") {
                return Err(wrong(
                    path,
                    format!("tensor {name} is {:?}; weights must be floats", tensor.kind()),
                ));
            }
            let rows = match () {
                () if name.ends_with("word_embeddings.weight") => &self.config["vocab_size"],
                () if name.ends_with("position_embeddings.weight") => {
                    &self.config["max_position_embeddings"]
                }
                () => continue,
            };
            if tensor.size().first().copied() != rows.as_i64() {
                let size = tensor.size();
                return Err(wrong(
                    path,
                    format!("tensor {name} is {size:?}; it must have {rows} rows"),
                ));
            }
        }
        Ok(tensors)
    }
}

pub fn tokenizer(kind: ModelType, vocab: &Path, lower_case: bool) -> Result<TokenizerOption> {
    let path = vocab.to_str().ok_or_else(|| wrong(vocab, "the path is not Unicode"))?;
    let tokenizer = TokenizerOption::from_file(kind, path, None, lower_case, None, None);
    tokenizer.map_err(|error| wrong(vocab, error))
}

/// Whether the pieces of a vocabulary are lower case.
pub fn lower_case(vocab: &str) -> bool {
    // `[CLS]` and the other special pieces always have capitals. Some lower-case vocabularies have
    // rare letters that are capitals in Unicode, so only ASCII counts.
    let mut pieces = vocab.lines().filter(|piece| !piece.starts_with('['));
    !pieces.any(|piece| piece.contains(|c: char| c.is_ascii_uppercase()))
}

/// Reads a file of JSON.
#[cfg(feature = "rust-bert-remote")]
pub fn json(path: &Path) -> Result<Value> {
    serde_json::from_str(&read(path)?).map_err(|error| wrong(path, error))
}

/// The text of a file, without the byte order mark that some editors put first.
fn read(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|error| wrong(path, error))?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Checks a `config.json`: the kind of model, and the JSON.
fn checked(text: &str) -> Result<(ModelType, Value), String> {
    let config: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let said = |error: serde_json::Error| error.to_string();
    // The sizes, the width with its heads, and the dropout probabilities.
    let (kind, sizes, [width, heads], decoder, dropped) =
        match config["model_type"].as_str().unwrap_or("bert") {
            "bert" => {
                let c: BertConfig = serde_json::from_str(text).map_err(said)?;
                let sizes = [
                    ("hidden_size", c.hidden_size),
                    ("intermediate_size", c.intermediate_size),
                    ("num_hidden_layers", c.num_hidden_layers),
                    ("num_attention_heads", c.num_attention_heads),
                    ("vocab_size", c.vocab_size),
                    ("max_position_embeddings", c.max_position_embeddings),
                    ("type_vocab_size", c.type_vocab_size),
                ];
                let dropped = [c.hidden_dropout_prob, c.attention_probs_dropout_prob];
                let heads = [c.hidden_size, c.num_attention_heads];
                (ModelType::Bert, sizes, heads, c.is_decoder, dropped)
            }
            "distilbert" => {
                let c: DistilBertConfig = serde_json::from_str(text).map_err(said)?;
                let sizes = [
                    ("dim", c.dim),
                    ("hidden_dim", c.hidden_dim),
                    ("n_layers", c.n_layers),
                    ("n_heads", c.n_heads),
                    ("vocab_size", c.vocab_size),
                    ("max_position_embeddings", c.max_position_embeddings),
                    ("one", 1),
                ];
                let dropped = [c.dropout, c.attention_dropout];
                (ModelType::DistilBert, sizes, [c.dim, c.n_heads], c.is_decoder, dropped)
            }
            other => {
                return Err(format!(
                    "the model type is {other}; only bert and distilbert are supported"
                ));
            }
        };
    for (key, size) in sizes {
        let least = if key == "max_position_embeddings" { PLACES } else { 1 };
        if !(least..1 << 24).contains(&size) {
            return Err(format!("{key} is {size}; it must be from {least} to 16777215"));
        }
    }
    let [hidden, inner, layers, _, vocab, places, _] = sizes.map(|(_, size)| i128::from(size));
    let numbers = hidden * (vocab + places) + layers * hidden * (4 * hidden + 2 * inner);
    if numbers > i128::from(NUMBERS) {
        return Err(format!("the model has {numbers} weights, more than {NUMBERS}"));
    }
    if width % heads != 0 {
        return Err(format!("{heads} attention heads do not divide the hidden size {width}"));
    }
    if decoder == Some(true) {
        return Err("is_decoder is true; the model must be an encoder".into());
    }
    if let Some(share) = dropped.iter().find(|share| !(0.0..1.0).contains(*share)) {
        return Err(format!(
            "a dropout probability is {share}; it must be at least 0 and less than 1"
        ));
    }
    Ok((kind, config))
}
