//! `kinora embed`

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use kinora_embed::{
    Corpus, Form, Glove, Loaded, Near, Score, Sif, Vectors, Word2Vec, WordProgress, cosine,
    score_sentences,
};
use serde_json::json;

#[cfg(feature = "onnx")]
use crate::args::EmbedDistil;
use crate::args::{
    EmbedAnalogy, EmbedConvert, EmbedNear, EmbedScore, EmbedSimilar, EmbedTrain, List, Method,
    Table,
};
use crate::exit::Failure;
use crate::output::{note, probe, say};
use crate::signal::stop_on_signal;
use kept::Kept;

mod kept;

pub fn train(args: &EmbedTrain) -> Result<()> {
    let form = form(&args.out, false)?;
    if let Ok(out) = args.out.canonicalize()
        && args.corpus.iter().any(|path| path.canonicalize().is_ok_and(|path| path == out))
    {
        let reason = format!("--out {} would replace the corpus; name another file", out.display());
        return Err(Failure::usage(reason).into());
    }
    probe(&args.out)?;
    let stop = stop_on_signal()?;
    if args.buckets > 0 && (args.method == Method::Glove || form != Form::Own) {
        let reason = "--buckets needs --method word2vec or cbow, and --out in .safetensors";
        return Err(Failure::usage(reason).into());
    }
    if args.negative.is_some() && args.method == Method::Glove {
        return Err(Failure::usage("--negative needs --method word2vec or cbow").into());
    }
    let or = |given: Option<u32>, default| given.map_or(default, |given| given as usize);
    let threads = or(args.threads, rayon::current_num_threads());
    let kept =
        args.corpus.iter().map(|path| Kept::of(path, stop)).collect::<Result<Vec<Kept>>>()?;
    let corpus = Corpus::new(&kept.iter().map(|kept| kept.path.clone()).collect::<Vec<_>>())?;
    let bar = ProgressBar::no_length().with_style(
        ProgressStyle::with_template("{bar:30} {percent} %, {eta} left, {msg}")
            .context("the bar")?,
    );
    let start = Instant::now();
    let mut is_unlearnt = false;
    let mut progress = |progress: WordProgress| {
        let goes_on = !stop.load(Ordering::Relaxed);
        is_unlearnt = !goes_on && progress.words == 0;
        bar.set_length(progress.total);
        bar.set_position(progress.words);
        let speed = progress.words as f64 / start.elapsed().as_secs_f64();
        bar.set_message(format!("{:.0} thousand words/s", speed / 1e3));
        goes_on
    };
    let vectors = match args.method {
        Method::Glove => {
            let plain = Glove::default();
            let config = Glove {
                dim: args.dim as usize,
                window: or(args.window, plain.window),
                epochs: or(args.epochs, plain.epochs),
                least: args.min_count,
                seed: args.seed,
                ..plain
            };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            pool.install(|| config.train(&corpus, &mut progress))
        }
        Method::Word2vec | Method::Cbow => {
            let plain = Word2Vec::default();
            let config = Word2Vec {
                dim: args.dim as usize,
                window: or(args.window, plain.window),
                negative: or(args.negative, plain.negative),
                epochs: or(args.epochs, plain.epochs),
                least: args.min_count,
                cbow: args.method == Method::Cbow,
                buckets: args.buckets as usize,
                seed: args.seed,
                threads,
                ..plain
            };
            config.train(&corpus, &mut progress)
        }
    }?;
    bar.finish_and_clear();
    if is_unlearnt {
        return Err(Failure::stopped("before anything was learnt; nothing was written").into());
    }
    kinora_embed::write(&vectors, &args.out, form)?;
    let (words, dim) = (vectors.len(), vectors.dim());
    let seconds = start.elapsed().as_secs_f64();
    note(format_args!("{}: {words} words, dimension {dim}, {seconds:.1} s", args.out.display()));
    match stop.load(Ordering::Relaxed) {
        true => Err(Failure::stopped("before the last epoch").into()),
        false => Ok(()),
    }
}

