//! Clips to and from files: which format a path asks for, and how a file comes to its place whole.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Clip, Error, Result};

mod apng;
#[cfg(test)]
mod damage;
mod gif;
mod mp4;
mod sheet;

pub(crate) use apng::decode_image;

/// Frames a second of what carries no time, as a plain PNG strip.
pub const DEFAULT_FPS: f32 = 8.0;

/// The file formats, told by the ending of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.gif`: up to 255 colours and on/off transparency, loops.
    Gif,
    /// `.apng`: lossless, with alpha, loops.
    Apng,
    /// `.mp4`: H.264, without alpha.
    Mp4,
    /// `NAME.sheet.png`: all frames in one image, with `NAME.sheet.json` beside it.
    Sheet,
    /// A folder: one PNG a frame, from `0000.png` on.
    Sequence,
}

impl Format {
    /// The format that `path` asks for when it is written to: an existing folder, or a path that
    /// ends in `/`, is a sequence.
    ///
    /// # Errors
    /// If the ending is none of those known; the error lists them.
    pub fn of(path: &Path) -> Result<Format> {
        if path.to_string_lossy().ends_with(std::path::is_separator) || path.is_dir() {
            return Ok(Format::Sequence);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        match name.rsplit_once('.') {
            Some((_, "gif")) => Ok(Format::Gif),
            Some((_, "apng")) => Ok(Format::Apng),
            Some((_, "mp4")) => Ok(Format::Mp4),
            Some((stem, "png")) if stem.ends_with(".sheet") => Ok(Format::Sheet),
            _ => {
                let reason = "the ending says no format; use one of .gif, .apng, .mp4, \
                              .sheet.png, or a folder, as DIR/";
                Err(Error::Write { path: path.into(), reason: reason.into() })
            }
        }
    }
}

/// How a clip is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveOptions {
    /// What lies behind transparent pixels where the format has no alpha (`.mp4`).
    pub background: [u8; 3],
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self { background: [255; 3] }
    }
}

impl Clip {
    /// Writes the clip to `path` in the [`Format`] that its ending names. The file is made beside
    /// its place and then renamed, so what was there stays until the new one is whole, and a
    /// failure leaves nothing behind.
    ///
    /// A folder that already holds more numbered frames than the clip has is an error, since the
    /// two would be taken for one film.
    ///
    /// # Errors
    /// If the ending is unknown, the folder above does not exist or cannot be written, or the clip
    /// is larger than the format allows.
    pub fn save(&self, path: impl AsRef<Path>, options: &SaveOptions) -> Result<()> {
        let path = path.as_ref();
        let format = Format::of(path)?;
        let failed = |reason: String| Error::Write { path: path.into(), reason };
        match format {
            Format::Gif => write_atomic(path, &gif::encode(self).map_err(failed)?),
            Format::Apng => write_atomic(path, &apng::encode(self).map_err(failed)?),
            Format::Mp4 => {
                write_atomic(path, &mp4::encode(self, options.background).map_err(failed)?)
            }
            Format::Sheet => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let (image, atlas) = sheet::encode(self, &name).map_err(failed)?;
                let image = Temporary::write(path, &image)?;
                Temporary::write(&atlas_path(path), atlas.as_bytes())?.keep()?;
                image.keep()
            }
            Format::Sequence => self.save_sequence(path),
        }
    }

    /// The bytes of an animated PNG: lossless, with alpha, loops.
    ///
    /// # Errors
    /// If the clip is larger than the format allows.
    pub fn to_apng(&self) -> Result<Vec<u8>> {
        let path = "an animated PNG".into();
        apng::encode(self).map_err(|reason| Error::Write { path, reason })
    }

    fn save_sequence(&self, path: &Path) -> Result<()> {
        let failed = |e: std::io::Error| Error::Write { path: path.into(), reason: e.to_string() };
        let [t, h, w, c] = self.dims();
        let digits = (t - 1).to_string().len().max(4);
        let name = |i: usize| format!("{i:0digits$}.png");
        let exists = path.is_dir();
        if exists && path.join(name(t)).exists() {
            let reason =
                format!("it holds {} of a longer film; remove it or name another folder", name(t));
            return Err(Error::Write { path: path.into(), reason });
        }
        let folder = Temporary::folder(path)?;
        for i in 0..t {
            let image = apng::encode_image([h, w, c], self.frame(i));
            let image = image.map_err(|reason| Error::Write { path: path.into(), reason })?;
            fs::write(folder.temp.join(name(i)), image).map_err(failed)?;
        }
        if !exists {
            return folder.keep();
        }
        (0..t)
            .try_for_each(|i| fs::rename(folder.temp.join(name(i)), path.join(name(i))))
            .map_err(failed)
    }

    /// Reads a clip: a GIF (`.gif`), an animated PNG (`.apng`, `.png`), a sprite sheet with its
    /// atlas (`NAME.sheet.png`, `NAME.sheet.json`), or a plain PNG that holds square frames in a
    /// row, which are shown at [`DEFAULT_FPS`].
    ///
    /// A clip has one frame rate: where the frames of a file last for different times, those that
    /// last longer are repeated.
    ///
    /// # Errors
    /// If the file cannot be read, is cut off or damaged, or holds more than [`crate::MAX_PIXELS`].
    pub fn load(path: impl AsRef<Path>) -> Result<Clip> {
        let path = path.as_ref();
        let read = |path: &Path| {
            fs::read(path).map_err(|source| Error::Read { path: path.into(), source })
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let clip = match name.rsplit_once('.') {
            Some((_, "gif")) => gif::decode(&read(path)?),
            Some((stem, "png")) if stem.ends_with(".sheet") => {
                let (image, atlas) = (read(path)?, atlas_path(path));
                sheet::decode(&image, &read(&atlas)?)
            }
            Some((_, "png" | "apng")) => apng::decode(&read(path)?),
            _ => Err("not a clip; it must be a .gif, .apng or .png".into()),
        };
        clip.map_err(|reason| Error::Data { path: path.into(), reason })
    }
}

