//! `kinora text`

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

#[derive(Subcommand)]
pub enum TextCommand {
    Tag(TextTag),
    Train(TextTrain),
    Score(TextScore),
}

/// Tag words with their parts of speech, and find names
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora text tag \"a knight with red hair walks to the left\"
  kinora text tag --file prompts.txt --json
  kinora text tag \"Mira the knight rides to Rome\" --html tags.html

Parts of speech are those of Universal Dependencies; names are of persons (PER), places (LOC) and
organisations (ORG). --json prints one line per sentence: {\"text\",\"tokens\":[{\"text\",\"start\",\"end\",
\"pos\",\"p\",\"entity\"}],\"entities\":[{\"text\",\"label\",\"start\",\"end\",\"score\"}]}; \"start\" and \"end\"
are byte offsets, \"p\" and \"score\" probabilities.")]
pub struct TextTag {
    /// The sentences
    #[arg(value_name = "SENTENCE", required_unless_present = "file", conflicts_with = "file")]
    pub prompts: Vec<String>,
    /// File of sentences, one per line (blank lines and # comments are skipped); - is stdin
    #[arg(long, value_name = "F|-")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub engine: Engine,
    /// Print one JSON line per sentence
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
    /// Write an HTML page instead of printing
    #[arg(long, value_name = "F")]
    pub html: Option<PathBuf>,
}

/// Train a tagger on labelled sentences
///
/// One block of sentences in twenty is held out for evaluation. After each epoch the tagger is
/// written to the folder --out. Ctrl-C stops the training and writes the tagger, but a tagger in the
/// folder stays until the first epoch is complete.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora text train --pos en_ewt-ud-train.conllu --ner btc.train --out runs/tagger
  kinora text tag \"a knight walks\" --model runs/tagger
  kinora text train --engine rust-bert --from minilm --pos a.conllu --ner b.tsv --out runs/bert

The files of --pos are CoNLL-U. The files of --ner have one word per line, tab-separated:
word and label (O, B-PER, I-PER, B-LOC, ...), or number, word and label. Blank lines separate
sentences. Kinds such as PERSON, GPE or CORPORATION and labels in BIOES or BILOU are also read;
names of other kinds count as O.")]
pub struct TextTrain {
    /// Sentences with parts of speech, CoNLL-U (.conllu)
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub pos: Vec<PathBuf>,
    /// Sentences with labels of names, one word per line
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub ner: Vec<PathBuf>,
    /// Folder for the tagger
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Kind of tagger to train
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t)]
    pub engine: EngineKind,
    /// Folder of a pre-trained BERT to start from, for rust-bert [default: a small new BERT]
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Passes over the sentences [default: 16; rust-bert 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub epochs: Option<u32>,
    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// Measure a tagger on labelled sentences
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora text score en_ewt-ud-dev.conllu
  kinora text score en_ewt-ud-dev.iob2 --json

Prints for a .conllu file the share of words with the right part of speech, and for any other file
precision, recall and F1 of names. A name is right if its words and its label are right.

--json prints {\"task\",\"sentences\",\"words\",\"words_per_second\",\"gold\",\"found\",\"right\"}, with
\"accuracy\" and \"words_f1\" (of the word segmentation) for parts of speech, or \"precision\",
\"recall\" and \"f1\" for names.")]
pub struct TextScore {
    /// Labelled sentences: a CoNLL-U file (.conllu) with parts of speech, or a file with names
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub engine: Engine,
    /// Convert the sentences to lower case first
    #[arg(long)]
    pub lower: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
pub struct Engine {
    /// Engine that finds parts of speech and names
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t)]
    pub engine: EngineKind,
    /// Folder of a model for the engine [default for builtin: the built-in model]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
}

#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
pub enum EngineKind {
    /// A small network on the CPU; needs no other library
    #[default]
    Builtin,
    /// BERT models on libtorch; needs kinora built with the feature rust-bert
    RustBert,
}
