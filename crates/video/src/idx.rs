//! The IDX files of MNIST (<http://yann.lecun.com/exdb/mnist/>): a big-endian `u32` as the magic
//! number (2051 for images, 2049 for labels), the counts, then bytes. Plain or gzip.

use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Height and width of an image in pixels.
pub(crate) const SIDE: usize = 28;
/// Largest number of images; a header with a larger count is wrong.
const MOST: usize = 1_000_000;

/// Images with their labels.
pub(crate) struct Digits {
    pixels: Vec<u8>,
    /// The indices of the images of each digit.
    places: [Vec<u32>; 10],
}

impl std::fmt::Debug for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.places.iter().map(Vec::len)).finish()
    }
}

impl Digits {
    /// Reads `{stem}-images-idx3-ubyte` and `{stem}-labels-idx1-ubyte` of a folder, each with or
    /// without `.gz`.
    ///
    /// # Errors
    /// All problems with the two files.
    pub(crate) fn read(folder: &Path, stem: &str) -> Result<Self, Vec<Error>> {
        let images = read(folder, stem, "images", 3);
        let labels = read(folder, stem, "labels", 1);
        let ((pixels, image_path), (labels, label_path)) = match (images, labels) {
            (Ok(images), Ok(labels)) => (images, labels),
            (images, labels) => return Err(images.err().into_iter().chain(labels.err()).collect()),
        };
        let mut errors = Vec::new();
        let images = pixels.len() / (SIDE * SIDE);
        if images != labels.len() {
            errors.push(wrong(
                &label_path,
                4,
                format!(
                    "{} labels for the {images} images in {}",
                    labels.len(),
                    image_path.display()
                ),
            ));
        }
        let mut places: [Vec<u32>; 10] = Default::default();
        for (i, &label) in labels.iter().enumerate() {
            match places.get_mut(usize::from(label)) {
                Some(places) => places.push(i as u32),
                None => {
                    errors.push(wrong(&label_path, 8 + i, format!("label {label} is not a digit")));
                    break;
                }
            }
        }
        if errors.is_empty()
            && let Some(digit) = places.iter().position(Vec::is_empty)
        {
            errors.push(wrong(&label_path, 8, format!("there is no image of the digit {digit}")));
        }
        if errors.is_empty() { Ok(Self { pixels, places }) } else { Err(errors) }
    }

    /// A random image of a digit, `[28, 28]`.
    pub(crate) fn any(&self, digit: usize, rng: &mut fastrand::Rng) -> &[u8] {
        let places = &self.places[digit];
        let at = places[rng.usize(..places.len())] as usize * SIDE * SIDE;
        &self.pixels[at..at + SIDE * SIDE]
    }
}

/// The bytes after the header of an IDX file with `axes` axes, and the path of the file.
fn read(folder: &Path, stem: &str, what: &str, axes: usize) -> Result<(Vec<u8>, PathBuf)> {
    let plain = folder.join(format!("{stem}-{what}-idx{axes}-ubyte"));
    let packed = folder.join(format!("{stem}-{what}-idx{axes}-ubyte.gz"));
    let path = if !plain.exists() && packed.exists() { packed } else { plain };
    let unreadable = |source| Error::Read { path: path.clone(), source };
    let mut file = BufReader::new(crate::file::open(&path).map_err(unreadable)?);
    let mut magic = Vec::new();
    file.by_ref().take(2).read_to_end(&mut magic).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let mut bytes: Box<dyn Read> = match magic[..] {
        [0x1f, 0x8b] => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        _ => Box::new(file),
    };
    let mut take = |from: usize, count: usize| {
        let mut taken = Vec::new();
        match bytes.by_ref().take(count as u64).read_to_end(&mut taken) {
            Ok(_) => Ok(taken),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(wrong(&path, from + taken.len(), "the gzip stream ends too early".into()))
            }
            Err(error) => Err(wrong(&path, from + taken.len(), error.to_string())),
        }
    };

    let head = 4 + 4 * axes;
    let header = take(0, head)?;
    if header.len() < head {
        let reason = format!("the file ends within its header of {head} bytes");
        return Err(wrong(&path, header.len(), reason));
    }
    let words: Vec<usize> = header
        .chunks_exact(4)
        .map(|word| word.iter().fold(0, |value, &byte| value << 8 | usize::from(byte)))
        .collect();
    let expected = 2048 + axes;
    if words[0] != expected {
        let reason =
            format!("the magic number is {}; IDX files of {what} have {expected}", words[0]);
        return Err(wrong(&path, 0, reason));
    }
    if !(1..=MOST).contains(&words[1]) {
        let reason = format!("the count of {what} is {}; it must be from 1 to {MOST}", words[1]);
        return Err(wrong(&path, 4, reason));
    }
    if words[2..].iter().any(|&side| side != SIDE) {
        let reason =
            format!("the images are {:?} pixels; they must be [{SIDE}, {SIDE}]", &words[2..]);
        return Err(wrong(&path, 8, reason));
    }
    let size: usize = words[1..].iter().product();
    // One byte more than needed, to notice a file that is too long.
    let data = take(head, size + 1)?;
    if data.len() != size {
        let (at, is) = if data.len() < size {
            (head + data.len(), "ends too early")
        } else {
            (head + size, "is too long")
        };
        let reason = format!(
            "the file {is}; with {} {what} of {} bytes each it must end at byte {}",
            words[1],
            size / words[1],
            head + size
        );
        return Err(wrong(&path, at, reason));
    }
    Ok((data, path))
}

fn wrong(path: &Path, at: usize, reason: String) -> Error {
    Error::Data { path: path.to_owned(), reason: format!("at byte {at}: {reason}") }
}
