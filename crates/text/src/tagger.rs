mod features;
mod net;
mod train;

use std::collections::BTreeMap;
use std::ops::Range;

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_nn::{Module, Outline, Precision};
use kinora_tensor::Tensor;

use self::features::{GRAMS, Vocabulary, grams, plain, shape, without_capitals};
use self::net::{Inputs, Net};
use crate::labels::{BIO, ENTITIES, POS, entity, spans};
use crate::{Engine, Entity, Error, Result, Tag, Tagged};

pub use net::Sizes;
pub use train::{TrainConfig, train};

/// Words of a part; a longer sentence is read in several parts.
const WINDOW: usize = 256;

/// A batch of up to this many parts may have parts of different lengths.
const FEW: usize = 20;

/// Words of a batch at most, padding included.
const BATCH: usize = 4096;

/// The built-in engine: a small recurrent network on the CPU.
///
/// The weights are part of this crate; no file is read or downloaded.
#[derive(Clone, Debug)]
pub struct Tagger {
    sizes: Sizes,
    vocabulary: Vocabulary,
    net: Net<CpuTensor>,
}

/// The weights of [`Tagger::builtin`].
const BUILTIN: &[u8] = include_bytes!("../assets/tagger.safetensors");

impl Tagger {
    /// The tagger of this crate. The README names its training data and licence.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn builtin() -> Result<Self> {
        Self::from_bytes(BUILTIN)
    }

    /// Reads a tagger from the bytes of [`Tagger::to_bytes`].
    ///
    /// # Errors
    /// If the bytes are not a whole safetensors file, lack a tensor or a metadata key, are for
    /// other labels, or contain NaN or infinity. The error names the key or the tensor.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = |what: &str| Error::Weights(what.into());
        let metadata = kinora_nn::header(bytes)?.metadata;
        let of =
            |key: &str| metadata.get(key).ok_or_else(|| wrong(&format!("metadata lacks {key}")));
        if of("labels")? != &labels() {
            return Err(wrong(
                "the labels differ from those of this version of kinora; train the tagger again",
            ));
        }
        let sizes: Sizes = serde_json::from_str(of("sizes")?)
            .map_err(|error| Error::Weights(format!("sizes: {error}")))?;
        sizes.check()?;
        let vocabulary = Vocabulary::new(of("words")?);
        let vocabulary = vocabulary
            .ok_or_else(|| wrong("metadata words: the words must be sorted and distinct"))?;
        let outline = Net::new(&mut Outline, sizes, vocabulary.len())?;
        let net: Net<CpuTensor> = kinora_nn::load(&outline, &CpuDevice::new(), bytes, "")?;
        Ok(Self { sizes, vocabulary, net })
    }

    /// The tagger as the bytes of a safetensors file, with 16-bit floats.
    ///
    /// # Errors
    /// If a weight exceeds the range of 16-bit floats.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let metadata = BTreeMap::from([
            ("labels".into(), labels()),
            ("sizes".into(), serde_json::to_string(&self.sizes).expect("numbers are JSON")),
            ("words".into(), self.vocabulary.words().into()),
        ]);
        Ok(kinora_nn::save(&self.net.named(), &metadata, Precision::F16)?)
    }

    /// Tags a batch of parts of sentences.
    fn batch(&self, sentences: &[Vec<&str>], parts: &[Part]) -> Result<Vec<Tagged>> {
        let rows: Vec<&[&str]> =
            parts.iter().map(|part| &sentences[part.sentence][part.words.clone()]).collect();
        let inputs = inputs(self.net.device(), &self.vocabulary, self.sizes, &rows, |_, row| row)?;
        let logits = self.net.forward(&inputs, Ok)?;
        let pos = logits.pos.softmax()?.to_vec()?;
        let ner = logits.ner.softmax()?.to_vec()?;
        let places = inputs.mask.shape()[1];
        let tagged = rows.iter().enumerate().map(|(i, row)| {
            let words = i * places..i * places + row.len();
            let of = |labels: usize| words.start * labels..words.end * labels;
            Tagged {
                tags: pos[of(POS.len())].chunks_exact(POS.len()).map(best).collect(),
                entities: entities(&ner[of(BIO.len())]),
            }
        });
        Ok(tagged.collect())
    }
}

/// The labels of both tasks, as in the metadata of the weights.
fn labels() -> String {
    [&POS[..], &BIO].concat().join(" ")
}

/// A sentence's words in a range of at most [`WINDOW`].
struct Part {
    sentence: usize,
    words: Range<usize>,
}

