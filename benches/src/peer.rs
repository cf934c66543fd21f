//! Peers that kinora is compared with: processes that answer requests line by line.

use std::env::consts::EXE_EXTENSION;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use kinora_cpu::CpuTensor;
use kinora_train::Config;
use serde_json::{Value, json};

use crate::{Device, workload};

/// Another implementation of the same computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// PyTorch in eager mode.
    PyTorch,
    /// PyTorch with `torch.compile`.
    Compiled,
    /// PyTorch on a GPU with its default precision: convolutions in TF32.
    Tf32,
    Burn,
    /// burn on a GPU.
    BurnWgpu,
    Candle,
}

impl Rival {
    pub fn name(self) -> &'static str {
        match self {
            Self::PyTorch => "pytorch",
            Self::Compiled => "compiled",
            Self::Tf32 => "tf32",
            Self::Burn => "burn",
            Self::BurnWgpu => "burn-wgpu",
            Self::Candle => "candle",
        }
    }
}

/// The running peers.
#[derive(Default)]
pub struct Peers {
    pub torch: Option<Peer>,
    /// burn and candle.
    pub rust: Option<Peer>,
    /// The Python of `torch`, to start further processes.
    pub python: Option<PathBuf>,
    /// Whether to measure PyTorch with `torch.compile` too.
    compiled: bool,
}

/// The path of the program with burn and candle, which exists once it is built.
fn rust_peer() -> PathBuf {
    let own = || concat!(env!("CARGO_MANIFEST_DIR"), "/peers/rust/target").into();
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(own);
    Path::new(&target).join("release").join("kinora-peers").with_extension(EXE_EXTENSION)
}

impl Peers {
    /// Starts the peers that are installed, and gives a line on each, also on a missing one.
    pub fn start(python: Option<PathBuf>, compiled: bool) -> Result<(Self, Vec<String>)> {
        let (mut lines, threads) = (Vec::new(), rayon::current_num_threads());
        let torch = match &python {
            Some(python) => {
                let torch = Peer::torch(python, threads, Device::Cpu)?;
                lines.push(format!("- PyTorch {}", torch.says("torch")));
                Some(torch)
            }
            None => {
                lines.push(
                    "- PyTorch is skipped: neither --peer nor KINORA_PEER_PYTHON names a Python (see \
                     benches/peers/README.md)"
                        .into(),
                );
                None
            }
        };
        let program = rust_peer();
        let rust = if program.exists() {
            let rust = Peer::rust(&program, threads)?;
            lines.push(format!(
                "- burn {}, candle {}, both with their default features, which use at most AVX2",
                rust.says("burn"),
                rust.says("candle")
            ));
            Some(rust)
        } else {
            lines.push(
                "- burn and candle are skipped: `cargo build --release --manifest-path \
                 benches/peers/rust/Cargo.toml` builds them"
                    .into(),
            );
            None
        };
        Ok((Self { torch, rust, python, compiled }, lines))
    }

    /// Starts the peers that can compute on a GPU, and gives a line on each.
    pub fn on_gpu(python: Option<PathBuf>) -> Result<(Self, Vec<String>)> {
        let (mut lines, threads) = (Vec::new(), rayon::current_num_threads());
        let torch = match &python {
            Some(python) => match Peer::torch(python, threads, Device::Gpu) {
                Ok(torch) => {
                    lines.push(format!(
                        "- PyTorch {} on {}",
                        torch.says("torch"),
                        torch.says("gpu")
                    ));
                    Some(torch)
                }
                Err(error) => {
                    let why = format!("{error:#}");
                    let why = why.trim_end().lines().last().unwrap_or_default();
                    lines.push(format!("- PyTorch is skipped: {why}"));
                    None
                }
            },
            None => {
                lines.push(
                    "- PyTorch is skipped: neither --peer nor KINORA_PEER_PYTHON names a Python"
                        .into(),
                );
                None
            }
        };
        let program = rust_peer();
        let rust = match program.exists().then(|| Peer::rust(&program, threads)).transpose()? {
            Some(rust) if rust.hello["burn-wgpu"].is_string() => {
                lines.push(format!("- burn {}", rust.says("burn-wgpu")));
                Some(rust)
            }
            _ => {
                lines.push(
                    "- burn is skipped: `cargo build --release --features wgpu --manifest-path \
                     benches/peers/rust/Cargo.toml` builds it"
                        .into(),
                );
                None
            }
        };
        Ok((Self { torch, rust, python, compiled: false }, lines))
    }

