//! The folder of a run: its lock, and the files left by a killed run.

use std::fs::{File, TryLockError, read_dir, remove_dir, remove_file};
use std::path::Path;

use crate::run::PLAYERS;
use crate::{Error, Result};

/// Checks that the folder holds no run yet.
pub(crate) fn is_free(folder: &Path) -> Result<()> {
    match folder.join("config.toml").exists() {
        false => Ok(()),
        true => Err(Error::Config(format!(
            "{} holds a run already; continue it with --resume, or choose another --out",
            folder.display()
        ))),
    }
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

/// Removes the temporary files of a run that was killed while it wrote.
pub(crate) fn sweep(folder: &Path) {
    for folder in [folder.to_path_buf(), folder.join("samples")] {
        let Ok(entries) = read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') && name.ends_with(".tmp") {
                // A temporary file that stays does no harm.
                let _ = remove_file(entry.path());
            }
        }
    }
}

/// Removes the files of a run whose first step failed, so that a new run can use the folder.
pub(crate) fn discard(folder: &Path) {
    // The config goes first: without it the folder holds no run, and files that stay do no harm.
    for name in ["config.toml", "checkpoint.safetensors", "model.safetensors", PLAYERS, "log.jsonl"]
    {
        let _ = remove_file(folder.join(name));
    }
    // A folder with other files stays.
    for folder in [&folder.join("samples"), folder] {
        let _ = remove_dir(folder);
    }
}