pub fn near(args: &EmbedNear) -> Result<()> {
    let vectors = args.list.table.open()?;
    let Some(vector) = vectors.vector(&args.word) else {
        return Err(missing(&args.word, &args.list.table).into());
    };
    let itself = Vec::from_iter(vectors.find(&args.word));
    if itself.is_empty() {
        let (word, table) = (&args.word, args.list.table.name());
        let source = match vectors.ngrams().is_empty() {
            true => "that of its stem",
            false => "the mean of its letter n-grams",
        };
        note(format_args!("{word:?} is not in {table}: its vector is {source}"));
    }
    args.list.print(&vectors.near(&vector, args.list.count as usize, &itself))
}

pub fn analogy(args: &EmbedAnalogy) -> Result<()> {
    let vectors = args.list.table.open()?;
    let [a, b, c] = [&args.a, &args.b, &args.c].map(|word| find(&vectors, word, &args.list.table));
    args.list.print(&vectors.analogy([a?, b?, c?], args.list.count as usize))
}

pub fn similar(args: &EmbedSimilar) -> Result<()> {
    #[cfg(feature = "onnx")]
    if let Some(folder) = &args.encoder {
        let both = [&args.first, &args.second];
        let vectors = kinora_embed::OnnxEncoder::open(folder)?.encode(&both)?;
        return say_cosine(cosine(&vectors[0], &vectors[1]), args.json);
    }
    let vectors = args.table.open()?;
    let [a, b] = [&args.first, &args.second].map(|sentence| {
        let (mean, unknown) = vectors.mean(sentence);
        if mean.iter().all(|&x| x == 0.0) {
            let table = args.table.name();
            return Err(Failure::usage(format!(
                "no word of {sentence:?} has a vector in {table}; name another table with --vectors"
            )));
        }
        let is_word = |word: &&str| word.chars().any(char::is_alphanumeric);
        let unknown: Vec<&str> = unknown.into_iter().filter(is_word).collect();
        if !unknown.is_empty() {
            let unknown: Vec<String> = unknown.iter().map(|word| format!("{word:?}")).collect();
            note(format_args!("not in the table: {}", unknown.join(", ")));
        }
        Ok(mean)
    });
    say_cosine(cosine(&a?, &b?), args.json)
}

fn say_cosine(cosine: f32, json: bool) -> Result<()> {
    match json {
        true => say(json!({ "cosine": cosine })),
        false => say(format_args!("{cosine:.4}")),
    }
}

pub fn score(args: &EmbedScore) -> Result<()> {
    let (object, text) = match scored(args)? {
        Score::Words { pairs, covered, spearman } => (
            json!({ "task": "words", "pairs": pairs, "covered": covered, "spearman": spearman }),
            format!(
                "Spearman {spearman:.4} on the {covered} of {pairs} pairs of words that are in the table"
            ),
        ),
        Score::Analogies { questions, covered, right } => {
            let accuracy = right as f64 / covered.max(1) as f64;
            let object = json!({
                "task": "analogies", "questions": questions, "covered": covered, "right": right,
                "accuracy": accuracy,
            });
            let share = 100.0 * accuracy;
            (
                object,
                format!(
                    "{share:.2} % right of the {covered} of {questions} analogies that are in the table"
                ),
            )
        }
        Score::Sentences { pairs, covered, pearson, spearman } => {
            let object = json!({
                "task": "sentences", "pairs": pairs, "covered": covered, "pearson": pearson,
                "spearman": spearman,
            });
            let unknown = match pairs - covered {
                0 => String::new(),
                n => format!(
                    "; in {n} of the pairs a sentence has no known word, and the cosine counts as 0"
                ),
            };
            let text = format!(
                "Pearson {pearson:.4}, Spearman {spearman:.4} on {pairs} pairs of sentences{unknown}"
            );
            (object, text)
        }
    };
    match args.json {
        true => say(object),
        false => say(text),
    }
}

fn scored(args: &EmbedScore) -> Result<Score> {
    #[cfg(feature = "onnx")]
    if let Some(folder) = &args.encoder {
        let mut encoder = kinora_embed::OnnxEncoder::open(folder)?;
        return Ok(score_sentences(&args.file, |sentences| encoder.encode(sentences))?);
    }
    let vectors = args.table.open()?;
    if args.sif {
        return Ok(score_sentences(&args.file, |sentences| {
            let sif = Sif::new(&vectors, sentences);
            Ok(sentences.iter().map(|sentence| sif.sentence(sentence)).collect())
        })?);
    }
    Ok(kinora_embed::score(&vectors, &args.file)?)
}

