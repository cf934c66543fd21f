//! Sentence vectors from an external encoder in an ONNX file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;
use serde_json::Value;
use tokenizers::{PaddingParams, TruncationParams};

use crate::vectors::{fnv, text_of, unit};
use crate::{Error, Result};

/// Sentences of a batch.
const BATCH: usize = 32;

/// Pieces of a sentence at most, if the folder does not give a limit.
const PIECES: usize = 512;

/// The phrases in which a word is encoded, since a word is not a sentence. The mean over the three
/// agrees better with human judgements than each of them, and than the word alone.
const PHRASES: [&str; 3] = ["a {} thing", "the word {}", "what is {}?"];

/// A sentence encoder in the ONNX layout of sentence-transformers, run by onnxruntime.
#[derive(Debug)]
pub struct OnnxEncoder {
    session: Session,
    tokenizer: tokenizers::Tokenizer,
    /// Whether the sentence vector is that of the first piece, not the mean over all pieces.
    first: bool,
    folder: PathBuf,
    path: PathBuf,
}

impl OnnxEncoder {
    /// Opens a folder with `model.onnx` or `onnx/model.onnx`, and with `tokenizer.json`.
    ///
    /// Two files of sentence-transformers are optional. `1_Pooling/config.json` selects the
    /// pooling: the mean over the pieces, which is the default, or the first piece.
    /// `sentence_bert_config.json` limits the number of pieces.
    ///
    /// The library onnxruntime, of version 1.24 or later, is loaded from the path in the
    /// environment variable `ORT_DYLIB_PATH`; without it, from the system's libraries.
    ///
    /// # Errors
    /// [`Error::Library`] if the library is missing or too old, and an error with the path if a
    /// file is missing or invalid.
    pub fn open(folder: &Path) -> Result<Self> {
        let environment = environment()?;
        let paths = ["model.onnx", "onnx/model.onnx"].map(|name| folder.join(name));
        let path = paths
            .into_iter()
            .find(|path| path.is_file())
            .ok_or_else(|| Error::file(folder, "there is no model.onnx, and no onnx/model.onnx"))?;
        let wrong = |error: ort::Error| Error::file(&path, first_line(&error));
        let builder = Session::builder(&environment).map_err(wrong)?;
        // Failures are returned as errors; onnxruntime need not print them too.
        let builder =
            builder.with_log_level(LogLevel::Fatal).map_err(|error| wrong(error.into()))?;
        let session = { builder }.commit_from_file(&path).map_err(wrong)?;
        let tokenizer = tokenizer(folder)?;
        let pooling = json(&folder.join("1_Pooling/config.json"))?;
        let first = pooling.is_some_and(|pooling| pooling["pooling_mode_cls_token"] == true);
        Ok(Self { session, tokenizer, first, folder: folder.into(), path })
    }

    /// The length of a sentence vector.
    ///
    /// # Errors
    /// As [`OnnxEncoder::encode`].
    pub fn dim(&mut self) -> Result<usize> {
        Ok(self.encode(&["a"])?[0].len())
    }

