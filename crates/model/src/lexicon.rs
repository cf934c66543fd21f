use std::path::Path;
use std::sync::{Arc, OnceLock};

use kinora_embed::{EncoderConfig, Inputs, Loaded, Pieces, Reader, Sif, Vectors};
use kinora_text::{Analysis, Engine, Tagger, Tokenizer};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

static TAGGER: OnceLock<Tagger> = OnceLock::new();

/// What a model knows of language beside its weights: its tokenizer and, where its config wants them,
/// the built-in tagger, word vectors from elsewhere, and a sentence encoder.
#[derive(Clone, Debug)]
pub struct Lexicon {
    /// Cuts sentences into words, and words into pieces.
    pub tokenizer: Tokenizer,
    config: EncoderConfig,
    sources: Sources,
    vectors: Option<Arc<Vectors>>,
    sif: Option<Sif<Arc<Vectors>>>,
    #[cfg(feature = "onnx")]
    encoder: Option<Arc<std::sync::Mutex<kinora_embed::OnnxEncoder>>>,
}

/// What a model was trained with and is not in its file: it goes with no other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sources {
    /// The word vectors of `encoder.vectors`.
    pub vectors: Option<Source>,
    /// The encoder of `encoder.onnx`.
    pub encoder: Option<Source>,
    /// What [`Sif`] has learnt of the captions, if sentences are read by it.
    pub common: Vec<f32>,
}

/// By what one is told from others of its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Numbers of a vector.
    pub dim: usize,
    /// Its fingerprint, in hexadecimal.
    pub fingerprint: String,
}

/// What is made of a sentence before anything is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<'a> {
    /// How many words and punctuation marks there are.
    pub tokens: usize,
    /// The words that the model has never seen and that its word vectors lack, each once: it goes by
    /// their letters, as far as it knows these.
    pub unknown: Vec<&'a str>,
    /// What is not read, since the sentence is too long.
    pub unread: &'a str,
}

impl Source {
    fn new(dim: usize, fingerprint: u64) -> Self {
        Self { dim, fingerprint: format!("{fingerprint:016x}") }
    }
}

impl Lexicon {
    /// What a config asks for, for a new model of these captions.
    ///
    /// # Errors
    /// If the config asks for what is not there, or what is not possible.
    pub fn new(config: &EncoderConfig, tokenizer: Tokenizer, captions: &[String]) -> Result<Self> {
        config.check().map_err(Error::Config)?;
        let mut lexicon = Self::load(config, tokenizer, None)?;
        if let (Reader::Sif, Some(vectors)) = (config.reader, &lexicon.vectors) {
            let sif = Sif::new(vectors.clone(), captions);
            lexicon.sources.common = sif.common().to_vec();
            lexicon.sif = Some(sif);
        }
        Ok(lexicon)
    }

    /// What a trained model asks for. A file that is not where it was is looked for in the folder
    /// `beside`.
    ///
    /// # Errors
    /// If it is not there, or is another than the one that the model was trained with.
    pub fn open(
        config: &EncoderConfig,
        tokenizer: Tokenizer,
        sources: &Sources,
        beside: Option<&Path>,
    ) -> Result<Self> {
        let mut lexicon = Self::load(config, tokenizer, beside)?;
        for (what, path, trained, found) in [
            ("word vectors", &config.vectors, &sources.vectors, &lexicon.sources.vectors),
            ("encoder", &config.onnx, &sources.encoder, &lexicon.sources.encoder),
        ] {
            if trained != found {
                let name = |source: &Option<Source>| match source {
                    Some(Source { dim, fingerprint }) => format!("{dim} numbers, {fingerprint}"),
                    None => "none".into(),
                };
                return Err(Error::Source(format!(
                    "the {what} {path:?} are not those that the model was trained with ({}, not {})",
                    name(found),
                    name(trained)
                )));
            }
        }
        if let (Reader::Sif, Some(vectors)) = (config.reader, &lexicon.vectors) {
            if sources.common.len() != vectors.dim() {
                let [found, dim] = [sources.common.len(), vectors.dim()];
                let reason = format!("what sentences have in common is {found} numbers, not {dim}");
                return Err(Error::Source(reason));
            }
            lexicon.sif = Some(Sif::with(vectors.clone(), sources.common.clone()));
        }
        lexicon.sources.common.clone_from(&sources.common);
        Ok(lexicon)
    }

