use std::path::PathBuf;
use std::sync::LazyLock;

use kinora_embed::{Form, Vectors, read, write};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// Reads the bytes as a file of that name. What it gives can be in them, and is read again as it was.
pub fn check(name: &str, bytes: &[u8]) {
    let path: PathBuf = FOLDER.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    let Ok(loaded) = read(&path, None) else { return };
    let vectors = loaded.vectors;
    let packed = name.ends_with(".gz");
    assert!(packed || vectors.values().len() <= bytes.len(), "more numbers than bytes");
    assert!(vectors.words().all(|word| !word.is_empty()));
    let own = FOLDER.path().join("again.safetensors");
    write(&vectors, &own, Form::Own).expect("any table has an own form");
    let again = read(&own, None).expect("what was written is read").vectors;
    assert!(again.words().eq(vectors.words()));
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
    assert_eq!(bits(again.values()), bits(vectors.values()));
    // Of what the table lacks, the parts.
    let part = |vectors: &Vectors| vectors.vector("xqzzy").map(|vector| bits(&vector));
    assert_eq!(part(&again), part(&vectors));
    assert_eq!(again.fingerprint(), vectors.fingerprint());
}
