//! Clips to and from files and bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::file::read_regular;
use crate::{Clip, Error, Result};

mod apng;
mod atomic;
#[cfg(test)]
mod damage;
mod frames;
mod gif;
#[cfg(feature = "mp4")]
mod mp4;
mod sheet;
mod webp;

pub(crate) use apng::decode_image;
use atomic::{Temporary, target};
pub use atomic::{probe, write_atomic};
use frames::{assemble, changed, clear, cut, draw, push_frame, starts, strip};

/// Frames per second of files without frame times, such as plain PNG strips.
pub const DEFAULT_FPS: f32 = 8.0;

/// The file formats for writing; the extension of a path chooses one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.gif`: up to 255 colours and on/off transparency, loops.
    Gif,
    /// `.apng`: lossless, with alpha, loops.
    Apng,
    /// `.mp4`: H.264, without alpha; only with the feature `mp4`.
    Mp4,
    /// `NAME.sheet.png`: all frames in one image, with `NAME.sheet.json` beside it.
    Sheet,
    /// A folder: one PNG per frame, from `0000.png` on.
    Sequence,
}

/// The largest atlas that is read, in bytes. JSON takes many times its size in memory.
const ATLAS: u64 = 4 << 20;

/// The ending of the path of a file in each format.
const ENDINGS: [(&str, Format); 4] = [
    (".gif", Format::Gif),
    (".apng", Format::Apng),
    (".mp4", Format::Mp4),
    (".sheet.png", Format::Sheet),
];

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
        let found = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
        found.map(|(_, format)| *format).ok_or_else(|| {
            let endings = ENDINGS.map(|(ending, _)| ending).join(", ");
            let reason = format!("unknown extension; use {endings}, or a folder (DIR/)");
            Error::Write { path: path.into(), reason }
        })
    }
}

/// A kind of file that holds a whole clip and can be read.
struct Reader {
    /// The endings of such files, in lower case.
    endings: &'static [&'static str],
    /// Whether the bytes are those of such a file, by its first bytes.
    is: fn(&[u8]) -> bool,
    decode: fn(&[u8]) -> Result<Clip, String>,
}

const READERS: [Reader; 3] = [
    Reader { endings: &["gif"], is: |bytes| bytes.starts_with(b"GIF8"), decode: gif::decode },
    Reader {
        endings: &["apng", "png"],
        is: |bytes| bytes.starts_with(apng::SIGNATURE),
        decode: apng::decode,
    },
    Reader { endings: &["webp"], is: webp::is_webp, decode: webp::decode },
];

/// The endings of the files that [`Clip::load`] reads, in lower case, without those of sheets.
pub(crate) fn readable() -> impl Iterator<Item = &'static str> {
    READERS.iter().flat_map(|reader| reader.endings).copied()
}

/// The endings of [`readable`] as a text: ".gif, .apng, .png or .webp".
pub(crate) fn readable_text() -> String {
    let endings: Vec<String> = readable().map(|ending| format!(".{ending}")).collect();
    let (last, others) = endings.split_last().expect("there is a format");
    format!("{} or {last}", others.join(", "))
}

