//! `kinora embed`

mod common;

use std::fs;
use std::fs::File;
use std::io::Write;
use std::process::Stdio;

use common::{command, folder, run, succeed, words};
use serde_json::Value;

const TABLE: &str = "man 1 0 0.1\nwoman 1 1 0.1\nking 0 0 1\nqueen 0 1 1\nred -1 0.2 -1\n";

#[test]
fn a_table_is_asked_and_converted() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("glove.txt"), TABLE).unwrap();
    for table in ["glove.txt", "a.safetensors", "a.bin", "a.vec.gz"] {
        if table != "glove.txt" {
            let done = succeed(path, &words(&format!("embed convert glove.txt {table}")));
            assert!(done.stderr.contains("5 words, dimension 3"), "{done:?}");
        }
        let near = succeed(path, &words(&format!("embed near King --vectors {table} --count 2")));
        let lines: Vec<&str> = near.stdout.lines().collect();
        assert_eq!(lines[0], " 0.7071  queen");
        assert!(lines.len() == 2 && lines[1].ends_with("  man"), "{lines:?}");
        let line = format!("embed analogy man king woman --vectors {table} --count 1 --json");
        let found: Value = serde_json::from_str(&succeed(path, &words(&line)).stdout).unwrap();
        assert_eq!(found["word"], "queen");
    }
    let line = ["embed", "similar", "the King", "a queen", "--vectors", "a.safetensors"];
    let similar = succeed(path, &line);
    assert_eq!(similar.stdout, "0.7071\n");
    assert!(similar.stderr.contains("not in the table: \"the\""), "{similar:?}");

    fs::write(path.join("pairs.txt"), "king queen 9\nman king 1\nking pear 2\n").unwrap();
    let line = "embed score pairs.txt --vectors glove.txt";
    let text = succeed(path, &words(line)).stdout;
    assert_eq!(text, "Spearman 1.0000 on the 2 of 3 pairs of words that are in the table\n");
    let object = succeed(path, &words(&format!("{line} --json"))).stdout;
    let object: Value = serde_json::from_str(&object).unwrap();
    assert_eq!(object["covered"], 2);

    // The built-in table.
    let near = succeed(path, &words("embed near Strolls --count 1"));
    assert!(near.stdout.ends_with("  stroll\n"), "{near:?}");
    let similar =
        |a, b| -> f32 { succeed(path, &["embed", "similar", a, b]).stdout.trim().parse().unwrap() };
    assert!(similar("a knight strolls", "a soldier walks") > similar("a knight strolls", "tax"));

    succeed(path, &words("embed convert glove.txt half.safetensors --half"));
    let near = succeed(path, &words("embed near king --vectors half.safetensors --count 1"));
    assert_eq!(near.stdout, " 0.7071  queen\n");
    fs::write(path.join("sts.csv"), "the king,a queen,4\nman,king,1\nman,man,5\n").unwrap();
    for line in ["embed score sts.csv", "embed score sts.csv --sif"] {
        let object = succeed(path, &words(&format!("{line} --json"))).stdout;
        let object: Value = serde_json::from_str(&object).unwrap();
        assert!(object["pairs"] == 3 && object["spearman"].as_f64().unwrap() > 0.4, "{object}");
    }

    fs::write(path.join("bad.txt"), "1 2\na 1\n").unwrap();
    for (line, code, says) in [
        ("embed near pear --vectors glove.txt", 2, "\"pear\" is not in glove.txt"),
        ("embed near king --vectors nowhere", 3, "nowhere"),
        ("embed similar xx yy --vectors glove.txt", 2, "no word of \"xx\""),
        ("embed convert glove.txt a.json", 2, "a.json: unknown extension of a table"),
        ("embed near xqzzy", 2, "is not in the built-in table"),
        ("embed convert glove.txt a.vec --half", 2, "a.vec: --half needs a table in .safetensors"),
        ("embed score glove.txt --vectors glove.txt", 3, "glove.txt:1: "),
        ("embed near king --vectors bad.txt", 3, "bad.txt:2: "),
        ("embed convert glove.txt no/where.bin", 7, "no/where.bin"),
    ] {
        let ended = run(path, &words(line));
        assert_eq!(ended.code, Some(code), "{line}: {ended:?}");
        assert!(ended.stderr.contains(says), "{line}: {ended:?}");
        assert!(ended.stderr.trim_end().lines().count() == 1, "{line}: {ended:?}");
    }
}

