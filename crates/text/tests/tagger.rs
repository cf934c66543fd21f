//! The built-in tagger on prompts, on real sentences and on arbitrary text; its weights and
//! training.

use std::path::PathBuf;
use std::time::Instant;

use kinora_text::{
    Analysis, Engine, Error, Sentence, Sizes, Tagger, Task, TrainConfig, read, score, score_words,
    train,
};

/// The path of a file of real data. If the file is missing, the test is skipped, or fails in CI.
fn data(path: &str) -> Option<PathBuf> {
    let named = std::env::var_os("KINORA_DATA").map(PathBuf::from);
    let shared = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = named.unwrap_or_else(shared).join(path);
    if path.exists() {
        return Some(path);
    }
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!ci, "{} is missing; set KINORA_DATA", path.display());
    println!("skipped: {} is missing; set KINORA_DATA", path.display());
    None
}

fn tags(analysis: &Analysis) -> Vec<&str> {
    analysis.tokens.iter().map(|token| token.tag.as_ref().unwrap().pos.as_str()).collect()
}

#[test]
fn prompts() {
    let tagger = Tagger::builtin().unwrap();
    for (text, expected) in [
        ("a knight walks to the left", "DET NOUN VERB ADP DET NOUN"),
        ("a knight with red hair", "DET NOUN ADP ADJ NOUN"),
        ("a woman in a blue robe casts a spell", "DET NOUN ADP DET ADJ NOUN VERB DET NOUN"),
        ("She isn't here.", "PRON AUX PART ADV PUNCT"),
        ("", ""),
    ] {
        let analysis = &tagger.analyse(&[text]).unwrap()[0];
        assert_eq!(tags(analysis).join(" "), expected, "{text:?}");
        assert_eq!(analysis.text, text);
    }
    let analysis = &tagger.analyse(&["Barack Obama met Angela Merkel in Berlin"]).unwrap()[0];
    let names: Vec<(&str, &str)> = analysis
        .entities
        .iter()
        .map(|name| (name.label.as_str(), &analysis.text[name.span.clone()]))
        .collect();
    assert_eq!(names, [("PER", "Barack Obama"), ("PER", "Angela Merkel"), ("LOC", "Berlin")]);
}

/// The scores of the README, with some tolerance.
#[test]
fn real_sentences() {
    let tagger = Tagger::builtin().unwrap();
    for (path, least, least_lower) in [
        ("ud_english_ewt/en_ewt-ud-dev.conllu", 0.945, 0.925),
        ("uner_english_ewt/en_ewt-ud-dev.iob2", 0.5, 0.4),
    ] {
        let Some(path) = data(path) else { continue };
        let (task, sentences) = read(&path).unwrap();
        let found = score(&tagger, task, &sentences).unwrap().f1();
        assert!(found >= least, "{}: {found}", path.display());
        if task == Task::Pos {
            let cut = score_words(&sentences).f1();
            assert!(cut >= 0.985, "{}: {cut}", path.display());
        }
        let lowered: Vec<Sentence> = sentences.iter().map(Sentence::lowered).collect();
        let found = score(&tagger, task, &lowered).unwrap().f1();
        assert!(found >= least_lower, "{} without capitals: {found}", path.display());
    }
}

/// The other sentences of a batch and the padding change a sentence's result only by rounding.
#[test]
fn alone_and_among_others() {
    let tagger = Tagger::builtin().unwrap();
    let texts = [
        "a knight",
        "Mira the knight rides her horse through the forest to Rome , and sings",
        "a knight",
        &"the king of Spain has a red robe . ".repeat(100),
    ];
    let together = tagger.analyse(&texts).unwrap();
    assert_eq!(together[0], together[2]);
    assert_eq!(together[3].tokens.len(), 900);
    for (text, among) in texts.iter().zip(&together) {
        let alone = &tagger.analyse(&[text]).unwrap()[0];
        assert_eq!(tags(alone), tags(among));
        let names = |analysis: &Analysis| -> Vec<_> {
            analysis.entities.iter().map(|name| (name.label.clone(), name.span.clone())).collect()
        };
        assert_eq!(names(alone), names(among));
        for (a, b) in alone.tokens.iter().zip(&among.tokens) {
            assert!((a.tag.as_ref().unwrap().p - b.tag.as_ref().unwrap().p).abs() < 1e-4);
        }
    }
}