/// Options for writing a clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveOptions {
    /// sRGB colour behind transparent pixels in a format without alpha (`.mp4`).
    pub background: [u8; 3],
    /// The licence and credits of the film, for whoever gets the file: a comment in a GIF, a text chunk
    /// `Copyright` in a PNG, `meta.copyright` in an atlas. MP4 files do not have it. Empty for none.
    pub copyright: String,
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self { background: [255; 3], copyright: String::new() }
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
            Format::Sheet => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let (image, atlas) =
                    sheet::encode(self, &name, &options.copyright).map_err(failed)?;
                let image = Temporary::write(&target(path), &image)?;
                Temporary::write(&target(&atlas_path(path)), atlas.as_bytes())?.keep()?;
                image.keep()
            }
            Format::Sequence => self.save_sequence(path, &options.copyright),
            _ => write_atomic(path, &self.bytes(format, options).map_err(failed)?),
        }
    }

    /// The bytes of the clip as a file, for a program that has no path to write to.
    ///
    /// ```
    /// use kinora_video::{Clip, Format};
    ///
    /// let clip = Clip::new([2, 1, 1, 3], 8.0, vec![255, 0, 0, 0, 0, 255])?;
    /// let gif = clip.encode(Format::Gif, &Default::default())?;
    /// assert_eq!(Clip::decode(&gif)?, clip);
    /// # Ok::<(), kinora_video::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the clip is larger than the format allows, or the format has more than one file:
    /// [`Format::Sheet`] and [`Format::Sequence`].
    pub fn encode(&self, format: Format, options: &SaveOptions) -> Result<Vec<u8>> {
        let path = || format!("a clip as {format:?}").into();
        self.bytes(format, options).map_err(|reason| Error::Write { path: path(), reason })
    }

    fn bytes(&self, format: Format, options: &SaveOptions) -> Result<Vec<u8>, String> {
        match format {
            Format::Gif => gif::encode(self, &options.copyright),
            Format::Apng => apng::encode(self, &options.copyright),
            #[cfg(feature = "mp4")]
            Format::Mp4 => mp4::encode(self, options.background),
            #[cfg(not(feature = "mp4"))]
            Format::Mp4 => {
                let SaveOptions { background: _, copyright: _ } = options;
                Err("this build cannot write MP4; build kinora-video with the feature mp4".into())
            }
            Format::Sheet | Format::Sequence => {
                Err("the format has more than one file; save the clip to a path".into())
            }
        }
    }

    fn save_sequence(&self, path: &Path, copyright: &str) -> Result<()> {
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
            let image = apng::encode_image([h, w, c], self.frame(i), copyright);
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

    /// Reads a clip: a GIF (`.gif`), an animated PNG (`.apng`, `.png`) or WebP (`.webp`), a sprite
    /// sheet with its atlas (`NAME.png` and `NAME.json`), a plain PNG or WebP with square frames in a
    /// row, or a folder with a PNG per frame, named by its number (`0.png`), or by one text and its number
    /// (`walk_0.png`). A file without frame times gets the frame rate [`DEFAULT_FPS`].
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
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let reader = READERS.iter().find(|reader| reader.endings.contains(&ending));
        let is_sheet = name.ends_with(".sheet.png");
        let atlas = match ending {
            "png" if is_sheet || atlas_path(path).exists() => {
                let path = atlas_path(path);
                let json = read_regular(&path, ATLAS);
                let json = json.map_err(|source| Error::Read { path, source })?;
                // A JSON file beside another picture may be something else.
                Some(json).filter(|json| is_sheet || sheet::is_atlas(json))
            }
            _ => None,
        };
        let clip = match (reader, atlas) {
            _ if path.is_dir() => return load_sequence(path),
            (_, Some(atlas)) => sheet::decode(&read(path)?, &atlas),
            (Some(reader), None) => (reader.decode)(&read(path)?),
            (None, None) => {
                let known = readable_text();
                Err(format!("not a clip; it must be a {known}, or a folder of numbered PNGs"))
            }
        };
        clip.map_err(|reason| Error::Data { path: path.into(), reason })
    }

    /// The clip in the bytes of a file that [`Clip::load`] reads, other than a sheet. The first bytes
    /// tell the format.
    ///
    /// # Errors
    /// If the bytes are none of these, are cut off or damaged, or have more than
    /// [`crate::MAX_PIXELS`].
    pub fn decode(bytes: &[u8]) -> Result<Clip> {
        let clip = match READERS.iter().find(|reader| (reader.is)(bytes)) {
            Some(reader) => (reader.decode)(bytes),
            None => Err(format!("the bytes are not those of a {} file", readable_text())),
        };
        clip.map_err(|reason| Error::Data { path: "the bytes of a clip".into(), reason })
    }
}

