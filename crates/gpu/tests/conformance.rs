//! The GPU backend against the specification.

use kinora_gpu::{GpuDevice, GpuTensor};
use kinora_tensor::conformance;

#[test]
fn conformance() {
    let device = GpuDevice::new().unwrap();
    let report = conformance::check::<GpuTensor>(&device);
    println!("{}\n{report}", device.name());
    report.assert();
}
