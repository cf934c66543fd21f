//! The engine on libtorch, through `rust-bert`.

mod folder;
mod train;

use std::path::Path;

use rust_bert::pipelines::common::{ModelResource, TokenizerOption};
use rust_bert::pipelines::token_classification::{
    LabelAggregationOption, TokenClassificationConfig, TokenClassificationModel,
};
use rust_bert::resources::LocalResource;
use serde_json::Value;

use self::folder::Folder;
use crate::labels::{ENTITIES, POS, spans};
use crate::{Engine, Entity, Error, Result, Tag, Tagged, Task};

pub use train::{BertTrainConfig, train_bert};

/// Two fine-tuned models on libtorch, each a BERT or DistilBERT: one finds parts of speech, one
/// names.
///
/// The models come from [`train_bert`] or from other programs. Labels of parts of speech are those
/// of Universal Dependencies or the Penn Treebank; labels of names are BIO. Names of other kinds
/// than [`ENTITIES`](crate::ENTITIES) are left out.
pub struct Bert {
    pos: Model,
    ner: Model,
}

/// The subfolder of each task.
const FOLDERS: [(Task, &str); 2] = [(Task::Pos, "pos"), (Task::Ner, "ner")];

/// Characters of a word that a model sees. Other characters can be cut, since the first piece of a
/// word decides its label.
const WORD: usize = 100;

/// Characters of a part; a longer sentence is read in several parts. A piece mostly has about four
/// characters.
const PART: usize = 1500;

/// Characters of a batch at most, padding included.
const BATCH: usize = 16 << 10;

impl Bert {
    /// Reads `folder/pos` and `folder/ner`, each with `config.json`, `vocab.txt` and
    /// `model.safetensors` or `rust_model.ot`.
    ///
    /// # Errors
    /// [`Error::Model`] with the path of the file that is missing or invalid.
    pub fn open(folder: &Path) -> Result<Self> {
        let [pos, ner] = FOLDERS.map(|(task, name)| Model::open(&folder.join(name), task));
        Ok(Self { pos: pos?, ner: ner? })
    }

    /// Downloads the default models of `rust-bert`: MobileBERT for parts of speech and BERT for
    /// names.
    ///
    /// # Errors
    /// If a model cannot be downloaded or read.
    #[cfg(feature = "rust-bert-remote")]
    pub fn remote() -> Result<Self> {
        use rust_bert::pipelines::pos_tagging::POSConfig;
        let [pos, ner] = [
            (Task::Pos, POSConfig::default().into()),
            (Task::Ner, TokenClassificationConfig::default()),
        ]
        .map(|(task, config): (_, TokenClassificationConfig)| {
            let network = |error| wrong(Path::new("models from the network"), error);
            let path = config.config_resource.get_local_path().map_err(network)?;
            let vocab = config.vocab_resource.get_local_path().map_err(network)?;
            let weights = config.model_resource.get_torch_local_path().map_err(network)?;
            let tokenizer = folder::tokenizer(config.model_type, &vocab, config.lower_case)?;
            let labels = labels(&folder::json(&path)?, task).map_err(|why| wrong(&path, why))?;
            Model::new(config, tokenizer, labels, &weights)
        });
        Ok(Self { pos: pos?, ner: ner? })
    }
}

/// A model for one task.
struct Model {
    model: TokenClassificationModel,
    /// For each label of the model, the index of the label of our task.
    labels: Vec<usize>,
}

/// A range of a sentence's words, joined into a text for the model.
struct Part {
    sentence: usize,
    first: usize,
    /// The beginning and end of each word in the text, in characters.
    words: Vec<(usize, usize)>,
    text: String,
    characters: usize,
}

impl Model {
    fn open(folder: &Path, task: Task) -> Result<Self> {
        let folder = Folder::open(folder)?;
        let labels = labels(&folder.config, task);
        let labels = labels.map_err(|reason| wrong(&folder.config_path, reason))?;
        let tokenizer = folder.tokenizer()?;
        folder.tensors()?;
        let local = |path: &Path| LocalResource { local_path: path.to_owned() };
        let config = TokenClassificationConfig::new(
            folder.kind,
            ModelResource::Torch(Box::new(local(&folder.weights_path))),
            local(&folder.config_path),
            local(&folder.vocab_path),
            None,
            folder.lower_case,
            None,
            None,
            LabelAggregationOption::First,
        );
        Self::new(config, tokenizer, labels, &folder.weights_path)
    }