/// `NAME.sheet.png` to `NAME.sheet.json`.
fn atlas_path(path: &Path) -> PathBuf {
    path.with_extension("json")
}

/// Writes `bytes` to a file beside `path` and renames it to `path`; what a link leads to, not the
/// link. A device or a pipe is written to.
///
/// # Errors
/// If it cannot be written; then nothing is left of it.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let failed = |e: std::io::Error| Error::Write { path: path.into(), reason: e.to_string() };
        return fs::write(path, bytes).map_err(failed);
    }
    let link = path.is_symlink().then(|| fs::canonicalize(path).ok()).flatten();
    Temporary::write(link.as_deref().unwrap_or(path), bytes)?.keep()
}

/// A file or folder beside its place. It goes away unless it is kept.
struct Temporary {
    temp: PathBuf,
    path: PathBuf,
}

impl Temporary {
    fn beside(path: &Path) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temp = format!(".{name}.{}-{count}.tmp", std::process::id());
        Self { temp: path.with_file_name(temp), path: path.into() }
    }

    fn write(path: &Path, bytes: &[u8]) -> Result<Self> {
        let temporary = Self::beside(path);
        // On the disk before it is renamed, or a power cut could leave an empty file in its place.
        fs::File::create(&temporary.temp)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .map_err(|e| temporary.error(&e))?;
        Ok(temporary)
    }

    fn folder(path: &Path) -> Result<Self> {
        let path: PathBuf = path.components().collect();
        let temporary = Self::beside(&path);
        fs::create_dir(&temporary.temp).map_err(|e| temporary.error(&e))?;
        Ok(temporary)
    }

    fn keep(self) -> Result<()> {
        fs::rename(&self.temp, &self.path).map_err(|e| self.error(&e))
    }

    fn error(&self, e: &std::io::Error) -> Error {
        let parent = self.path.parent().filter(|p| !p.as_os_str().is_empty());
        let reason = match parent {
            Some(parent) if !parent.is_dir() => format!("there is no folder {}", parent.display()),
            _ => e.to_string(),
        };
        Error::Write { path: self.path.clone(), reason }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What was kept is no longer there.
        let _ = fs::remove_file(&self.temp).or_else(|_| fs::remove_dir_all(&self.temp));
    }
}

/// When each of `t` frames starts, and when the last one ends, in units of which there are
/// `units_a_second`, rounded: the lengths of frames differ by one, their sum is right.
fn starts(t: usize, fps: f32, units_a_second: f64) -> impl Iterator<Item = u64> {
    (0..=t).map(move |i| (i as f64 * units_a_second / f64::from(fps)).round() as u64)
}

