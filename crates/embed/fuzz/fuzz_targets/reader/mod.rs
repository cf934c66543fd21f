use std::path::PathBuf;
use std::sync::LazyLock;

use kinora_embed::{Form, Vectors, read, write};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// Reads the bytes as a file of that name. A table that is read fits into the bytes, and is the
/// same after it was written in kinora's own format and read again.
pub fn check(name: &str, bytes: &[u8]) {
    let path: PathBuf = FOLDER.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    let Ok(loaded) = read(&path, None) else { return };
    let vectors = loaded.vectors;
    let packed = name.ends_with(".gz");
    assert!(packed || vectors.values().len() <= bytes.len(), "more numbers than bytes");
    assert!(vectors.words().all(|word| !word.is_empty()));
    let own = FOLDER.path().join("again.safetensors");
    write(&vectors, &own, Form::Own).expect("the own format holds any table");
    let again = read(&own, None).expect("a written table can be read").vectors;
    assert!(again.words().eq(vectors.words()));
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
    assert_eq!(bits(again.values()), bits(vectors.values()));
    // A word that the table lacks has the mean of its n-grams' vectors.
    let part = |vectors: &Vectors| vectors.vector("xqzzy").map(|vector| bits(&vector));
    assert_eq!(part(&again), part(&vectors));
    assert_eq!(again.fingerprint(), vectors.fingerprint());
}
