//! Helpers shared by several tests.

use kinora_gpu::Adapter;

/// The adapter that tests run on. Without one, tests are skipped, or fail if `CI` is set.
pub fn adapter() -> Option<Adapter> {
    let adapter = Adapter::all().into_iter().next();
    match &adapter {
        Some(adapter) => println!("on {}, {}", adapter.name(), adapter.driver()),
        None if std::env::var_os("CI").is_some_and(|ci| !ci.is_empty()) => {
            panic!("no Vulkan driver: `cargo xtask test` says what to install")
        }
        None => println!("skipped: this machine has neither a GPU nor a software driver"),
    }
    adapter
}
