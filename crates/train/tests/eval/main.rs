//! The metrics of an evaluation on real clips, intact and damaged, and whole evaluations.

mod damage;
mod metrics;
mod whole;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_model::ClipConfig;
use kinora_train::eval::{FitConfig, Judge, Palette, Set, fit};
use kinora_video::{Caption, Clip, Dataset, Draw, Shapes, Split};

/// A size at which a judge can learn within a test.
pub const CLIP: ClipConfig = ClipConfig { frames: 8, height: 32, width: 32, channels: 3, fps: 8.0 };

/// A dataset with its judge.
#[allow(missing_docs)]
pub struct Judged {
    pub data: Arc<dyn Dataset>,
    pub judge: Judge<CpuTensor>,
    pub palette: Palette,
}

fn judged(data: Arc<dyn Dataset>, clip: &ClipConfig, steps: u64) -> Judged {
    let config = FitConfig { steps, batch: 16, ..FitConfig::default() };
    let go_on = &mut |_| ControlFlow::Continue(());
    let judge = fit(&CpuDevice::default(), &data, clip, &config, go_on).unwrap().unwrap();
    let go_on = &mut |_, _| ControlFlow::Continue(());
    let palette = Palette::of(&*data, clip.dims(), go_on).unwrap().unwrap();
    Judged { data, judge, palette }
}

/// The dataset of shapes. Its judge is trained once for all tests.
pub fn shapes() -> &'static Judged {
    static SHAPES: OnceLock<Judged> = OnceLock::new();
    SHAPES.get_or_init(|| judged(Arc::new(Shapes::new()), &CLIP, 2000))
}

/// Characters of the Liberated Pixel Cup. Where the data is missing, this prints so and returns
/// `None`, or panics in CI.
pub fn lpc() -> Option<&'static Judged> {
    static LPC: OnceLock<Option<Judged>> = OnceLock::new();
    LPC.get_or_init(|| {
        let folder = std::env::var_os("KINORA_DATA").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
            PathBuf::from,
        );
        let folder = folder.join("lpc_universal");
        if !folder.is_dir() {
            assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
            eprintln!("skipped: {} is missing", folder.display());
            return None;
        }
        let data = kinora_video::open(&format!("lpc:{}", folder.display())).unwrap();
        Some(judged(data.into(), &ClipConfig { channels: 4, ..CLIP }, 500))
    })
    .as_ref()
}

/// The first `count` real clips of the stream `seed`, with their captions.
pub fn real(judged: &Judged, split: Split, seed: u64, count: u64) -> Vec<(Caption, Clip)> {
    let example = |index| {
        let example = judged.data.example(split, Draw { seed, index }).unwrap();
        (example.caption, example.clip.to_dims(judged.judge.subject.dims).unwrap())
    };
    (0..count).map(example).collect()
}

/// The set of the clips after `change`, which gets the index of each clip.
pub fn set(
    judged: &Judged,
    clips: &[(Caption, Clip)],
    change: impl Fn(usize, &Clip) -> Clip,
) -> Set {
    let captions: Vec<Caption> = clips.iter().map(|(caption, _)| caption.clone()).collect();
    let changed: Vec<Clip> =
        clips.iter().enumerate().map(|(k, (_, clip))| change(k, clip)).collect();
    let mut set = Set { captions, films: Vec::new() };
    let films: Vec<(usize, &Clip)> = changed.iter().enumerate().collect();
    set.add(&CpuDevice::default(), &judged.judge, &judged.palette, &films).unwrap();
    set
}
