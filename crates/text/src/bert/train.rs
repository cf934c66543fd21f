use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kinora_tensor::Random;
use rust_bert::bert::{BertConfig, BertForTokenClassification};
use rust_bert::pipelines::common::{ModelType, TokenizerOption};
use serde_json::{Value, json};
use tch::nn::{AdamW, Optimizer, OptimizerConfig, VarStore};
use tch::{Device, Reduction, Tensor};

use super::folder::{Folder, lower_case, tokenizer};
use super::{Bert, FOLDERS, wrong};
use crate::learn::{Epoch, Progress, Set, batches, held_out, note, schedule, sets};
use crate::treebank::{Sentence, Task};
use crate::{Error, Result};

/// The configuration of [`train_bert`].
#[derive(Clone, Debug, PartialEq)]
pub struct BertTrainConfig {
    /// A folder of pre-trained weights to start from, with `config.json`, `vocab.txt` and
    /// `model.safetensors` or `rust_model.ot`. `None` trains a small model from scratch.
    pub from: Option<PathBuf>,
    /// Passes over the sentences.
    pub epochs: usize,
    /// Sentences per step.
    pub batch: usize,
    /// AdamW's learning rate at its peak.
    pub rate: f64,
    /// The share of sentences that are shown in lower case.
    pub lower: f32,
    /// The seed of all random numbers.
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

/// Gradients with a larger norm are scaled down to this norm.
const CLIP: f64 = 1.0;

/// Pieces of the vocabulary of a model from scratch, at most, without three special pieces.
const VOCAB: usize = 8000;

/// The label of pieces that the loss ignores.
const NO_LABEL: i64 = -100;

/// Fine-tunes a BERT for each task. After each epoch both models are written to `folder`, where
/// [`Bert::open`] reads them.
///
/// `progress` is called after each step and each epoch; if it returns `false`, training stops.
///
/// The same sentences, config and number of libtorch threads give the same weights on the CPU. This
/// holds only if nothing else in the process draws from libtorch's single generator of random
/// numbers; opening a [`Bert`] does.
///
/// # Errors
/// If a task has no sentences, a sentence has a label that its task lacks, `from` is not a BERT,
/// the folder cannot be written, or the loss or a weight is NaN or infinite.
pub fn train_bert(
    config: &BertTrainConfig,
    data: &[(Task, Vec<Sentence>)],
    folder: &Path,
    progress: &mut dyn FnMut(&Progress<Bert>) -> bool,
) -> Result<()> {
    let sets = sets(data, config.batch, config.epochs)?;
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
            let rate = config.rate * f64::from(schedule(step, steps));
            match learners[of].step(&shown, rate) {
                Some(loss) if !loss.is_finite() => return Err(Error::Diverged { step }),
                Some(loss) => note(&mut losses[of], loss),
                None => {}
            }
            step += 1;
            if !progress(&Progress { step, steps, losses, epoch: None }) {
                // Before the end of the first epoch, an existing model is not overwritten.
                let mut all =
                    learners.iter().filter(|learner| number > 1 || !learner.folder.exists());
                return all.try_for_each(|learner| learner.save(step));
            }
        }
        learners.iter().try_for_each(|learner| learner.save(step))?;
        let bert = Bert::open(folder)?;
        let epoch = Some(Epoch { number, scores: held_out(&bert, &sets)?, tagger: &bert });
        if !progress(&Progress { step, steps, losses, epoch }) {
            break;
        }
    }
    Ok(())
}

/// The config, vocabulary and weights that a training starts from.
struct Source {
    config: Value,
    vocab: String,
    /// The pre-trained weights by name, and their path; `None` from scratch.
    weights: Option<(PathBuf, HashMap<String, Tensor>)>,
}

