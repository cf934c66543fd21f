//! Writes tensors to the bytes of a safetensors file, and reads them back.

use std::collections::{BTreeMap, HashSet};

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use kinora_tensor::{Desc, Tensor};
use safetensors::tensor::{Metadata, TensorView};
use safetensors::{Dtype, SafeTensors};

use crate::{Error, Module, Result, join};

/// The type of the numbers in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits: half the size, about three decimal digits, values up to 65,504.
    F16,
}

/// The metadata key of the checksum: the BLAKE3 hash, in hexadecimal digits, of the whole file with zeros in
/// the place of these digits.
const CHECKSUM: &str = "kinora.checksum";
/// Digits of a checksum.
const DIGITS: usize = 2 * blake3::OUT_LEN;

/// The bytes of a safetensors file with these tensors, this metadata, and a checksum of the whole file. The
/// same tensors and metadata always give the same bytes.
///
/// # Errors
/// If two tensors have the same name, a number is not finite or beyond the range of the precision, or a tensor
/// cannot be read from its device.
pub fn save<T: Tensor>(
    tensors: &[(String, &T)],
    metadata: &BTreeMap<String, String>,
    precision: Precision,
) -> Result<Vec<u8>> {
    let (dtype, width) = match precision {
        Precision::F32 => ("F32", 4),
        Precision::F16 => ("F16", 2),
    };
    // The safetensors crate writes metadata from a hash map, in random order, so the header is
    // written here.
    let text = |s: &str| serde_json::Value::from(s).to_string();
    let mut metadata = metadata.clone();
    metadata.insert(CHECKSUM.into(), "0".repeat(DIGITS));
    let pairs: Vec<_> = metadata.iter().map(|(k, v)| format!("{}:{}", text(k), text(v))).collect();
    let mut entries = vec![format!("\"__metadata__\":{{{}}}", pairs.join(","))];
    let (mut names, mut start) = (HashSet::new(), 0);
    for (name, tensor) in tensors {
        if !names.insert(name) {
            let reason = "two tensors have this name".to_string();
            return Err(Error::Write { name: name.clone(), reason });
        }
        let end = start + tensor.shape().elements() * width;
        let (name, shape) = (text(name), tensor.shape());
        entries.push(format!(
            "{name}:{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{start},{end}]}}"
        ));
        start = end;
    }
    let mut header = format!("{{{}}}", entries.join(","));
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));

    let mut bytes = Vec::with_capacity(8 + header.len() + start);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header.as_bytes());
    for (name, tensor) in tensors {
        for x in tensor.to_vec()? {
            if !x.is_finite() {
                let reason = format!("it has the value {x}, and values must be finite");
                return Err(Error::Write { name: name.clone(), reason });
            }
            match precision {
                Precision::F32 => bytes.extend(x.to_le_bytes()),
                Precision::F16 => {
                    let half = f16::from_f32(x);
                    if half.is_infinite() {
                        let reason = format!("{x} is beyond the range of 16-bit floats");
                        return Err(Error::Write { name: name.clone(), reason });
                    }
                    bytes.extend(half.to_le_bytes());
                }
            }
        }
    }
    let at = digits(&bytes).expect("the digits were just written");
    let checksum = blake3::hash(&bytes).to_hex();
    bytes[at..at + DIGITS].copy_from_slice(checksum.as_bytes());
    Ok(bytes)
}

/// The place of the digits of the checksum in a whole safetensors file; `None` if it has no checksum.
fn digits(bytes: &[u8]) -> Option<usize> {
    let length = u64::from_le_bytes(*bytes.first_chunk()?);
    let header = bytes.get(8..)?.get(..usize::try_from(length).ok()?)?;
    // In JSON, the quotes inside a string are escaped, so only a key looks like this.
    let key = format!("\"{CHECKSUM}\":\"");
    let at = header.windows(key.len()).position(|part| part == key.as_bytes())? + key.len();
    (header.get(at + DIGITS) == Some(&b'"')).then_some(8 + at)
}

/// Whether the bytes of a safetensors file have the checksum that [`save`] wrote. `false` if the file has no
/// checksum: another program wrote it, or an earlier version.
///
/// # Errors
/// [`Error::Damaged`] if the checksum does not match the bytes, or if the header has a checksum in another notation
/// than that of [`save`]. Another notation shows that another program wrote the file.
pub fn verify(bytes: &[u8]) -> Result<bool> {
    let Some(at) = digits(bytes) else {
        let kept = |(_, metadata): (usize, Metadata)| {
            metadata.metadata().as_ref().is_some_and(|pairs| pairs.contains_key(CHECKSUM))
        };
        let changed = SafeTensors::read_metadata(bytes).is_ok_and(kept);
        return if changed { Err(Error::Damaged) } else { Ok(false) };
    };
    let (before, rest) = bytes.split_at(at);
    let (found, after) = rest.split_at(DIGITS);
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(&[b'0'; DIGITS]).update(after);
    match hasher.finalize().to_hex().as_bytes() == found {
        true => Ok(true),
        false => Err(Error::Damaged),
    }
}