    fn load(config: &EncoderConfig, tokenizer: Tokenizer, beside: Option<&Path>) -> Result<Self> {
        let mut sources = Sources::default();
        let vectors = match config.vectors.as_str() {
            "none" => None,
            "builtin" => Some(Vectors::builtin()),
            path => {
                let read = kinora_embed::read(&found(path, beside), None);
                let Loaded { vectors, .. } =
                    read.map_err(|error| missing("word vectors", &error, beside))?;
                Some(vectors)
            }
        };
        if let Some(vectors) = &vectors {
            sources.vectors = Some(Source::new(vectors.dim(), vectors.fingerprint()));
        }
        #[cfg(feature = "onnx")]
        let encoder = match config.reader {
            Reader::Onnx => {
                let open = || {
                    let folder = found(&config.onnx, beside);
                    let mut encoder = kinora_embed::OnnxEncoder::open(&folder)?;
                    let source = Source::new(encoder.dim()?, encoder.fingerprint()?);
                    Ok((encoder, source))
                };
                let (encoder, source) =
                    open().map_err(|error| missing("encoder", &error, beside))?;
                sources.encoder = Some(source);
                Some(Arc::new(std::sync::Mutex::new(encoder)))
            }
            _ => None,
        };
        #[cfg(not(feature = "onnx"))]
        if config.reader == Reader::Onnx {
            let reason =
                "encoder.reader = \"onnx\": this program was built without the feature onnx";
            return Err(Error::Source(reason.into()));
        }
        Ok(Self {
            tokenizer,
            config: config.clone(),
            sources,
            vectors: vectors.map(Arc::new),
            sif: None,
            #[cfg(feature = "onnx")]
            encoder,
        })
    }

    /// What a model's file has to remember.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// What the networks are fed, in numbers.
    pub fn inputs(&self) -> Inputs {
        self.sources.inputs(&self.config, self.tokenizer.vocab_size())
    }

    /// What the networks are told of sentences.
    ///
    /// # Errors
    /// If a sentence cannot be read.
    pub fn read(&self, texts: &[&str]) -> Result<Pieces> {
        let analyses = self.analyse(texts)?;
        let mut pieces = Pieces::new(&analyses, &self.config, self.vectors.as_deref());
        if let Some(sif) = &self.sif {
            // From vectors of any length to numbers near 1, as of words.
            pieces.given = texts.iter().flat_map(|text| scaled(sif.sentence(text))).collect();
        }
        #[cfg(feature = "onnx")]
        if let Some(encoder) = &self.encoder {
            let mut encoder = encoder.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            pieces.given = encoder.encode(texts)?.into_iter().flat_map(scaled).collect();
        }
        Ok(pieces)
    }

    /// How far a sentence will be read.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn look<'a>(&self, text: &'a str) -> Result<Reading<'a>> {
        let tokens = self.tokenizer.analyse(text)?.tokens;
        let mut reading = Reading { tokens: tokens.len(), unknown: Vec::new(), unread: "" };
        let mut places = 0;
        for token in tokens {
            let word = &text[token.span.clone()];
            let vectors = self.vectors.as_ref();
            let known = vectors.is_some_and(|vectors| vectors.find(word).is_some());
            let one = vectors.is_some_and(|vectors| vectors.vector(word).is_some());
            places += if one { 1 } else { token.pieces.len() };
            if places > self.config.pieces && reading.unread.is_empty() {
                reading.unread = &text[token.span.start..];
            }
            let whole = token.pieces.len() == 1 && token.pieces[0] != Tokenizer::UNK;
            let is_word = word.chars().any(char::is_alphanumeric);
            if !known && !whole && is_word && !reading.unknown.contains(&word) {
                reading.unknown.push(word);
            }
        }
        Ok(reading)
    }

    fn analyse(&self, texts: &[&str]) -> Result<Vec<Analysis>> {
        let cut = texts.iter().map(|text| self.tokenizer.analyse(text));
        let mut analyses = cut.collect::<Result<Vec<_>, _>>()?;
        if self.config.tags > 0 {
            let tagger = match TAGGER.get() {
                Some(tagger) => tagger,
                None => {
                    let tagger = Tagger::builtin()?;
                    TAGGER.get_or_init(|| tagger)
                }
            };
            for (analysis, tagged) in analyses.iter_mut().zip(tagger.analyse(texts)?) {
                analysis.adopt(tagged);
            }
        }
        Ok(analyses)
    }
}

impl Sources {
    /// What the networks of a model with these are fed.
    pub(crate) fn inputs(&self, config: &EncoderConfig, vocab: usize) -> Inputs {
        let dim = |source: &Option<Source>| source.as_ref().map_or(0, |source| source.dim);
        let sentence = match config.reader {
            Reader::Sif => dim(&self.vectors),
            _ => dim(&self.encoder),
        };
        Inputs { vocab, vectors: dim(&self.vectors), sentence }
    }
}

/// A vector brought to the length √d.
fn scaled(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        let scale = (vector.len() as f32).sqrt() / length;
        vector.iter_mut().for_each(|x| *x *= scale);
    }
    vector
}

/// Where a file is: where it was, else beside the model.
fn found(path: &str, beside: Option<&Path>) -> std::path::PathBuf {
    let path = Path::new(path);
    let moved = beside.zip(path.file_name()).map(|(folder, name)| folder.join(name));
    match moved.filter(|moved| !path.exists() && moved.exists()) {
        Some(moved) => moved,
        None => path.to_path_buf(),
    }
}

/// What is said if a source is not there.
fn missing(what: &str, error: &kinora_embed::Error, beside: Option<&Path>) -> Error {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    let cause = cause.unwrap_or_default();
    let hint = match (error, beside) {
        (kinora_embed::Error::Library(_), _) | (_, None) => "",
        _ => "; the model goes with it, and it was looked for beside the model too",
    };
    Error::Source(format!("the {what}: {error}{cause}{hint}"))
}
