//! Tables of word vectors: lookup, neighbours, analogies and means.

mod binary;
mod names;
mod ngrams;
mod own;
mod read;
mod stems;
mod text;
mod write;

use std::borrow::Cow;

use rayon::prelude::*;

use crate::{Error, Result};

use names::Names;
pub(crate) use ngrams::ngrams;
pub use read::{Loaded, read};
pub(crate) use read::{open, text_of};
use stems::stems;
pub use write::{Form, write};

/// A table of words and their vectors, as word2vec, GloVe and fastText make them.
///
/// Words are case-sensitive and distinct. Their order is that of the file, usually by frequency. A
/// file of kinora's own format ([`Form::Own`]) is mapped, so a large table opens at once.
#[derive(Debug)]
pub struct Vectors {
    dim: usize,
    names: Names,
    /// The vectors of the words, `[words, dim]`.
    values: Values,
    /// The vectors of letter n-grams, `[buckets, dim]`, if the table has them.
    ngrams: Option<Values>,
}

const BUILTIN: &[u8] = include_bytes!("../assets/words.safetensors");

/// Numbers in memory or in a mapped file.
#[derive(Debug)]
enum Values {
    Memory(Vec<f32>),
    Mapped(own::Mapped),
}

/// A word and its similarity to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// The word.
    pub word: String,
    /// The cosine of the angle to the query's vector, from −1 to 1.
    pub cosine: f32,
}

impl Vectors {
    /// The built-in table: 30,000 English words in lower case with 64 numbers each, distilled from
    /// a sentence encoder ([`crate::distil`]).
    pub fn builtin() -> Self {
        own::of_bytes(BUILTIN).expect("the table of this crate is whole")
    }

    /// A table of words and their vectors `[words, dim]`.
    ///
    /// # Errors
    /// [`Error::Table`] if `dim` is 0, the number of values is not words x `dim`, a word is empty
    /// or occurs twice, or the words have 4 GiB or more in total.
    pub fn new<S: AsRef<str>>(words: &[S], dim: usize, values: Vec<f32>) -> Result<Self> {
        if dim == 0 || words.len().checked_mul(dim) != Some(values.len()) {
            let (words, values) = (words.len(), values.len());
            return Err(Error::Table(format!("{words} words of dim {dim}, but {values} numbers")));
        }
        let mut names = Names::default();
        for word in words {
            names.push(word.as_ref()).map_err(Error::Table)?;
        }
        match names.sort().first() {
            Some(&word) => Err(Error::Table(format!("{:?} occurs twice", words[word].as_ref()))),
            None => Ok(Self { dim, names, values: Values::Memory(values), ngrams: None }),
        }
    }

    /// A table of the rows of a file. Only the first row of a repeated word is kept; the number of
    /// rows that were left out is returned too.
    fn unique(mut names: Names, dim: usize, mut values: Vec<f32>) -> (Self, usize) {
        let twice = names.sort();
        if !twice.is_empty() {
            let mut kept = Names::default();
            let mut others = twice.iter().copied().peekable();
            for index in 0..names.ends.len() {
                if others.next_if_eq(&index).is_some() {
                    continue;
                }
                let to = kept.ends.len() * dim;
                values.copy_within(index * dim..(index + 1) * dim, to);
                kept.text += names.word(index);
                kept.ends.push(kept.text.len() as u32);
            }
            values.truncate(kept.ends.len() * dim);
            kept.sort();
            names = kept;
        }
        (Self { dim, names, values: Values::Memory(values), ngrams: None }, twice.len())
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.names.ends.len()
    }

    /// Whether the table has no words.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The word at an index.
    ///
    /// # Panics
    /// If the index is not below [`Vectors::len`].
    pub fn word(&self, index: usize) -> &str {
        self.names.word(index)
    }

