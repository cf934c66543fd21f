use std::collections::HashMap;
use std::path::{Path, PathBuf};

use kinora_tensor::Random;
use rust_bert::bert::{BertConfig, BertForTokenClassification};
use rust_bert::pipelines::common::{ModelType, TokenizerOption};
use serde_json::{Value, json};
use tch::nn::{AdamW, Optimizer, OptimizerConfig, VarStore};
use tch::{Device, Reduction, Tensor};

use super::{Bert, FOLDERS, checked, read, vocabulary, weights, wrong};
use crate::learn::{Epoch, Progress, Set, batches, held_out, note, schedule, sets};
use crate::treebank::{Sentence, Task};
use crate::{Error, Result};

/// How BERTs are trained.
#[derive(Clone, Debug, PartialEq)]
pub struct BertTrainConfig {
    /// A folder of pre-trained weights to start from, with `config.json`, `vocab.txt` and
    /// `model.safetensors` or `rust_model.ot`; a small model from nothing without.
    pub from: Option<PathBuf>,
    /// How often each sentence is seen.
    pub epochs: usize,
    /// Sentences of a step.
    pub batch: usize,
    /// Adam's rate at its highest.
    pub rate: f64,
    /// The share of sentences that are shown without capitals.
    pub lower: f32,
    /// What all that is random comes from.
    pub seed: u64,
}

impl Default for BertTrainConfig {
    fn default() -> Self {
        Self { from: None, epochs: 4, batch: 24, rate: 1.5e-4, lower: 0.25, seed: 0 }
    }
}

/// Streams of random numbers.
mod stream {
    pub const ORDER: u64 = 2;
    pub const LOWER: u64 = 3;
}

/// The longest gradient that is followed as it is.
const CLIP: f64 = 1.0;

/// Pieces of the vocabulary of a model from nothing.
const VOCAB: usize = 8000;

/// The place of a piece that has no label.
const NO_LABEL: i64 = -100;

/// Fine-tunes a BERT for each task, and writes after each epoch what [`Bert::open`] reads to
/// `folder`; `progress` may stop it, by `false`.
///
/// The same sentences, config and number of libtorch's threads give the same weights.
///
/// # Errors
/// If there are no sentences for one of the tasks, `from` is no BERT, the folder cannot be
/// written, or the loss is no number any more.
pub fn train_bert(
    config: &BertTrainConfig,
    data: &[(Task, Vec<Sentence>)],
    folder: &Path,
    progress: &mut dyn FnMut(&Progress<Bert>) -> bool,
) -> Result<()> {
    let sets = sets(data)?;
    tch::manual_seed(config.seed as i64);
    let source = match &config.from {
        Some(from) => Source::open(from)?,
        None => Source::small(&sets)?,
    };
    let mut learners = Vec::new();
    for (task, name) in FOLDERS {
        learners.push(Learner::new(task, &source, &folder.join(name), config.rate)?);
    }
    let mut order = Random::new(config.seed, stream::ORDER);
    let mut lower = Random::new(config.seed, stream::LOWER);
    let per_epoch: usize = sets.iter().map(|set| set.train.len().div_ceil(config.batch)).sum();
    let steps = per_epoch * config.epochs;
    let (mut losses, mut step) = ([0.0; 2], 0);
    for number in 1..=config.epochs {
        for (of, batch) in batches(&sets, config.batch, &mut order) {
            let shown: Vec<Sentence> = batch
                .into_iter()
                .map(|sentence| match lower.uniform() < config.lower {
                    true => sentence.lowered(),
                    false => sentence.clone(),
                })
                .collect();
            let loss = learners[of].step(&shown, config.rate * f64::from(schedule(step, steps)))?;
            if !loss.is_finite() {
                return Err(Error::Diverged { step });
            }
            step += 1;
            note(&mut losses[of], loss);
            if !progress(&Progress { step, steps, losses, epoch: None }) {
                return learners.iter().try_for_each(Learner::save);
            }
        }
        learners.iter().try_for_each(Learner::save)?;
        let bert = Bert::open(folder)?;
        let epoch = Some(Epoch { number, scores: held_out(&bert, &sets)?, tagger: &bert });
        if !progress(&Progress { step, steps, losses, epoch }) {
            break;
        }
    }
    Ok(())
}

