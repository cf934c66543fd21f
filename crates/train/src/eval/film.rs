use std::collections::BTreeMap;

use kinora_tensor::Tensor;
use kinora_video::{Caption, Clip};
use rayon::prelude::*;

use super::colour::Palette;
use super::{Clean, Judge, Motion, Verdict};
use crate::Result;

/// Films with their captions, or real clips with theirs, reduced to what the metrics need.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// The captions.
    pub captions: Vec<Caption>,
    /// The films, in the order of their captions. A caption may have several films.
    pub films: Vec<Film>,
}

/// The measurements of a film.
#[derive(Clone, Debug)]
pub struct Film {
    /// The index of the film's caption in [`Set::captions`].
    pub prompt: usize,
    /// The verdict of the judge.
    pub verdict: Verdict,
    /// For each attribute of colour, the value with the nearest colour.
    pub colours: BTreeMap<&'static str, String>,
    /// The cleanness; `None` if it was not measured.
    pub clean: Option<Clean>,
    /// The motion; `None` if it was not measured, or the film has one frame.
    pub motion: Option<Motion>,
}

impl Film {
    /// A film with nothing but a verdict.
    pub fn of(prompt: usize, verdict: Verdict) -> Self {
        Self { prompt, verdict, colours: BTreeMap::new(), clean: None, motion: None }
    }
}

impl Set {
    /// The films of some captions, which `is_kept` chooses by their index.
    pub(super) fn of_captions(&self, is_kept: impl Fn(usize) -> bool) -> Self {
        let films = self.films.iter().filter(|film| is_kept(film.prompt));
        Self { captions: self.captions.clone(), films: films.cloned().collect() }
    }

    /// Measures clips and adds them. Each clip comes with the index of its caption.
    ///
    /// # Errors
    /// If a clip does not have the judge's size, or the device fails.
    pub fn add<T: Tensor>(
        &mut self,
        device: &T::Device,
        judge: &Judge<T>,
        palette: &Palette,
        clips: &[(usize, &Clip)],
    ) -> Result<()> {
        let shown: Vec<&Clip> = clips.iter().map(|(_, clip)| *clip).collect();
        let verdicts = judge.look(device, &shown)?;
        let captions = &self.captions;
        let film = |(&(prompt, clip), verdict): (&(usize, &Clip), Verdict)| Film {
            colours: palette.values(clip, &captions[prompt].attributes),
            clean: Some(Clean::of(clip)),
            motion: Motion::of(clip),
            ..Film::of(prompt, verdict)
        };
        let films: Vec<Film> = clips.par_iter().zip(verdicts).map(film).collect();
        self.films.extend(films);
        Ok(())
    }
}
