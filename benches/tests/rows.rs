//! The whole program, on tiny networks.

use std::process::{Command, Output};

use serde_json::Value;

const TINY: [&str; 17] = [
    "clip.frames=2",
    "clip.height=8",
    "clip.width=8",
    "generator.hidden=4",
    "generator.input=4",
    "generator.decoder=[4]",
    "generator.group=2",
    "generator.bypass=false",
    "generator.sketch=false",
    "generator.refine=false",
    "discriminator.clip=[4]",
    "discriminator.frame=[4]",
    "discriminator.features=4",
    "matcher.channels=[8]",
    "matcher.features=4",
    "encoder.word=4",
    "train.batch=2",
];

fn bench(args: &[&str]) -> Output {
    let sets = TINY.iter().flat_map(|set| ["--set", set]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinora-bench"));
    command.args(["--preset", "shapes", "--no-peer", "--repeats", "1"]).args(sets).args(args);
    command.output().unwrap()
}

#[test]
fn every_row_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results");
    let output = bench(&["--out", out.to_str().unwrap()]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("other libraries are skipped: --no-peer"), "{printed}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert_eq!(read("RESULTS.md"), printed);
    assert_eq!(read("scaling.svg").matches("clips/s by").count(), 4);
    let rows: Vec<Value> = serde_json::from_str(&read("results.json")).unwrap();
    for row in &rows {
        let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["name", "ours", "ratio", "unit"]);
        assert!(row["ours"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["ratio"].is_null(), "{row}");
        assert!(printed.contains(row["name"].as_str().unwrap()), "{row}");
    }
    let named = |name: &str, unit: &str| {
        let like = |row: &&Value| row["name"].as_str().unwrap().starts_with(name);
        let rows: Vec<&Value> = rows.iter().filter(like).collect();
        assert!(rows.iter().all(|row| row["unit"] == unit), "{rows:?}");
        rows.len()
    };
    assert_eq!(named("shapes/step", "clips/s"), 3);
    assert_eq!(named("shapes/sample", "films/s"), 2);
    // Matcher, input, state, decoder and output of the generator, each discriminator.
    assert_eq!(named("shapes/conv", "GFLOP/s"), 3 * 7);
    assert_eq!(named("shapes/conv 1x3x3 4→4 on 1x4x4 enlarged, 4", "GFLOP/s"), 3);
    // Only where the system reports the memory of a process.
    let memory = named("shapes/memory", "MiB");
    assert_eq!(memory, usize::from(cfg!(target_os = "linux")));
    let scaling = named("shapes/scaling", "clips/s");
    let threads = named("shapes/scaling, threads", "clips/s");
    assert!(threads >= 1);
    // Batches 1 to 8, frames 1 to 8, sides 4 to 32.
    assert_eq!(scaling, 4 + 4 + 4 + threads);
    assert_eq!(rows.len(), 3 + 2 + memory + 3 * 7 + scaling);
    assert_eq!(named("shapes/conv 3x4x4 3→4 on 2x8x8 /1x2x2, 4", "GFLOP/s"), 3);
}

#[test]
fn rows_are_filtered() {
    let output = bench(&["--filter", "sample 1"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.matches("\n| shapes/").count(), 1, "{printed}");
    let output = bench(&["--filter", "no such row"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no row has"));
}

#[test]
fn the_profile_covers_the_step() {
    let output = bench(&["--profile"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    for operation in ["conv_weight", "conv_input", "conv", "norm_grad", "lstm_cell", "adam"] {
        assert!(printed.contains(&format!("\n| {operation} | ")), "{operation} in {printed}");
    }
    // A step without the penalty, one with it, then a film.
    assert_eq!(printed.matches("outside of them").count(), 3);
}
