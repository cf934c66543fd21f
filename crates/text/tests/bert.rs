//! The engine on libtorch: training, reading its own folders and those of other programs, and
//! errors of broken folders.
#![cfg(feature = "rust-bert")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use kinora_text::{
    BIO, Bert, BertTrainConfig, Engine, Error, POS, Sentence, Task, score, train_bert,
};

const COLOURS: [&str; 5] = ["red", "blue", "green", "golden", "Dark"];
const NOUNS: [&str; 5] = ["knight", "wizard", "robe", "archer", "skeleton"];
const VERBS: [&str; 4] = ["walks", "runs", "waits", "bows"];
const NAMES: [&str; 4] = ["Mira", "Jonas", "Ada", "Rolf"];
const PLACES: [&str; 4] = ["Rome", "Berlin", "Oslo", "Paris"];

/// Sentence `i` for both tasks.
fn sentence(i: usize) -> [Sentence; 2] {
    let of = |words: &[&'static str], salt: usize| words[(i * 7 + i / 3 + salt) % words.len()];
    let rows = [
        (of(&NAMES, 0), "PROPN", "B-PER"),
        ("the", "DET", "O"),
        (of(&COLOURS, 1), "ADJ", "O"),
        (of(&NOUNS, 2), "NOUN", "O"),
        (of(&VERBS, 3), "VERB", "O"),
        ("to", "ADP", "O"),
        (of(&PLACES, 4), "PROPN", "B-LOC"),
        (".", "PUNCT", "O"),
    ];
    // Some words are left out, so that sentences have several lengths.
    let rows = &rows[usize::from(i.is_multiple_of(3))..rows.len() - i % 2];
    let of = |labels: &[&str], name: &str| labels.iter().position(|label| *label == name).unwrap();
    let words: Vec<String> = rows.iter().map(|row| row.0.to_owned()).collect();
    let pos = rows.iter().map(|row| of(&POS, row.1)).collect();
    let ner = rows.iter().map(|row| of(&BIO, row.2)).collect();
    [pos, ner].map(|labels| Sentence { words: words.clone(), labels, ..Sentence::default() })
}

fn data(count: usize) -> Vec<(Task, Vec<Sentence>)> {
    let of = |task: usize| (0..count).map(|i| sentence(i)[task].clone()).collect();
    vec![(Task::Pos, of(0)), (Task::Ner, of(1))]
}

fn config(epochs: usize) -> BertTrainConfig {
    BertTrainConfig { epochs, rate: 1e-3, ..BertTrainConfig::default() }
}

/// A folder of models trained from scratch, once for all tests.
fn trained() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bert");
        let mut epochs = Vec::new();
        train_bert(&config(4), &data(400), &folder, &mut |progress| {
            epochs.extend(progress.epoch.as_ref().map(|epoch| epoch.scores));
            true
        })
        .unwrap();
        assert_eq!(epochs.len(), 4);
        let last = epochs[3].map(|score| score.f1());
        assert!(last.iter().all(|&f1| f1 > 0.95), "{last:?}");
        folder
    })
}

/// A copy of the trained folder that a test may damage.
fn copy(name: &str) -> PathBuf {
    let to = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    for task in ["pos", "ner"] {
        fs::create_dir_all(to.join(task)).unwrap();
        for file in fs::read_dir(trained().join(task)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(task).join(file.file_name())).unwrap();
        }
    }
    to
}