fn check(analysis: &Analysis, text: &str) {
    assert_eq!(analysis.text, text);
    let mut end = 0;
    for token in &analysis.tokens {
        let word = text.get(token.span.clone()).expect("a span slices the text");
        assert!(!word.is_empty() && !word.contains(char::is_whitespace), "{text:?}: {token:?}");
        assert!(text[end..token.span.start].trim().is_empty(), "{text:?} before {token:?}");
        assert!((0.0..=1.0).contains(&token.tag.as_ref().unwrap().p), "{text:?}: {token:?}");
        end = token.span.end;
    }
    assert!(text[end..].trim().is_empty(), "{text:?}: after {end}");
    let mut end = 0;
    for name in &analysis.entities {
        assert!(text.get(name.span.clone()).is_some_and(|name| !name.is_empty()), "{text:?}");
        assert!(name.span.start >= end && (0.0..=1.0).contains(&name.score), "{text:?}: {name:?}");
        end = name.span.end;
    }
}

/// All prompts of the benchmarks for text-to-video models.
#[test]
fn prompts_of_others() {
    let Some(folder) = data("t2v_prompts") else { return };
    let tagger = Tagger::builtin().unwrap();
    let (mut folders, mut prompts) = (vec![folder], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            for (line, analysis) in lines.iter().zip(tagger.analyse(&lines).unwrap()) {
                check(&analysis, line);
                prompts += 1;
            }
        }
    }
    assert!(prompts > 1000, "{prompts}");
}

#[test]
fn anything_that_can_be_written() {
    any_texts(20_000);
}

#[test]
#[ignore = "half a minute; `cargo xtask torture` runs it"]
fn a_hundred_thousand_texts() {
    any_texts(100_000);
}

