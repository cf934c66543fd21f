use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
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

/// The largest corpus that is copied, in bytes: a device such as /dev/zero has no end.
const MAX_COPY: u64 = 8 << 30;
/// Bytes that are copied between two looks at the flag for a signal.
const COPY_STEP: u64 = 16 << 20;

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
        let fail = |error, path: &Path| Failure::write(format!("{}: {error}", path.display()));
        for number in 0.. {
            let path = to.join(format!("kinora-corpus-{process}-{number}"));
            let mut file = match private().open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                made => made.map_err(|error| fail(error, &path))?,
            };
            let kept = Self { path, is_copy: true };
            let mut left = MAX_COPY;
            loop {
                let step = &mut from.by_ref().take(COPY_STEP.min(left));
                let copied = std::io::copy(step, &mut file);
                match copied.map_err(|error| fail(error, &kept.path))? {
                    0 if left > 0 => return Ok(kept),
                    0 => {
                        let most = MAX_COPY >> 30;
                        return Err(Failure::data(format!(
                            "the corpus has more than {most} GiB; name a file"
                        ))
                        .into());
                    }
                    copied => left -= copied,
                }
                if stop.load(Ordering::Relaxed) {
                    return Err(Failure::stopped(
                        "before the corpus was read; nothing was written",
                    )
                    .into());
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