#[test]
fn what_was_trained_is_read_and_right() {
    let bert = Bert::open(trained()).unwrap();
    for (task, sentences) in data(150) {
        let f1 = score(&bert, task, &sentences).unwrap().f1();
        assert!(f1 > 0.95, "{task:?}: {f1}");
    }
    let analysis = &bert.analyse(&["Mira the red knight walks to Rome."]).unwrap()[0];
    let tags: Vec<&str> =
        analysis.tokens.iter().map(|token| token.tag.as_ref().unwrap().pos.as_str()).collect();
    assert_eq!(tags, ["PROPN", "DET", "ADJ", "NOUN", "VERB", "ADP", "PROPN", "PUNCT"]);
    let names: Vec<(&str, &str)> = analysis
        .entities
        .iter()
        .map(|name| (name.label.as_str(), &analysis.text[name.span.clone()]))
        .collect();
    assert_eq!(names, [("PER", "Mira"), ("LOC", "Rome")]);
    assert!(analysis.entities.iter().all(|name| (0.5..=1.0).contains(&name.score)));
    // No other file is left.
    let mut files: Vec<_> = fs::read_dir(trained().join("pos"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["config.json", "model.safetensors", "vocab.txt"]);
}

/// rust-bert's pipeline mistakes every later batch for the first; the engine must not.
#[test]
fn many_sentences_are_as_one_by_one() {
    let bert = Bert::open(trained()).unwrap();
    let all: Vec<Sentence> = (0..130).map(|i| sentence(i)[0].clone()).collect();
    let words: Vec<Vec<&str>> =
        all.iter().map(|sentence| sentence.words.iter().map(String::as_str).collect()).collect();
    let together = bert.tag(&words).unwrap();
    for (i, words) in words.iter().enumerate() {
        let alone = &bert.tag(std::slice::from_ref(words)).unwrap()[0];
        let pos = |tagged: &kinora_text::Tagged| -> Vec<String> {
            tagged.tags.iter().map(|tag| tag.pos.clone()).collect()
        };
        assert_eq!(pos(&together[i]), pos(alone), "sentence {i}");
        let names = |tagged: &kinora_text::Tagged| -> Vec<_> {
            tagged.entities.iter().map(|name| (name.label.clone(), name.span.clone())).collect()
        };
        assert_eq!(names(&together[i]), names(alone), "sentence {i}");
    }
}

#[test]
fn whatever_can_be_written_goes_through() {
    let bert = Bert::open(trained()).unwrap();
    let dots = ".".repeat(10_000);
    let word = "x".repeat(200_000);
    let prose = "the red knight walks to Rome , and ".repeat(300);
    let texts =
        ["", " \t\n", "\u{200d}\u{0}\u{7f}", "e\u{301} 👩‍👩‍👧 مرحبا 世界", &dots, &word, &prose];
    for (text, analysis) in texts.iter().zip(bert.analyse(&texts).unwrap()) {
        assert_eq!(analysis.text, *text);
        let spans = analysis.tokens.iter().map(|token| &token.span);
        assert!(
            spans
                .chain(analysis.entities.iter().map(|name| &name.span))
                .all(|span| { text.get(span.clone()).is_some_and(|word| !word.is_empty()) })
        );
        assert_eq!(analysis.tokens.len(), kinora_text::words(text).len());
    }
}

#[test]
fn trainings_that_cannot_be() {
    let to = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bert-none");
    let swapped: Vec<_> = data(80).into_iter().map(|(_, all)| (Task::Ner, all)).collect();
    for (config, data, part) in [
        (BertTrainConfig { batch: 0, ..config(1) }, data(80), "batch"),
        (config(0), data(80), "epochs"),
        (config(1), swapped, "needs one label of Ner"),
        (config(1), vec![], "no sentences for learning"),
    ] {
        let error = train_bert(&config, &data, &to, &mut |_| true).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(!to.exists());
    }
}

/// Each training runs in a process of its own: libtorch has a single generator of random numbers,
/// which the other tests use too.
#[test]
fn the_same_seed_gives_the_same_weights() {
    let folder = |name: &str| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let [a, b] = ["bert-a", "bert-b"].map(folder);
    for folder in [&a, &b] {
        let _ = fs::remove_dir_all(folder);
        let mut alone = Command::new(std::env::current_exe().unwrap());
        alone.args(["--exact", "a_training_that_is_stopped", "--ignored"]).env(FOLDER, folder);
        assert!(alone.status().unwrap().success());
    }
    let file = "ner/model.safetensors";
    assert!(fs::read(a.join(file)).unwrap() == fs::read(b.join(file)).unwrap());
    Bert::open(&a).unwrap();
}

/// The environment variable with the folder of [`a_training_that_is_stopped`]; without it the test
/// uses its own.
const FOLDER: &str = "KINORA_TEST_FOLDER";

#[test]
#[ignore = "a part of another test"]
fn a_training_that_is_stopped() {
    let own = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bert-stopped");
    let folder = std::env::var_os(FOLDER).map_or_else(own, PathBuf::from);
    // Stops in the middle of the first epoch; the models so far are written.
    train_bert(&config(2), &data(80), &folder, &mut |progress| progress.step < 5).unwrap();
}

/// A training that starts from pre-trained weights and makes one step with the rate 0 keeps them,
/// except for the new last layer. Names without the prefix `bert.`, as of a sentence encoder, work
/// too.
#[test]
fn a_training_starts_from_weights() {
    let of = |name: &str| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let tensors = |path: &Path| tch::Tensor::read_safetensors(path).unwrap();
    let source = trained().join("pos");
    let bare = copy("bert-bare").join("pos");
    let renamed: Vec<(String, tch::Tensor)> = tensors(&source.join("model.safetensors"))
        .into_iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix("bert.")?.to_owned(), tensor)))
        .collect();
    tch::Tensor::write_safetensors(&renamed, bare.join("model.safetensors")).unwrap();
    for from in [&source, &bare] {
        let config = BertTrainConfig { from: Some(from.clone()), rate: 0.0, ..config(1) };
        let to = of("bert-from");
        let _ = fs::remove_dir_all(&to);
        train_bert(&config, &data(80), &to, &mut |progress| progress.step < 1).unwrap();
        let after = tensors(&to.join("ner/model.safetensors"));
        let mut kept = 0;
        for (name, before) in tensors(&source.join("model.safetensors")) {
            let Some((_, after)) = after.iter().find(|(n, _)| *n == name) else { continue };
            if name.starts_with("bert.") {
                assert!(*after == before, "{name}");
                kept += 1;
            }
        }
        assert!(kept > 30, "{kept}");
    }
    let config = BertTrainConfig { from: Some(of("nowhere")), ..config(1) };
    let error = train_bert(&config, &data(80), &of("x"), &mut |_| true).unwrap_err();
    assert!(error.to_string().contains("nowhere/config.json"), "{error}");
}

