//! `kinora text`

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

#[derive(Subcommand)]
pub enum TextCommand {
    Tag(TextTag),
    Train(TextTrain),
    Score(TextScore),
}

/// Say of each word what part of speech it is, and which words are names
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora text tag \"a knight with red hair walks to the left\"
  kinora text tag --file prompts.txt --json
  kinora text tag \"Mira the knight rides to Rome\" --html tags.html

Parts of speech are those of Universal Dependencies; names are of persons (PER), places (LOC) and
organisations (ORG). --json prints a line a sentence: {\"text\",\"tokens\":[{\"text\",\"start\",\"end\",
\"pos\",\"p\",\"entity\"}],\"entities\":[{\"text\",\"label\",\"start\",\"end\",\"score\"}]}, places in bytes.")]
pub struct TextTag {
    /// The sentences
    #[arg(value_name = "PROMPT", required_unless_present = "file", conflicts_with = "file")]
    pub prompts: Vec<String>,
    /// File of sentences, one a line (blank lines and # comments are skipped); - is stdin
    #[arg(long, value_name = "F|-")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub engine: Engine,
    /// Print a line of JSON a sentence
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
    /// Write a page to look at
    #[arg(long, value_name = "F")]
    pub html: Option<PathBuf>,
}

/// Train a tagger on sentences whose words are labelled
///
/// One block of sentences in twenty is held out to measure with. After each epoch the tagger so far is
/// written to the folder; Ctrl-C stops with what there is, but before the end of the first epoch
/// leaves a tagger that is there as it was.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  kinora text train --pos en_ewt-ud-train.conllu --ner btc.train --out runs/tagger
  kinora text tag \"a knight walks\" --model runs/tagger
  kinora text train --engine rust-bert --from minilm --pos .. --ner .. --out runs/bert

Parts of speech come from CoNLL-U; names from lines of a word, a tab and a label (O, B-PER, I-PER,
B-LOC, ...), or of a number, a word and a label, with blank lines between sentences.")]
pub struct TextTrain {
    /// Sentences with parts of speech, CoNLL-U (.conllu)
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub pos: Vec<PathBuf>,
    /// Sentences with names
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub ner: Vec<PathBuf>,
    /// Folder for the tagger
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// What is trained
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t)]
    pub engine: EngineKind,
    /// Folder of a pre-trained BERT to start from, for rust-bert [default: a small one, from nothing]
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// How often each sentence is seen [default: 16, for rust-bert 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub epochs: Option<u32>,
    /// Seed of everything that is random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// Hold a tagger against sentences whose words are labelled
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora text score en_ewt-ud-dev.conllu
  kinora text score en_ewt-ud-dev.iob2 --json

Of .conllu files: the share of words whose part of speech is right. Of others: of names, by their
exact words and label, precision, recall and F1. --json prints {\"task\",\"sentences\",\"words\",
\"words_per_second\",\"gold\",\"found\",\"right\"} and, of parts of speech, \"accuracy\" and
\"words_f1\", of names \"precision\", \"recall\" and \"f1\".")]
pub struct TextScore {
    /// Labelled sentences: CoNLL-U (.conllu), else names
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub engine: Engine,
    /// Take the capitals away first
    #[arg(long)]
    pub lower: bool,
    /// Print one object of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
pub struct Engine {
    /// What finds parts of speech and names
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t)]
    pub engine: EngineKind,
    /// Folder of a model that was trained for the engine [default: of builtin, the one that ships]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
}

#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
pub enum EngineKind {
    /// A small network on the CPU, which needs nothing else
    #[default]
    Builtin,
    /// BERTs on libtorch, if kinora was built with the feature rust-bert
    RustBert,
}