#[test]
fn tables_are_trained() {
    let folder = folder();
    let path = folder.path();
    let text = "a0 a1 a2 a1 a0 a2\nb0 b1 b2 b1 b0 b2\n".repeat(300);
    fs::write(path.join("text.txt"), &text).unwrap();
    for method in ["word2vec", "cbow", "glove"] {
        let line = format!(
            "embed train --method {method} --corpus text.txt --dim 8 --threads 1 --epochs 90 \
             --out {method}.vec"
        );
        let done = succeed(path, &words(&line));
        assert!(done.stderr.contains("6 words, dimension 8"), "{done:?}");
        let near = format!("embed near a0 --vectors {method}.vec --count 2 --json");
        for line in succeed(path, &words(&near)).stdout.lines() {
            let near: Value = serde_json::from_str(line).unwrap();
            assert!(near["word"].as_str().unwrap().starts_with('a'), "{method}: {near}");
        }
    }
    // With vectors of word parts, a word that is not in the text has a vector.
    let line = "embed train --corpus text.txt --dim 8 --threads 1 --epochs 90 --buckets 1000";
    succeed(path, &words(&format!("{line} --out parts.safetensors")));
    let near = succeed(path, &words("embed near a0b --vectors parts.safetensors --count 1 --json"));
    let near: Value = serde_json::from_str(&near.stdout).unwrap();
    assert!(near["word"].as_str().unwrap().starts_with('a'), "{near}");
    // Training from a pipe gives the same bytes.
    let line = "embed train --corpus - --dim 8 --threads 1 --epochs 90 --out piped.vec";
    let mut piped = command(path, &words(line));
    let status = piped.stdin(File::open(path.join("text.txt")).unwrap()).status().unwrap();
    assert!(status.success());
    assert_eq!(
        fs::read(path.join("piped.vec")).unwrap(),
        fs::read(path.join("word2vec.vec")).unwrap()
    );
    // A pipe can be read only once, so its text is copied for the second pass.
    if cfg!(unix) {
        let line = "embed train --corpus /dev/stdin --dim 8 --threads 1 --epochs 90 --out once.vec";
        let mut once = command(path, &words(line)).stdin(Stdio::piped()).spawn().unwrap();
        once.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(once.wait().unwrap().success());
        let [once, whole] =
            ["once.vec", "word2vec.vec"].map(|name| fs::read(path.join(name)).unwrap());
        assert!(once == whole);
    }
    fs::create_dir(path.join("folder.vec")).unwrap();

    for (line, code, says) in [
        ("embed train --corpus nowhere --out x.vec", 3, "nowhere"),
        ("embed train --corpus text.txt --min-count 100000 --out x.vec", 3, "100000 times"),
        ("embed train --corpus text.txt --out text.txt", 2, "would replace the corpus"),
        ("embed train --corpus text.txt --out no/where.vec", 7, "no/where.vec"),
        ("embed train --corpus text.txt --out folder.vec", 7, "it is a folder"),
        ("embed train --method glove --corpus text.txt --out x.vec --negative 3", 2, "--negative"),
        ("embed train --corpus text.txt --out x.vec --buckets 9", 2, "--buckets"),
        (
            "embed train --method glove --corpus text.txt --out x.safetensors --buckets 9",
            2,
            "--buckets",
        ),
    ] {
        let ended = run(path, &words(line));
        assert_eq!(ended.code, Some(code), "{line}: {ended:?}");
        assert!(ended.stderr.contains(says), "{line}: {ended:?}");
    }
}