/// Frames of one length each from frames that each last for a number of units: the order in which
/// to show them, and the frame rate. Lengths that differ by no more than one are taken for equal
/// ones that were rounded, others become repeats.
fn even(lengths: &[u64], units_a_second: f64) -> (Vec<usize>, f32) {
    let total: u64 = lengths.iter().sum();
    let (shortest, longest) = (lengths.iter().min(), lengths.iter().max());
    let (Some(&shortest), Some(&longest)) = (shortest, longest) else {
        return (Vec::new(), DEFAULT_FPS);
    };
    let seconds = total as f64 / units_a_second;
    if longest - shortest <= 1 || shortest == 0 {
        let n = lengths.len() as f64;
        // A whole number, if it is one that would have been rounded to these lengths.
        let whole = (n / seconds).round();
        let is_whole =
            longest > shortest && (n / whole - seconds).abs() * units_a_second <= 0.5 + 1e-6;
        let fps = if is_whole { whole } else { n / seconds };
        return ((0..lengths.len()).collect(), fps as f32);
    }
    let gcd = lengths.iter().fold(0, |mut a, &b| {
        let mut b = b;
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    });
    // Where no common length is near the shortest, repeats of the shortest are near enough.
    let unit = if shortest / gcd <= 4 { gcd } else { shortest };
    // Enough for any real film, and few enough for one that is made to fill the memory.
    let most = (100_000 / lengths.len()).clamp(1, 1000);
    let repeats = |length: u64| ((length as f64 / unit as f64).round() as usize).clamp(1, most);
    let order: Vec<usize> =
        lengths.iter().enumerate().flat_map(|(i, &l)| vec![i; repeats(l)]).collect();
    let fps = order.len() as f64 / seconds;
    (order, fps as f32)
}

/// A clip from `t` frames of RGBA and their lengths, in `channels` channels if no pixel needs alpha.
fn assemble(
    rgba: Vec<u8>,
    [h, w]: [usize; 2],
    channels: usize,
    lengths: &[u64],
    units_a_second: f64,
) -> Result<Clip, String> {
    let c = if channels == 4 || rgba.chunks_exact(4).any(|p| p[3] < 255) { 4 } else { channels };
    let (order, fps) = even(lengths, units_a_second);
    let dims = [order.len(), h, w, c];
    let mut data = crate::clip::allocate(dims).map_err(|e| e.to_string())?;
    for (out, i) in data.chunks_exact_mut(h * w * c).zip(order) {
        let frame = &rgba[i * h * w * 4..][..h * w * 4];
        for (out, p) in out.chunks_exact_mut(c).zip(frame.chunks_exact(4)) {
            out.copy_from_slice(&p[..c]);
        }
    }
    Clip::new(dims, fps, data).map_err(|e| e.to_string())
}

/// Makes room for one more frame of RGBA, if all of them stay below [`crate::MAX_PIXELS`].
fn push_frame(frames: &mut Vec<u8>, canvas: &[u8]) -> Result<(), String> {
    if (frames.len() + canvas.len()) / 4 > crate::MAX_PIXELS {
        return Err(format!("more than {} pixels in all frames", crate::MAX_PIXELS));
    }
    frames.extend_from_slice(canvas);
    Ok(())
}

/// The part of a frame where `differs(pixel index)`: `[top, left, height, width]`, at least one
/// pixel.
fn changed([h, w]: [usize; 2], differs: impl Fn(usize) -> bool) -> [usize; 4] {
    let (mut top, mut left, mut bottom, mut right) = (h, w, 0, 0);
    for i in (0..h * w).filter(|&i| differs(i)) {
        (top, bottom) = (top.min(i / w), bottom.max(i / w + 1));
        (left, right) = (left.min(i % w), right.max(i % w + 1));
    }
    if bottom == 0 { [0, 0, 1, 1] } else { [top, left, bottom - top, right - left] }
}

/// The rectangle `[top, left, height, width]` of an image of `[h, w, c]`.
fn cut(image: &[u8], [w, c]: [usize; 2], [top, left, height, width]: [usize; 4]) -> Vec<u8> {
    let row = |y: usize| &image[((top + y) * w + left) * c..][..width * c];
    (0..height).flat_map(row).copied().collect()
}