    fn new(
        mut config: TokenClassificationConfig,
        tokenizer: TokenizerOption,
        labels: Vec<usize>,
        weights: &Path,
    ) -> Result<Self> {
        // The pipeline mistakes every later batch for the first, so one batch must hold all parts.
        config.batch_size = usize::MAX;
        let model = TokenClassificationModel::new_with_tokenizer(config, tokenizer);
        Ok(Self { model: model.map_err(|error| wrong(weights, error))?, labels })
    }

    /// The label of each word and its probability. A word without a piece gets the label `nothing`
    /// and the probability 0.
    fn label(&self, sentences: &[Vec<&str>], nothing: usize) -> Vec<Vec<(usize, f32)>> {
        let mut labels: Vec<Vec<(usize, f32)>> =
            sentences.iter().map(|words| vec![(nothing, 0.0); words.len()]).collect();
        let mut parts: Vec<Part> =
            (0..).zip(sentences).flat_map(|(i, words)| Part::all(i, words)).collect();
        parts.sort_by_key(|part| part.characters);
        let mut rest = &parts[..];
        while !rest.is_empty() {
            let fits = |&n: &usize| n * rest[n - 1].characters <= BATCH;
            let n = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
            let (batch, others) = rest.split_at(n);
            let texts: Vec<&str> = batch.iter().map(|part| part.text.as_str()).collect();
            for (part, tokens) in batch.iter().zip(self.model.predict(&texts, false, false)) {
                let of = &mut labels[part.sentence][part.first..];
                let mut word = 0;
                let mut last = None;
                for token in tokens {
                    let Some(begin) = token.offset.map(|offset| offset.begin as usize) else {
                        continue;
                    };
                    while part.words.get(word).is_some_and(|&(_, end)| end <= begin) {
                        word += 1;
                    }
                    // The first piece of a word decides its label.
                    let inside = part.words.get(word).is_some_and(|&(start, _)| start <= begin);
                    if inside && last != Some(word) {
                        of[word] = (self.labels[token.label_index as usize], token.score as f32);
                        last = Some(word);
                    }
                }
            }
            rest = others;
        }
        labels
    }
}

impl Part {
    /// Splits a sentence into parts.
    fn all(sentence: usize, words: &[&str]) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let end = word.char_indices().nth(WORD).map_or(word.len(), |(end, _)| end);
            let (word, len) = (&word[..end], word[..end].chars().count());
            let fits = parts.last().is_some_and(|part| part.characters + len < PART);
            if !fits {
                parts.push(Self {
                    sentence,
                    first: at,
                    words: Vec::new(),
                    text: String::new(),
                    characters: 0,
                });
            }
            let part = parts.last_mut().expect("a part was just added");
            part.words.push((part.characters, part.characters + len));
            part.text += word;
            part.text.push(' ');
            part.characters += len + 1;
        }
        parts
    }
}

impl Engine for Bert {
    fn tag(&self, sentences: &[Vec<&str>]) -> Result<Vec<Tagged>> {
        let other = POS.len() - 1;
        let tags = self.pos.label(sentences, other);
        let names = self.ner.label(sentences, 0);
        let tagged = tags.iter().zip(&names).map(|(tags, names)| {
            let labels: Vec<usize> = names.iter().map(|&(label, _)| label).collect();
            let entities = spans(&labels).into_iter().map(|(kind, span)| {
                let sum: f32 = names[span.clone()].iter().map(|&(_, p)| p).sum();
                Entity { label: ENTITIES[kind].into(), score: sum / span.len() as f32, span }
            });
            Tagged {
                tags: tags.iter().map(|&(pos, p)| Tag { pos: POS[pos].into(), p }).collect(),
                entities: entities.collect(),
            }
        });
        Ok(tagged.collect())
    }
}

/// An error about a file or folder.
fn wrong(path: &Path, reason: impl ToString) -> Error {
    Error::Model { path: path.to_owned(), reason: reason.to_string() }
}

