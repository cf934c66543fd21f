//! `kinora text`

mod bert;
mod page;

use std::fmt::Write;
use std::io::{IsTerminal, stdout};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use kinora_text::{Analysis, Engine, Entity, Progress, Sentence, Tagger, Task, TrainConfig};
use serde_json::json;

use crate::args::{self, EngineKind, TextScore, TextTag, TextTrain};
use crate::exit::Failure;
use crate::output::{escaped, note, say, say_raw};
use crate::prompts;
use crate::signal::stop_on_signal;

/// Name of the tagger's file in its folder.
const FILE: &str = "tagger.safetensors";

pub fn tag(args: &TextTag) -> Result<()> {
    let texts = match &args.file {
        Some(file) => prompts::read(file)?,
        None => prompts::given(&args.prompts)?,
    };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let analyses = engine(&args.engine)?.analyse(&texts)?;
    if let Some(file) = &args.html {
        kinora_video::write_atomic(file, page::of(&analyses).as_bytes())?;
        return Ok(());
    }
    let coloured = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for analysis in &analyses {
        match args.json {
            true => say(json_of(analysis))?,
            false => say_raw(line(analysis, coloured))?,
        }
    }
    Ok(())
}

pub fn train(args: &TextTrain) -> Result<()> {
    match args.engine {
        EngineKind::Builtin if args.from.is_some() => {
            let message = "--from needs --engine rust-bert";
            return Err(Failure::usage(message).into());
        }
        EngineKind::RustBert => bert::there()?,
        EngineKind::Builtin => {}
    }
    let stop = stop_on_signal()?;
    let mut data = Vec::new();
    for (files, wanted) in [(&args.pos, Task::Pos), (&args.ner, Task::Ner)] {
        for file in files {
            let (task, sentences) = kinora_text::read(file)?;
            if task != wanted {
                let file = file.display();
                return Err(Failure::usage(match wanted {
                    Task::Pos => {
                        format!("--pos {file}: the file is not CoNLL-U; name a .conllu file")
                    }
                    Task::Ner => format!(
                        "--ner {file}: CoNLL-U files have no labels for names; give a file with a word and \
                         its label per line"
                    ),
                })
                .into());
            }
            data.push((task, sentences));
        }
    }
    std::fs::create_dir_all(&args.out)
        .map_err(|error| Failure::write(format!("cannot make {}: {error}", args.out.display())))?;
    let bar = ProgressBar::no_length().with_style(
        indicatif::ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {eta} left, {msg}")
            .context("the bar")?,
    );
    match args.engine {
        EngineKind::Builtin => train_builtin(args, &data, &bar, stop)?,
        EngineKind::RustBert => bert::train(args, &data, &bar, stop)?,
    }
    let whole = bar.length() == Some(bar.position());
    bar.finish_and_clear();
    match whole {
        true => {
            note(format_args!("saved the tagger in {}", args.out.display()));
            Ok(())
        }
        false => Err(Failure::stopped(format!(
            "before the last epoch; {} has the tagger of the last complete epoch, if one was complete",
            args.out.display()
        ))
        .into()),
    }
}

fn train_builtin(
    args: &TextTrain,
    data: &[(Task, Vec<Sentence>)],
    bar: &ProgressBar,
    stop: &AtomicBool,
) -> Result<()> {
    let file = args.out.join(FILE);
    let mut config = TrainConfig { seed: args.seed, ..TrainConfig::default() };
    config.epochs = args.epochs.map_or(config.epochs, |epochs| epochs as usize);
    let (mut failed, mut epochs) = (None, 0);
    let tagger = kinora_text::train(&config, data, &mut |progress| {
        show(bar, progress);
        epochs += usize::from(progress.epoch.is_some());
        failed = progress.epoch.as_ref().and_then(|epoch| write(epoch.tagger, &file).err());
        failed.is_none() && !stop.load(Ordering::Relaxed)
    })?;
    match failed {
        Some(error) => Err(error),
        None if epochs == 0 && file.exists() => Ok(()),
        None => write(&tagger, &file),
    }
}

/// Moves the bar; after an epoch, prints the scores.
fn show<T>(bar: &ProgressBar, progress: &Progress<T>) {
    bar.set_length(progress.steps as u64);
    bar.set_position(progress.step as u64);
    let [pos, ner] = progress.losses;
    bar.set_message(format!("loss: parts of speech {pos:.3}, names {ner:.3}"));
    let Some(epoch) = &progress.epoch else { return };
    let [pos, lower, ner] = epoch.scores.map(|score| 100.0 * score.f1());
    bar.suspend(|| {
        note(format_args!(
            "epoch {}, held-out sentences: {pos:.2} % of parts of speech right, {lower:.2} % in lower \
             case; F1 of names {ner:.2}",
            epoch.number
        ));
    });
}

