//! The folder of a run: whose it is, and what may lie in it.

use std::fs::{File, TryLockError, read_dir, remove_dir, remove_file};
use std::path::Path;

use crate::run::PLAYERS;
use crate::{Error, Result};

/// Whether a new run may have it.
pub(crate) fn is_free(folder: &Path) -> Result<()> {
    match folder.join("config.toml").exists() {
        false => Ok(()),
        true => Err(Error::Config(format!(
            "{} holds a run already; continue it with --resume, or choose another --out",
            folder.display()
        ))),
    }
}

/// Locks it, so that no other training runs in it; `None` where the system locks no
/// folders, as Windows does not.
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

/// Removes what a run that was killed while it wrote has left beside its files.
pub(crate) fn sweep(folder: &Path) {
    for folder in [folder.to_path_buf(), folder.join("samples")] {
        let Ok(entries) = read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') && name.ends_with(".tmp") {
                // What cannot be removed is only untidy.
                let _ = remove_file(entry.path());
            }
        }
    }
}

/// Takes a run back that cannot make its first step, so that another can have its folder.
pub(crate) fn discard(folder: &Path) {
    // The config goes first, as it says that there is a run. What cannot be removed does no harm.
    for name in ["config.toml", "checkpoint.safetensors", "model.safetensors", PLAYERS, "log.jsonl"]
    {
        let _ = remove_file(folder.join(name));
    }
    // Only if nothing else is there.
    for folder in [&folder.join("samples"), folder] {
        let _ = remove_dir(folder);
    }
}