    /// All words, in the order of their indices.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.word(index))
    }

    /// The vector at an index.
    ///
    /// # Panics
    /// If the index is not below [`Vectors::len`].
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values()[index * self.dim..][..self.dim]
    }

    /// All vectors, `[words, dim]`.
    pub fn values(&self) -> &[f32] {
        self.values.all()
    }

    /// The vectors of letter n-grams, `[buckets, dim]`; empty if the table has none.
    pub fn ngrams(&self) -> &[f32] {
        self.ngrams.as_ref().map_or(&[], Values::all)
    }

    /// The table with vectors of letter n-grams, `[buckets, dim]`, added.
    pub(crate) fn with_ngrams(self, values: Vec<f32>) -> Self {
        Self { ngrams: Some(Values::Memory(values)), ..self }
    }

    /// The index of a word, in exactly this spelling.
    pub fn index(&self, word: &str) -> Option<usize> {
        let order = &self.names.order;
        let place = order.binary_search_by(|&index| self.word(index as usize).cmp(word)).ok()?;
        Some(order[place] as usize)
    }

    /// The vector of a word, in exactly this spelling.
    pub fn get(&self, word: &str) -> Option<&[f32]> {
        self.index(word).map(|index| self.row(index))
    }

    /// The vector of a word: in exactly this spelling, else in lower case, else the mean of the
    /// vectors of its letter n-grams, if the table has such vectors, else the vector of the word
    /// without its ending ("wanders" as "wander", "poking" as "poke").
    pub fn vector(&self, word: &str) -> Option<Cow<'_, [f32]>> {
        if let Some(index) = self.place(word) {
            return Some(Cow::Borrowed(self.row(index)));
        }
        let all = self.ngrams();
        if all.is_empty() {
            return None;
        }
        let (mut sum, mut count) = (vec![0.0; self.dim], 0);
        for bucket in ngrams(word, all.len() / self.dim) {
            let row = &all[bucket * self.dim..][..self.dim];
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            count += 1;
        }
        sum.iter_mut().for_each(|sum| *sum /= count as f32);
        (count > 0).then_some(Cow::Owned(sum))
    }

    /// The `count` words nearest to a vector by cosine, the nearest first, without the words at the
    /// indices of `except`. Equally near words are in the order of the table.
    ///
    /// # Panics
    /// If the length of the vector is not [`Vectors::dim`].
    pub fn near(&self, vector: &[f32], count: usize, except: &[usize]) -> Vec<Near> {
        assert_eq!(vector.len(), self.dim, "the vector's length");
        let length = dot(vector, vector).sqrt();
        let values = self.values();
        let mut all: Vec<(f32, usize)> = values
            .par_chunks_exact(self.dim)
            .map(|row| {
                let product = dot(row, vector) / (dot(row, row).sqrt() * length);
                if product.is_finite() { product } else { 0.0 }
            })
            .enumerate()
            .map(|(index, cosine)| (cosine, index))
            .filter(|(_, index)| !except.contains(index))
            .collect();
        let order = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if count < all.len() {
            all.select_nth_unstable_by(count, order);
            all.truncate(count);
        }
        all.sort_unstable_by(order);
        let named = all.into_iter();
        named.map(|(cosine, index)| Near { word: self.word(index).into(), cosine }).collect()
    }

    /// The `count` words that are to c as b is to a: those nearest to b − a + c, with each vector
    /// scaled to length 1 (Mikolov et al., "Linguistic regularities in continuous space word
    /// representations", 2013). The three words themselves are left out.
    ///
    /// # Panics
    /// If an index is not below [`Vectors::len`].
    pub fn analogy(&self, [a, b, c]: [usize; 3], count: usize) -> Vec<Near> {
        let [x, y, z] = [a, b, c].map(|index| unit(self.row(index)));
        let vector: Vec<f32> = (0..self.dim).map(|i| y[i] - x[i] + z[i]).collect();
        self.near(&vector, count, &[a, b, c])
    }
}

/// The cosine of the angle between two vectors; 0 if one of them is zero.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    if cosine.is_finite() { cosine } else { 0.0 }
}