fn any_texts(count: usize) {
    let tagger = Tagger::builtin().unwrap();
    let mut rng = fastrand::Rng::with_seed(11);
    let odd: Vec<char> = "a Z9-'’`.@#/:&\u{301}\u{200d}👩🏽‍🚀🇩🇪éßİǅ\u{ac01}각騎\u{e000}\u{fffd}\0\u{7f}\u{ad}\u{202e}\u{85}\u{2028}"
        .chars()
        .collect();
    let texts: Vec<String> = (0..count)
        .map(|_| {
            let any = |rng: &mut fastrand::Rng| match rng.u8(0..4) {
                0 => rng.char(..),
                1 => rng.char(' '..='~'),
                _ => odd[rng.usize(0..odd.len())],
            };
            (0..rng.usize(0..30)).map(|_| any(&mut rng)).collect()
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for texts in texts.chunks(1000) {
        for (text, analysis) in texts.iter().zip(tagger.analyse(texts).unwrap()) {
            check(&analysis, text);
        }
    }
}

/// The time grows linearly with the text, whatever its characters.
#[test]
fn a_million_characters() {
    let tagger = Tagger::builtin().unwrap();
    for piece in ["x", "a b ", "a.", "1-", "1/1,", "'a", "(", "a@", "http://a", "é\u{301}", "n't"]
    {
        let text = piece.repeat(1_000_000 / piece.chars().count());
        let start = Instant::now();
        let spans = kinora_text::words(&text);
        assert!(start.elapsed().as_secs_f32() < 20.0, "{piece:?}: {:?}", start.elapsed());
        assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
        assert_eq!(spans.last().unwrap().end, text.trim_end().len());
    }
    let text = "x".repeat(1_000_000);
    check(&tagger.analyse(&[&text]).unwrap()[0], &text);
}

#[test]
fn weights_that_are_wrong() {
    let bytes = Tagger::builtin().unwrap().to_bytes().unwrap();
    assert!(Tagger::from_bytes(&bytes).is_ok());
    let mut spoilt = bytes.clone();
    let end = spoilt.len();
    spoilt[end - 2..].fill(0xff);
    let error = Tagger::from_bytes(&spoilt).unwrap_err();
    assert!(matches!(error, Error::Tensors(kinora_nn::Error::Damaged)), "{error:?}");
    for len in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        let error = Tagger::from_bytes(&bytes[..len]).unwrap_err();
        assert!(matches!(error, Error::Tensors(_) | Error::Weights(_)), "{len}: {error:?}");
    }
    let replaced = |from: &str, to: &str| {
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        Tagger::from_bytes(&bytes).unwrap_err().to_string()
    };
    assert!(replaced("ADJ ADP", "AdJ ADP").contains("the labels differ"));
    assert!(replaced("\\\"hidden\\\":1", "\\\"hidden\\\":7").contains("weights"));
    assert!(replaced("\\\"hidden\\\"", "\\\"hIdden\\\"").contains("sizes"));
    assert!(replaced("\\\"grams\\\":16000", "\\\"grams\\\":0    ").contains("grams = 0 must be"));
    assert!(replaced("\\\"layers\\\":2}", "\\\"layers\\\":0}").contains("layers = 0 must be"));
}

/// Sentences of a tiny language in which each word has a single label.
fn little() -> Vec<(Task, Vec<Sentence>)> {
    let sentence = |words: &[&str], labels: &[usize]| Sentence {
        words: words.iter().map(|word| word.to_string()).collect(),
        labels: labels.to_vec(),
        ..Sentence::default()
    };
    let pos = [sentence(&["a", "cat", "runs"], &[5, 7, 15]), sentence(&["the", "dog"], &[5, 7])];
    let ner = [sentence(&["Jo", "runs"], &[1, 0]), sentence(&["to", "Rome"], &[0, 3])];
    let many = |of: &[Sentence]| of.iter().cycle().take(600).cloned().collect();
    vec![(Task::Pos, many(&pos)), (Task::Ner, many(&ner))]
}

#[test]
fn it_learns_and_the_same_seed_gives_the_same_bytes() {
    let sizes = Sizes { word: 8, grams: 100, shape: 4, hidden: 8, layers: 1 };
    let config = TrainConfig { sizes, epochs: 6, rate: 1e-2, ..TrainConfig::default() };
    let mut epochs = Vec::new();
    let mut learn = || {
        let tagger = train(&config, &little(), &mut |progress| {
            if let Some(epoch) = &progress.epoch {
                epochs.push((epoch.number, epoch.scores[0].f1(), epoch.scores[2].f1()));
            }
            true
        });
        tagger.unwrap().to_bytes().unwrap()
    };
    let first = learn();
    assert!(first == learn(), "another seed's bytes");
    assert_eq!(epochs.len(), 12);
    assert_eq!(epochs[5], (6, 1.0, 1.0), "{epochs:?}");
    let tagger = Tagger::from_bytes(&first).unwrap();
    let analyses = tagger.analyse(&["the cat runs", "to Rome"]).unwrap();
    assert_eq!(tags(&analyses[0]), ["DET", "NOUN", "VERB"]);
    let [name] = &analyses[1].entities[..] else { panic!("{:?}", analyses[1]) };
    assert_eq!((name.label.as_str(), name.span.clone()), ("LOC", 3..7));

    let mut steps = 0;
    let stopped = train(&config, &little(), &mut |_| {
        steps += 1;
        steps < 5
    });
    assert!(stopped.is_ok() && steps == 5);
    for missing in [Task::Pos, Task::Ner] {
        let data: Vec<_> = little().into_iter().filter(|(task, _)| *task != missing).collect();
        assert!(matches!(train(&config, &data, &mut |_| true), Err(Error::NoData(_))));
    }
}
