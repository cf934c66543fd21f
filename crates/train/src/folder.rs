//! The folder of a run: its lock, and the files left by a killed run.

use std::fs::{File, TryLockError, read_dir, remove_dir, remove_file, rename};
use std::path::Path;

use kinora_video::write_atomic;

use crate::run::DISCRIMINATORS;
use crate::{Config, Error, Result};

/// The config of a run. It is written last: a folder with a config has a checkpoint.
pub(crate) const CONFIG: &str = "config.toml";
/// The config of a run that has no checkpoint yet.
const PART: &str = "config.part";
/// The other files and folders of a run.
const FILES: [&str; 5] =
    ["checkpoint.safetensors", "model.safetensors", DISCRIMINATORS, "log.jsonl", "samples"];

/// Checks that the folder holds no run yet, and no files that a run would overwrite.
pub(crate) fn is_free(folder: &Path) -> Result<()> {
    let shown = folder.display();
    if folder.join(CONFIG).exists() {
        return Err(Error::Config(format!(
            "{shown} holds a run already; continue it with --resume, or choose another --out"
        )));
    }
    // Files of a run that was killed before its first checkpoint may be overwritten.
    if folder.join(PART).exists() {
        return Ok(());
    }
    match FILES.into_iter().find(|name| folder.join(name).exists()) {
        None => Ok(()),
        Some(name) => Err(Error::Config(format!(
            "{shown} holds {name}, which a new run would overwrite; choose another --out"
        ))),
    }
}

/// Marks the folder as that of a new run with this config.
pub(crate) fn begin(folder: &Path, config: &Config) -> Result<()> {
    Ok(write_atomic(&folder.join(PART), config.to_toml().as_bytes())?)
}

/// Writes the config of a new run, which has its first checkpoint now.
pub(crate) fn begun(folder: &Path) -> Result<()> {
    let config = folder.join(CONFIG);
    rename(folder.join(PART), &config)
        .map_err(|error| Error::Write { path: config, reason: error.to_string() })
}

/// Locks the folder, so that no other training runs in it. `None` if the system cannot lock
/// folders, as on Windows.
pub(crate) fn lock(folder: &Path) -> Result<Option<File>> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Error::Config(format!(
            "another training runs in {}; wait for it, or choose another --out",
            folder.display()
        ))),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Whether a file name is that of a temporary file of a run, such as `.model.safetensors.4711-0.tmp`.
fn is_temporary(name: &str) -> bool {
    let Some(name) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")) else {
        return false;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((name, number)) = name.rsplit_once('.') else { return false };
    let is_numbered = number.split_once('-').is_some_and(|(a, b)| is_number(a) && is_number(b));
    let is_sample = || name.strip_suffix(".gif").is_some_and(is_number);
    is_numbered && (FILES.contains(&name) || [CONFIG, PART].contains(&name) || is_sample())
}

/// Removes the temporary files of a run that was killed while it wrote.
pub(crate) fn sweep(folder: &Path) {
    for folder in [folder.to_path_buf(), folder.join("samples")] {
        let Ok(entries) = read_dir(folder) else { continue };
        for entry in entries.flatten() {
            if is_temporary(&entry.file_name().to_string_lossy()) {
                // A temporary file that stays does no harm.
                let _ = remove_file(entry.path());
            }
        }
    }
}

/// Removes the files of a run whose first step failed, so that a new run can use the folder.
pub(crate) fn discard(folder: &Path) {
    // The config goes first: without it the folder holds no run.
    for name in [CONFIG].into_iter().chain(FILES) {
        let _ = remove_file(folder.join(name));
    }
    // A folder with other files stays.
    for folder in [&folder.join("samples"), folder] {
        let _ = remove_dir(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_temporary_files_of_a_run_are_swept() {
        let own = [".model.safetensors.4711-0.tmp", ".000500.gif.1-12.tmp", ".config.part.9-3.tmp"];
        let others = [
            "model.safetensors",
            ".model.safetensors",
            ".notes.1-0.tmp",
            ".model.safetensors.tmp",
            ".model.safetensors.a-0.tmp",
            ".knight.gif.1-0.tmp",
            ".tmp",
        ];
        assert!(own.into_iter().all(is_temporary));
        assert!(!others.into_iter().any(is_temporary));
    }
}
