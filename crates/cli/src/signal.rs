//! Ctrl-C, SIGTERM and SIGHUP.

use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::output::note;

/// Whether the first signal only sets [`STOP`].
static GENTLE: AtomicBool = AtomicBool::new(false);
/// Whether a signal came while `GENTLE` was set.
static STOP: AtomicBool = AtomicBool::new(false);

/// Ends the process at a signal. As process 1 of a container, a program without a handler would ignore it.
pub fn watch() -> Result<()> {
    ctrlc::set_handler(|| {
        if !GENTLE.load(Ordering::Relaxed) || STOP.swap(true, Ordering::Relaxed) {
            exit(130);
        }
        note("stopping after this step; press Ctrl-C again to stop at once");
    })
    .context("cannot watch for Ctrl-C")
}

/// From now on, the first signal sets the returned flag. The second signal ends the process at once.
pub fn stop_on_signal() -> &'static AtomicBool {
    GENTLE.store(true, Ordering::Relaxed);
    &STOP
}
