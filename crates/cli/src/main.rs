//! The kinora command line: arguments, choice of device, output for people. Logic that another
//! program could use lives in the libraries.

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command, DataCommand, EmbedCommand, TextCommand};

mod args;
mod data;
mod device;
mod embed;
mod eval;
mod exit;
mod inspect;
mod models;
mod output;
mod prompts;
mod sample;
mod signal;
mod text;
mod train;

fn main() -> ExitCode {
    let command = Args::parse().command;
    if let Err(error) = signal::obey() {
        return exit::report(&error);
    }
    // On a thread of the pool: from outside, each operation would first have to wake a thread.
    let done = rayon::scope(|_| match &command {
        Command::Train(args) => train::run(args),
        Command::Sample(args) => sample::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Data(DataCommand::Preview(args)) => data::preview(args),
        Command::Data(DataCommand::Check(args)) => data::check(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Devices(args) => device::list(args),
        Command::Text(TextCommand::Tag(args)) => text::tag(args),
        Command::Text(TextCommand::Train(args)) => text::train(args),
        Command::Text(TextCommand::Score(args)) => text::score(args),
        Command::Embed(EmbedCommand::Train(args)) => embed::train(args),
        Command::Embed(EmbedCommand::Near(args)) => embed::near(args),
        Command::Embed(EmbedCommand::Analogy(args)) => embed::analogy(args),
        Command::Embed(EmbedCommand::Similar(args)) => embed::similar(args),
        Command::Embed(EmbedCommand::Score(args)) => embed::score(args),
        #[cfg(feature = "onnx")]
        Command::Embed(EmbedCommand::Distil(args)) => embed::distil(args),
        Command::Embed(EmbedCommand::Convert(args)) => embed::convert(args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}
