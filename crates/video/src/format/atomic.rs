//! Files and folders that are written under a temporary name and renamed when they are complete.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// Writes `bytes` to a temporary file beside `path` and renames it to `path`. A symbolic link stays,
/// and its target is replaced. A device or a pipe is written to directly.
///
/// # Errors
/// If the file cannot be written; then no temporary file is left.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let failed = |e: std::io::Error| Error::Write { path: path.into(), reason: e.to_string() };
        return fs::write(path, bytes).map_err(failed);
    }
    Temporary::write(&target(path), bytes)?.keep()
}

/// Tests whether [`write_atomic`] can write a file, and leaves nothing behind.
///
/// # Errors
/// If the temporary file beside `path` cannot be written.
pub fn probe(path: &Path) -> Result<()> {
    Temporary::write(&target(path), &[]).map(drop)
}

/// The file that a path stands for: the target of a symbolic link, even if the target does not exist
/// yet, else the path itself.
pub(super) fn target(path: &Path) -> PathBuf {
    /// As many as Linux follows.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => break,
        }
    }
    // A circle of links is replaced by the file.
    path
}

/// A temporary file or folder beside its target; removed on drop unless [`Self::keep`] was called.
pub(super) struct Temporary {
    pub temp: PathBuf,
    path: PathBuf,
}

impl Temporary {
    /// Calls `make` with a temporary path beside `path` at which nothing exists. In containers, processes
    /// on one volume may have the same number, and a killed process leaves its files.
    fn beside<F>(path: &Path, make: impl Fn(&Path) -> io::Result<F>) -> Result<(Self, F)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let temp = format!(".{name}.{}-{count}.tmp", std::process::id());
            let temp = path.with_file_name(temp);
            match make(&temp) {
                Ok(made) => return Ok((Self { temp, path: path.into() }, made)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(error(path, &e)),
            }
        }
    }

    pub fn write(path: &Path, bytes: &[u8]) -> Result<Self> {
        let (temporary, mut file) = Self::beside(path, |temp| fs::File::create_new(temp))?;
        let mut write = || {
            file.write_all(bytes)?;
            // A file that is replaced keeps its mode.
            if let Ok(found) = fs::metadata(path) {
                file.set_permissions(found.permissions())?;
            }
            // Synced before it is renamed: else a power cut could leave an empty file at the target.
            file.sync_all()
        };
        write().map_err(|e| error(path, &e))?;
        Ok(temporary)
    }

    pub fn folder(path: &Path) -> Result<Self> {
        let path: PathBuf = path.components().collect();
        Ok(Self::beside(&path, |temp| fs::create_dir(temp))?.0)
    }

    pub fn keep(self) -> Result<()> {
        fs::rename(&self.temp, &self.path).map_err(|e| error(&self.path, &e))?;
        // Else a power cut could undo the renaming. Some systems cannot sync a folder.
        if cfg!(unix)
            && let Some(parent) = self.path.parent()
        {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            let _ = fs::File::open(parent).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

fn error(path: &Path, e: &io::Error) -> Error {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let reason = match parent {
        Some(parent) if !parent.is_dir() => {
            format!("there is no folder {}; make it first", parent.display())
        }
        _ => e.to_string(),
    };
    Error::Write { path: path.into(), reason }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After `keep` the temporary name no longer exists.
        let _ = fs::remove_file(&self.temp).or_else(|_| fs::remove_dir_all(&self.temp));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files with the next temporary names stay, as those of another process would.
    #[test]
    fn temporary_names_that_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.gif");
        let taken = |k: usize| folder.path().join(format!(".o.gif.{}-{k}.tmp", std::process::id()));
        (0..500).for_each(|k| fs::write(taken(k), "theirs").unwrap());
        probe(&path).unwrap();
        assert!(!path.exists());
        write_atomic(&path, b"ours").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ours");
        assert!((0..500).all(|k| fs::read(taken(k)).unwrap() == b"theirs"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 501);
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.gif");
        fs::write(&path, "secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
