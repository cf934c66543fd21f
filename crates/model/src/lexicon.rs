use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use kinora_embed::{EncoderConfig, Inputs, Loaded, Pieces, Reader, Sif, Vectors, scaled};
use kinora_text::{Analysis, Engine, Tagger, Tokenizer};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

static TAGGER: OnceLock<Tagger> = OnceLock::new();

/// The parts of a model that turn sentences into inputs of its networks: the tokenizer and, if the
/// config asks for them, the built-in tagger, external word vectors and an external sentence
/// encoder.
#[derive(Clone, Debug)]
pub struct Lexicon {
    /// Splits sentences into words, and words into pieces.
    pub tokenizer: Tokenizer,
    /// The words of the training captions, in lower case; empty for a file that has no list of
    /// them.
    pub words: BTreeSet<String>,
    config: EncoderConfig,
    sources: Sources,
    vectors: Option<Arc<Vectors>>,
    sif: Option<Sif<Arc<Vectors>>>,
    #[cfg(feature = "onnx")]
    encoder: Option<Arc<std::sync::Mutex<kinora_embed::OnnxEncoder>>>,
}

/// The external files that a model was trained with. The model needs exactly these to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sources {
    /// The word vectors of `encoder.vectors`.
    pub vectors: Option<Source>,
    /// The encoder of `encoder.onnx`.
    pub encoder: Option<Source>,
    /// The common direction that [`Sif`] has learnt from the captions; empty for other readers.
    pub common: Vec<f32>,
}

/// Identifies a table of word vectors or a sentence encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The length of a vector.
    pub dim: usize,
    /// The fingerprint, 16 hexadecimal digits.
    pub fingerprint: String,
}

impl Source {
    fn new(dim: usize, fingerprint: u64) -> Self {
        Self { dim, fingerprint: format!("{fingerprint:016x}") }
    }
}

impl Lexicon {
    /// The lexicon of a new model, which is to be trained on these captions.
    ///
    /// # Errors
    /// [`Error::Config`] if the config is invalid, [`Error::Source`] if a file that it names is
    /// missing or invalid, and an error if a caption cannot be tokenized.
    pub fn new(config: &EncoderConfig, tokenizer: Tokenizer, captions: &[String]) -> Result<Self> {
        config.check().map_err(Error::Config)?;
        let mut lexicon = Self::load(config, tokenizer, None)?;
        if let (Reader::Sif, Some(vectors)) = (config.reader, &lexicon.vectors) {
            let sif = Sif::new(vectors.clone(), captions);
            check_finite(WORDS, &config.vectors, sif.common())?;
            lexicon.sources.common = sif.common().to_vec();
            lexicon.sif = Some(sif);
        }
        lexicon.learn(captions)?;
        Ok(lexicon)
    }

    /// The lexicon of a trained model, with [`Lexicon::words`] empty. External files are looked for
    /// in the folder `beside`, then at the paths in the config.
    ///
    /// # Errors
    /// [`Error::Source`] if a file is missing, or is not the one that the model was trained with.
    pub fn open(
        config: &EncoderConfig,
        tokenizer: Tokenizer,
        sources: &Sources,
        beside: Option<&Path>,
    ) -> Result<Self> {
        let mut lexicon = Self::load(config, tokenizer, Some((sources, beside)))?;
        for (what, found, trained) in [
            (WORDS, &lexicon.sources.vectors, &sources.vectors),
            (ENCODER, &lexicon.sources.encoder, &sources.encoder),
        ] {
            if found.is_none() && trained.is_some() {
                let reason =
                    format!("the model was trained with {what}, but its config names no {what}");
                return Err(Error::Source(reason));
            }
        }
        if let (Reader::Sif, Some(vectors)) = (config.reader, &lexicon.vectors) {
            if sources.common.len() != vectors.dim() {
                let [found, dim] = [sources.common.len(), vectors.dim()];
                let reason = format!("the model's SIF vector has dimension {found}, not {dim}");
                return Err(Error::Source(reason));
            }
            lexicon.sif = Some(Sif::with(vectors.clone(), sources.common.clone()));
        }
        lexicon.sources.common.clone_from(&sources.common);
        Ok(lexicon)
    }

