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

Each line is a sentence. Words are separated by white space and used unchanged. To ignore case and
punctuation, convert the text to lower case and remove the punctuation first. Ctrl-C stops the
training and writes the vectors learnt so far. GloVe gives the same bits each time; word2vec and
cbow do so only with --threads 1.")]
pub struct EmbedTrain {
    /// Training method
    #[arg(long, value_name = "METHOD", value_enum, default_value_t)]
    pub method: Method,
    /// Text files, plain or gzip; - is stdin
    #[arg(long, value_name = "F", required = true, num_args = 1..)]
    pub corpus: Vec<PathBuf>,
    /// Dimension of the vectors
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub dim: u32,
    /// Table to write; the extension chooses the format, as for convert
    #[arg(long, value_name = "V")]
    pub out: PathBuf,
    /// Words on each side that count as neighbours [default: 5; GloVe 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub window: Option<u32>,
    /// Negative samples per positive example [default: 5; GloVe has none]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub negative: Option<u32>,
    /// Passes over the text, or over the counts for GloVe [default: 5; GloVe 25]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub epochs: Option<u32>,
    /// Minimum count: rarer words get no vector
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub min_count: u64,
    /// Hash buckets for letter n-grams of length 3 to 6, as in fastText, so that unknown words get a
    /// vector; needs --out in .safetensors [default: 0, no n-grams]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    pub buckets: u32,
    /// Number of threads [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
pub enum Method {
    /// word2vec with skip-gram: pairs of a word and one neighbour
    #[default]
    Word2vec,
    /// word2vec with CBOW: the mean of the neighbours predicts the word
    Cbow,
    /// GloVe: dot products of vectors fit the logarithm of co-occurrence counts
    Glove,
}

/// List the words nearest to a word
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora embed near red
  kinora embed near red --vectors vectors.bin --count 3 --json

Prints one word per line, the nearest first, with the cosine of its vector and the vector of WORD.
--json prints one line {\"word\",\"cosine\"} per word.")]
pub struct EmbedNear {
    /// The word whose neighbours to list
    #[arg(value_name = "WORD")]
    pub word: String,
    #[command(flatten)]
    pub list: List,
}

/// Solve an analogy: A is to B as C is to which word?
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  kinora embed analogy man king woman")]
pub struct EmbedAnalogy {
    /// First word of the known pair
    #[arg(value_name = "A")]
    pub a: String,
    /// Second word of the known pair
    #[arg(value_name = "B")]
    pub b: String,
    /// First word of the pair to complete
    #[arg(value_name = "C")]
    pub c: String,
    #[command(flatten)]
    pub list: List,
}

/// Print how similar two words or sentences are
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora embed similar walks strolls
  kinora embed similar \"a knight walks\" \"a soldier strolls\" --vectors glove.6B.50d.txt

The vector of a sentence is the mean of its words' vectors. The program prints the cosine of the
vectors of both sentences, from -1 to 1.")]
pub struct EmbedSimilar {
    /// First word or sentence
    #[arg(value_name = "S1")]
    pub first: String,
    /// Second word or sentence
    #[arg(value_name = "S2")]
    pub second: String,
    #[command(flatten)]
    pub table: Table,
    /// Folder of a sentence encoder (model.onnx and tokenizer.json) to use instead of a table
    #[cfg(feature = "onnx")]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["vectors", "limit"])]
    pub encoder: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Compare a table with human judgements
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora embed score EN-WS-353-ALL.txt
  kinora embed score questions-words.txt --vectors glove.6B.50d.txt --json
  kinora embed score stsb-en-dev.csv --vectors glove.6B.50d.txt --sif

A .csv file has two sentences and a number per line. A file that begins with a colon has the four
words of an analogy per line. Any other file has two words and a number per line.

The vector of a sentence is the mean of its words' vectors. With --sif, rare words weigh more, and
the direction that all sentence vectors share is removed.")]
pub struct EmbedScore {
    /// File of human judgements
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub table: Table,
    /// Weight the words of a sentence by smooth inverse frequency
    #[arg(long)]
    pub sif: bool,
    /// Folder of a sentence encoder (model.onnx and tokenizer.json) to score instead of a table
    #[cfg(feature = "onnx")]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["vectors", "limit", "sif"])]
    pub encoder: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Distil a small table of word vectors from a sentence encoder
#[cfg(feature = "onnx")]
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  kinora embed distil --encoder minilm --words text.txt vocab.txt --half --out words.safetensors

The encoder is a folder with model.onnx (or onnx/model.onnx) and tokenizer.json, as
sentence-transformers exports them. It encodes each word in a few short phrases. The table keeps the
principal components of these vectors and gives rare words more weight, so that the mean of word
vectors represents a sentence (Model2Vec). The words in the files of --words are separated by white
space and used unchanged. To ignore case and punctuation, convert the text to lower case and remove
the punctuation first. The environment variable ORT_DYLIB_PATH is the path of the library
onnxruntime; if the variable is not set, the system's search path is used.")]
pub struct EmbedDistil {
    /// Folder of the encoder
    #[arg(long, value_name = "DIR")]
    pub encoder: PathBuf,
    /// Text files or word lists with the words to encode
    #[arg(long, value_name = "F", required = true, num_args = 1..)]
    pub words: Vec<PathBuf>,
    /// Keep only the N most frequent words
    #[arg(long, value_name = "N", default_value_t = 30_000, value_parser = clap::value_parser!(u32).range(2..))]
    pub limit: u32,
    /// Dimension of the vectors
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub dim: u32,
    /// Write 16-bit numbers; needs --out in .safetensors
    #[arg(long)]
    pub half: bool,
    /// Table to write; the extension chooses the format, as for convert
    #[arg(long, value_name = "V")]
    pub out: PathBuf,
}

/// Convert a table of word vectors to another format
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinora embed convert glove.6B.50d.txt glove.safetensors
  kinora embed convert GoogleNews-vectors-negative300.bin.gz news.txt --limit 100000

The extension of OUT chooses the format: .safetensors is kinora's own, which opens at once; .bin is
word2vec's binary format; .vec is fastText's text; .txt is text with a header line, or without one if
the name begins with glove. A further .gz compresses .bin, .vec or .txt.")]
pub struct EmbedConvert {
    /// Table to read
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// Table to write
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// Read only the first N words
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Write 16-bit numbers; needs OUT in .safetensors
    #[arg(long)]
    pub half: bool,
}

/// A table, and how to list the words that are found in it.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    pub table: Table,
    /// Number of words to list
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,
    /// Print one JSON line per word
    #[arg(long)]
    pub json: bool,
}

#[derive(clap::Args)]
pub struct Table {
    /// Table of word vectors: word2vec, GloVe, fastText .vec or kinora's .safetensors [default: the
    /// built-in table]
    #[arg(long, value_name = "V")]
    pub vectors: Option<PathBuf>,
    /// Read only the first N words of --vectors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "vectors")]
    pub limit: Option<u32>,
}