fn write(tagger: &Tagger, file: &Path) -> Result<()> {
    Ok(kinora_video::write_atomic(file, &tagger.to_bytes()?)?)
}

pub fn score(args: &TextScore) -> Result<()> {
    let (task, mut sentences) = kinora_text::read(&args.file)?;
    if sentences.is_empty() {
        let file = args.file.display();
        return Err(Failure::data(format!("{file}: the file has no sentences")).into());
    }
    if args.lower {
        sentences = sentences.iter().map(Sentence::lowered).collect();
    }
    let engine = engine(&args.engine)?;
    let start = std::time::Instant::now();
    let score = kinora_text::score(&*engine, task, &sentences)?;
    let words: usize = sentences.iter().map(|sentence| sentence.words.len()).sum();
    let speed = words as f64 / start.elapsed().as_secs_f64();
    let (precision, recall, f1) = (score.precision(), score.recall(), score.f1());
    let mut object = json!({
        "sentences": sentences.len(), "words": words, "words_per_second": speed.round(),
        "gold": score.gold, "found": score.found, "right": score.right,
    });
    let text = match task {
        Task::Pos => {
            let cut = kinora_text::score_words(&sentences);
            object["task"] = "pos".into();
            object["accuracy"] = f1.into();
            let mut text = format!("{:.2} % of {words} parts of speech are right", 100.0 * f1);
            // Not every file has the original texts of its sentences.
            if cut.gold > 0 {
                object["words_f1"] = cut.f1().into();
                let _ = write!(text, "; F1 of word segmentation {:.2}", 100.0 * cut.f1());
            }
            text
        }
        Task::Ner => {
            object["task"] = "ner".into();
            object["precision"] = precision.into();
            object["recall"] = recall.into();
            object["f1"] = f1.into();
            let [p, r, f] = [precision, recall, f1].map(|share| 100.0 * share);
            format!(
                "names: F1 {f:.2}, precision {p:.2}, recall {r:.2}; {} of {} right",
                score.right, score.gold
            )
        }
    };
    match args.json {
        true => say(object),
        false => say(format_args!("{text}; {speed:.0} words per second")),
    }
}

fn engine(args: &args::Engine) -> Result<Box<dyn Engine>> {
    Ok(match (args.engine, &args.model) {
        (EngineKind::RustBert, folder) => bert::open(folder.as_deref())?,
        (EngineKind::Builtin, None) => Box::new(Tagger::builtin()?),
        (EngineKind::Builtin, Some(folder)) => {
            let path = folder.join(FILE);
            let bytes = std::fs::read(&path)
                .map_err(|error| Failure::weights(format!("{}: {error}", path.display())))?;
            let tagger = Tagger::from_bytes(&bytes);
            Box::new(tagger.with_context(|| path.display().to_string())?)
        }
    })
}

fn json_of(analysis: &Analysis) -> serde_json::Value {
    let tokens = analysis.tokens.iter().map(|token| {
        json!({
            "text": analysis.word(token), "start": token.span.start, "end": token.span.end,
            "pos": token.tag.as_ref().map(|tag| &tag.pos), "p": token.tag.as_ref().map(|tag| tag.p),
            "entity": analysis.entity(token).map(|name| &name.label),
        })
    });
    let entities = analysis.entities.iter().map(|Entity { label, span, score }| {
        json!({
            "text": &analysis.text[span.clone()], "label": label,
            "start": span.start, "end": span.end, "score": score,
        })
    });
    json!({
        "text": analysis.text,
        "tokens": tokens.collect::<Vec<_>>(),
        "entities": entities.collect::<Vec<_>>(),
    })
}

/// `word/TAG` of each word, names in brackets; with terminal colours if `coloured`.
fn line(analysis: &Analysis, coloured: bool) -> String {
    let paint = |code: &str, text: &str| match coloured {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    let mut line = String::new();
    for token in &analysis.tokens {
        let entity = analysis.entity(token);
        if !line.is_empty() {
            line.push(' ');
        }
        if entity.is_some_and(|entity| entity.span.start == token.span.start) {
            line += &paint("7", "[");
        }
        line += &escaped(analysis.word(token));
        if let Some(tag) = &token.tag {
            let _ = write!(line, "{}", paint(colour(&tag.pos), &format!("/{}", tag.pos)));
        }
        if let Some(entity) = entity.filter(|entity| entity.span.end == token.span.end) {
            line += &paint("7", &format!(" {}]", entity.label));
        }
    }
    line
}

/// The ANSI colour code of a part of speech.
fn colour(pos: &str) -> &'static str {
    match pos {
        "NOUN" => "32",
        "PROPN" => "1;32",
        "VERB" | "AUX" => "31",
        "ADJ" => "34",
        "ADV" => "36",
        "PRON" | "DET" | "NUM" => "33",
        "ADP" | "CCONJ" | "SCONJ" | "PART" => "35",
        _ => "2",
    }
}
