//! The dataset of a folder of clips.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::colours::{colours_of, recoloured};
use crate::draws::{hash, rng};
use crate::file::read_regular;
use crate::format::readable_text;
use crate::{
    Attributes, Caption, Clip, Dataset, Draw, Error, Example, Info, MAX_PIXELS, Result, Split,
};

mod colours;
mod folder;

/// Bytes of clips that are kept in memory; further clips are read again at each draw.
const CACHE: usize = 1 << 29;
/// The largest file of a licence or of credits that is read, in bytes.
const NOTES: u64 = 1 << 20;
/// With fewer groups of captions than this, nothing is held out.
const FEWEST: usize = 10;

/// A folder of files that [`Clip::load`] reads, also in sub-folders. A sub-folder with two or more
/// numbered PNGs, and without captions of its own, is one clip. Hidden files and links to folders are
/// left out. Captions are in a `captions.jsonl` of any of these folders, with a line
/// `{"file": "walk.gif", "caption": "a knight walks"}` for each caption, or in a text file of the same
/// name beside each clip (`walk.txt`), one per line. A clip may have several captions.
///
/// All clips are brought to the dims of most clips (the largest such dims, if several are equally
/// frequent). Frames are repeated or left out; pictures are scaled to fit, with their proportions
/// kept. The clips have alpha if any clip of the folder has it.
///
/// Clips have no attributes, so a tenth of the captions is held out, with all their clips. Captions
/// that share a clip form a group and stay on one side. With fewer than ten groups nothing is held
/// out, and [`Split::HeldOut`] is the training side.
///
/// False captions are captions of other clips. If a caption names a colour, half of its false
/// captions are the caption itself with another colour from the folder's captions, or with two of its
/// colours exchanged.
///
/// The first line of a file `LICENCE` (or `LICENSE`) in the folder is the licence; a file `CREDITS`
/// has the credits.
#[derive(Debug)]
pub struct Clips {
    info: Info,
    path: PathBuf,
    entries: Vec<Entry>,
    clips_of: ClipsOf,
    train: Side,
    held_out: Side,
    /// All colour words in the captions of the training side, with repeats.
    colours: Vec<&'static str>,
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

/// The indices of the clips that have a caption, by the caption.
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
        let [train, held_out] = sides(&entries);
        let colours = train.captions.iter().flat_map(|text| colours_of(text)).collect();
        let read = |name: String| {
            let path = path.join(name);
            // The notes are published with each model. A link might lead to a file that should not be.
            let bytes = read_regular(&path, NOTES).ok().filter(|_| !path.is_symlink())?;
            String::from_utf8(bytes).ok()
        };
        let note = |names: &[&str]| {
            let texts = names.iter().flat_map(|name| [name.to_string(), format!("{name}.txt")]);
            texts.filter_map(read).find(|text| !text.trim().is_empty())
        };
        let licence = note(&["LICENCE", "LICENSE"]);
        let first = licence.as_deref().and_then(|text| text.trim().lines().next());
        let info = Info {
            spec: format!("clips:{}", path.display()),
            dims,
            fps,
            licence: first.unwrap_or("as its owner says").trim().into(),
            credits: note(&["CREDITS"]).unwrap_or_default().trim().into(),
        };
        let clips_of = clips_of(&entries);
        Ok(Self { info, path: path.into(), entries, clips_of, train, held_out, colours })
    }

    /// All problems of a folder; empty if there are none. It is also a problem if the folder can be
    /// opened but not trained on, because no caption is false of any clip.
    pub fn problems(path: &Path) -> Vec<Error> {
        let (entries, mut errors) = survey(path);
        if errors.is_empty() {
            let [Side { captions, .. }, _] = sides(&entries);
            // Captions of the same clips give the same answer, so each set of clips is looked at once.
            let all: BTreeSet<Vec<usize>> = clips_of(&entries).into_values().collect();
            let is_all = |clips: &Vec<usize>| {
                let sum: usize = clips.iter().map(|&clip| entries[clip].captions.len()).sum();
                sum >= captions.len() && said_by(&entries, clips).len() == captions.len()
            };
            if all.iter().any(is_all) {
                errors.push(alike(path));
            }
            let (dims, _) = common(&entries);
            let [t, h, w, _] = dims;
            if t * h * w > MAX_PIXELS {
                errors.push(Error::Data {
                    path: path.into(),
                    reason: Error::TooLarge { dims }.to_string(),
                });
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

/// The indices of the clips that have each caption.
fn clips_of(entries: &[Entry]) -> ClipsOf {
    let mut clips_of = ClipsOf::new();
    for (clip, entry) in entries.iter().enumerate() {
        for caption in &entry.captions {
            clips_of.entry(caption.clone()).or_default().push(clip);
        }
    }
    clips_of
}

/// All captions of some clips.
fn said_by<'a>(entries: &'a [Entry], clips: &[usize]) -> BTreeSet<&'a String> {
    clips.iter().flat_map(|&clip| &entries[clip].captions).collect()
}

fn alike(path: &Path) -> Error {
    let reason = "every clip has the same captions, so no caption is false of any clip; give at \
                  least two clips different captions";
    Error::Data { path: path.into(), reason: reason.into() }
}

fn bring(clip: &Clip, [t, h, w, c]: [usize; 4], fps: f32) -> Result<Clip> {
    // `to_channels` comes first: with alpha, `fit` fills the margins with transparent pixels.
    let clip = clip.to_channels(c)?;
    // The order of these two steps does not change the result, but may need a clip that is too large.
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

/// The training side and the held-out side, which has a tenth of the groups of captions: the groups
/// whose first captions have the lowest hashes.
fn sides<'a>(entries: &'a [Entry]) -> [Side; 2] {
    // Groups of captions that are joined by shared clips (union-find): `above` leads from each clip towards the
    // first clip of its group.
    fn first(above: &mut [usize], mut clip: usize) -> usize {
        while above[clip] != clip {
            above[clip] = above[above[clip]];
            clip = above[clip];
        }
        clip
    }
    let mut above: Vec<usize> = (0..entries.len()).collect();
    for clips in clips_of(entries).values() {
        for pair in clips.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|clip| first(&mut above, clip));
            above[a.max(b)] = a.min(b);
        }
    }
    let mut joined: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for (clip, entry) in entries.iter().enumerate() {
        let group = joined.entry(first(&mut above, clip)).or_default();
        group.extend(entry.captions.iter().map(String::as_str));
    }
    let first_of = |group: BTreeSet<&'a str>| Some((*group.first()?, group));
    let groups = joined.into_values().filter_map(first_of);
    let mut order: Vec<_> = groups.map(|(first, group)| (hash(first), group)).collect();
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
            let reason =
                "the clip has no caption; add a line to captions.jsonl, or a .txt beside it";
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
