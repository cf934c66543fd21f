//! The CPU backend passes the conformance kit.

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_tensor::conformance;

#[test]
fn conformance() {
    let report = conformance::check::<CpuTensor>(&CpuDevice::new());
    println!("{report}");
    report.assert();
}
