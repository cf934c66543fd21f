//! Reads prompts, and prints what a model understands of them.

use std::io::Read;
use std::path::Path;

use anyhow::Result;
use kinora_model::{Model, Reading};
use kinora_tensor::Tensor;

use crate::exit::Failure;
use crate::output::note;

/// The largest file of prompts; a larger file is taken for a mistake.
const MAX_BYTES: u64 = 16 << 20;
/// The longest prompt, in bytes. The time to read a prompt grows with its length, and no model reads that much.
const LONGEST: usize = 10_000;

/// The prompts of a file, or of stdin if `file` is `-`.
///
/// # Errors
/// If the file cannot be read, or a line has no visible character or is too long.
pub fn read(file: &Path) -> Result<Vec<String>> {
    let (name, bytes) = if file == Path::new("-") {
        ("stdin".to_string(), limited(std::io::stdin().lock()))
    } else {
        (file.display().to_string(), std::fs::File::open(file).and_then(limited))
    };
    let fail = |reason: String| Failure::usage(format!("{name}: {reason}"));
    let bytes = bytes.map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fail(format!("larger than {} MiB; split it", MAX_BYTES >> 20)).into());
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        fail(format!("line {line} is not UTF-8"))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut prompts = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        check(line).map_err(|reason| fail(format!("line {number}: {reason}")))?;
        prompts.push(line.to_string());
    }
    if prompts.is_empty() {
        return Err(fail("no prompts; write one per line".into()).into());
    }
    Ok(prompts)
}

fn limited(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The prompt whose words the shell has split, because it had no quotes.
///
/// # Errors
/// If there are several words and one has a space: then several prompts were meant, or half a prompt is in quotes.
pub fn joined(words: &[String]) -> Result<String> {
    if words.len() > 1 && words.iter().any(|word| word.contains(char::is_whitespace)) {
        let message = "several prompts, or quotes around only a part of one; put one prompt in quotes, or several \
                       into a file, one per line, for --prompts";
        return Err(Failure::usage(message).into());
    }
    Ok(words.join(" "))
}

/// The prompts of the command line.
///
/// # Errors
/// If a prompt has no visible character or is too long.
pub fn given(prompts: &[String]) -> Result<Vec<String>> {
    prompts.iter().try_for_each(|prompt| check(prompt).map_err(Failure::usage))?;
    Ok(prompts.to_vec())
}

/// The reason why a text cannot be a prompt.
fn check(prompt: &str) -> Result<(), String> {
    let visible =
        |c: char| !c.is_whitespace() && !c.is_control() && !('\u{200b}'..='\u{200f}').contains(&c);
    match prompt.len() {
        length if length > LONGEST => {
            Err(format!("a prompt of {length} bytes; at most {LONGEST} are allowed"))
        }
        _ if !prompt.chars().any(visible) => {
            Err(format!("the prompt {prompt:?} is empty; write a sentence"))
        }
        _ => Ok(()),
    }
}

/// Looks up which words of each prompt a model understands.
///
/// # Errors
/// If a prompt has no token.
pub fn look<T: Tensor>(model: &Model<T>, prompts: &[String]) -> Result<Vec<Reading>> {
    let look = |prompt: &String| {
        let reading = model.lexicon.look(prompt)?;
        match reading.tokens {
            0 => {
                Err(Failure::usage(format!("the prompt {prompt:?} is empty; write a sentence"))
                    .into())
            }
            _ => Ok(reading),
        }
    };
    prompts.iter().map(look).collect()
}

/// Prints which words of a prompt are understood, which are not, and which part is cut off; each line
/// begins with `head`.
pub fn tell(reading: &Reading, head: &str) {
    let Reading { understood, mended, not_understood, unread, .. } = reading;
    let word = |word: &String| match mended.iter().find(|(_, read)| read == word) {
        Some((written, _)) => format!("{word} (for {written:?})"),
        None => word.clone(),
    };
    let words = understood.iter().map(word).collect::<Vec<_>>().join(", ");
    let others = not_understood.join(", ");
    match (understood.is_empty(), not_understood.is_empty()) {
        (false, true) => note(format_args!("{head}understood: {words}")),
        (false, false) => {
            note(format_args!("{head}understood: {words}; not understood: {others}"));
        }
        (true, true) => note(format_args!("{head}warning: no word of the prompt describes a film")),
        (true, false) => note(format_args!(
            "{head}warning: this model understands no word of the prompt; not understood: {others}"
        )),
    }
    if !unread.is_empty() {
        let unread = match unread.char_indices().nth(60) {
            Some((end, _)) => format!("{:?} and more", &unread[..end]),
            None => format!("{unread:?}"),
        };
        note(format_args!(
            "{head}warning: the prompt is too long; this model ignores the end: {unread}"
        ));
    }
}