impl Source {
    fn open(folder: &Path) -> Result<Self> {
        let folder = Folder::open(folder)?;
        if !matches!(folder.kind, ModelType::Bert) {
            return Err(wrong(
                &folder.config_path,
                "only models of the type bert can be fine-tuned",
            ));
        }
        let tensors = folder.tensors()?;
        let Folder { config, vocab, weights_path, .. } = folder;
        Ok(Self { config, vocab, weights: Some((weights_path, tensors)) })
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

/// The training of a model for one task.
struct Learner {
    folder: PathBuf,
    config: Value,
    vocab: String,
    labels: usize,
    tokenizer: TokenizerOption,
    /// Pieces of a sentence at most.
    places: usize,
    store: VarStore,
    model: BertForTokenClassification,
    adam: Optimizer,
}

impl Learner {
    fn new(task: Task, source: &Source, folder: &Path, rate: f64) -> Result<Self> {
        let labels = task.labels();
        let numbered = || (0..).zip(labels.iter().copied());
        let mut config = source.config.clone();
        config["id2label"] =
            numbered().map(|(i, label): (usize, _)| (i.to_string(), json!(label))).collect();
        config["label2id"] =
            numbered().map(|(i, label): (usize, _)| (label.to_string(), json!(i))).collect();
        config["architectures"] = json!(["BertForTokenClassification"]);
        let tokenizer = tokenizer_of(&source.vocab, folder)?;
        let bert: BertConfig =
            serde_json::from_value(config.clone()).map_err(|error| wrong(folder, error))?;
        let store = VarStore::new(Device::cuda_if_available());
        let model = BertForTokenClassification::new(store.root(), &bert);
        let model = model.map_err(|error| wrong(folder, error))?;
        if let Some((path, tensors)) = &source.weights {
            fill(&store, path, tensors)?;
        }
        let adam = AdamW::default().build(&store, rate).map_err(|error| wrong(folder, error))?;
        Ok(Self {
            folder: folder.to_owned(),
            config,
            vocab: source.vocab.clone(),
            labels: labels.len(),
            tokenizer,
            places: bert.max_position_embeddings as usize,
            store,
            model,
            adam,
        })
    }

    /// One training step. Returns the mean loss per labelled word, or `None` if no word has a
    /// piece. A loss that is NaN or infinite leaves the weights unchanged.
    fn step(&mut self, sentences: &[Sentence], rate: f64) -> Option<f32> {
        let device = self.store.device();
        let (pieces, labels): (Vec<Vec<i64>>, Vec<Vec<i64>>) =
            sentences.iter().map(|sentence| self.row(sentence)).unzip();
        if labels.iter().flatten().all(|&label| label == NO_LABEL) {
            return None;
        }
        let lengths: Vec<i64> = pieces.iter().map(|pieces| pieces.len() as i64).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let filled = |rows: Vec<Vec<i64>>, with: i64| {
            let row = |row: Vec<i64>| {
                let fill = longest as usize - row.len();
                row.into_iter().chain(std::iter::repeat_n(with, fill))
            };
            let flat: Vec<i64> = rows.into_iter().flat_map(row).collect();
            Tensor::from_slice(&flat).view([-1, longest]).to(device)
        };
        let ids = filled(pieces, self.tokenizer.get_pad_id().unwrap_or(0));
        let labels = filled(labels, NO_LABEL);
        let lengths = Tensor::from_slice(&lengths).view([-1, 1]).to(device);
        let places = Tensor::arange(longest, (tch::Kind::Int64, device));
        let mask = places.less_tensor(&lengths).to_kind(tch::Kind::Int64);
        let output = self.model.forward_t(Some(&ids), Some(&mask), None, None, None, true);
        let loss = output.logits.view([-1, self.labels as i64]).cross_entropy_loss::<Tensor>(
            &labels.view([-1]),
            None,
            Reduction::Mean,
            NO_LABEL,
            0.0,
        );
        let value = loss.double_value(&[]) as f32;
        if value.is_finite() {
            self.adam.set_lr(rate);
            self.adam.backward_step_clip_norm(&loss, CLIP);
        }
        Some(value)
    }

    /// The pieces of a sentence between `[CLS]` and `[SEP]`, and their labels. The first piece of a
    /// word has the word's label, all other pieces have none.
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

    /// Writes a temporary folder beside the model's folder, and renames it.
    fn save(&self, step: usize) -> Result<()> {
        let finite = |variable: &Tensor| variable.isfinite().all().int64_value(&[]) == 1;
        if !self.store.trainable_variables().iter().all(finite) {
            return Err(Error::Diverged { step });
        }
        let [part, old] = ["part", "old"].map(|end| beside(&self.folder, end));
        let written = || -> io::Result<()> {
            fs::create_dir_all(&part)?;
            fs::write(part.join("config.json"), format!("{:#}\n", self.config))?;
            fs::write(part.join("vocab.txt"), &self.vocab)?;
            let weights = part.join("model.safetensors");
            self.store.save(&weights).map_err(io::Error::other)?;
            fs::File::open(weights)?.sync_all()?;
            if self.folder.exists() {
                fs::rename(&self.folder, &old)?;
            }
            fs::rename(&part, &self.folder)?;
            if old.exists() { fs::remove_dir_all(&old) } else { Ok(()) }
        };
        written().map_err(|source| {
            let _ = fs::remove_dir_all(&part);
            Error::Write { path: self.folder.clone(), source }
        })
    }
}

/// The path of a temporary file or folder beside `folder`, unique to this process.
fn beside(folder: &Path, end: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.{}.{end}", std::process::id()))
}

/// A tokenizer of these pieces. It can only be read from a file, so a temporary one is written.
fn tokenizer_of(vocab: &str, folder: &Path) -> Result<TokenizerOption> {
    let path = beside(folder, "vocab");
    let parent = folder.parent().unwrap_or(folder);
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, vocab));
    written.map_err(|source| Error::Write { path: path.clone(), source })?;
    let tokenizer = tokenizer(ModelType::Bert, &path, lower_case(vocab));
    let _ = fs::remove_file(&path);
    tokenizer
}

/// Copies pre-trained weights into a model, except for its last layer. The names of a sentence
/// encoder's tensors lack the prefix `bert.`.
fn fill(store: &VarStore, path: &Path, tensors: &HashMap<String, Tensor>) -> Result<()> {
    for (name, mut variable) in store.variables() {
        let bare = name.strip_prefix("bert.");
        let Some(bare) = bare else { continue };
        let found = tensors.get(&name).or_else(|| tensors.get(bare));
        let found = found.ok_or_else(|| wrong(path, format!("tensor {name} is missing")))?;
        if found.size() != variable.size() {
            let (found, wanted) = (found.size(), variable.size());
            return Err(wrong(path, format!("tensor {name} is {found:?}, not {wanted:?}")));
        }
        tch::no_grad(|| variable.f_copy_(found)).map_err(|error| wrong(path, error))?;
    }
    Ok(())
}
