//! Checks that the twin computes the same as kinora.

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::peer::Peer;
use crate::workload::Workload;

/// Compares the twin with kinora and prints the differences: parameters, films, logits, and the losses
/// and gradients of two steps, the second with R1; and the convolution of an enlarged picture, which
/// the twin builds from several functions.
pub fn print(workload: &Workload, peer: &mut Peer) -> Result<()> {
    /// Outputs before the optimiser's first step. Tolerances are relative to the largest value.
    const BEFORE: [&str; 10] = [
        "films",
        "logits_clips",
        "logits_frames",
        "loss_copy.1",
        "loss_discriminator.1",
        "gradient_discriminator.1",
        "loss_match.1",
        "enlarged.forward",
        "enlarged.input",
        "enlarged.weight",
    ];
    const TOLERANCE: f64 = 1e-4;
    /// The tolerance after that step. Adam's first step with β₁ = 0 is the sign of the gradient, which
    /// rounding decides near zero. And a unit of a discriminator's last layer that rounding moves across
    /// the kink of the leaky ReLU changes the gradients by some thousandths; this also happens between
    /// PyTorch's own memory formats. Twice the learning rate would be off by a tenth.
    const TOLERANCE_BEHIND: f64 = 2e-2;
    let mut config = workload.config.clone();
    config.train.r1_every = 2;
    let device = kinora_cpu::CpuDevice::new();
    let state = workload.state(&device)?;
    let mut tensors = workload.inputs(&state)?;
    tensors.extend(workload.outputs(state)?);
    let reply = peer.load(&config, &tensors)?;
    println!("\n## {}: ours against the twin\n", workload.preset);
    println!("| output | largest value | relative difference | allowed |\n|---|--:|--:|--:|");
    let mut failed = Vec::new();
    for part in ["net", "critic"] {
        let [ours, theirs] = [&reply[part][0], &reply[part][1]];
        println!("| parameters of {part} | {ours} | {theirs} in the twin | none |");
        if ours != theirs {
            failed.push(part.to_string());
        }
    }
    let reply = peer.ask(&json!({ "op": "check" }))?;
    let errors = reply["errors"].as_object().context("the twin gave no differences")?;
    for (name, values) in errors {
        let [error, largest] = [values[0].as_f64(), values[1].as_f64()];
        let (error, largest) = (error.unwrap_or(f64::NAN), largest.unwrap_or(f64::NAN));
        let before = BEFORE.contains(&name.as_str());
        let tolerance = if before { TOLERANCE } else { TOLERANCE_BEHIND };
        let difference = if error == 0.0 { 0.0 } else { error / largest };
        println!("| {name} | {largest:.6} | {difference:.1e} | {tolerance:.0e} |");
        // False for NaN.
        let agrees = difference <= tolerance;
        if !agrees {
            failed.push(name.clone());
        }
    }
    if errors.len() != 20 || !failed.is_empty() {
        bail!("{}: the twin differs in {failed:?} ({} outputs)", workload.preset, errors.len());
    }
    println!("\nThey agree. (.1 is the first step, .2 the second, which has R1.)");
    Ok(())
}
