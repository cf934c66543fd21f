//! Ctrl-C, SIGTERM and SIGHUP.

use std::process::{exit, id};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::output::note;

/// Whether the first signal only sets [`STOP`].
static GENTLE: AtomicBool = AtomicBool::new(false);
/// Whether a signal came while `GENTLE` was set.
static STOP: AtomicBool = AtomicBool::new(false);

/// Lets signals end the process. The system does this by itself, but not for process 1 of a container, which
/// ignores a signal without a handler.
pub fn obey() -> Result<()> {
    if id() == 1 { watch() } else { Ok(()) }
}

/// From now on, the first signal sets the returned flag. The second signal ends the process at once.
pub fn stop_on_signal() -> Result<&'static AtomicBool> {
    if !GENTLE.swap(true, Ordering::Relaxed) && id() != 1 {
        watch()?;
    }
    Ok(&STOP)
}

fn watch() -> Result<()> {
    ctrlc::set_handler(|| {
        if !GENTLE.load(Ordering::Relaxed) || STOP.swap(true, Ordering::Relaxed) {
            exit(130);
        }
        note("stopping after this step; press Ctrl-C again to stop at once");
    })
    .context("cannot watch for Ctrl-C")
}
