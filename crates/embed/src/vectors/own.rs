//! Kinora's own format: a safetensors file whose 32-bit numbers are mapped, not read.
//!
//! Its tensors are `vectors` `[words, dim]` in 32 or 16 bits; `words`, all words in UTF-8 without
//! separators; `ends`, the byte at which each word ends; `order`, the words' indices in
//! alphabetical order; and `ngrams` `[buckets, dim]`, if the table has vectors of letter n-grams.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use half::f16;
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::read::{Loaded, unread};
use super::{Names, Values, Vectors};
use crate::{Error, Result};

/// A range of a mapped file that holds 32-bit numbers.
#[derive(Debug)]
pub struct Mapped {
    map: Arc<Mmap>,
    range: Range<usize>,
}

impl Mapped {
    pub fn values(&self) -> &[f32] {
        bytemuck::cast_slice(&self.map[self.range.clone()])
    }
}

pub fn read(path: &Path, limit: usize) -> Result<Loaded> {
    let file = File::open(path).map_err(|source| unread(path, source))?;
    // SAFETY: the file is only read. A program that writes into the file while it is open changes
    // the numbers under its readers, as with any map; kinora itself only renames whole files into
    // place.
    let map = unsafe { Mmap::map(&file) }.map_err(|source| unread(path, source))?;
    let map = Arc::new(map);
    let table = of(&map, limit).map_err(|reason| Error::file(path, reason))?;
    let vectors = table.vectors(|range| Values::Mapped(Mapped { map: map.clone(), range }));
    Ok(Loaded { vectors, skipped: 0 })
}

/// A table from the bytes of a file.
pub fn of_bytes(bytes: &[u8]) -> Result<Vectors, String> {
    let copy = |range: Range<usize>| Values::Memory(bytemuck::cast_slice(&bytes[range]).to_vec());
    Ok(of(bytes, usize::MAX)?.vectors(copy))
}

/// The checked contents of a file.
struct Table {
    names: Names,
    dim: usize,
    values: Numbers,
    ngrams: Option<Numbers>,
}

impl Table {
    /// `there` turns a byte range of 32-bit numbers into values.
    fn vectors(self, there: impl Fn(Range<usize>) -> Values) -> Vectors {
        let values = |numbers| match numbers {
            Numbers::There(range) => there(range),
            Numbers::Read(values) => Values::Memory(values),
        };
        let Self { names, dim, values: words, ngrams } = self;
        Vectors { dim, names, values: values(words), ngrams: ngrams.map(values) }
    }
}

/// Numbers of a file: a range of bytes that can be used directly, or converted numbers.
enum Numbers {
    There(Range<usize>),
    Read(Vec<f32>),
}

fn of(bytes: &[u8], limit: usize) -> Result<Table, String> {
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|error| format!("not a safetensors file, or only a part of one: {error}"))?;
    let get = |name: &str, rank: usize| {
        let view = tensors.tensor(name).map_err(|_| format!("tensor {name} is missing"))?;
        match view.shape().len() == rank {
            true => Ok(view),
            false => {
                Err(format!("tensor {name} has the shape {:?}, not rank {rank}", view.shape()))
            }
        }
    };
    let numbers = |name: &str| {
        let view = get(name, 1)?;
        if view.dtype() != Dtype::U32 {
            return Err(format!("tensor {name} has the type {:?}, not U32", view.dtype()));
        }
        let numbers = view.data().as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b));
        Ok(numbers.collect::<Vec<u32>>())
    };
    let (vectors, words) = (get("vectors", 2)?, get("words", 1)?);
    let [count, dim] = [vectors.shape()[0], vectors.shape()[1]];
    let text = std::str::from_utf8(words.data()).map_err(|error| format!("words: {error}"))?;
    let (mut ends, mut order) = (numbers("ends")?, numbers("order")?);
    if ends.len() != count || order.len() != count || dim == 0 {
        let (ends, order) = (ends.len(), order.len());
        return Err(format!("sizes differ: vectors [{count}, {dim}], ends {ends}, order {order}"));
    }
    let mut start = 0;
    for (i, &end) in ends.iter().enumerate() {
        if end <= start || !text.is_char_boundary(end as usize) {
            return Err(format!("word {i}, bytes {start} to {end}, is empty or not UTF-8"));
        }
        start = end;
    }
    if start as usize != text.len() {
        return Err(format!("the last word ends at byte {start}, not at {}", text.len()));
    }
    if let Some(index) = order.iter().find(|&&index| index as usize >= count) {
        return Err(format!("tensor order names word {index}, but there are {count} words"));
    }
    let count = count.min(limit);
    ends.truncate(count);
    order.retain(|&index| (index as usize) < count);
    let text = text[..ends.last().map_or(0, |&end| end as usize)].to_owned();
    let values = taken(bytes, &vectors, count * dim)?;
    let ngrams = match tensors.names().contains(&"ngrams") {
        true => {
            let ngrams = get("ngrams", 2)?;
            let [buckets, of] = [ngrams.shape()[0], ngrams.shape()[1]];
            if of != dim || buckets == 0 {
                return Err(format!(
                    "tensor ngrams is [{buckets}, {of}]; it must be [at least 1, {dim}]"
                ));
            }
            Some(taken(bytes, &ngrams, buckets * dim)?)
        }
        false => None,
    };
    Ok(Table { names: Names { text, ends, order }, dim, values, ngrams })
}

/// The first `count` numbers of a tensor.
fn taken(bytes: &[u8], tensor: &TensorView, count: usize) -> Result<Numbers, String> {
    let data = tensor.data();
    let as_they_are =
        cfg!(target_endian = "little") && bytemuck::try_cast_slice::<u8, f32>(data).is_ok();
    Ok(match tensor.dtype() {
        Dtype::F32 if as_they_are => {
            let start = data.as_ptr().addr() - bytes.as_ptr().addr();
            Numbers::There(start..start + count * 4)
        }
        Dtype::F32 => {
            let all = data.as_chunks::<4>().0.iter().take(count);
            Numbers::Read(all.map(|b| f32::from_le_bytes(*b)).collect())
        }
        Dtype::F16 => {
            let all = data.as_chunks::<2>().0.iter().take(count);
            Numbers::Read(all.map(|b| f16::from_le_bytes(*b).to_f32()).collect())
        }
        other => return Err(format!("vectors have the type {other:?}, not F32 or F16")),
    })
}