/// Our label for each label of a `config.json`.
fn labels(config: &Value, task: Task) -> Result<Vec<usize>, String> {
    let names = config["id2label"].as_object();
    let names = names.ok_or("id2label, the names of the labels, is missing")?;
    let label = |i: usize| {
        let name = names.get(&i.to_string()).and_then(Value::as_str);
        let name = name.ok_or_else(|| format!("id2label does not name label {i}"))?;
        let (ours, what) = match task {
            Task::Pos => (
                POS.iter().position(|&pos| pos == name).or_else(|| penn(name)),
                "not a part of speech of Universal Dependencies or the Penn Treebank",
            ),
            Task::Ner => (
                crate::treebank::label(name).map(|found| found.unwrap_or(0)),
                "not a label in BIO, BIOES or BILOU",
            ),
        };
        ours.ok_or_else(|| format!("the label {name:?} is {what}"))
    };
    let labels: Vec<usize> = (0..names.len()).map(label).collect::<Result<_, _>>()?;
    if task == Task::Ner && labels.iter().all(|&label| label == 0) {
        return Err(format!("no label has one of the kinds {}", ENTITIES.join(", ")));
    }
    Ok(labels)
}

/// The universal part of speech of a Penn Treebank tag, without regard to the sentence:
/// <https://universaldependencies.org/tagset-conversion/en-penn-uposf.html>
fn penn(tag: &str) -> Option<usize> {
    let pos = match tag {
        "JJ" | "JJR" | "JJS" | "AFX" => "ADJ",
        "IN" => "ADP",
        "RB" | "RBR" | "RBS" | "WRB" => "ADV",
        "MD" => "AUX",
        "CC" => "CCONJ",
        "DT" | "PDT" | "WDT" => "DET",
        "UH" => "INTJ",
        "NN" | "NNS" => "NOUN",
        "CD" => "NUM",
        "POS" | "TO" | "RP" => "PART",
        "PRP" | "PRP$" | "WP" | "WP$" | "EX" => "PRON",
        "NNP" | "NNPS" => "PROPN",
        "." | "," | ":" | "``" | "''" | "\"" | "-LRB-" | "-RRB-" | "(" | ")" | "HYPH" | "NFP" => {
            "PUNCT"
        }
        "$" | "#" | "SYM" => "SYM",
        "VB" | "VBD" | "VBG" | "VBN" | "VBP" | "VBZ" => "VERB",
        "FW" | "LS" | "ADD" | "GW" | "XX" | "X" => "X",
        _ => return None,
    };
    POS.iter().position(|&known| known == pos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sentences_fall_into_parts() {
        let (long, wide) = ("x".repeat(1_000_000), "Ω".repeat(WORD + 1));
        let words: Vec<&str> = [&long, "a", &wide].into_iter().cycle().take(60).collect();
        let parts = Part::all(7, &words);
        assert!(parts.len() > 1);
        let mut at = 0;
        for part in &parts {
            assert_eq!((part.sentence, part.first), (7, at));
            assert_eq!(part.characters, part.text.chars().count());
            assert!(part.characters <= PART + WORD);
            let characters: Vec<char> = part.text.chars().collect();
            for (&(start, end), word) in part.words.iter().zip(&words[at..]) {
                let shown: Vec<char> = word.chars().take(WORD).collect();
                assert_eq!(characters[start..end], shown);
            }
            at += part.words.len();
        }
        assert_eq!(at, words.len());
        assert!(Part::all(0, &[]).is_empty());
    }

    #[test]
    fn labels_of_others() {
        let of = |names: &str, task| {
            labels(&serde_json::from_str(&format!("{{\"id2label\": {names}}}")).unwrap(), task)
        };
        let conll = r#"{"0": "O", "1": "B-MISC", "2": "I-PER", "3": "B-ORG"}"#;
        assert_eq!(of(conll, Task::Ner).unwrap(), [0, 0, 2, 5]);
        let penn = r#"{"1": "NNP", "0": "VBZ", "2": "SCONJ"}"#;
        let named: Vec<&str> = of(penn, Task::Pos).unwrap().iter().map(|&l| POS[l]).collect();
        assert_eq!(named, ["VERB", "PROPN", "SCONJ"]);
        for (names, task, part) in [
            (r#"{"0": "LABEL_0"}"#, Task::Pos, "LABEL_0"),
            (r#"{"0": "LABEL_0"}"#, Task::Ner, "LABEL_0"),
            (r#"{"1": "O"}"#, Task::Ner, "label 0"),
            ("7", Task::Ner, "id2label"),
        ] {
            let reason = of(names, task).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
    }
}