impl Engine for Tagger {
    fn tag(&self, sentences: &[Vec<&str>]) -> Result<Vec<Tagged>> {
        let mut parts: Vec<Part> = Vec::new();
        for (sentence, words) in sentences.iter().enumerate() {
            for first in (0..words.len()).step_by(WINDOW) {
                let words = first..(first + WINDOW).min(words.len());
                parts.push(Part { sentence, words });
            }
        }
        // Sorted by length, since a batch is padded to its longest part.
        parts.sort_by_key(|part| part.words.len());
        let mut found = Vec::with_capacity(parts.len());
        let mut rest = &parts[..];
        while !rest.is_empty() {
            let len = |n: usize| rest[n].words.len();
            // Parts of one length need no padding; but many tiny batches would cost more than
            // padding.
            let fits = |&n: &usize| n * len(n - 1) <= BATCH && (n <= FEW || len(n - 1) == len(0));
            let n = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
            let (batch, others) = rest.split_at(n);
            found.extend(batch.iter().zip(self.batch(sentences, batch)?));
            rest = others;
        }
        found.sort_by_key(|(part, _)| (part.sentence, part.words.start));
        let mut tagged: Vec<Tagged> = vec![Tagged::default(); sentences.len()];
        for (part, Tagged { tags, entities }) in found {
            let of = &mut tagged[part.sentence];
            of.tags.extend(tags);
            of.entities.extend(entities.into_iter().map(|entity| Entity {
                span: entity.span.start + part.words.start..entity.span.end + part.words.start,
                ..entity
            }));
        }
        Ok(tagged)
    }
}

/// The network's inputs for a batch of sentences. `row` gets each word and its row in the
/// vocabulary, and returns the row to use.
fn inputs<T: Tensor>(
    device: &T::Device,
    vocabulary: &Vocabulary,
    sizes: Sizes,
    sentences: &[&[&str]],
    mut row: impl FnMut(&str, u32) -> u32,
) -> Result<Inputs<T>> {
    let (n, m) = (sentences.len(), sentences.iter().map(|words| words.len()).max().unwrap_or(0));
    // An index that is not a row of the table gives a vector of zeros.
    let none = -1.0;
    let mut words = vec![none; n * m];
    let mut letters = vec![none; n * m * GRAMS];
    let mut shapes = vec![none; n * m];
    let mut mask = vec![0.0; n * m];
    for (i, sentence) in sentences.iter().enumerate() {
        let flat = without_capitals(sentence);
        for (place, word) in (i * m..).zip(*sentence) {
            let plain = plain(word);
            words[place] = row(&plain, vocabulary.row(&plain)) as f32;
            let pieces = grams(&plain, sizes.grams as u32);
            for (to, piece) in letters[place * GRAMS..].iter_mut().zip(pieces) {
                *to = piece as f32;
            }
            shapes[place] = shape(word, flat) as f32;
            mask[place] = 1.0;
        }
    }
    Ok(Inputs {
        words: T::from_slice(device, &words, [n, m])?,
        grams: T::from_slice(device, &letters, [n, m, GRAMS])?,
        shapes: T::from_slice(device, &shapes, [n, m])?,
        mask: T::from_slice(device, &mask, [n, m])?,
        equal: sentences.iter().all(|words| words.len() == m),
    })
}

/// The most likely part of speech.
fn best(p: &[f32]) -> Tag {
    let (label, &p) =
        p.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("there are labels");
    Tag { pos: POS[label].into(), p }
}

/// The names of the most likely valid sequence of labels (Viterbi, 1967), given the probabilities p
/// `[m, labels]`. In a valid sequence every I label follows a B or I label of the same kind.
fn entities(p: &[f32]) -> Vec<Entity> {
    let may_follow = |before: usize, label: usize| match entity(label) {
        Some((kind, false)) => entity(before).is_some_and(|(of, _)| of == kind),
        _ => true,
    };
    let log: Vec<[f32; BIO.len()]> = p
        .chunks_exact(BIO.len())
        .map(|p| std::array::from_fn(|label| p[label].max(f32::MIN_POSITIVE).ln()))
        .collect();
    let mut from: Vec<[usize; BIO.len()]> = Vec::with_capacity(log.len());
    // Before the first word the label is O.
    let mut sums = [f32::NEG_INFINITY; BIO.len()];
    sums[0] = 0.0;
    for here in &log {
        let before: [usize; BIO.len()] = std::array::from_fn(|label| {
            let all = (0..BIO.len()).filter(|&before| may_follow(before, label));
            all.max_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0)
        });
        sums = std::array::from_fn(|label| sums[before[label]] + here[label]);
        from.push(before);
    }
    let mut label = (0..BIO.len()).max_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0);
    let mut labels = vec![0; log.len()];
    for at in (0..log.len()).rev() {
        labels[at] = label;
        label = from[at][label];
    }
    let score = |span: &Range<usize>| {
        let sum: f32 = span.clone().map(|at| p[at * BIO.len() + labels[at]]).sum();
        sum / span.len() as f32
    };
    let names = spans(&labels).into_iter();
    names
        .map(|(kind, span)| Entity { label: ENTITIES[kind].into(), score: score(&span), span })
        .collect()
}
