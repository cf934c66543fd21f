use std::collections::BTreeSet;
use std::ops::ControlFlow;

use kinora_model::Model;
use kinora_tensor::Tensor;
use kinora_video::{Caption, Clip, Dataset, Draw, Example, Split};

use super::binding::{Pair, pairs};
use super::colour::Palette;
use super::figure::Regions;
use super::film::{Film, Set};
use super::probe::probe;
use super::report::{Report, Row, Shown, SideReport, Unit};
use super::rows::{Measured, rows};
use super::spread::Spread;
use super::{EvalConfig, EvalStep, Judge};
use crate::Result;

/// Films per batch, about.
const BATCH: usize = 16;
/// The streams of draws, apart from those of a training: of the prompts; of the real clips for the
/// distances; of the captions with exchanged colours; of the captions that a probe learns from.
const PROMPTS: u64 = 0x6576_0000_0000;
const OTHERS: u64 = 0x6577_0000_0000;
const PAIRS: u64 = 0x6578_0000_0000;
const PROBED: u64 = 0x6579_0000_0000;
/// Captions that a probe of the sentence vector learns from.
const LEARNT: u64 = 4000;
/// Real clips from which the regions of the figures are measured.
const PLACED: u64 = 64;
/// Films of each split in [`Report::shown`].
const SHOWN: usize = 12;

/// A callback for the progress; it breaks to stop the evaluation.
pub(super) type Watch<'a> = &'a mut dyn FnMut(EvalStep) -> ControlFlow<()>;

/// The reference that films are measured against: prompts, judged real clips, and the colours of
/// real clips. It does not depend on a model, so one reference serves many models, or one model
/// while it learns.
pub struct Reference<T: Tensor> {
    device: T::Device,
    judge: Judge<T>,
    config: EvalConfig,
    data: String,
    palette: Palette,
    regions: Regions,
    sides: Vec<Side>,
    /// Captions of the training split, for probes of the sentence vector.
    learnt: Vec<Caption>,
}

/// The prompts and the real clips of a split of the data.
struct Side {
    name: &'static str,
    /// The real clips of the prompts.
    real: Set,
    /// As many other real clips, for the distances.
    other: Set,
    pairs: Vec<Pair>,
    /// Both captions of each pair, and the real clip of the first caption.
    real_pairs: Set,
    /// The real clips of the first prompts, for the page.
    shown: Vec<Clip>,
    /// For each prompt of the held-out split, whether it has words that no caption of
    /// [`Reference::learnt`] has.
    new_words: Vec<bool>,
}

impl<T: Tensor> Reference<T> {
    /// Draws and judges the real clips. `None` if `watch` breaks.
    ///
    /// # Errors
    /// If an example cannot be drawn or the device fails.
    pub fn new(
        device: &T::Device,
        dataset: &dyn Dataset,
        judge: Judge<T>,
        config: &EvalConfig,
        watch: Watch,
    ) -> Result<Option<Self>> {
        let dims = judge.subject.dims;
        let palette = Palette::of(dataset, dims, &mut |done, all| {
            watch(EvalStep { what: "colours of real clips", done, all })
        })?;
        let Some(palette) = palette else { return Ok(None) };
        let clips = examples(dataset, Split::Train, PROMPTS, 0..PLACED, dims)?;
        let labels = &judge.subject.labels;
        let are_people = ["hair", "torso", "legs"].iter().all(|part| labels.has(part));
        let regions = Regions::of(clips.iter().map(|example| &example.clip), are_people);
        let (device, config, data) = (device.clone(), *config, dataset.info().spec.clone());
        let learnt =
            |index| dataset.caption(Split::Train, Draw { seed: PROBED + config.seed, index });
        let learnt = (0..LEARNT).map(learnt).collect::<kinora_video::Result<Vec<Caption>>>()?;
        let sides = Vec::new();
        let mut reference = Self { device, judge, config, data, palette, regions, sides, learnt };
        for split in [Split::Train, Split::HeldOut] {
            match reference.side(dataset, split, watch)? {
                Some(side) => reference.sides.push(side),
                None => return Ok(None),
            }
        }
        Ok(Some(reference))
    }

