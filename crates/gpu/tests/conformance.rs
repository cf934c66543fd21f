//! The GPU backend against the specification.

mod common;

use kinora_gpu::{GpuDevice, GpuTensor};
use kinora_tensor::conformance;

#[test]
fn with_all_that_the_adapter_can() {
    let Some(adapter) = common::adapter() else { return };
    check(&GpuDevice::of(&adapter).unwrap());
}

#[test]
fn with_what_every_adapter_can() {
    let Some(adapter) = common::adapter() else { return };
    check(&GpuDevice::portable(&adapter).unwrap());
}

fn check(device: &GpuDevice) {
    let report = conformance::check::<GpuTensor>(device);
    println!("{report}");
    report.assert();
}
