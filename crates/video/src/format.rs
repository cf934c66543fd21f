//! Clips to and from files: the format of a path, and writing under a temporary name.

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

/// Frames per second of files without frame times, such as plain PNG strips.
pub const DEFAULT_FPS: f32 = 8.0;

/// The file formats for writing; the extension of a path chooses one.
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
    /// A folder: one PNG per frame, from `0000.png` on.
    Sequence,
}

impl Format {
    /// The format for writing to `path`, by its extension. An existing folder, or a path that ends
    /// in `/`, is a sequence.
    ///
    /// # Errors
    /// If the extension is unknown; the error lists the known ones.
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
                let reason = "unknown extension; use .gif, .apng, .mp4, .sheet.png, or a folder \
                              (DIR/)";
                Err(Error::Write { path: path.into(), reason: reason.into() })
            }
        }
    }
}

/// Options for writing a clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveOptions {
    /// sRGB colour behind transparent pixels in a format without alpha (`.mp4`).
    pub background: [u8; 3],
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self { background: [255; 3] }
    }
}

impl Clip {
    /// Writes the clip to `path` in the [`Format`] of its extension. The file is written under a
    /// temporary name beside `path` and then renamed. So an old file stays until the new one is
    /// complete, and a failure leaves nothing behind.
    ///
    /// # Errors
    /// If the extension is unknown, the parent folder does not exist or cannot be written, or the
    /// clip is larger than the format allows. Also if a folder for frames already holds a numbered
    /// frame beyond the last of this clip, because the two films would be mixed.
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
            let reason = format!(
                "the folder has {} of a longer film; remove the folder or choose another",
                name(t)
            );
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
    /// atlas (`NAME.sheet.png`, `NAME.sheet.json`), or a plain PNG with square frames in a row,
    /// which gets the frame rate [`DEFAULT_FPS`].
    ///
    /// A clip has one frame rate: if the frames of a file have different durations, longer frames
    /// are repeated.
    ///
    /// # Errors
    /// If the file cannot be read, is cut off or damaged, or has more than [`crate::MAX_PIXELS`].
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

/// Writes `bytes` to a temporary file beside `path` and renames it to `path`. A symbolic link stays,
/// and its target is replaced. A device or a pipe is written to directly.
///
/// # Errors
/// If the file cannot be written; then no temporary file is left.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let failed = |e: std::io::Error| Error::Write { path: path.into(), reason: e.to_string() };
        return fs::write(path, bytes).map_err(failed);
    }
    let link = path.is_symlink().then(|| fs::canonicalize(path).ok()).flatten();
    Temporary::write(link.as_deref().unwrap_or(path), bytes)?.keep()
}

/// A temporary file or folder beside its target; removed on drop unless [`Self::keep`] was called.
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
        // Synced before it is renamed: else a power cut could leave an empty file at the target.
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
        // After `keep` the temporary name no longer exists.
        let _ = fs::remove_file(&self.temp).or_else(|_| fs::remove_dir_all(&self.temp));
    }
}

/// The start of each of `t` frames, and the end of the last, in rounded units of
/// 1 / `units_a_second` s. Durations of frames differ by at most one unit; their sum is exact.
fn starts(t: usize, fps: f32, units_a_second: f64) -> impl Iterator<Item = u64> {
    (0..=t).map(move |i| (i as f64 * units_a_second / f64::from(fps)).round() as u64)
}

/// Turns frames of different durations, in units, into frames of equal duration. Returns the source
/// index of each frame, with repeats, and the frame rate. Durations that differ by at most one unit
/// count as equal, because files round them.
fn even(lengths: &[u64], units_a_second: f64) -> (Vec<usize>, f32) {
    let total: u64 = lengths.iter().sum();
    let (shortest, longest) = (lengths.iter().min(), lengths.iter().max());
    let (Some(&shortest), Some(&longest)) = (shortest, longest) else {
        return (Vec::new(), DEFAULT_FPS);
    };
    let seconds = total as f64 / units_a_second;
    if longest - shortest <= 1 || shortest == 0 {
        let n = lengths.len() as f64;
        // A whole frame rate, if rounding its durations gives these lengths.
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
    // If the greatest common divisor is far below the shortest length, repeat by the shortest.
    let unit = if shortest / gcd <= 4 { gcd } else { shortest };
    // More repeats than any real film needs; hostile files could ask for more to fill the memory.
    let most = (100_000 / lengths.len()).clamp(1, 1000);
    let repeats = |length: u64| ((length as f64 / unit as f64).round() as usize).clamp(1, most);
    let order: Vec<usize> =
        lengths.iter().enumerate().flat_map(|(i, &l)| vec![i; repeats(l)]).collect();
    let fps = order.len() as f64 / seconds;
    (order, fps as f32)
}

/// A clip from RGBA frames and their durations in units; `channels` channels if no pixel needs alpha.
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

/// Appends a frame of RGBA, if all frames together stay within [`crate::MAX_PIXELS`].
fn push_frame(frames: &mut Vec<u8>, canvas: &[u8]) -> Result<(), String> {
    if (frames.len() + canvas.len()) / 4 > crate::MAX_PIXELS {
        return Err(format!("more than {} pixels in all frames", crate::MAX_PIXELS));
    }
    frames.extend_from_slice(canvas);
    Ok(())
}

/// The smallest rectangle around the pixels where `differs(pixel index)`:
/// `[top, left, height, width]`, at least one pixel.
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
