//! The dataset of a folder of clips.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::colours::{colours_of, recoloured};
use crate::draws::{hash, rng};
use crate::file::{NOTES, read_regular};
use crate::format::readable_text;
use crate::{Attributes, Caption, Clip, Dataset, Draw, Error, Example, Info, Result, Split};

mod colours;
mod folder;
mod list;

/// Bytes of clips that are kept in memory; further clips are read again at each draw.
const CACHE: usize = 1 << 29;
/// With fewer groups of captions than this, nothing is held out.
const FEWEST: usize = 10;

/// A folder of files that [`Clip::load`] reads, also in sub-folders. A sub-folder with two or more
/// numbered PNGs (`0.png`, or `walk_0.png` if all PNGs have the same text), and without captions of its own, is one
/// clip. Hidden files and links to folders are left out. Captions are in a text file of the same name beside each clip
/// (`walk.txt`), one per line, or in a list in any of these folders: `captions.jsonl` with a line
/// `{"file": "walk.gif", "caption": "a knight walks"}` for each caption, `captions.csv` with the columns
/// `file` and `caption`, or `metadata.jsonl` or `metadata.csv` with `file_name` and `text`. A clip may have several captions.
///
/// All clips are brought to the dims of most clips (the largest such dims, if several are equally
/// frequent). Frames are repeated or left out; pictures are scaled to fit, with their proportions
/// kept. The clips have alpha if any clip of the folder has it.
///
/// Clips have no attributes, so a tenth of the captions is held out, with all their clips. Captions
/// that share a clip form a group and stay in one split. With fewer than ten groups nothing is held
/// out, and [`Split::HeldOut`] is the training split.
///
/// False captions are captions of other clips. If a caption names a colour, half of its false
/// captions are the caption itself with another colour from the folder's captions, or with two of its
/// colours exchanged.
///
/// The first line of a file `LICENCE` (or `LICENSE`) in the folder is the licence; a file `CREDITS`
/// has the credits. These files may not be links.
#[derive(Debug)]
pub struct Clips {
    info: Info,
    path: PathBuf,
    entries: Vec<Entry>,
    clips_of: ClipsOf,
    train: Side,
    held_out: Side,
    /// The colour words in the captions of the training split, and how often each occurs.
    colours: Vec<(&'static str, u32)>,
}

/// One clip.
#[derive(Debug)]
struct Entry {
    file: PathBuf,
    captions: Vec<String>,
    /// The clip, if it fits into the cache; in the dataset's dims once the dataset is open.
    cached: Option<Clip>,
    dims: [usize; 4],
    fps: f32,
}

/// For each caption, the indices of its clips.
type ClipsOf = BTreeMap<String, Vec<usize>>;

/// The entries and the captions of one split.
#[derive(Debug, Default)]
struct Side {
    entries: Vec<usize>,
    /// Sorted, without repeats.
    captions: Vec<String>,
}

impl Clips {
    /// Reads the whole folder.
    ///
    /// # Errors
    /// The first problem of the folder; [`Clips::problems`] lists all.
    pub fn open(path: &Path) -> Result<Self> {
        let (mut entries, mut errors) = survey(path);
        if !errors.is_empty() {
            return Err(errors.swap_remove(0));
        }
        let (dims, fps) = common(&entries);
        let room = CACHE / dims.iter().product::<usize>();
        for (i, entry) in entries.iter_mut().enumerate() {
            let cached = entry.cached.take().filter(|_| i < room);
            entry.cached = cached.map(|clip| bring(&clip, dims, fps)).transpose()?;
        }
        let clips_of = clips_of(&entries);
        let [train, held_out] = sides(&entries, &clips_of);
        let mut counts: BTreeMap<&'static str, u32> = BTreeMap::new();
        for colour in train.captions.iter().flat_map(|text| colours_of(text)) {
            *counts.entry(colour).or_default() += 1;
        }
        let colours = counts.into_iter().collect();
        let licence = note(path, &["LICENCE", "LICENSE"])?;
        let first = licence.trim().lines().next().filter(|line| !line.is_empty());
        let info = Info {
            spec: format!("clips:{}", path.display()),
            dims,
            fps,
            licence: first.unwrap_or("as its owner says").trim().into(),
            credits: note(path, &["CREDITS"])?.trim().into(),
        };
        Ok(Self { info, path: path.into(), entries, clips_of, train, held_out, colours })
    }

