//! Files and folders that are written under a temporary name and renamed when they are complete.

use std::fs;
use std::io::Write;
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
    fn beside(path: &Path) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temp = format!(".{name}.{}-{count}.tmp", std::process::id());
        Self { temp: path.with_file_name(temp), path: path.into() }
    }

    pub fn write(path: &Path, bytes: &[u8]) -> Result<Self> {
        let temporary = Self::beside(path);
        // Synced before it is renamed: else a power cut could leave an empty file at the target.
        fs::File::create(&temporary.temp)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .map_err(|e| temporary.error(&e))?;
        Ok(temporary)
    }

    pub fn folder(path: &Path) -> Result<Self> {
        let path: PathBuf = path.components().collect();
        let temporary = Self::beside(&path);
        fs::create_dir(&temporary.temp).map_err(|e| temporary.error(&e))?;
        Ok(temporary)
    }

    pub fn keep(self) -> Result<()> {
        fs::rename(&self.temp, &self.path).map_err(|e| self.error(&e))
    }

    fn error(&self, e: &std::io::Error) -> Error {
        let parent = self.path.parent().filter(|p| !p.as_os_str().is_empty());
        let reason = match parent {
            Some(parent) if !parent.is_dir() => format!("there is no folder {}", parent.display()),
            _ => e.to_string(),
        };
        Error::Write { path: self.path.clone(), reason }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After `keep` the temporary name no longer exists.
        let _ = fs::remove_file(&self.temp).or_else(|_| fs::remove_dir_all(&self.temp));
    }
}