    fn side(&self, dataset: &dyn Dataset, split: Split, watch: Watch) -> Result<Option<Side>> {
        let Self { device, judge, palette, .. } = self;
        let EvalConfig { prompts: n, seed, .. } = self.config;
        let dims = judge.subject.dims;
        let [name, what] = match split {
            Split::Train => ["seen", "real clips"],
            Split::HeldOut => ["held_out", "held-out real clips"],
        };
        let pairs = pairs(dataset, split, &judge.subject.labels, PAIRS + seed, n.div_ceil(2))?;
        let captions = pairs.iter().flat_map(|pair| pair.captions.clone()).collect();
        let mut side = Side {
            name,
            real: Set::default(),
            other: Set::default(),
            real_pairs: Set { captions, films: Vec::new() },
            pairs,
            shown: Vec::new(),
            new_words: Vec::new(),
        };
        let all = n + side.pairs.len();
        for start in (0..n).step_by(BATCH) {
            let end = n.min(start + BATCH);
            let draw =
                |stream| examples(dataset, split, stream + seed, start as u64..end as u64, dims);
            let real = draw(PROMPTS)?;
            side.real.captions.extend(real.iter().map(|example| example.caption.clone()));
            let clips: Vec<(usize, &Clip)> = (start..end).zip(clips_in(&real)).collect();
            side.real.add(device, judge, palette, &clips)?;
            let other = draw(OTHERS)?;
            let verdicts = judge.look(device, &clips_in(&other))?;
            let films = (start..end).zip(verdicts);
            side.other.films.extend(films.map(|(prompt, verdict)| Film::of(prompt, verdict)));
            side.other.captions.extend(other.into_iter().map(|example| example.caption));
            let room = SHOWN.saturating_sub(side.shown.len());
            side.shown.extend(real.into_iter().take(room).map(|example| example.clip));
            if watch(EvalStep { what, done: end, all }).is_break() {
                return Ok(None);
            }
        }
        for (batch, start) in side.pairs.chunks(BATCH).zip((0..).step_by(BATCH)) {
            let draw = |pair: &Pair| example(dataset, split, pair.draw, dims);
            let real = batch.iter().map(draw).collect::<Result<Vec<Example>>>()?;
            let films = (start..).zip(judge.look(device, &clips_in(&real))?);
            side.real_pairs.films.extend(films.map(|(k, verdict)| Film::of(2 * k, verdict)));
            if watch(EvalStep { what, done: n + start + batch.len(), all }).is_break() {
                return Ok(None);
            }
        }
        if split == Split::HeldOut {
            side.new_words = new_words(&self.learnt, &side.real.captions);
        }
        Ok(Some(side))
    }

    /// Makes films of the prompts and measures them. `None` if `watch` breaks.
    ///
    /// The same model, reference and device give the same report.
    ///
    /// # Errors
    /// If the films do not have the judge's size, or the device fails.
    pub fn measure(&self, model: &Model<T>, watch: Watch) -> Result<Option<Report>> {
        let (mut sides, mut shown) = (Vec::new(), Vec::new());
        for side in &self.sides {
            let Some(measured) = self.films(model, side, &mut shown, watch)? else {
                return Ok(None);
            };
            let mut rows = rows(&measured, &self.judge.subject.labels);
            for (of, films) in probe(model, &self.learnt, &side.real.captions)? {
                let (real, second) = (None, None);
                let metric = "sentence_probe";
                rows.push(Row { metric, of, unit: Unit::Share, films, real, second });
            }
            sides.push(SideReport { name: side.name, rows });
        }
        Ok(Some(Report {
            model: (model.card.name.clone(), model.card.steps),
            data: self.data.clone(),
            prompts: self.config.prompts,
            seeds: self.config.seeds,
            sides,
            shown,
        }))
    }