    /// A hash that identifies the encoder: of `model.onnx`, of the files beside it whose names
    /// begin with `model.onnx` (external weights), and of the tokenizer and configuration files.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn fingerprint(&self) -> Result<u64> {
        let unread = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Read { path, source }
        };
        let beside = self.path.parent().unwrap_or(Path::new(""));
        let mut files = Vec::new();
        for entry in std::fs::read_dir(beside).map_err(unread(beside))? {
            let path = entry.map_err(unread(beside))?.path();
            let is_model = |name: &OsStr| name.to_string_lossy().starts_with("model.onnx");
            if path.file_name().is_some_and(is_model) && path.is_file() {
                files.push(path);
            }
        }
        files.sort();
        let others = ["tokenizer.json", "1_Pooling/config.json", "sentence_bert_config.json"];
        files.extend(others.map(|name| self.folder.join(name)).into_iter().filter(|f| f.is_file()));
        let bytes = files.iter().map(|path| std::fs::read(path).map_err(unread(path)));
        Ok(fnv(bytes.collect::<Result<Vec<_>>>()?.into_iter().flatten()))
    }

    /// Encodes sentences into vectors of length 1.
    ///
    /// # Errors
    /// If the tokenizer or the model fails, if the model wants unknown inputs, or if its output is
    /// not one finite vector per sentence or per piece.
    pub fn encode<S: AsRef<str>>(&mut self, sentences: &[S]) -> Result<Vec<Vec<f32>>> {
        // Sentences of similar length share a batch, so that there is little padding.
        let mut order: Vec<usize> = (0..sentences.len()).collect();
        order.sort_by_key(|&i| sentences[i].as_ref().len());
        let mut vectors = vec![Vec::new(); sentences.len()];
        for batch in order.chunks(BATCH) {
            let texts: Vec<&str> = batch.iter().map(|&i| sentences[i].as_ref()).collect();
            for (&i, vector) in batch.iter().zip(self.batch(texts)?) {
                vectors[i] = vector;
            }
        }
        Ok(vectors)
    }

    /// Encodes words, for [`crate::distil`]. The vector of a word is the mean over three phrases
    /// with it.
    ///
    /// # Errors
    /// As [`OnnxEncoder::encode`].
    pub fn encode_words<S: AsRef<str>>(&mut self, words: &[S]) -> Result<Vec<Vec<f32>>> {
        let mut means: Vec<Vec<f32>> = Vec::new();
        for phrase in PHRASES {
            let said: Vec<String> =
                words.iter().map(|word| phrase.replace("{}", word.as_ref())).collect();
            let encoded = self.encode(&said)?;
            means.resize(words.len(), vec![0.0; encoded.first().map_or(0, Vec::len)]);
            for (mean, vector) in means.iter_mut().zip(encoded) {
                mean.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x / PHRASES.len() as f32);
            }
        }
        Ok(means)
    }

    fn batch(&mut self, texts: Vec<&str>) -> Result<Vec<Vec<f32>>> {
        let path = &self.path;
        let wrong = |error: ort::Error| Error::file(path, first_line(&error));
        let encodings = self.tokenizer.encode_batch(texts, true);
        let encodings = encodings.map_err(|error| Error::file(path, error))?;
        let (n, m) = (encodings.len(), encodings[0].len());
        if m == 0 {
            return Err(Error::file(path, "a sentence has no pieces"));
        }
        let all = |f: &dyn Fn(&tokenizers::Encoding) -> &[u32]| -> Vec<i64> {
            encodings.iter().flat_map(|encoding| f(encoding).iter().map(|&x| x.into())).collect()
        };
        let mask = all(&|encoding| encoding.get_attention_mask());
        let mut inputs: Vec<(String, SessionInputValue)> = Vec::new();
        for input in self.session.inputs() {
            let values = match input.name() {
                "input_ids" => all(&|encoding| encoding.get_ids()),
                "attention_mask" => mask.clone(),
                "token_type_ids" => all(&|encoding| encoding.get_type_ids()),
                "position_ids" => (0..n).flat_map(|_| 0..m as i64).collect(),
                other => {
                    let known = "input_ids, attention_mask, token_type_ids and position_ids";
                    return Err(Error::file(
                        path,
                        format!("the model has the input {other:?}; supported inputs are {known}"),
                    ));
                }
            };
            let tensor = Tensor::from_array(([n, m], values)).map_err(wrong)?;
            inputs.push((input.name().to_owned(), tensor.into()));
        }
        let outputs = self.session.run(inputs).map_err(wrong)?;
        let names = ["sentence_embedding", "last_hidden_state"];
        let named = names.into_iter().find_map(|name| outputs.get(name));
        let output = named.or_else(|| (outputs.len() > 0).then(|| &outputs[0]));
        let output = output.ok_or_else(|| Error::file(path, "the model has no output"))?;
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(wrong)?;
        let shape: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
        let vectors: Vec<Vec<f32>> = match shape[..] {
            [sentences, d] if sentences == n && d > 0 => values.chunks(d).map(unit).collect(),
            [sentences, pieces, d] if [sentences, pieces] == [n, m] && d > 0 => {
                let rows = values.chunks(m * d).zip(mask.chunks(m));
                rows.map(|(pieces, mask)| unit(&pool(pieces, mask, d, self.first))).collect()
            }
            _ => {
                let reason =
                    format!("the shape of the output is {shape:?}, not [{n}, d] or [{n}, {m}, d]");
                return Err(Error::file(path, reason));
            }
        };
        match vectors.iter().flatten().all(|x| x.is_finite()) {
            true => Ok(vectors),
            false => Err(Error::file(path, "the output has numbers that are not finite")),
        }
    }
}

