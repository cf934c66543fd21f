//! The GPU backend passes the conformance kit.

mod common;

use kinora_gpu::{GpuDevice, GpuTensor};
use kinora_tensor::{Result, Tensor, conformance};

#[test]
fn with_the_limits_of_the_adapter() {
    let Some(adapter) = common::adapter() else { return };
    check(&GpuDevice::of(&adapter).unwrap());
}

#[test]
fn with_the_limits_of_every_adapter() {
    let Some(adapter) = common::adapter() else { return };
    check(&GpuDevice::portable(&adapter).unwrap());
}

fn check(device: &GpuDevice) {
    let report = conformance::check::<GpuTensor>(device);
    println!("{report}");
    report.assert();
}

/// Small results must be right to four of their own digits. The kit's tolerance is relative to the
/// root mean square of all results.
#[test]
fn small_results() -> Result<()> {
    let Some(adapter) = common::adapter() else { return Ok(()) };
    let device = GpuDevice::of(&adapter)?;
    let x: Vec<f32> = (-800..=800).map(|i| i as f32 * 0.1).collect();
    let x = GpuTensor::from_slice(&device, &x, [x.len()])?;
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    for (found, wanted) in [
        (x.softplus()?, softplus as fn(f64) -> f64),
        (x.affine(0.01, 0.0)?.tanh()?, |x| (x * f64::from(0.01_f32)).tanh()),
    ] {
        for (x, found) in x.to_vec()?.into_iter().zip(found.to_vec()?) {
            let wanted = wanted(x.into());
            let error = (f64::from(found) - wanted).abs() / wanted.abs().max(1e-30);
            assert!(error < 3e-5, "{found} of {x}, not {wanted}");
        }
    }
    Ok(())
}
