use std::ops::ControlFlow;
use std::path::Path;

use kinora_model::Model;
use kinora_tensor::Tensor;
use kinora_video::Dataset;

use crate::eval::{EvalConfig, EvalStep, Judge, Reference, Report, Subject};
use crate::{Config, Error, Result};

/// Fewer films than in `kinora eval`, since the training waits for the evaluation.
const FILMS: EvalConfig = EvalConfig { prompts: 200, seeds: 1, seed: 0 };

/// The evaluations of a training: the judge, and the reference, which the first evaluation makes.
pub(crate) struct Exam<T: Tensor> {
    judge: Judge<T>,
    reference: Option<Reference<T>>,
}

impl<T: Tensor> Exam<T> {
    /// Loads the judge from beside the run's folder. `None` if `train.eval_every` is 0. Data
    /// without attributes gets an untrained judge.
    ///
    /// # Errors
    /// If there is no judge for this data and this size of films, or a clip cannot be drawn.
    pub fn open(
        device: &T::Device,
        config: &Config,
        folder: &Path,
        dataset: &dyn Dataset,
    ) -> Result<Option<Self>> {
        if config.train.eval_every == 0 {
            return Ok(None);
        }
        let subject = Subject::of(dataset, &config.clip)?;
        let beside = folder.parent().unwrap_or(folder);
        let path = beside.join(subject.file_name());
        let Some(judge) = Judge::open(device, &path, subject)? else {
            let judges = match beside.as_os_str().is_empty() {
                true => ".".into(),
                false => beside.display().to_string(),
            };
            return Err(Error::Judge(format!(
                "train.eval_every = {} needs the judge {}, which does not exist; set train.eval_every=0, or train \
                 the judge with `kinora eval --fit-judge --data {} --model {} --judge {judges}` and then use --resume",
                config.train.eval_every,
                path.display(),
                config.data,
                folder.display(),
            )));
        };
        Ok(Some(Self { judge, reference: None }))
    }

    /// Evaluates the model of a training. `None` if `watch` breaks.
    ///
    /// # Errors
    /// If a clip cannot be drawn, or the device fails.
    pub fn measure(
        &mut self,
        device: &T::Device,
        dataset: &dyn Dataset,
        model: &Model<T>,
        watch: &mut dyn FnMut(EvalStep) -> ControlFlow<()>,
    ) -> Result<Option<Report>> {
        if self.reference.is_none() {
            let judge = self.judge.clone();
            self.reference = Reference::new(device, dataset, judge, &FILMS, watch)?;
        }
        match &self.reference {
            Some(reference) => reference.measure(model, watch),
            None => Ok(None),
        }
    }
}
