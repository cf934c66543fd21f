use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::exit::Failure;

/// A file that can be read more than once. Standard input and pipes are copied to a temporary file,
/// which is removed on drop.
pub struct Kept {
    pub path: PathBuf,
    is_copy: bool,
}

/// Options for a new file that only its owner can read, on systems with such modes.
fn private() -> OpenOptions {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl Kept {
    pub fn of(path: &Path, stop: &AtomicBool) -> Result<Self> {
        let mut from: Box<dyn Read> = match path.as_os_str() == "-" {
            true => Box::new(std::io::stdin().lock()),
            false if path.is_file() || path.is_dir() || !path.exists() => {
                return Ok(Self { path: path.into(), is_copy: false });
            }
            false => Box::new(File::open(path).with_context(|| format!("{}", path.display()))?),
        };
        let (to, process) = (std::env::temp_dir(), std::process::id());
        let fail = |error, path: &Path| {
            Failure::write(format!("cannot copy the corpus to {}: {error}", path.display()))
        };
        for number in 0.. {
            let path = to.join(format!("kinora-corpus-{process}-{number}"));
            let mut file = match private().open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                made => made.map_err(|error| fail(error, &path))?,
            };
            let kept = Self { path, is_copy: true };
            let mut buffer = vec![0; 1 << 16];
            loop {
                let read = from.read(&mut buffer).map_err(|error| fail(error, &kept.path))?;
                if read == 0 {
                    return Ok(kept);
                }
                file.write_all(&buffer[..read]).map_err(|error| fail(error, &kept.path))?;
                if stop.load(Ordering::Relaxed) {
                    let message = "before the corpus was read; nothing was written";
                    return Err(Failure::stopped(message).into());
                }
            }
        }
        unreachable!("one number is free")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.is_copy {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