#[test]
fn folders_that_are_wrong() {
    let message = |folder: &Path| {
        let Err(error) = Bert::open(folder) else { panic!("{} was taken", folder.display()) };
        assert!(matches!(error, Error::Model { .. }), "{error:?}");
        error.to_string()
    };
    let nowhere = Path::new("nowhere");
    assert!(message(nowhere).contains("nowhere/pos/config.json"));

    type Spoil = fn(&Path);
    let rows: [(&str, &str, Spoil); 13] = [
        ("no weights", "there is no model.safetensors", |folder| {
            fs::remove_file(folder.join("ner/model.safetensors")).unwrap();
        }),
        ("truncated", "ner/model.safetensors", |folder| {
            let path = folder.join("ner/model.safetensors");
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("truncated ot", "ner/rust_model.ot", |folder| {
            fs::remove_file(folder.join("ner/model.safetensors")).unwrap();
            fs::write(folder.join("ner/rust_model.ot"), "PK\u{3}\u{4}").unwrap();
        }),
        ("another vocabulary", "pos/vocab.txt", |folder| {
            fs::write(folder.join("pos/vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n").unwrap();
        }),
        ("a vocabulary without marks", "pos/vocab.txt", |folder| {
            let path = folder.join("pos/vocab.txt");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("[CLS]", "clsx")).unwrap();
        }),
        ("whole numbers", "pos/model.safetensors", |folder| {
            let path = folder.join("pos/model.safetensors");
            let tensors: Vec<_> = tch::Tensor::read_safetensors(&path)
                .unwrap()
                .into_iter()
                .map(|(name, tensor)| (name, tensor.to_kind(tch::Kind::Int8)))
                .collect();
            tch::Tensor::write_safetensors(&tensors, &path).unwrap();
        }),
        ("a key twice", "pos/config.json", |folder| {
            let path = folder.join("pos/config.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replacen('{', "{\"vocab_size\": 7,", 1)).unwrap();
        }),
        ("too few places", "max_position_embeddings is 2", |folder| {
            let path = folder.join("pos/config.json");
            let text = fs::read_to_string(&path).unwrap();
            let few = "\"max_position_embeddings\": 2";
            fs::write(&path, text.replace("\"max_position_embeddings\": 512", few)).unwrap();
        }),
        ("no vocabulary", "pos/vocab.txt", |folder| {
            fs::remove_file(folder.join("pos/vocab.txt")).unwrap();
        }),
        ("not JSON", "pos/config.json", |folder| {
            fs::write(folder.join("pos/config.json"), "{\"vocab_size\": ").unwrap();
        }),
        ("another model", "gpt2", |folder| {
            fs::write(folder.join("pos/config.json"), "{\"model_type\": \"gpt2\"}").unwrap();
        }),
        ("other sizes", "pos/model.safetensors", |folder| {
            let path = folder.join("pos/config.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("\"hidden_size\": 128", "\"hidden_size\": 64")).unwrap();
        }),
        ("heads", "heads do not divide", |folder| {
            let path = folder.join("pos/config.json");
            let text = fs::read_to_string(&path).unwrap();
            let heads = text.replace("\"num_attention_heads\": 4", "\"num_attention_heads\": 3");
            fs::write(&path, heads).unwrap();
        }),
    ];
    for (name, part, spoil) in rows {
        let folder = copy(&format!("bert-{}", name.replace(' ', "-")));
        spoil(&folder);
        let message = message(&folder);
        assert!(message.contains(part), "{name}: {message}");
        assert!(message.contains("bert-"), "{name}: {message}");
        fs::remove_dir_all(folder).unwrap();
    }
}

/// The accuracy on real sentences after a short training from scratch: better than always choosing
/// the most frequent label.
#[test]
fn real_sentences() {
    let named = std::env::var_os("KINORA_DATA").map(PathBuf::from);
    let shared = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = named.unwrap_or_else(shared);
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let train = "ud_english_ewt/en_ewt-ud-train.conllu";
    if !folder.join(train).is_file() {
        assert!(!ci, "{} is missing; set KINORA_DATA", folder.display());
        println!("skipped: {} is missing; set KINORA_DATA", folder.display());
        return;
    }
    let read = |path: &str| kinora_text::read(&folder.join(path)).unwrap();
    let mut data = vec![read(train)];
    data[0].1.truncate(3000);
    data.push((Task::Ner, (0..40).map(|i| sentence(i)[1].clone()).collect()));
    let to = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bert-ewt");
    train_bert(&config(2), &data, &to, &mut |_| true).unwrap();
    let (task, dev) = read("ud_english_ewt/en_ewt-ud-dev.conllu");
    let accuracy = score(&Bert::open(&to).unwrap(), task, &dev).unwrap().f1();
    assert!(accuracy > 0.4, "{accuracy}");
}