    /// All problems of a folder; empty if there are none. It is also a problem if the folder can be
    /// opened but not trained on, because no caption is false of any clip.
    pub fn problems(path: &Path) -> Vec<Error> {
        let (entries, mut errors) = survey(path);
        errors.extend(
            [&["LICENCE", "LICENSE"][..], &["CREDITS"]]
                .map(|names| note(path, names))
                .into_iter()
                .filter_map(Result::err),
        );
        if errors.is_empty() {
            let clips_of = clips_of(&entries);
            let [Side { captions, .. }, _] = sides(&entries, &clips_of);
            let said_with = |text: &String| said_by(&entries, &clips_of[text]);
            let count = |text: &&String| {
                clips_of[*text].iter().map(|&clip| entries[clip].captions.len()).sum::<usize>()
            };
            // A caption that is true of all clips stands beside every other caption, also beside the loneliest.
            let loneliest = captions.iter().min_by_key(count);
            let mut found = loneliest.map(said_with).into_iter().flatten();
            if found.any(|text| said_with(text).len() == captions.len()) {
                errors.push(alike(path));
            }
        }
        errors
    }

    fn side(&self, split: Split) -> &Side {
        match split {
            Split::HeldOut if !self.held_out.entries.is_empty() => &self.held_out,
            _ => &self.train,
        }
    }

    fn draw(&self, split: Split, draw: Draw) -> (&Entry, Caption) {
        let mut rng = rng(split, draw, 0);
        let side = self.side(split);
        let entry = &self.entries[side.entries[rng.usize(..side.entries.len())]];
        let text = entry.captions[rng.usize(..entry.captions.len())].clone();
        (entry, Caption { text, attributes: Attributes::new(), said: BTreeSet::new() })
    }
}

impl Dataset for Clips {
    fn info(&self) -> &Info {
        &self.info
    }

    fn caption(&self, split: Split, draw: Draw) -> Result<Caption> {
        Ok(self.draw(split, draw).1)
    }

    fn example(&self, split: Split, draw: Draw) -> Result<Example> {
        let (entry, caption) = self.draw(split, draw);
        let clip = match &entry.cached {
            Some(clip) => clip.clone(),
            None => bring(&Clip::load(&entry.file)?, self.info.dims, self.info.fps)?,
        };
        Ok(Example { clip, caption })
    }

    fn wrong_captions(
        &self,
        split: Split,
        caption: &Caption,
        draw: Draw,
        count: usize,
    ) -> Result<Vec<String>> {
        // The other captions of the same clips are true as well.
        let clips = self.clips_of.get(&caption.text).map_or(&[][..], Vec::as_slice);
        let mut known = said_by(&self.entries, clips);
        known.insert(&caption.text);
        let mut rng = rng(split, draw, 1);
        let mut others: Vec<&String> = Vec::new();
        for side in [self.side(split), &self.train] {
            // Most captions of a large folder are false of a clip, so a few draws suffice.
            let wanted = count.max(1);
            if side.captions.len() > 8 * (known.len() + wanted) {
                while others.len() < wanted {
                    let text = &side.captions[rng.usize(..side.captions.len())];
                    if !known.contains(text) && !others.contains(&text) {
                        others.push(text);
                    }
                }
                break;
            }
            let mut more: Vec<&String> =
                side.captions.iter().filter(|text| !known.contains(text)).collect();
            more.retain(|text| !others.contains(text));
            rng.shuffle(&mut more);
            others.extend(more);
            if others.len() >= wanted {
                break;
            }
        }
        if others.is_empty() {
            return Err(alike(&self.path));
        }
        let mut found = recoloured(&caption.text, &known, &self.colours, &mut rng);
        let is_held_out = |text: &String| self.held_out.captions.binary_search(text).is_ok();
        found.retain(|text| split == Split::HeldOut || !is_held_out(text));
        // Half of `count`; an odd `count` is rounded up or down at random.
        found.truncate((count + rng.usize(..2)) / 2);
        let rest = count - found.len();
        found.extend(others.into_iter().cycle().take(rest).cloned());
        rng.shuffle(&mut found);
        Ok(found)
    }

    fn check(&self) -> Vec<Error> {
        Self::problems(&self.path)
    }
}

fn clips_of(entries: &[Entry]) -> ClipsOf {
    let mut clips_of = ClipsOf::new();
    for (clip, entry) in entries.iter().enumerate() {
        for caption in &entry.captions {
            clips_of.entry(caption.clone()).or_default().push(clip);
        }
    }
    clips_of
}

/// The text of the first of the files `names` (or `NAME.txt`) that is not empty; empty if there is none. It is
/// published with each model, so a link is an error: it might lead to a file that should not be published.
fn note(path: &Path, names: &[&str]) -> Result<String> {
    for name in names.iter().flat_map(|name| [name.to_string(), format!("{name}.txt")]) {
        let path = path.join(name);
        let wrong = |reason: String| Error::Data { path: path.clone(), reason };
        let Ok(found) = path.symlink_metadata() else { continue };
        if found.is_symlink() {
            let reason = "this is a link; put the text itself into the folder, since it is published with each model";
            return Err(wrong(reason.into()));
        }
        let bytes = read_regular(&path, NOTES).map_err(|error| wrong(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("the text is not UTF-8".into()))?;
        if !text.trim().is_empty() {
            return Ok(text);
        }
    }
    Ok(String::new())
}

/// All captions of some clips.
fn said_by<'a>(entries: &'a [Entry], clips: &[usize]) -> BTreeSet<&'a String> {
    clips.iter().flat_map(|&clip| &entries[clip].captions).collect()
}

