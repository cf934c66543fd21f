//! How a failed command ends: one line on stderr, and an exit code for the kind of failure.

use std::fmt;
use std::process::ExitCode;

use crate::output::note;

const OTHER: u8 = 1;
const USAGE: u8 = 2;
const DATA: u8 = 3;
const WEIGHTS: u8 = 4;
const DEVICE: u8 = 5;
const DIVERGED: u8 = 6;
const WRITE: u8 = 7;
const STOPPED: u8 = 130;

/// An error of the command line itself.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into() }
    }

    pub fn data(message: impl Into<String>) -> Self {
        Self { code: DATA, message: message.into() }
    }

    pub fn weights(message: impl Into<String>) -> Self {
        Self { code: WEIGHTS, message: message.into() }
    }

    pub fn device(message: impl Into<String>) -> Self {
        Self { code: DEVICE, message: message.into() }
    }

    pub fn write(message: impl Into<String>) -> Self {
        Self { code: WRITE, message: message.into() }
    }

    pub fn stopped(message: impl Into<String>) -> Self {
        Self { code: STOPPED, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Prints an error with its causes as one line on stderr, and gives its exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let code = code(error);
    let mut line = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = cause.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        // The text of some errors already contains their cause.
        if !line.contains(&cause) {
            line.push_str(if line.is_empty() { "" } else { ": " });
            line.push_str(&cause);
        }
    }
    let kind = if code == STOPPED { "stopped" } else { "error" };
    note(format_args!("{kind}: {line}"));
    ExitCode::from(code)
}

fn code(error: &anyhow::Error) -> u8 {
    let found = error.chain().find_map(|cause| {
        let own = cause.downcast_ref::<Failure>().map(|failure| failure.code);
        own.or_else(|| cause.downcast_ref().map(of_train))
            .or_else(|| cause.downcast_ref().map(of_model))
            .or_else(|| cause.downcast_ref().map(of_video))
            .or_else(|| cause.downcast_ref().map(of_text))
            .or_else(|| cause.downcast_ref().map(of_embed))
            .or_else(|| cause.downcast_ref().map(of_tensor))
    });
    found.unwrap_or(OTHER)
}

/// Whether a device had no memory for a tensor.
pub fn is_memory(error: &anyhow::Error) -> bool {
    use kinora_tensor::Error::Memory;
    error.chain().any(|cause| {
        let of_model =
            |error: &kinora_model::Error| matches!(error, kinora_model::Error::Tensor(Memory(_)));
        matches!(cause.downcast_ref(), Some(Memory(_)))
            || cause.downcast_ref().is_some_and(of_model)
            || match cause.downcast_ref() {
                Some(kinora_train::Error::Tensor(error)) => matches!(error, Memory(_)),
                Some(kinora_train::Error::Model(error)) => of_model(error),
                _ => false,
            }
    })
}

fn of_train(error: &kinora_train::Error) -> u8 {
    use kinora_train::Error;
    match error {
        Error::Config(_) | Error::Read { .. } => USAGE,
        Error::Write { .. } => WRITE,
        Error::Checkpoint { .. } | Error::Judge(_) => WEIGHTS,
        Error::Diverged { .. } => DIVERGED,
        Error::Video(error) => of_video(error),
        Error::Model(error) => of_model(error),
        Error::Text(error) => of_text(error),
        Error::Tensor(error) => of_tensor(error),
        _ => OTHER,
    }
}

fn of_model(error: &kinora_model::Error) -> u8 {
    use kinora_model::Error;
    match error {
        Error::Read { .. } | Error::Weights { .. } | Error::Source(_) => WEIGHTS,
        Error::Embed(error) => of_embed(error),
        Error::Config(_) => USAGE,
        Error::Text(error) => of_text(error),
        Error::Tensor(error) => of_tensor(error),
        Error::Video(error) => of_video(error),
        _ => OTHER,
    }
}

fn of_video(error: &kinora_video::Error) -> u8 {
    use kinora_video::Error;
    match error {
        Error::Spec { .. } | Error::Read { .. } | Error::Data { .. } => DATA,
        Error::Write { .. } => WRITE,
        _ => OTHER,
    }
}

fn of_text(error: &kinora_text::Error) -> u8 {
    use kinora_text::Error;
    match error {
        Error::Vocabulary { .. } => USAGE,
        Error::Json(_) | Error::Sizes(_) | Error::Weights(_) | Error::Tensors(_) => WEIGHTS,
        Error::Model { .. } => WEIGHTS,
        Error::Read { .. } | Error::Line { .. } | Error::NoData(_) => DATA,
        Error::Diverged { .. } => DIVERGED,
        Error::Write { .. } => WRITE,
        Error::Tensor(error) => of_tensor(error),
        _ => OTHER,
    }
}

fn of_embed(error: &kinora_embed::Error) -> u8 {
    use kinora_embed::Error;
    match error {
        Error::Write { .. } => WRITE,
        _ => DATA,
    }
}

fn of_tensor(error: &kinora_tensor::Error) -> u8 {
    match error {
        kinora_tensor::Error::Device(_) | kinora_tensor::Error::Memory(_) => DEVICE,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_to_blame_wherever_that_is_noticed() {
        let lost = || kinora_tensor::Error::Device("the GPU was lost".into());
        for error in [
            anyhow::Error::from(lost()),
            kinora_model::Error::from(lost()).into(),
            kinora_train::Error::from(lost()).into(),
            kinora_train::Error::from(kinora_model::Error::from(lost())).into(),
        ] {
            assert_eq!(code(&error), DEVICE, "{error:?}");
            assert!(!is_memory(&error), "{error:?}");
        }
        let full = || kinora_tensor::Error::Memory("of 1 element".into());
        for error in [
            anyhow::Error::from(full()),
            kinora_model::Error::from(full()).into(),
            kinora_train::Error::from(full()).into(),
            kinora_train::Error::from(kinora_model::Error::from(full())).into(),
        ] {
            assert!(is_memory(&error), "{error:?}");
            assert_eq!(code(&error.context("too large")), DEVICE);
        }
    }
}