/// Loads the module of an outline from the bytes of a safetensors file. The module's tensor `x`
/// comes from the file's tensor `prefix.x`, or from `x` if the prefix is empty.
///
/// `load` checks every name, shape and type before it allocates anything. It ignores tensors with
/// other prefixes.
///
/// # Errors
/// If the bytes are not a complete safetensors file, or do not have their [checksum](verify); if a tensor is
/// missing, unknown, of another shape, not of 16- or 32-bit floats, or has a value that is not finite; or if
/// the device has no room.
pub fn load<T: Tensor, M: Module<Desc>>(
    outline: &M,
    device: &T::Device,
    bytes: &[u8],
    prefix: &str,
) -> Result<M::Of<T>> {
    check(outline, bytes, prefix)?;
    verify(bytes)?;
    let file = parse(bytes)?;
    // One buffer for all tensors: allocating fresh memory takes longer than filling it.
    let mut data = Vec::new();
    outline.try_map(prefix, &mut |name, desc| {
        floats(&file.tensor(name).map_err(broken)?, &mut data);
        // One NaN weight would make every film empty, without any hint at the cause.
        if let Some(&value) = data.iter().find(|x| !x.is_finite()) {
            return Err(Error::NotFinite { name: name.into(), value });
        }
        Ok(T::from_slice(device, &data, desc.shape)?)
    })
}

/// Checks that [`load`] would find every name, shape and type that it needs, without loading.
///
/// # Errors
/// Those of [`load`] about names, shapes and types.
pub fn check<M: Module<Desc>>(outline: &M, bytes: &[u8], prefix: &str) -> Result<()> {
    let file = parse(bytes)?;
    let wanted: BTreeMap<String, &Desc> =
        outline.named().into_iter().map(|(name, desc)| (join(prefix, &name), desc)).collect();
    for (name, desc) in &wanted {
        let view = find(&file, name, &wanted)?;
        if *view.shape() != *desc.shape {
            let (name, found) = (name.clone(), view.shape().to_vec());
            return Err(Error::Shape { name, found, wanted: desc.shape });
        }
        if !matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            return Err(Error::DType { name: name.clone(), dtype: view.dtype().to_string() });
        }
    }
    let under = join(prefix, "");
    let mut unknown: Vec<&str> = file.names();
    unknown.retain(|name| name.starts_with(&under) && !wanted.contains_key(*name));
    if let Some(name) = unknown.iter().min() {
        return Err(Error::Unknown { name: name.to_string(), count: unknown.len() });
    }
    Ok(())
}

/// The header of a safetensors file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// The tensors in the order of their data.
    pub tensors: Vec<TensorInfo>,
    /// The metadata: free text by key, without the checksum.
    pub metadata: BTreeMap<String, String>,
}

/// The description of a tensor in a [`Header`].
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// The tensor's name.
    pub name: String,
    /// The lengths of the axes. A file may have tensors of any rank.
    pub shape: Vec<usize>,
    /// The type as the file names it; [`save`] writes `F32` or `F16`.
    pub dtype: String,
}

/// The names, shapes and types of the tensors of a safetensors file, and its metadata.
///
/// # Errors
/// If the bytes are not a complete safetensors file.
pub fn header(bytes: &[u8]) -> Result<Header> {
    parse(bytes)?;
    let (_, file) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let tensors = file.offset_keys().into_iter().filter_map(|name| {
        let info = file.info(&name)?;
        Some(TensorInfo { name, shape: info.shape.clone(), dtype: info.dtype.to_string() })
    });
    let mut metadata: BTreeMap<String, String> =
        file.metadata().clone().unwrap_or_default().into_iter().collect();
    metadata.remove(CHECKSUM);
    Ok(Header { tensors: tensors.collect(), metadata })
}

fn parse(bytes: &[u8]) -> Result<SafeTensors<'_>> {
    SafeTensors::deserialize(bytes).map_err(broken)
}

fn broken(error: safetensors::SafeTensorError) -> Error {
    Error::Header(error.to_string())
}

fn find<'data>(
    file: &SafeTensors<'data>,
    name: &str,
    wanted: &BTreeMap<String, &Desc>,
) -> Result<TensorView<'data>> {
    file.tensor(name).map_err(|_| {
        // A hostile file may have many or very long names; limit the search.
        let mut names = file.names();
        names.retain(|other| other.len() < 256 && !wanted.contains_key(*other));
        names.sort_unstable();
        let like = |other: &&str| strsim::normalized_damerau_levenshtein(name, other);
        let nearest = names.into_iter().take(10_000).map(|other| (like(&other), other));
        let nearest = nearest.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.5);
        let nearest = nearest.map(|(_, other)| other.to_string());
        Error::Missing { name: name.to_string(), nearest }
    })
}

/// Converts the data of a tensor to 32-bit floats. [`check`] has verified its type.
fn floats(view: &TensorView, floats: &mut Vec<f32>) {
    let data = view.data();
    floats.clear();
    floats.reserve(view.shape().iter().product());
    match view.dtype() {
        Dtype::F16 => halves(data, f16::from_bits, floats),
        Dtype::BF16 => halves(data, bf16::from_bits, floats),
        _ => floats.extend(data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))),
    }
}

/// Converts 16-bit numbers to 32 bits in blocks, so that vector instructions can be used.
fn halves<H: Copy>(data: &[u8], from_bits: fn(u16) -> H, floats: &mut Vec<f32>)
where
    [H]: HalfFloatSliceExt,
{
    let (mut some, mut wide) = ([from_bits(0); 512], [0.0; 512]);
    for pairs in data.as_chunks::<2>().0.chunks(some.len()) {
        let (some, wide) = (&mut some[..pairs.len()], &mut wide[..pairs.len()]);
        some.iter_mut().zip(pairs).for_each(|(h, b)| *h = from_bits(u16::from_le_bytes(*b)));
        some.convert_to_f32_slice(wide);
        floats.extend_from_slice(wide);
    }
}
