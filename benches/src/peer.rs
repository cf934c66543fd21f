//! The twin in PyTorch: a process that answers requests line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

const TWIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/twin.py");

/// The process. It ends when this is dropped.
pub struct Peer {
    child: Child,
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    /// Its version.
    pub version: String,
}

impl Peer {
    /// Starts the twin with `threads` threads, and waits until PyTorch is there.
    ///
    /// # Errors
    /// If there is no such program, or it has no PyTorch.
    pub fn start(python: &Path, threads: usize) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(TWIN)
            .env("OMP_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let requests = child.stdin.take();
        let replies = child.stdout.take().context("the twin has no stdout")?;
        let replies = BufReader::new(replies);
        let mut peer = Self { child, requests, replies, version: String::new() };
        let hello = peer
            .ask(&json!({ "op": "hello", "threads": threads }))
            .with_context(|| format!("{} has no PyTorch that works", python.display()))?;
        if hello["threads"] != json!(threads) {
            bail!("PyTorch runs on {} threads, not {threads}", hello["threads"]);
        }
        peer.version = hello["torch"].as_str().unwrap_or_default().into();
        Ok(peer)
    }

    /// The reply to a request.
    pub fn ask(&mut self, request: &Value) -> Result<Value> {
        let requests = self.requests.as_mut().context("the twin is gone")?;
        let mut line = request.to_string();
        line.push('\n');
        requests.write_all(line.as_bytes()).and_then(|()| requests.flush()).context("the twin")?;
        let mut reply = String::new();
        self.replies.read_line(&mut reply).context("the twin")?;
        if reply.is_empty() {
            bail!("the twin ended; what it said is above");
        }
        let reply: Value =
            serde_json::from_str(&reply).with_context(|| format!("the twin said {reply:?}"))?;
        match reply["error"].as_str() {
            Some(error) => Err(anyhow!("the twin failed at {}:\n{error}", request["op"])),
            None => Ok(reply),
        }
    }

    /// Seconds that it took to do what `request` asks for `times` times, and how it was done.
    pub fn time(&mut self, request: &Value, times: usize) -> Result<(f64, String)> {
        let mut request = request.clone();
        request["times"] = times.into();
        let reply = self.ask(&request)?;
        let seconds = reply["seconds"].as_f64().context("the twin gave no time")?;
        Ok((seconds, reply["formats"].as_str().unwrap_or_default().into()))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends when there is nothing more to read.
        self.requests = None;
        let _ = self.child.wait();
    }
}