    /// A copy with another config, which must name the same word vectors and encoder: they are not
    /// loaded again.
    pub fn with(&self, config: &EncoderConfig) -> Self {
        Self { config: config.clone(), ..self.clone() }
    }

    /// `trained` holds the sources of a trained model and the folder to look for them first; `None`
    /// for a new model.
    fn load(
        config: &EncoderConfig,
        tokenizer: Tokenizer,
        trained: Option<(&Sources, Option<&Path>)>,
    ) -> Result<Self> {
        let mut sources = Sources::default();
        let find = |of: fn(&Sources) -> &Option<Source>, what, path| Find {
            what,
            path,
            beside: trained.and_then(|(_, beside)| beside),
            trained: trained.map(|(sources, _)| of(sources).as_ref()),
        };
        let find_vectors = find(|sources| &sources.vectors, WORDS, &config.vectors);
        let vectors = match config.vectors.as_str() {
            "none" => None,
            "builtin" => {
                let vectors = Vectors::builtin();
                let source = Source::new(vectors.dim(), vectors.fingerprint());
                find_vectors.compare(&source).map_err(|other| {
                    Error::Source(format!(
                        "the built-in table of word vectors {other}; use the version of kinora that \
                         trained the model, or train the model again"
                    ))
                })?;
                Some((vectors, source))
            }
            _ => Some(find_vectors.open(|path| {
                let Loaded { vectors, .. } = kinora_embed::read(path, None)?;
                let source = Source::new(vectors.dim(), vectors.fingerprint());
                Ok((vectors, source))
            })?),
        };
        let vectors = vectors.map(|(vectors, source)| {
            sources.vectors = Some(source);
            Arc::new(vectors)
        });
        #[cfg(feature = "onnx")]
        let encoder = match config.reader {
            Reader::Onnx => {
                let find = find(|sources| &sources.encoder, ENCODER, &config.onnx);
                let (encoder, source) = find.open(|folder| {
                    let mut encoder = kinora_embed::OnnxEncoder::open(folder)?;
                    let source = Source::new(encoder.dim()?, encoder.fingerprint()?);
                    Ok((encoder, source))
                })?;
                sources.encoder = Some(source);
                Some(Arc::new(std::sync::Mutex::new(encoder)))
            }
            _ => None,
        };
        #[cfg(not(feature = "onnx"))]
        if config.reader == Reader::Onnx {
            let reason = "encoder.reader = \"onnx\" needs kinora built with --features onnx";
            return Err(Error::Source(reason.into()));
        }
        Ok(Self {
            tokenizer,
            words: BTreeSet::new(),
            config: config.clone(),
            sources,
            vectors,
            sif: None,
            #[cfg(feature = "onnx")]
            encoder,
        })
    }

    /// The external files of the model, as its own file records them.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The sizes of the encoder's inputs: vocabulary, word vectors and sentence vectors.
    pub fn inputs(&self) -> Inputs {
        self.sources.inputs(&self.config, self.tokenizer.vocab_size())
    }

    /// Turns a batch of sentences into the encoder's inputs.
    ///
    /// # Errors
    /// If a sentence cannot be tokenized, tagged or encoded, or a vector for it is NaN or infinite.
    pub fn read(&self, texts: &[&str]) -> Result<Pieces> {
        let analyses = self.analyse(texts)?;
        let mut pieces = Pieces::new(&analyses, &self.config, self.vectors.as_deref());
        if let Some(sif) = &self.sif {
            // Scaled so that their numbers are near 1, as those of word vectors are.
            pieces.given = texts.iter().flat_map(|text| scaled(&sif.sentence(text))).collect();
        }
        #[cfg(feature = "onnx")]
        if let Some(encoder) = &self.encoder {
            let mut encoder = encoder.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            pieces.given = encoder.encode(texts)?.iter().flat_map(|x| scaled(x)).collect();
        }
        let (vectors, encoder) = (&self.config.vectors, &self.config.onnx);
        let given = match self.config.reader {
            Reader::Onnx => (ENCODER, encoder, &pieces.given),
            _ => (WORDS, vectors, &pieces.given),
        };
        for (what, path, values) in [(WORDS, vectors, &pieces.vectors), given] {
            check_finite(what, path, values)?;
        }
        Ok(pieces)
    }