/// The vector of the first piece, or the mean over the pieces that the mask keeps.
fn pool(pieces: &[f32], mask: &[i64], d: usize, first: bool) -> Vec<f32> {
    if first {
        return pieces[..d].to_vec();
    }
    let mut sum = vec![0.0; d];
    for piece in pieces.chunks(d).zip(mask).filter(|(_, mask)| **mask > 0).map(|(piece, _)| piece) {
        sum.iter_mut().zip(piece).for_each(|(sum, x)| *sum += x);
    }
    let count = mask.iter().filter(|mask| **mask > 0).count().max(1);
    sum.iter().map(|sum| sum / count as f32).collect()
}

/// The environment of onnxruntime, which allows a single one per process.
fn environment() -> Result<Environment> {
    static SHARED: Mutex<Option<Environment>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*shared {
        return Ok(environment.clone());
    }
    let set = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = set.map_or_else(|| format!("{prefix}onnxruntime{suffix}").into(), PathBuf::from);
    let builder = ort::init_from(&library).map_err(|error| Error::Library(error.to_string()))?;
    let environment = builder.build().map_err(|error| Error::Library(first_line(&error)))?;
    Ok(shared.insert(environment).clone())
}

fn tokenizer(folder: &Path) -> Result<tokenizers::Tokenizer> {
    let path = folder.join("tokenizer.json");
    let mut tokenizer: tokenizers::Tokenizer =
        text_of(&path)?.parse().map_err(|error| Error::file(&path, error))?;
    let said = json(&folder.join("sentence_bert_config.json"))?;
    let said = said.and_then(|said| said["max_seq_length"].as_u64()).map(|most| most as usize);
    let truncation = tokenizer.get_truncation().map_or(PIECES, |truncation| truncation.max_length);
    let max_length = said.unwrap_or(truncation);
    let truncation = TruncationParams { max_length, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|error| Error::file(&path, error))?;
    // A file may ask for padding to a fixed length; padding to the longest of a batch is enough.
    let padding = tokenizer.get_padding().cloned().unwrap_or_else(|| {
        let pad = ["[PAD]", "<pad>"].into_iter();
        let known = pad.filter_map(|token| Some((tokenizer.token_to_id(token)?, token))).next();
        let (pad_id, pad_token) = known.unwrap_or((0, "[PAD]"));
        PaddingParams { pad_id, pad_token: pad_token.into(), ..PaddingParams::default() }
    });
    let strategy = tokenizers::PaddingStrategy::BatchLongest;
    tokenizer.with_padding(Some(PaddingParams { strategy, pad_to_multiple_of: None, ..padding }));
    Ok(tokenizer)
}

/// Reads a file of JSON; `None` if there is no such file.
fn json(path: &Path) -> Result<Option<Value>> {
    match text_of(path) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| Error::file(path, error)),
        Err(Error::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The first line of an error of onnxruntime; the others are locations in its source.
fn first_line(error: &ort::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
