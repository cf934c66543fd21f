//! What several tests use.

use kinora_gpu::Adapter;

/// The adapter that tests run on. Where there is none they are skipped, and fail in CI.
pub fn adapter() -> Option<Adapter> {
    let adapter = Adapter::all().into_iter().next();
    match &adapter {
        Some(adapter) => println!("on {}, {}", adapter.name(), adapter.driver()),
        None if std::env::var_os("CI").is_some_and(|ci| !ci.is_empty()) => {
            panic!("no Vulkan driver: `cargo xtask test` says what to install")
        }
        None => println!("skipped: this machine has no GPU, nor a driver in software"),
    }
    adapter
}
