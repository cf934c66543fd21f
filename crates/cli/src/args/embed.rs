//! `kinora embed`

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

#[derive(Subcommand)]
pub enum EmbedCommand {
    Train(EmbedTrain),
    Near(EmbedNear),
    Analogy(EmbedAnalogy),
    Similar(EmbedSimilar),
    Score(EmbedScore),
    #[cfg(feature = "onnx")]
    Distil(EmbedDistil),
    Convert(EmbedConvert),
}

/// Learn word vectors from text
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora embed train --corpus text.txt --dim 100 --out vectors.safetensors
  kinora embed train --method cbow --corpus a.txt b.txt --dim 64 --window 8 --out vectors.vec
  kinora embed train --method glove --corpus text.gz --out glove.txt

A line is a sentence; words are what stands between white space, as it is: cut and lower-case the text
before, if that is wanted. Ctrl-C writes what has been learnt by then. GloVe gives the same bits each time,
word2vec with one thread.")]
pub struct EmbedTrain {
    /// How: skip-gram or CBOW of word2vec, or GloVe
    #[arg(long, value_name = "METHOD", value_enum, default_value_t)]
    pub method: Method,
    /// Files of text, or of text in gzip; - is stdin
    #[arg(long, value_name = "F", required = true, num_args = 1..)]
    pub corpus: Vec<PathBuf>,
    /// Numbers of a vector
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub dim: u32,
    /// Table to write, in the form that its name says
    #[arg(long, value_name = "V")]
    pub out: PathBuf,
    /// Words to each side that count as near [default: 5, of GloVe 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub window: Option<u32>,
    /// Words that are drawn to be told from each right one [default: 5; GloVe draws none]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub negative: Option<u32>,
    /// How often the text is read, or GloVe's counts [default: 5, of GloVe 25]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub epochs: Option<u32>,
    /// How often a word has to be there
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub min_count: u64,
    /// Vectors that the parts of words of 3 to 6 letters share, so that unknown words have one too, as
    /// of fastText; kept in .safetensors alone [default: 0, no parts]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    pub buckets: u32,
    /// Threads that work [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// Seed of everything that is random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
pub enum Method {
    /// Skip-gram: each neighbour predicts a word
    #[default]
    Word2vec,
    /// Their mean predicts it
    Cbow,
    /// Products of vectors are how often words are near each other
    Glove,
}

/// List the words nearest to a word
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora embed near red
  kinora embed near red --vectors vectors.bin --count 3 --json

The nearest first, with the cosine of the angle between both vectors. --json prints a line of
{\"word\",\"cosine\"} a word.")]
pub struct EmbedNear {
    /// The word
    #[arg(value_name = "WORD")]
    pub word: String,
    #[command(flatten)]
    pub list: List,
}

/// Find what is to C as B is to A
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  kinora embed analogy man king woman")]
pub struct EmbedAnalogy {
    /// A word
    #[arg(value_name = "A")]
    pub a: String,
    /// What it is to
    #[arg(value_name = "B")]
    pub b: String,
    /// As this one is to what is looked for
    #[arg(value_name = "C")]
    pub c: String,
    #[command(flatten)]
    pub list: List,
}

/// Say how alike two words or sentences are
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora embed similar walks strolls
  kinora embed similar \"a knight walks\" \"a soldier strolls\" --vectors glove.6B.50d.txt

That is the cosine of the angle between the means of their words' vectors, from -1 to 1.")]
pub struct EmbedSimilar {
    /// A sentence
    #[arg(value_name = "S1")]
    pub first: String,
    /// Another
    #[arg(value_name = "S2")]
    pub second: String,
    #[command(flatten)]
    pub table: Table,
    /// Folder of a sentence encoder to ask in place of a table: model.onnx and tokenizer.json
    #[cfg(feature = "onnx")]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["vectors", "limit"])]
    pub encoder: Option<PathBuf>,
    /// Print an object of JSON
    #[arg(long)]
    pub json: bool,
}

/// Hold a table against what people judge
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora embed score EN-WS-353-ALL.txt
  kinora embed score questions-words.txt --vectors glove.6B.50d.txt --json
  kinora embed score stsb-en-dev.csv --vectors glove.6B.50d.txt --sif

A file has two words and a number a line; or analogies of four words, if it begins with a colon; or
it is a .csv of two sentences and a number. A sentence is the mean of its words; with --sif the rarer
of them weigh more, and what all sentences have in common is left out.")]
pub struct EmbedScore {
    /// File of judgements
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub table: Table,
    /// Weigh the words of sentences by smooth inverse frequency
    #[arg(long)]
    pub sif: bool,
    /// Folder of a sentence encoder to hold against it: model.onnx and tokenizer.json
    #[cfg(feature = "onnx")]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["vectors", "limit", "sif"])]
    pub encoder: Option<PathBuf>,
    /// Print an object of JSON
    #[arg(long)]
    pub json: bool,
}

/// Make a small table of what a sentence encoder says of words
#[cfg(feature = "onnx")]
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  kinora embed distil --encoder minilm --words text.txt vocab.txt --dim 64 --half --out words.safetensors

The encoder is a folder with model.onnx (or onnx/model.onnx) and tokenizer.json, as sentence-transformers
exports them. It reads each word in a few short phrases; of its numbers the principal components are kept,
and rarer words weigh more, so that a mean of words stands for a sentence (Model2Vec). Words are what stands
between white space, the most frequent first: cut and lower-case the text before, if that is wanted. The
library onnxruntime is found by ORT_DYLIB_PATH, else where the system looks.")]
pub struct EmbedDistil {
    /// Folder of the encoder
    #[arg(long, value_name = "DIR")]
    pub encoder: PathBuf,
    /// Texts, or lists, that the words are taken of
    #[arg(long, value_name = "F", required = true, num_args = 1..)]
    pub words: Vec<PathBuf>,
    /// How many words at most
    #[arg(long, value_name = "N", default_value_t = 30_000, value_parser = clap::value_parser!(u32).range(2..))]
    pub limit: u32,
    /// Numbers of a vector
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub dim: u32,
    /// Write numbers of 16 bits, which only .safetensors has
    #[arg(long)]
    pub half: bool,
    /// Table to write, in the form that its name says
    #[arg(long, value_name = "V")]
    pub out: PathBuf,
}

/// Bring a table of word vectors into another form
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora embed convert glove.6B.50d.txt glove.safetensors
  kinora embed convert GoogleNews-vectors-negative300.bin.gz news.txt --limit 100000

The names say the forms: .safetensors our own, which is open at once; .bin word2vec's binary form;
.vec fastText's text; .txt text, written without a first line if the name begins with glove; .gz
behind them packs.")]
pub struct EmbedConvert {
    /// Table to read
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// Table to write
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// Only the first words
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Write numbers of 16 bits, which only .safetensors has
    #[arg(long)]
    pub half: bool,
}

/// A table, and how the words that are found in it are listed.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    pub table: Table,
    /// How many words
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,
    /// Print a line of JSON a word
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
pub struct Table {
    /// Table of word vectors: word2vec, GloVe, fastText .vec, or our own .safetensors [default: the
    /// one built in]
    #[arg(long, value_name = "V")]
    pub vectors: Option<PathBuf>,
    /// Only the first words of --vectors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "vectors")]
    pub limit: Option<u32>,
}
