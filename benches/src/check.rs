//! Whether the twin computes the same as ours.

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::peer::Peer;
use crate::workload::Workload;

/// Holds the twin against ours: parameters, films, logits, and the losses and gradients of two
/// steps, the second with R1; and the convolution of an enlarged picture, which the twin makes of
/// several functions.
pub fn print(workload: &Workload, peer: &mut Peer) -> Result<()> {
    /// What comes before the optimiser's first step; tolerances are of the largest value.
    const BEFORE: [&str; 11] = [
        "films",
        "logits_clips",
        "logits_frames",
        "loss_copy.1",
        "divergence.1",
        "loss_discriminator.1",
        "gradient_discriminator.1",
        "loss_match.1",
        "enlarged.forward",
        "enlarged.input",
        "enlarged.weight",
    ];
    const TOLERANCE: f64 = 1e-4;
    /// Behind it. Adam's first step is the sign of the gradient where β₁ = 0, so that rounding
    /// decides where gradients are near zero; and one unit of a discriminator's last layer on the
    /// other side of the leaky ReLU's kink moves the gradients by some thousandths, which is seen
    /// between PyTorch's own memory formats. Twice the rate is off by a tenth.
    const TOLERANCE_BEHIND: f64 = 2e-2;
    let mut config = workload.config.clone();
    config.train.r1_every = 2;
    let device = kinora_cpu::CpuDevice::new();
    let state = workload.state(&device)?;
    let mut tensors = workload.inputs(&state)?;
    tensors.extend(workload.outputs(state)?);
    let reply = peer.load(&config, &tensors)?;
    println!("\n## {}: ours against the twin\n", workload.preset);
    println!("| what | largest | difference of it | allowed |\n|---|--:|--:|--:|");
    let mut failed = Vec::new();
    for part in ["net", "recogniser", "critic"] {
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
        // NaN does not agree.
        let agrees = difference <= tolerance;
        if !agrees {
            failed.push(name.clone());
        }
    }
    if errors.len() != 20 || !failed.is_empty() {
        bail!("{}: the twin differs in {failed:?} ({} outputs)", workload.preset, errors.len());
    }
    println!("\nThey agree. (.1 and .2 are of the first step, and of the second, which has R1.)");
    Ok(())
}
