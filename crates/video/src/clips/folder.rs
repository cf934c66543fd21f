//! The clips of a folder and of its sub-folders, with their captions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::list::{LISTS, pairs};
use crate::Error;
use crate::format::{frames_of, readable, readable_text};

/// The longest caption, in bytes. A longer text is no caption, and takes long to read.
const LONGEST: usize = 10_000;
/// Endings of animations that cannot be read. They are reported, so that no clip is left out unnoticed.
const FOREIGN: [&str; 8] = ["mp4", "mov", "webm", "mkv", "avi", "m4v", "avif", "aseprite"];
/// Stems of text files that are not captions.
const NOTES: [&str; 5] = ["licence", "license", "credits", "readme", "notes"];

/// Each clip by its [`compose`]d path.
type Composed = BTreeMap<String, PathBuf>;
/// The captions of each clip.
pub type Captions = BTreeMap<PathBuf, Vec<String>>;

/// The clips of a folder with their captions; a clip without captions has an empty list. Adds the
/// problems of the folder and of its texts to `errors`.
pub fn captions(path: &Path, errors: &mut Vec<Error>) -> Captions {
    let mut found = Found::default();
    found.add(path, errors);
    let Found { mut clips, texts, lists, mut foreign } = found;
    let composed: Composed = clips.keys().map(|clip| (compose(clip), clip.clone())).collect();
    let mut all_read = true;
    for list in lists {
        let read = read(&list).map(|text| read_list(&list, &text, &composed, &mut clips, errors));
        if let Err(error) = read.flatten() {
            errors.push(error);
            all_read = false;
        }
    }
    for text in texts {
        // A clip beside it that cannot be read is reported below.
        let stem = text.with_extension("");
        let is_foreign = foreign.iter().any(|file| file.with_extension("") == stem);
        if !is_foreign || named(&clips, &text).next().is_some() {
            read_text(&text, &mut clips, errors);
        }
    }
    // A list may name the files of a folder one by one; then each file is a clip, not the folder.
    let parents: BTreeSet<PathBuf> =
        clips.keys().filter_map(|clip| clip.parent().map(Into::into)).collect();
    for folder in parents {
        if clips.get(&folder).is_some_and(Vec::is_empty) {
            clips.remove(&folder);
            let mut inside = Found::default();
            inside.add(&folder, errors);
            for clip in inside.clips.into_keys() {
                clips.entry(clip).or_default();
            }
            foreign.extend(inside.foreign);
        }
    }
    for file in foreign {
        // A clip of a list is reported when it is loaded.
        if !is_exported(&file, &clips) && !clips.contains_key(&file) {
            let reason = format!("this format cannot be read; convert it to a {}", readable_text());
            errors.push(Error::Data { path: file, reason });
        }
    }
    unite(&mut clips);
    if !all_read {
        // Without its list, each clip would be reported as one without captions.
        clips.retain(|_, captions| !captions.is_empty());
    }
    clips
}

/// Whether an animation that cannot be read is the source of a clip beside it: Aseprite exports `hero.aseprite` as
/// `hero.gif`, or as `hero-walk.gif` and `hero-run.gif`.
fn is_exported(file: &Path, clips: &Captions) -> bool {
    if !file.extension().is_some_and(|it| it.eq_ignore_ascii_case("aseprite")) {
        return named(clips, file).next().is_some();
    }
    let stem = file.with_extension("");
    let start = stem.to_string_lossy();
    // Not `heroine.gif`.
    let ends = |rest: &str| !rest.starts_with(char::is_alphanumeric);
    clips.keys().any(|clip| clip.to_string_lossy().strip_prefix(&*start).is_some_and(ends))
}

/// The files of a folder and of its sub-folders that matter.
#[derive(Default)]
struct Found {
    clips: Captions,
    texts: Vec<PathBuf>,
    lists: Vec<PathBuf>,
    /// Animations that [`Clip::load`](crate::Clip::load) cannot read.
    foreign: Vec<PathBuf>,
}