    /// Lets a rival do `request` `times` times; `None` if the rival is not measured.
    pub fn time(&mut self, rival: Rival, request: &Value, times: usize) -> Result<Option<Answer>> {
        let mut request = request.clone();
        request["times"] = times.into();
        let peer = match rival {
            Rival::PyTorch => &mut self.torch,
            Rival::Compiled if !self.compiled => return Ok(None),
            Rival::Compiled => {
                request["compiled"] = true.into();
                &mut self.torch
            }
            Rival::Tf32 => {
                request["tf32"] = true.into();
                &mut self.torch
            }
            Rival::Burn | Rival::BurnWgpu | Rival::Candle => {
                request["backend"] = rival.name().into();
                &mut self.rust
            }
        };
        let Some(peer) = peer else { return Ok(None) };
        let reply = match peer.ask(&request) {
            Err(error) if rival == Rival::BurnWgpu && peer.has_ended() => {
                let why = format!("burn on the GPU failed at {request}: {error:#}");
                eprintln!("{why}");
                self.rust = Peer::rust(&rust_peer(), rayon::current_num_threads()).ok();
                return Ok(Some(Answer::Skipped(why)));
            }
            reply => reply?,
        };
        let way = |key: &str| reply[key].as_str().map(String::from);
        if let Some(why) = way("skipped") {
            return Ok(Some(Answer::Skipped(why)));
        }
        let seconds = reply["seconds"].as_f64().context("the reply of a peer has no seconds")?;
        Ok(Some(Answer::Took { seconds, way: way("formats").unwrap_or_default() }))
    }
}

/// The answer of a rival to a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The time that it took, and the function or memory format that it used.
    Took { seconds: f64, way: String },
    /// The reason why the rival cannot do it.
    Skipped(String),
}

/// A peer process; it ends when this value is dropped.
pub struct Peer {
    child: Child,
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    hello: Value,
}

impl Peer {
    /// Starts the twin in PyTorch with `threads` threads, and waits until it is ready.
    ///
    /// # Errors
    /// If the Python does not exist, or has no PyTorch.
    pub fn torch(python: &Path, threads: usize, device: Device) -> Result<Self> {
        let mut command = Command::new(python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/twin.py"));
        command.env("OMP_NUM_THREADS", threads.to_string());
        let device = if device == Device::Gpu { "cuda" } else { "cpu" };
        Self::start(command, json!({ "op": "hello", "threads": threads, "device": device }))
            .with_context(|| format!("{} has no working PyTorch", python.display()))
    }

    /// Starts the program with burn and candle.
    ///
    /// # Errors
    /// If it does not start.
    pub fn rust(program: &Path, threads: usize) -> Result<Self> {
        let mut command = Command::new(program);
        command.env("RAYON_NUM_THREADS", threads.to_string());
        Self::start(command, json!({ "op": "hello", "threads": threads }))
    }

    fn start(mut command: Command, hello: Value) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let requests = child.stdin.take();
        let replies = child.stdout.take().context("a peer has no stdout")?;
        let replies = BufReader::new(replies);
        let mut peer = Self { child, requests, replies, hello: Value::Null };
        peer.hello = peer.ask(&hello)?;
        let [has, wanted] = [&peer.hello, &hello].map(|said| &said["threads"]);
        if has != wanted {
            bail!("the peer runs on {has} threads, not on {wanted}");
        }
        Ok(peer)
    }

    /// A value of its reply to `hello`, such as a version.
    pub fn says(&self, key: &str) -> &str {
        self.hello[key].as_str().unwrap_or("of unknown version")
    }

    /// Lets the twin build its networks, from our weights and inputs.
    pub fn load(&mut self, config: &Config, tensors: &[(String, CpuTensor)]) -> Result<Value> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), workload::save(tensors)?)?;
        let config = serde_json::to_value(config)?;
        self.ask(&json!({ "op": "load", "config": config, "file": file.path() }))
    }

    /// Whether the process has ended, for example because a GPU driver crashed it. Waits up to a
    /// second, because a process may end shortly after its last output.
    fn has_ended(&mut self) -> bool {
        (0..20).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            !matches!(self.child.try_wait(), Ok(None))
        })
    }

    /// The reply to a request.
    pub fn ask(&mut self, request: &Value) -> Result<Value> {
        let requests = self.requests.as_mut().context("the peer has ended")?;
        let mut line = request.to_string();
        line.push('\n');
        requests
            .write_all(line.as_bytes())
            .and_then(|()| requests.flush())
            .context("cannot write to a peer")?;
        let mut reply = String::new();
        self.replies.read_line(&mut reply).context("cannot read from a peer")?;
        if reply.is_empty() {
            bail!("a peer ended; its messages are above");
        }
        let reply: Value =
            serde_json::from_str(&reply).with_context(|| format!("a peer replied {reply:?}"))?;
        match reply["error"].as_str() {
            Some(error) => Err(anyhow!("a peer failed at {}:\n{error}", request["op"])),
            None => Ok(reply),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The process ends when its stdin is closed.
        self.requests = None;
        let _ = self.child.wait();
    }
}