#[cfg(feature = "onnx")]
pub fn distil(args: &EmbedDistil) -> Result<()> {
    let form = form(&args.out, args.half)?;
    probe(&args.out)?;
    let stop = stop_on_signal()?;
    let mut words = Corpus::new(&args.words)?.words(1)?;
    words.truncate(args.limit as usize);
    let mut encoder = kinora_embed::OnnxEncoder::open(&args.encoder)?;
    let (dim, most) = (args.dim as usize, encoder.dim()?);
    if dim > most {
        let encoder = args.encoder.display();
        let reason = format!(
            "--dim {dim}: the vectors of {encoder} have only dimension {most}; lower --dim"
        );
        return Err(Failure::usage(reason).into());
    }
    let bar = ProgressBar::new(words.len() as u64).with_style(
        ProgressStyle::with_template("{bar:30} {percent} %, {eta} left").context("the bar")?,
    );
    let mut values = Vec::new();
    for some in words.chunks(256) {
        values.extend(encoder.encode_words(some)?.into_iter().flatten());
        bar.inc(some.len() as u64);
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::stopped("before the last word; nothing was written").into());
        }
    }
    bar.finish_and_clear();
    let encoded = Vectors::new(&words, values.len() / words.len().max(1), values)?;
    let vectors = kinora_embed::distil(&encoded, dim)?;
    kinora_embed::write(&vectors, &args.out, form)?;
    note(format_args!("{}: {} words, dimension {}", args.out.display(), vectors.len(), args.dim));
    Ok(())
}

pub fn convert(args: &EmbedConvert) -> Result<()> {
    let form = form(&args.output, args.half)?;
    let vectors = open(&args.input, args.limit)?;
    kinora_embed::write(&vectors, &args.output, form)?;
    if !vectors.ngrams().is_empty() && !form.is_own() {
        let (from, to) = (args.input.display(), args.output.display());
        note(format_args!("{to}: left out the letter n-grams of {from}; .safetensors keeps them"));
    }
    let (words, dim) = (vectors.len(), vectors.dim());
    note(format_args!("{}: {words} words, dimension {dim}", args.output.display()));
    Ok(())
}

/// The format of a table to write, by its extension.
fn form(path: &Path, half: bool) -> Result<Form> {
    let unknown = || {
        let path = path.display();
        let known = ".safetensors, or .bin, .vec or .txt with or without .gz";
        Failure::usage(format!("{path}: unknown extension of a table; use {known}"))
    };
    match Form::of(path).ok_or_else(unknown)? {
        Form::Own if half => Ok(Form::OwnHalf),
        _ if half => {
            let path = path.display();
            Err(Failure::usage(format!("{path}: --half needs a table in .safetensors")).into())
        }
        form => Ok(form),
    }
}

fn open(path: &Path, limit: Option<u32>) -> Result<Vectors> {
    let Loaded { vectors, skipped } = kinora_embed::read(path, limit.map(|limit| limit as usize))?;
    if skipped > 0 {
        let path = path.display();
        note(format_args!("{path}: skipped {skipped} words that are empty, not UTF-8 or repeated"));
    }
    Ok(vectors)
}

fn find(vectors: &Vectors, word: &str, table: &Table) -> Result<usize> {
    Ok(vectors.find(word).ok_or_else(|| missing(word, table))?)
}

fn missing(word: &str, table: &Table) -> Failure {
    Failure::usage(format!(
        "{word:?} is not in {}; check its spelling, or name another table with --vectors",
        table.name()
    ))
}

impl Table {
    fn open(&self) -> Result<Vectors> {
        match &self.vectors {
            Some(path) => open(path, self.limit),
            None => Ok(Vectors::builtin()),
        }
    }

    /// The name of the table in messages.
    fn name(&self) -> String {
        let path = self.vectors.as_ref().map(|path| path.display().to_string());
        path.unwrap_or_else(|| "the built-in table".into())
    }
}

impl List {
    fn print(&self, near: &[Near]) -> Result<()> {
        near.iter().try_for_each(|Near { word, cosine }| match self.json {
            true => say(json!({ "word": word, "cosine": cosine })),
            false => say(format_args!("{cosine:7.4}  {word}")),
        })
    }
}