    /// The word vectors of `encoder.vectors`.
    pub(crate) fn vectors(&self) -> Option<&Vectors> {
        self.vectors.as_deref()
    }

    /// Pieces of a sentence at most.
    pub(crate) fn places(&self) -> usize {
        self.config.pieces
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
    /// The sizes of the encoder's inputs.
    pub(crate) fn inputs(&self, config: &EncoderConfig, vocab: usize) -> Inputs {
        let dim = |source: &Option<Source>| source.as_ref().map_or(0, |source| source.dim);
        let sentence = match config.reader {
            Reader::Sif => dim(&self.vectors),
            _ => dim(&self.encoder),
        };
        Inputs { vocab, vectors: dim(&self.vectors), sentence }
    }
}

// The two kinds of external files, as messages name them.
const WORDS: &str = "word vectors";
const ENCODER: &str = "sentence encoder";

/// Rejects NaN and infinity, which would make a film empty without any hint at the cause.
fn check_finite(what: &str, path: &str, values: &[f32]) -> Result<()> {
    match values.iter().find(|x| !x.is_finite()) {
        Some(x) => {
            Err(Error::Source(format!("the {what} {path:?}: found {x}; numbers must be finite")))
        }
        None => Ok(()),
    }
}

/// A search for an external file.
struct Find<'a> {
    what: &'static str,
    /// The path in the config.
    path: &'a str,
    /// The folder of a trained model.
    beside: Option<&'a Path>,
    /// The file that the model was trained with; the outer `None` is a new model.
    trained: Option<Option<&'a Source>>,
}

impl Find<'_> {
    /// Opens the first matching file: beside the model, then at the path in the config.
    fn open<V>(
        &self,
        open: impl Fn(&Path) -> kinora_embed::Result<(V, Source)>,
    ) -> Result<(V, Source)> {
        let path = Path::new(self.path);
        let beside = self.beside.zip(path.file_name()).map(|(folder, name)| folder.join(name));
        let beside = beside.filter(|beside| beside != path && beside.exists());
        let mut why = Vec::new();
        for place in beside.iter().map(std::path::PathBuf::as_path).chain([path]) {
            // A device such as /dev/zero would be read without end.
            if place.exists() && !place.is_file() && !place.is_dir() {
                why.push(format!("{} is not a regular file or a folder", place.display()));
                continue;
            }
            match open(place) {
                Ok((value, source)) => match self.compare(&source) {
                    Ok(()) => return Ok((value, source)),
                    Err(other) => why.push(format!("{} {other}", place.display())),
                },
                Err(error @ kinora_embed::Error::Library(_)) => {
                    return Err(Error::Source(error.to_string()));
                }
                // This error quotes the file. The file might be a secret that a stranger's model names.
                Err(kinora_embed::Error::Line { .. } | kinora_embed::Error::Byte { .. })
                    if self.trained.is_some() =>
                {
                    why.push(format!("{} holds no {}", place.display(), self.what));
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                    why.push(format!("{error}{}", cause.unwrap_or_default()));
                }
            }
        }
        let hint = match self.trained {
            Some(_) => {
                "; the model needs the exact files it was trained with: put them beside the model"
            }
            None => "",
        };
        Err(Error::Source(format!("the {}: {}{hint}", self.what, why.join("; "))))
    }

    /// Compares a file with the one that the model was trained with; the error names both.
    fn compare(&self, found: &Source) -> Result<(), String> {
        let name = |source: &Source| {
            format!("dimension {}, fingerprint {}", source.dim, source.fingerprint)
        };
        match self.trained {
            None => Ok(()),
            Some(Some(trained)) if trained == found => Ok(()),
            Some(trained) => Err(format!(
                "({}) is not the one that the model was trained with ({})",
                name(found),
                trained.map_or("nothing".into(), name)
            )),
        }
    }
}