/// The clip of a folder with a PNG per frame.
fn load_sequence(folder: &Path) -> Result<Clip> {
    let unread = |source| Error::Read { path: folder.into(), source };
    let failed = |reason: String| Error::Data { path: folder.into(), reason };
    let paths = fs::read_dir(folder).and_then(|files| {
        files.map(|file| Ok(file?.path())).collect::<std::io::Result<Vec<PathBuf>>>()
    });
    let mut paths = frames_of(paths.map_err(unread)?);
    // By number, so that 10.png comes after 9.png.
    paths.sort_by_cached_key(|path| {
        let (_, digits) = numbered(path).unwrap_or_default();
        let number = digits.trim_start_matches('0').to_owned();
        (number.len(), number, digits.to_owned())
    });
    no_gap(&paths).map_err(failed)?;
    let (mut frames, mut of_all) = (Vec::new(), None);
    for path in &paths {
        let bytes = read_regular(path, u64::MAX);
        let bytes = bytes.map_err(|source| Error::Read { path: path.into(), source })?;
        let broken = |reason: String| Error::Data { path: path.into(), reason };
        let (size, c, pixels) = apng::decode_image(&bytes).map_err(broken)?;
        let (first, channels) = *of_all.get_or_insert((size, c));
        if size != first {
            let [[h, w], [wanted_h, wanted_w]] = [size, first];
            let reason =
                format!("{w} x {h} pixels, but the first frame has {wanted_w} x {wanted_h}");
            return Err(broken(reason));
        }
        of_all = Some((first, c.max(channels)));
        push_frame(&mut frames, &pixels).map_err(broken)?;
    }
    let Some((size, c)) = of_all else {
        let reason = "the folder has no numbered PNGs such as 0000.png; if a text stands before the number \
                      (walk_0.png), all PNGs must have the same text";
        return Err(failed(reason.into()));
    };
    assemble(frames, size, c, &vec![1; paths.len()], f64::from(DEFAULT_FPS)).map_err(failed)
}

/// Checks that the numbers of frames rise by equal steps, such as 1 or 10: then no frame is missing, and no number
/// occurs twice.
fn no_gap(paths: &[PathBuf]) -> Result<(), String> {
    let mut numbers: Vec<(u128, String)> = Vec::with_capacity(paths.len());
    for path in paths {
        let (_, digits) = numbered(path).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = digits.parse().map_err(|_| format!("the number of {name} is too large"))?;
        if let Some((last, other)) = numbers.last()
            && *last == number
        {
            return Err(format!("{other} and {name} have the same number"));
        }
        numbers.push((number, name.into_owned()));
    }
    let steps = numbers.windows(2).map(|pair| (pair[1].0 - pair[0].0, &pair[0].1, &pair[1].1));
    let smallest = steps.clone().map(|(step, ..)| step).min();
    match steps.into_iter().find(|(step, ..)| Some(*step) != smallest) {
        None => Ok(()),
        Some((_, a, b)) => Err(format!(
            "a frame is missing between {a} and {b}; the numbers must rise by equal steps"
        )),
    }
}

/// The files of a folder that are frames of one clip: the PNGs whose names are numbers (`0.png`). If there are none:
/// all PNGs, if their names are one text, the same for all, and a number (`walk_0.png`); else none.
pub(crate) fn frames_of(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.retain(|path| {
        // A Mac writes `._walk_0.png` beside `walk_0.png`.
        let is_hidden = path.file_name().is_some_and(|it| it.as_encoded_bytes().starts_with(b"."));
        !is_hidden && path.extension().is_some_and(|it| it.eq_ignore_ascii_case("png"))
    });
    let texts: BTreeSet<Option<String>> =
        files.iter().map(|path| numbered(path).map(|(text, _)| text.into())).collect();
    if texts.contains(&Some(String::new())) {
        files.retain(|path| numbered(path).is_some_and(|(text, _)| text.is_empty()));
    } else if texts.len() != 1 || texts.contains(&None) {
        files.clear();
    }
    files
}

/// The name of a numbered file, without its ending: a text, which may be empty, and the digits of the number.
fn numbered(path: &Path) -> Option<(&str, &str)> {
    let stem = path.file_stem()?.to_str()?;
    let text = stem.trim_end_matches(|letter: char| letter.is_ascii_digit());
    Some(stem.split_at(text.len())).filter(|(_, digits)| !digits.is_empty())
}

/// `NAME.png` to `NAME.json`; so `NAME.sheet.png` to `NAME.sheet.json`.
fn atlas_path(path: &Path) -> PathBuf {
    path.with_extension("json")
}