/// What a training starts from.
struct Source {
    config: Value,
    vocab: String,
    /// The weights by name, and where they are from.
    weights: Option<(PathBuf, HashMap<String, Tensor>)>,
}

impl Source {
    fn open(folder: &Path) -> Result<Self> {
        let [config, vocab] = ["config.json", "vocab.txt"].map(|name| folder.join(name));
        let (kind, vocab_size) = checked(&config)?;
        if !matches!(kind, ModelType::Bert) {
            return Err(wrong(&config, "only models of the type bert can be trained on"));
        }
        vocabulary(&vocab, vocab_size)?;
        let path = weights(folder)?;
        let tensors = match path.extension().is_some_and(|extension| extension == "safetensors") {
            true => Tensor::read_safetensors(&path),
            false => Tensor::load_multi(&path),
        };
        let tensors = tensors.map_err(|error| wrong(&path, error))?.into_iter().collect();
        let (config, vocab) = (super::json(&config)?, read(&vocab)?);
        Ok(Self { config, vocab, weights: Some((path, tensors)) })
    }

    fn small(sets: &[Set; 2]) -> Result<Self> {
        let sentences = sets.iter().flat_map(|set| &set.train);
        let texts: Vec<String> = sentences.map(|sentence| sentence.words.join(" ")).collect();
        let mut vocab = crate::vocabulary::vocabulary(texts.iter().map(String::as_str), VOCAB)?;
        vocab.extend(["[CLS]", "[SEP]", "[MASK]"].map(String::from));
        let config = json!({
            "model_type": "bert", "hidden_act": "gelu", "hidden_size": 128,
            "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 512,
            "max_position_embeddings": 512, "type_vocab_size": 2, "vocab_size": vocab.len(),
            "initializer_range": 0.02, "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
        });
        Ok(Self { config, vocab: vocab.join("\n") + "\n", weights: None })
    }
}

/// A model that learns one task.
struct Learner {
    folder: PathBuf,
    labels: usize,
    tokenizer: TokenizerOption,
    /// Pieces of a sentence at most.
    places: usize,
    store: VarStore,
    model: BertForTokenClassification,
    adam: Optimizer,
}

impl Learner {
    /// Makes the folder, with all but the weights.
    fn new(task: Task, source: &Source, folder: &Path, rate: f64) -> Result<Self> {
        let labels = task.labels();
        let mut config = source.config.clone();
        config["id2label"] =
            (0..).zip(labels).map(|(i, l): (usize, _)| (i.to_string(), json!(l))).collect();
        config["label2id"] =
            (0..).zip(labels).map(|(i, l): (usize, _)| (l.to_string(), json!(i))).collect();
        config["architectures"] = json!(["BertForTokenClassification"]);
        std::fs::create_dir_all(folder).map_err(|source| unwritten(folder, source))?;
        let put = |name: &str, text: &str| -> Result<PathBuf> {
            let path = folder.join(name);
            replace(&path, |part| std::fs::write(part, text).map_err(|e| unwritten(&path, e)))?;
            Ok(path)
        };
        put("config.json", &format!("{config:#}\n"))?;
        let vocab = put("vocab.txt", &source.vocab)?;
        let lower_case = vocabulary(&vocab, source.vocab.lines().count())?;
        let path = vocab.to_str().expect("looked at");
        let tokenizer =
            TokenizerOption::from_file(ModelType::Bert, path, None, lower_case, None, None);
        let tokenizer = tokenizer.map_err(|error| wrong(&vocab, error))?;
        let bert: BertConfig = serde_json::from_value(config).map_err(|e| wrong(folder, e))?;
        let store = VarStore::new(Device::cuda_if_available());
        let model = BertForTokenClassification::new(store.root(), &bert);
        let model = model.map_err(|error| wrong(folder, error))?;
        if let Some((path, tensors)) = &source.weights {
            fill(&store, path, tensors)?;
        }
        let adam = AdamW::default().build(&store, rate).map_err(|e| wrong(folder, e))?;
        let (labels, places) = (labels.len(), bert.max_position_embeddings as usize);
        Ok(Self { folder: folder.to_owned(), labels, tokenizer, places, store, model, adam })
    }

