//! The engine `rust-bert` on libtorch; an error where kinora was built without it.

#[cfg(feature = "rust-bert")]
pub use linked::{open, there, train};

#[cfg(not(feature = "rust-bert"))]
pub use missing::{open, there, train};

#[cfg(feature = "rust-bert")]
mod linked {
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    use anyhow::Result;
    use indicatif::ProgressBar;
    use kinora_text::{Bert, BertTrainConfig, Engine, Sentence, Task};

    use crate::args::TextTrain;
    use crate::text::show;

    /// Succeeds where the engine is built in.
    pub fn there() -> Result<()> {
        Ok(())
    }

    pub fn open(folder: Option<&Path>) -> Result<Box<dyn Engine>> {
        match folder {
            Some(folder) => Ok(Box::new(Bert::open(folder)?)),
            None => known(),
        }
    }

    #[cfg(feature = "rust-bert-remote")]
    fn known() -> Result<Box<dyn Engine>> {
        Ok(Box::new(Bert::remote()?))
    }

    #[cfg(not(feature = "rust-bert-remote"))]
    fn known() -> Result<Box<dyn Engine>> {
        let message = "--engine rust-bert: name a folder of models with --model; to download \
                       models instead, build kinora with --features rust-bert-remote";
        Err(crate::exit::Failure::usage(message).into())
    }

    pub fn train(
        args: &TextTrain,
        data: &[(Task, Vec<Sentence>)],
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<()> {
        let mut config = BertTrainConfig {
            from: args.from.clone(),
            seed: args.seed,
            ..BertTrainConfig::default()
        };
        config.epochs = args.epochs.map_or(config.epochs, |epochs| epochs as usize);
        Ok(kinora_text::train_bert(&config, data, &args.out, &mut |progress| {
            show(bar, progress);
            !stop.load(Ordering::Relaxed)
        })?)
    }
}

#[cfg(not(feature = "rust-bert"))]
mod missing {
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    use anyhow::Result;
    use indicatif::ProgressBar;
    use kinora_text::{Engine, Sentence, Task};

    use crate::args::TextTrain;
    use crate::exit::Failure;

    pub fn there() -> Result<()> {
        Err(missing())
    }

    pub fn open(_folder: Option<&Path>) -> Result<Box<dyn Engine>> {
        Err(missing())
    }

    pub fn train(
        _args: &TextTrain,
        _data: &[(Task, Vec<Sentence>)],
        _bar: &ProgressBar,
        _stop: &AtomicBool,
    ) -> Result<()> {
        Err(missing())
    }

    fn missing() -> anyhow::Error {
        let message = "--engine rust-bert: kinora was built without this engine; build it with \
                       --features rust-bert";
        Failure::usage(message).into()
    }
}
