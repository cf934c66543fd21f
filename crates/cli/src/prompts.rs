//! What is to be shown.

use std::io::Read;
use std::path::Path;

use anyhow::Result;
use kinora_model::{Model, Reading};
use kinora_tensor::Tensor;

use crate::exit::Failure;
use crate::output::note;

/// More than this is no list of prompts.
const MAX_BYTES: u64 = 16 << 20;

/// The prompts of a file, or of stdin.
pub fn read(file: &Path) -> Result<Vec<String>> {
    let (name, bytes) = if file == Path::new("-") {
        ("stdin".to_string(), limited(std::io::stdin().lock()))
    } else {
        (file.display().to_string(), std::fs::File::open(file).and_then(limited))
    };
    let fail = |reason: String| Failure::usage(format!("prompts of {name}: {reason}"));
    let bytes = bytes.map_err(|error| fail(error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fail(format!("more than {} MiB", MAX_BYTES >> 20)).into());
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        fail(format!("line {line} is not UTF-8"))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim);
    let prompts: Vec<String> =
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Into::into).collect();
    if prompts.is_empty() {
        return Err(fail("there is none; write one a line".into()).into());
    }
    Ok(prompts)
}

fn limited(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Refuses a prompt in which there is nothing to read; warns of words that the model does not know, and
/// of what will not be read.
pub fn check<T: Tensor>(model: &Model<T>, prompt: &str) -> Result<()> {
    let Reading { tokens, unknown, unread } = model.lexicon.look(prompt)?;
    if tokens == 0 {
        return Err(Failure::usage(format!("the prompt {prompt:?} is empty")).into());
    }
    if !unknown.is_empty() {
        note(format_args!(
            "warning: this model does not know {}; it goes by the letters",
            unknown.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
        ));
    }
    if !unread.is_empty() {
        let most = model.config.encoder.pieces;
        let unread: String = unread.chars().take(60).collect();
        note(format_args!(
            "warning: the prompt is too long; this model reads {most} pieces, and what follows is \
             cut: {unread:?}"
        ));
    }
    Ok(())
}