    /// One step; the loss per word.
    fn step(&mut self, sentences: &[Sentence], rate: f64) -> Result<f32> {
        let device = self.store.device();
        let rows: Vec<(Vec<i64>, Vec<i64>)> =
            sentences.iter().map(|sentence| self.row(sentence)).collect();
        let longest = rows.iter().map(|(pieces, _)| pieces.len()).max().unwrap_or(0);
        let pad = self.tokenizer.get_pad_id().unwrap_or(0);
        let filled = |of: fn(&(Vec<i64>, Vec<i64>)) -> &Vec<i64>, with: i64| {
            let row = |row| {
                let mut row: Vec<i64> = Clone::clone(of(row));
                row.resize(longest, with);
                row
            };
            let flat: Vec<i64> = rows.iter().flat_map(row).collect();
            Tensor::from_slice(&flat).view([rows.len() as i64, longest as i64]).to(device)
        };
        let (ids, labels) = (filled(|row| &row.0, pad), filled(|row| &row.1, NO_LABEL));
        let lengths: Vec<i64> = rows.iter().map(|(pieces, _)| pieces.len() as i64).collect();
        let lengths = Tensor::from_slice(&lengths).view([-1, 1]).to(device);
        let places = Tensor::arange(longest as i64, (tch::Kind::Int64, device));
        let mask = places.less_tensor(&lengths).to_kind(tch::Kind::Int64);
        let output = self.model.forward_t(Some(&ids), Some(&mask), None, None, None, true);
        let loss = output.logits.view([-1, self.labels as i64]).cross_entropy_loss::<Tensor>(
            &labels.view([-1]),
            None,
            Reduction::Mean,
            NO_LABEL,
            0.0,
        );
        self.adam.set_lr(rate);
        self.adam.backward_step_clip_norm(&loss, CLIP);
        Ok(loss.double_value(&[]) as f32)
    }

    /// The pieces of a sentence between `[CLS]` and `[SEP]`, and the labels: a word's stands at its
    /// first piece.
    fn row(&self, sentence: &Sentence) -> (Vec<i64>, Vec<i64>) {
        let of = |name: &str| self.tokenizer.convert_tokens_to_ids(&[name])[0];
        let (mut pieces, mut labels) = (vec![of("[CLS]")], vec![NO_LABEL]);
        for (word, &label) in sentence.words.iter().zip(&sentence.labels) {
            let of_word = self.tokenizer.tokenize(word);
            if of_word.is_empty() || pieces.len() + of_word.len() >= self.places {
                continue;
            }
            labels.push(label as i64);
            labels.resize(labels.len() + of_word.len() - 1, NO_LABEL);
            pieces.extend(self.tokenizer.convert_tokens_to_ids(&of_word));
        }
        pieces.push(of("[SEP]"));
        labels.push(NO_LABEL);
        (pieces, labels)
    }

    fn save(&self) -> Result<()> {
        let path = self.folder.join("model.safetensors");
        replace(&path, |part| self.store.save(part).map_err(|error| wrong(&path, error)))
    }
}

/// Copies pre-trained weights into a model whose last layer is new. A sentence encoder's names lack
/// the prefix of the others.
fn fill(store: &VarStore, path: &Path, tensors: &HashMap<String, Tensor>) -> Result<()> {
    for (name, mut variable) in store.variables() {
        let bare = name.strip_prefix("bert.");
        let Some(bare) = bare else { continue };
        let found = tensors.get(&name).or_else(|| tensors.get(bare));
        let found = found.ok_or_else(|| wrong(path, format!("there is no {name}")))?;
        if found.size() != variable.size() {
            let (found, wanted) = (found.size(), variable.size());
            return Err(wrong(path, format!("{name} is {found:?}, but by config.json {wanted:?}")));
        }
        tch::no_grad(|| variable.f_copy_(found)).map_err(|error| wrong(path, error))?;
    }
    Ok(())
}

/// Writes a file beside its place and moves it there.
fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    // The ending says which form it has.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".part-{name}"));
    write(&part)?;
    std::fs::rename(&part, path).map_err(|source| unwritten(path, source))
}

fn unwritten(path: &Path, source: std::io::Error) -> Error {
    Error::Write { path: path.to_owned(), source }
}