    fn films<'a>(
        &self,
        model: &Model<T>,
        side: &'a Side,
        shown: &mut Vec<Shown>,
        watch: Watch,
    ) -> Result<Option<Measured<'a>>> {
        let Self { device, judge, palette, .. } = self;
        let EvalConfig { prompts: n, seeds, seed } = self.config;
        let what = match side.name {
            "seen" => "films",
            _ => "films of held-out combinations",
        };
        let all = n * seeds + side.real_pairs.captions.len();
        let captions = &side.real.captions;
        let mut films = Set { captions: captions.clone(), films: Vec::new() };
        let mut spread = Spread::new(self.regions.clone(), judge.subject.dims);
        let each = BATCH.div_ceil(seeds);
        for start in (0..n).step_by(each) {
            let end = n.min(start + each);
            let asked = |k: usize| (k / seeds, seed + k as u64);
            let asked: Vec<(usize, u64)> = (start * seeds..end * seeds).map(asked).collect();
            let clips = sample(model, captions, &asked)?;
            let prompts = asked.iter().map(|(prompt, _)| *prompt);
            let looked: Vec<(usize, &Clip)> = prompts.zip(&clips).collect();
            films.add(device, judge, palette, &looked)?;
            for (prompt, of_prompt) in (start..end).zip(looked.chunks(seeds)) {
                let clips: Vec<&Clip> = of_prompt.iter().map(|(_, clip)| *clip).collect();
                spread.add(prompt, &clips);
                if let Some(real) = side.shown.get(prompt) {
                    shown.push(Shown {
                        side: side.name,
                        caption: captions[prompt].clone(),
                        real: real.clone(),
                        film: clips[0].clone(),
                        judged: films.films[prompt * seeds].verdict.values(&judge.subject.labels),
                    });
                }
            }
            if watch(EvalStep { what, done: end * seeds, all }).is_break() {
                return Ok(None);
            }
        }
        let captions = &side.real_pairs.captions;
        let mut pairs = Set { captions: captions.clone(), films: Vec::new() };
        for start in (0..captions.len()).step_by(BATCH) {
            let end = captions.len().min(start + BATCH);
            // Both films of a pair have the same seed.
            let asked: Vec<_> = (start..end).map(|k| (k, seed + (k / 2) as u64)).collect();
            let clips = sample(model, captions, &asked)?;
            let verdicts = judge.look(device, &clips.iter().collect::<Vec<_>>())?;
            let looked = (start..end).zip(verdicts);
            pairs.films.extend(looked.map(|(prompt, verdict)| Film::of(prompt, verdict)));
            if watch(EvalStep { what, done: n * seeds + end, all }).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(Measured {
            films,
            spread: (seeds > 1).then_some(spread),
            film_pairs: pairs,
            real: &side.real,
            other: &side.other,
            real_pairs: &side.real_pairs,
            pairs: &side.pairs,
            new_words: &side.new_words,
        }))
    }
}

/// The words of a caption, in lower case.
fn words(caption: &Caption) -> BTreeSet<String> {
    let text = caption.text.to_lowercase();
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// For each of `captions`, whether it has words that none of `learnt` has.
fn new_words(learnt: &[Caption], captions: &[Caption]) -> Vec<bool> {
    let known: BTreeSet<String> = learnt.iter().flat_map(words).collect();
    captions.iter().map(|caption| !words(caption).is_subset(&known)).collect()
}

/// Films of captions as users get them: typing errors are corrected, and films are cleaned. `asked`
/// gives for each film the index of its caption and a seed.
fn sample<T: Tensor>(
    model: &Model<T>,
    captions: &[Caption],
    asked: &[(usize, u64)],
) -> Result<Vec<Clip>> {
    let read = |&(k, _): &(usize, u64)| Ok(model.lexicon.look(&captions[k].text)?.text);
    let texts = asked.iter().map(read).collect::<Result<Vec<String>>>()?;
    let prompts: Vec<(&str, u64)> =
        texts.iter().zip(asked).map(|(text, &(_, seed))| (text.as_str(), seed)).collect();
    let films = model.sample_batch(&prompts)?;
    Ok(films.iter().map(|film| film.clean(&kinora_video::Palette::Auto)).collect())
}

/// The example of a draw, scaled to the size of the films.
pub(super) fn example(
    dataset: &dyn Dataset,
    split: Split,
    draw: Draw,
    dims: [usize; 4],
) -> Result<Example> {
    let mut example = dataset.example(split, draw)?;
    example.clip = example.clip.to_dims(dims)?;
    Ok(example)
}

/// Examples of a stream, scaled to the size of the films.
pub(super) fn examples(
    dataset: &dyn Dataset,
    split: Split,
    seed: u64,
    places: std::ops::Range<u64>,
    dims: [usize; 4],
) -> Result<Vec<Example>> {
    places.map(|index| example(dataset, split, Draw { seed, index }, dims)).collect()
}

pub(super) fn clips_in(examples: &[Example]) -> Vec<&Clip> {
    examples.iter().map(|example| &example.clip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caption_with_a_word_that_is_in_no_other_has_new_words() {
        let of = |text: &str| Caption {
            text: text.into(),
            attributes: Default::default(),
            said: Default::default(),
        };
        let learnt = ["a red circle moves up", "a blue star rests"].map(of);
        let captions = ["A blue circle, moves up", "a mini star", "a star rests"].map(of);
        assert_eq!(new_words(&learnt, &captions), [false, true, false]);
    }
}