impl Found {
    /// Adds the files of a folder, without hidden ones. A symbolic link to a folder is not followed,
    /// so that the search ends.
    fn add(&mut self, folder: &Path, errors: &mut Vec<Error>) {
        let files = fs::read_dir(folder).and_then(|files| files.collect());
        let mut files: Vec<fs::DirEntry> = match files {
            Ok(files) => files,
            Err(source) => return errors.push(Error::Read { path: folder.into(), source }),
        };
        files.sort_by_key(fs::DirEntry::file_name);
        for file in files {
            let (path, name) = (file.path(), file.file_name().to_string_lossy().to_lowercase());
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            if name.starts_with('.') {
                continue;
            } else if file.file_type().is_ok_and(|kind| kind.is_dir()) {
                match is_sequence(&path) {
                    true => drop(self.clips.insert(path, Vec::new())),
                    false => self.add(&path, errors),
                }
            } else if !path.is_file() {
                continue;
            } else if LISTS.contains(&&*name) {
                self.lists.push(path);
            } else if ending == "txt" {
                self.texts.push(path);
            } else if readable().any(|known| known == ending) {
                self.clips.insert(path, Vec::new());
            } else if FOREIGN.contains(&ending) {
                self.foreign.push(path);
            }
        }
    }
}

/// Whether a folder is one clip: it has two or more [frames](frames_of), and no captions of its own.
fn is_sequence(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let files: Vec<PathBuf> = files.collect();
    let has_captions = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        // A file called `metadata` may be of another program; then it lists no captions.
        let lists = || {
            let pairs = read(file).map(|text| pairs(&name, &text));
            matches!(pairs, Ok(Ok(pairs)) if !pairs.is_empty())
        };
        name.ends_with(".txt")
            || LISTS[..2].contains(&&*name)
            || (LISTS.contains(&&*name) && lists())
    };
    !files.iter().any(has_captions) && frames_of(files).len() >= 2
}

/// Makes captions equal that differ only in case, spaces or accents, as a tokenizer reads them. The
/// first of them stands for all.
fn unite(clips: &mut Captions) {
    let mut firsts: BTreeMap<String, String> = BTreeMap::new();
    for captions in clips.values_mut() {
        for caption in captions.iter_mut() {
            let words = caption.split_whitespace().collect::<Vec<_>>().join(" ");
            let letters = words.nfd().filter(|&letter| !is_combining_mark(letter));
            let key = letters.collect::<String>().to_lowercase();
            *caption = firsts.entry(key).or_insert(words).clone();
        }
        let mut seen = BTreeSet::new();
        captions.retain(|caption| seen.insert(caption.clone()));
    }
}

/// The text of a file, without the byte order mark that some editors put first.
fn read(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.trim_start_matches('\u{feff}').into()),
        Err(error) => {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
            let reason =
                format!("line {line}: the text is not UTF-8; save the file as \"Unicode (UTF-8)\"");
            Err(Error::Data { path: path.into(), reason })
        }
    }
}

/// Adds the captions in the text of a list, whose files are relative to its folder.
fn read_list(
    list: &Path,
    text: &str,
    composed: &Composed,
    clips: &mut Captions,
    errors: &mut Vec<Error>,
) -> Result<(), Error> {
    let name = list.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let wrong = |reason| Error::Data { path: list.into(), reason };
    for (line, pair) in pairs(&name, text).map_err(wrong)? {
        let found = pair.and_then(|[file, caption]| match caption.len() {
            _ if caption.trim().is_empty() => Err("the caption is empty".into()),
            length if length > LONGEST => Err(too_long(&caption)),
            _ => Ok((listed(list, &file, composed, clips)?, caption)),
        });
        match found {
            Ok((path, caption)) => clips.entry(path).or_default().push(caption),
            Err(reason) => {
                errors.push(wrong(format!("line {line}: {reason}")));
            }
        }
    }
    Ok(())
}