fn alike(path: &Path) -> Error {
    let reason = "all clips have the same captions, so none has a false caption; give at least two clips \
                  different captions";
    Error::Data { path: path.into(), reason: reason.into() }
}

fn bring(clip: &Clip, [t, h, w, c]: [usize; 4], fps: f32) -> Result<Clip> {
    // `to_channels` comes first: with alpha, `fit` fills the margins with transparent pixels.
    let clip = clip.to_channels(c)?;
    // The result is the same in either order, but one order may need a clip that is too large in between.
    let [own_t, own_h, own_w, _] = clip.dims();
    match own_t * h * w < t * own_h * own_w {
        true => clip.fit(h, w)?.resample(t)?.with_fps(fps),
        false => clip.resample(t)?.fit(h, w)?.with_fps(fps),
    }
}

/// The dims of most clips, and the frame rate of the first clip with them.
fn common(entries: &[Entry]) -> ([usize; 4], f32) {
    let mut counts: BTreeMap<[usize; 3], usize> = BTreeMap::new();
    for entry in entries {
        let [t, h, w, _] = entry.dims;
        *counts.entry([t, h, w]).or_default() += 1;
    }
    let size = |dims: &[usize; 3]| dims.iter().product::<usize>();
    let most = counts.iter().max_by_key(|&(dims, n)| (n, size(dims)));
    let [t, h, w] = most.map_or([1; 3], |(dims, _)| *dims);
    let c = entries.iter().map(|entry| entry.dims[3]).max().unwrap_or(3);
    let fps = entries.iter().find(|entry| entry.dims[..3] == [t, h, w]).map(|entry| entry.fps);
    ([t, h, w, c], fps.unwrap_or(crate::DEFAULT_FPS))
}

/// The training split and the held-out split, which has a tenth of the groups of captions: the groups
/// whose first captions have the lowest hashes.
fn sides(entries: &[Entry], clips_of: &ClipsOf) -> [Side; 2] {
    // Clips that share captions form a group (union-find): `above` leads from each clip towards the first clip
    // of its group.
    fn root(above: &mut [usize], mut clip: usize) -> usize {
        while above[clip] != clip {
            above[clip] = above[above[clip]];
            clip = above[clip];
        }
        clip
    }
    let mut above: Vec<usize> = (0..entries.len()).collect();
    for clips in clips_of.values() {
        for pair in clips.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|clip| root(&mut above, clip));
            above[a.max(b)] = a.min(b);
        }
    }
    let mut joined: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for (clip, entry) in entries.iter().enumerate() {
        let group = joined.entry(root(&mut above, clip)).or_default();
        group.extend(entry.captions.iter().map(String::as_str));
    }
    let mut order: Vec<_> =
        joined.into_values().map(|group| (group.first().copied().map(hash), group)).collect();
    order.sort_unstable();
    let spared = if order.len() < FEWEST { 0 } else { order.len() / 10 };
    let held: BTreeSet<&str> =
        order.into_iter().take(spared).flat_map(|(_, group)| group).collect();
    let mut sides = [Side::default(), Side::default()];
    for (i, entry) in entries.iter().enumerate() {
        let side = usize::from(held.contains(entry.captions[0].as_str()));
        sides[side].entries.push(i);
        sides[side].captions.extend(entry.captions.iter().cloned());
    }
    for side in &mut sides {
        side.captions.sort_unstable();
        side.captions.dedup();
    }
    sides
}

/// All clips with their captions, in the order of their names, and all problems of the folder.
fn survey(path: &Path) -> (Vec<Entry>, Vec<Error>) {
    let mut errors = Vec::new();
    let clips = folder::captions(path, &mut errors);
    if clips.is_empty() && errors.is_empty() {
        let reason =
            format!("the folder has no clips; put files into it that end in {}", readable_text());
        errors.push(Error::Data { path: path.into(), reason });
    }
    let mut kept = 0;
    let mut entries = Vec::new();
    for (file, captions) in clips {
        if captions.is_empty() {
            let reason = "the clip has no caption; add a line to captions.csv or captions.jsonl, or a .txt beside it";
            errors.push(Error::Data { path: file, reason: reason.into() });
            continue;
        }
        match Clip::load(&file) {
            Ok(clip) => {
                kept += clip.data().len();
                let (dims, fps) = (clip.dims(), clip.fps());
                let cached = (kept <= CACHE).then_some(clip);
                entries.push(Entry { file, captions, cached, dims, fps });
            }
            Err(error) => errors.push(error),
        }
    }
    (entries, errors)
}