/// The vector scaled to length 1; a zero vector is returned unchanged.
pub(crate) fn unit(x: &[f32]) -> Vec<f32> {
    let length = dot(x, x).sqrt();
    x.iter().map(|x| if length > 0.0 { x / length } else { *x }).collect()
}

/// The vector scaled to length √d, so that its numbers are near 1; a zero vector is returned
/// unchanged.
pub fn scaled(x: &[f32]) -> Vec<f32> {
    let scale = (x.len() as f32).sqrt();
    unit(x).into_iter().map(|x| scale * x).collect()
}

/// The dot product Σ a_i b_i, by eight partial sums.
// Inlined so that it is compiled for the caller's SIMD vectors.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum::<f32>();
    let mut sums = [0.0; 8];
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The 64-bit FNV-1a hash.
pub(crate) fn fnv(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

impl Values {
    fn all(&self) -> &[f32] {
        match self {
            Self::Memory(values) => values,
            Self::Mapped(mapped) => mapped.values(),
        }
    }
}

impl Vectors {
    /// The index of a word: in exactly this spelling, else in lower case.
    pub fn find(&self, word: &str) -> Option<usize> {
        self.index(word).or_else(|| self.index(&word.to_lowercase()))
    }

    /// The index of a word as [`Vectors::find`] gives it, else that of its stem if the table has no
    /// n-grams.
    fn place(&self, word: &str) -> Option<usize> {
        self.find(word).or_else(|| {
            let word = word.to_lowercase();
            let stem = || stems(&word).find_map(|stem| self.index(&stem));
            self.ngrams().is_empty().then(stem).flatten()
        })
    }

    /// A hash that identifies the table: of all its words, and, to be fast, of about a thousand of
    /// its vectors and a thousand of its n-gram vectors.
    pub fn fingerprint(&self) -> u64 {
        let rows = (0..self.len()).step_by(self.len().div_ceil(1000).max(1));
        let numbers = rows.flat_map(|index| self.row(index)).flat_map(|x| x.to_le_bytes());
        let ends = self.names.ends.iter().flat_map(|end| end.to_le_bytes());
        let buckets = self.ngrams().len() / self.dim;
        let parts = (0..buckets).step_by(buckets.div_ceil(1000).max(1));
        let parts = parts.flat_map(|bucket| &self.ngrams()[bucket * self.dim..][..self.dim]);
        let parts = parts.flat_map(|x| x.to_le_bytes());
        let buckets = (buckets > 0).then_some(buckets as u64);
        let buckets = buckets.into_iter().flat_map(u64::to_le_bytes);
        fnv(self.names.text.bytes().chain(ends).chain(numbers).chain(buckets).chain(parts))
    }

    /// The mean of the vectors of a sentence's words, and the words without a vector. The mean is
    /// zero if all words are without.
    pub fn mean<'a>(&self, sentence: &'a str) -> (Vec<f32>, Vec<&'a str>) {
        self.weighted_mean(sentence, |_| 1.0)
    }

    /// As [`Vectors::mean`], with a weight for the index of each word. The weighted sum is divided
    /// by the number of words with a vector.
    pub(crate) fn weighted_mean<'a>(
        &self,
        sentence: &'a str,
        weight: impl Fn(usize) -> f32,
    ) -> (Vec<f32>, Vec<&'a str>) {
        let mut sum = vec![0.0; self.dim];
        let (mut known, mut unknown) = (0, Vec::new());
        for span in kinora_text::words(sentence) {
            let word = &sentence[span];
            match self.vector(word) {
                Some(vector) => {
                    known += 1;
                    // A word with only n-gram vectors counts as rare as the table's last word.
                    let weight = weight(self.place(word).unwrap_or(self.len()));
                    sum.iter_mut().zip(&*vector).for_each(|(sum, x)| *sum += weight * x);
                }
                None => unknown.push(word),
            }
        }
        sum.iter_mut().for_each(|sum| *sum /= known.max(1) as f32);
        (sum, unknown)
    }
}
