//! Measures the built-in tagger on one thread: the time for loading, for one prompt and for the
//! sentences of a file in batches, and the peak memory of the process.
//!
//! `cargo run --release -p kinora-text --example speed -- en_ewt-ud-dev.conllu`

use std::time::Instant;

use kinora_text::{Engine, Tagger, read};

const TIMES: usize = 9;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("give the path of a file of labelled sentences")?;
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()?;
    let (load, tagger) = median(Tagger::builtin)?;
    println!("load       {:8.2} ms", 1e3 * load);
    let prompt = "a woman with red hair in a blue robe walks to the left and casts a spell";
    let (one, _) = median(|| tagger.analyse(&[prompt]))?;
    println!("one prompt {:8.2} ms", 1e3 * one);
    let (_, sentences) = read(file.as_ref())?;
    let sentences: Vec<Vec<&str>> = sentences
        .iter()
        .map(|sentence| sentence.words.iter().map(String::as_str).collect())
        .collect();
    let words: usize = sentences.iter().map(Vec::len).sum();
    let (all, _) = median(|| tagger.tag(&sentences))?;
    println!("in batches {:8.0} words a second", words as f64 / all);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        println!("memory     {:>8}", peak.trim());
    }
    Ok(())
}

/// The median time of [`TIMES`] calls in seconds, and the last result.
fn median<T>(mut f: impl FnMut() -> kinora_text::Result<T>) -> kinora_text::Result<(f64, T)> {
    let mut times = Vec::with_capacity(TIMES);
    let mut last = f()?;
    for _ in 0..TIMES {
        let start = Instant::now();
        last = f()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok((times[TIMES / 2], last))
}
