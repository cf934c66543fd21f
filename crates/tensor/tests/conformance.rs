//! The reference passes its own kit, and the kit covers every operation.

use kinora_tensor::conformance::{self, Reference};

#[test]
fn the_reference_conforms() {
    let report = conformance::check::<Reference>(&());
    println!("{report}");
    report.assert();
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let report = conformance::check_reference();
    println!("{report}");
    report.assert();
}
