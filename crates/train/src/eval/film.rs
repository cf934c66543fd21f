use std::collections::BTreeMap;

use kinora_tensor::Tensor;
use kinora_video::{Caption, Clip};
use rayon::prelude::*;

use super::colour::Palette;
use super::{Clean, Judge, Motion, Verdict};
use crate::Result;

/// Films with the captions that they were made of, or real clips with theirs, as far as the metrics
/// look at them.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// The captions.
    pub captions: Vec<Caption>,
    /// The films, in the order of their captions; each caption may have several.
    pub films: Vec<Film>,
}

/// What is kept of a film.
#[derive(Clone, Debug)]
pub struct Film {
    /// The place of its caption.
    pub prompt: usize,
    /// What the judge says.
    pub verdict: Verdict,
    /// By attribute, the value that its colours are nearest to.
    pub colours: BTreeMap<&'static str, String>,
    /// How clean it is.
    pub clean: Option<Clean>,
    /// How it moves; `None` for a film of one frame.
    pub motion: Option<Motion>,
}

impl Film {
    /// A film of which only the judge has something to say.
    pub fn of(prompt: usize, verdict: Verdict) -> Self {
        Self { prompt, verdict, colours: BTreeMap::new(), clean: None, motion: None }
    }
}

impl Set {
    /// Looks at clips, each with the place of its caption.
    ///
    /// # Errors
    /// If a clip has not the size that the judge is for, or the device fails.
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