fn too_long(caption: &str) -> String {
    format!("a caption of {} bytes; at most {LONGEST} are allowed", caption.len())
}

/// The path of a clip that a list names. People also write `./a.gif`, `s\a.gif`, and letters with
/// accents in either encoding.
fn listed(
    list: &Path,
    file: &str,
    composed: &Composed,
    clips: &Captions,
) -> Result<PathBuf, String> {
    let folder = list.parent().unwrap_or(Path::new(""));
    for written in [file.to_owned(), file.replace('\\', "/")] {
        let parts = Path::new(&written).components().filter(|part| *part != Component::CurDir);
        let parts: PathBuf = parts.collect();
        if !parts.components().all(|part| matches!(part, Component::Normal(_))) {
            continue;
        }
        let path = folder.join(&parts);
        if clips.contains_key(&path) {
            return Ok(path);
        }
        // Some systems find a file under either encoding, so this comes before a look at the disk.
        if let Some(clip) = composed.get(&compose(&path)) {
            return Ok(clip.clone());
        }
        let is_within = |path: PathBuf| Some(path.starts_with(folder.canonicalize().ok()?));
        if path.is_file() && path.canonicalize().ok().and_then(is_within) == Some(true) {
            return Ok(path);
        }
    }
    Err(format!("there is no file {file:?} in the folder; only files inside it are read"))
}

/// A path with each letter and its accent in one character.
fn compose(path: &Path) -> String {
    path.to_string_lossy().nfc().collect()
}

/// The clips with the name of another file, apart from the ending, which may be in upper case.
fn named<'a>(clips: &'a Captions, file: &Path) -> impl Iterator<Item = &'a PathBuf> {
    let stem = file.with_extension("");
    let start = stem.to_string_lossy().into_owned();
    // Clips whose paths begin alike are neighbours.
    let alike = clips.range(stem..).map(|(clip, _)| clip);
    let ending =
        move |clip: &PathBuf| Some(clip.to_string_lossy().strip_prefix(&start)?.to_lowercase());
    // The folder of a sequence has no ending.
    let is_known = |ending: &str| match ending.strip_prefix('.') {
        Some(ending) => readable().chain(["sheet.png"]).any(|known| known == ending),
        None => ending.is_empty(),
    };
    alike
        .map_while(move |clip| Some((ending(clip)?, clip)))
        .filter_map(move |(ending, clip)| is_known(&ending).then_some(clip))
}

/// Adds the captions of a `NAME.txt` to the clip beside it.
fn read_text(text: &Path, clips: &mut Captions, errors: &mut Vec<Error>) {
    let stem = text.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let clip: Vec<PathBuf> = named(clips, text).cloned().collect();
    let reason = match clip.as_slice() {
        [] if NOTES.contains(&stem.as_str()) => return,
        [] if text.with_extension("").is_dir() => {
            "the folder of this name is not one clip; name its frames 0.png, 1.png and so on, or walk_0.png, walk_1.png \
             and so on, without other PNGs"
        }
        [] => &format!("there is no clip of the same name ({}) beside it", readable_text()),
        [clip] => {
            let captions = match read(text) {
                Ok(captions) => captions,
                Err(error) => {
                    // So that the clip is not reported as one without captions.
                    clips.remove(clip);
                    return errors.push(error);
                }
            };
            let lines = || captions.lines().map(str::trim);
            if let Some((line, caption)) = (1..).zip(lines()).find(|(_, line)| line.len() > LONGEST)
            {
                let reason = format!("line {line}: {}", too_long(caption));
                return errors.push(Error::Data { path: text.into(), reason });
            }
            let mut captions = lines().filter(|line| !line.is_empty()).peekable();
            if captions.peek().is_some() {
                clips.entry(clip.clone()).or_default().extend(captions.map(String::from));
                return;
            }
            "the file has no caption; write one per line"
        }
        _ => "several clips have this name; list their captions in captions.csv or captions.jsonl",
    };
    errors.push(Error::Data { path: text.into(), reason: reason.into() });
}
