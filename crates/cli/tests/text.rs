//! `kinora text`

mod common;

use std::fs;

use common::{folder, run, succeed, words};
use serde_json::Value;

#[test]
fn sentences_are_tagged() {
    let folder = folder();
    let path = folder.path();
    let prompts = ["Angela Merkel walks", "a <b> & \"c\""];
    let shown = succeed(path, &["text", "tag", prompts[0], prompts[1]]).stdout;
    let shown: Vec<&str> = shown.lines().collect();
    assert_eq!(shown[0], "[Angela/PROPN Merkel/PROPN PER] walks/VERB");
    assert_eq!(shown.len(), 2);

    fs::write(path.join("prompts.txt"), format!("# two\n{}\n\n{}\n", prompts[0], prompts[1]))
        .unwrap();
    let json = succeed(path, &words("text tag --file prompts.txt --json")).stdout;
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (line, prompt) in lines.iter().zip(prompts) {
        assert_eq!(line["text"], prompt);
        for part in ["tokens", "entities"].iter().flat_map(|key| line[key].as_array().unwrap()) {
            let [start, end] = ["start", "end"].map(|key| part[key].as_u64().unwrap() as usize);
            assert_eq!(part["text"], prompt[start..end]);
        }
    }
    let first = &lines[0];
    assert_eq!(first["tokens"][1]["entity"], "PER");
    assert_eq!(first["tokens"][2]["entity"], Value::Null);
    assert_eq!(first["tokens"][2]["pos"], "VERB");
    assert_eq!(first["entities"][0]["label"], "PER");

    succeed(path, &words("text tag --file prompts.txt --html tags.html"));
    let page = fs::read_to_string(path.join("tags.html")).unwrap();
    assert!(page.contains("<span class=\"name PER\">"), "{page}");
    assert!(page.contains(">&lt;<") && page.contains(">&amp;<"), "{page}");
}

const POS: &str =
    "# text = a cat\n1\ta\ta\tDET\t_\t_\t_\t_\t_\t_\n2\tcat\tcat\tNOUN\t_\t_\t_\t_\t_\t_\n\n";
const NER: &str = "Jo\tB-PER\nruns\tO\n\n";

#[test]
fn a_tagger_is_trained_and_scored() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("few.conllu"), POS.repeat(400)).unwrap();
    fs::write(path.join("few.bio"), NER.repeat(400)).unwrap();
    let line = "text train --pos few.conllu --ner few.bio --out runs/tagger --epochs 4";
    succeed(path, &words(line));
    let scored = succeed(path, &words("text score few.conllu --model runs/tagger --json")).stdout;
    let scored: Value = serde_json::from_str(&scored).unwrap();
    assert_eq!(scored["task"], "pos");
    assert_eq!(scored["words"], 800);
    assert_eq!(scored["words_f1"], 1.0);
    assert!(scored["accuracy"].as_f64().unwrap() > 0.9, "{scored}");
    let scored = succeed(path, &words("text score few.bio --model runs/tagger --lower")).stdout;
    assert!(scored.starts_with("names: F1 "), "{scored}");

    let file = path.join("runs/tagger/tagger.safetensors");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(path.join("bad.conllu"), format!("{POS}1\ta\n")).unwrap();
    for (line, code, says) in [
        ("text tag x --model runs/tagger", 4, "runs/tagger/tagger.safetensors"),
        ("text tag x --model nowhere", 4, "nowhere/tagger.safetensors"),
        ("text tag --file nowhere", 2, "nowhere"),
        ("text score nowhere", 3, "cannot read nowhere"),
        ("text score bad.conllu", 3, "bad.conllu:5: "),
        ("text train --pos few.bio --ner few.bio --out x", 2, "few.bio"),
        ("text train --pos few.conllu --ner few.conllu --out x", 2, "few.conllu"),
        ("text train --pos few.conllu --ner few.bio --out few.bio", 7, "few.bio"),
    ] {
        let ended = run(path, &words(line));
        assert_eq!(ended.code, Some(code), "{line}: {ended:?}");
        assert!(ended.stderr.contains(says), "{line}: {ended:?}");
        assert!(ended.stderr.trim_end().lines().count() == 1, "{line}: {ended:?}");
    }
}

#[cfg(not(feature = "rust-bert"))]
#[test]
fn an_engine_that_is_not_built_in() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("few.conllu"), POS).unwrap();
    fs::write(path.join("few.bio"), NER).unwrap();
    for line in [
        "text tag x --engine rust-bert",
        "text score few.bio --engine rust-bert --model x",
        "text train --engine rust-bert --pos few.conllu --ner few.bio --out x",
    ] {
        let ended = run(path, &words(line));
        assert_eq!(ended.code, Some(2), "{line}: {ended:?}");
        assert!(ended.stderr.contains("--features rust-bert"), "{line}: {ended:?}");
    }
}

#[cfg(feature = "rust-bert")]
#[test]
fn berts_are_trained_and_scored() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("few.conllu"), POS.repeat(400)).unwrap();
    fs::write(path.join("few.bio"), NER.repeat(400)).unwrap();
    let files = "--pos few.conllu --ner few.bio --epochs 1";
    succeed(path, &words(&format!("text train --engine rust-bert {files} --out runs/bert")));
    let from = format!("--from runs/bert/pos {files} --out runs/again");
    succeed(path, &words(&format!("text train --engine rust-bert {from}")));
    let with = "--engine rust-bert --model runs/again";
    let shown = succeed(
        path,
        &words(&format!("text tag {with}")).into_iter().chain(["Jo runs"]).collect::<Vec<_>>(),
    )
    .stdout;
    assert!(shown.starts_with("[Jo/"), "{shown}");
    let scored = succeed(path, &words(&format!("text score few.conllu {with} --json"))).stdout;
    let scored: Value = serde_json::from_str(&scored).unwrap();
    assert_eq!(scored["accuracy"], 1.0, "{scored}");

    let weights = path.join("runs/again/ner/model.safetensors");
    fs::write(&weights, &fs::read(&weights).unwrap()[..1000]).unwrap();
    for (line, code, says) in [
        (format!("text tag x {with}"), 4, "runs/again/ner/model.safetensors"),
        ("text tag x --engine rust-bert --model nowhere".into(), 4, "nowhere/pos/config.json"),
        (format!("text train --from runs/bert/pos {files} --out x"), 2, "--from"),
        (format!("text train --engine rust-bert --from x {files} --out y"), 4, "x/config.json"),
        (format!("text train --engine rust-bert {files} --out few.bio"), 7, "few.bio"),
    ] {
        let ended = run(path, &words(&line));
        assert_eq!(ended.code, Some(code), "{line}: {ended:?}");
        assert!(ended.stderr.contains(says), "{line}: {ended:?}");
    }
}
