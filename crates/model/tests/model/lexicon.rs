//! Models with external word vectors or an external encoder, and the words that a model
//! understands.

use std::path::Path;

use kinora_embed::{EncoderConfig, Form, Reader, Vectors, write};
use kinora_model::{Error, Lexicon, Model, ModelConfig, Source};
use kinora_nn::Precision;
use kinora_tensor::Random;

use crate::tiny::{config, of};

type CpuModel = Model<kinora_cpu::CpuTensor>;

fn with(encoder: EncoderConfig) -> ModelConfig {
    let sizes = config().encoder;
    ModelConfig {
        encoder: EncoderConfig {
            pieces: sizes.pieces,
            word: sizes.word,
            sentence: sizes.sentence,
            ..encoder
        },
        ..config()
    }
}

/// Writes a table in which "scarlet" has the vector of "red".
fn table(folder: &Path, name: &str) -> String {
    let words = ["knight", "red", "scarlet", "robe", "a", "walks"];
    let mut values: Vec<f32> = (0..words.len() * 5).map(|i| ((i * i) as f32).sin()).collect();
    values.copy_within(5..10, 10);
    let path = folder.join(name);
    write(&Vectors::new(&words, 5, values).unwrap(), &path, Form::of(&path).unwrap()).unwrap();
    path.to_str().unwrap().into()
}

fn film(model: &CpuModel, prompt: &str) -> kinora_video::Clip {
    model.sample(prompt, 3).unwrap()
}

#[test]
fn words_that_no_caption_has_are_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = table(folder.path(), "vectors.txt");
    for reader in [Reader::Gru, Reader::Lstm, Reader::Mean] {
        let encoder = EncoderConfig { vectors: vectors.clone(), reader, ..Default::default() };
        let model = of(with(encoder));
        assert_eq!(film(&model, "a scarlet robe"), film(&model, "a red robe"), "{reader:?}");
        assert_ne!(film(&model, "a scarlet robe"), film(&model, "a walks robe"), "{reader:?}");
    }
    // Without a table the model does not know that they are alike.
    let model = of(config());
    assert_ne!(film(&model, "a scarlet robe"), film(&model, "a red robe"));
}

#[test]
fn what_is_understood_are_the_words_of_its_captions() {
    let plain = of(config());
    let encoder = EncoderConfig { vectors: "builtin".into(), ..Default::default() };
    let builtin = of(with(encoder));
    let long = |model: &CpuModel| {
        let encoder = EncoderConfig { pieces: 64, ..model.config.encoder.clone() };
        of(ModelConfig { encoder, ..model.config.clone() })
    };
    for model in [long(&plain), long(&builtin)] {
        for (text, understood, not_understood) in [
            ("a Knight, in the red robe!", &["knight", "red", "robe"][..], &[][..]),
            // The table of word vectors has both words; no caption has either.
            ("a scarlet ninja walks; Scarlet!", &["walks"], &["scarlet", "ninja"]),
            ("A and the of", &[], &[]),
            ("zyxqj 7 日本", &[], &["zyxqj", "7", "日", "本"]),
            (" ", &[], &[]),
        ] {
            let reading = model.lexicon.look(text).unwrap();
            assert_eq!(reading.understood, understood, "{text}");
            assert_eq!(reading.not_understood, not_understood, "{text}");
            assert_eq!(reading.text, text);
        }
    }
    let look = |text| plain.lexicon.look(text).unwrap();
    assert_eq!(look("a Scarlet zyxqj, a scarlet knight!").tokens, 8);
    assert_eq!(look(" ").tokens, 0);
    // The model has eight places; a word beyond them is not listed as understood.
    let cut = look("a a a a a a a a red robe");
    assert_eq!((&*cut.unread, cut.understood.len()), ("red robe", 0));
    assert_eq!(look("a a a a a a a robe").unread, "");
    assert_eq!(builtin.lexicon.look("a a a a a a a scarlet").unwrap().unread, "");
}

#[test]
fn typing_errors_are_mended() {
    let model = of(config());
    for (text, read, mended) in [
        ("a Knigth wlaks", "a knight walks", &[("knigth", "knight"), ("wlaks", "walks")][..]),
        (
            "kniht knightt knoght kniht",
            "knight knight knight knight",
            &[("kniht", "knight"), ("knightt", "knight"), ("knoght", "knight")],
        ),
        // An English word that differs from a caption word only by a final "s".
        ("walk", "walks", &[("walk", "walks")]),
        ("robes", "robe", &[("robes", "robe")]),
        // English words, one letter from caption words.
        ("night rode lift", "night rode lift", &[]),
        // A word that is too short, and a word with two errors.
        ("rde kinhgtt", "rde kinhgtt", &[]),
        ("🐒 wlaks →", "🐒 walks →", &[("wlaks", "walks")]),
    ] {
        let reading = model.lexicon.look(text).unwrap();
        let owned = |(a, b): &(&str, &str)| (a.to_string(), b.to_string());
        assert_eq!(reading.text, read);
        assert_eq!(reading.mended, mended.iter().map(owned).collect::<Vec<_>>(), "{text}");
        for (written, word) in &reading.mended {
            assert!(reading.understood.contains(word) && !reading.understood.contains(written));
        }
    }
}

/// A model file without caption words: the tokenizer's vocabulary decides what is understood.
#[test]
fn without_words_the_vocabulary_tells() {
    let mut model = of(config());
    let bytes = model.to_bytes(Precision::F16).unwrap();
    let load = |bytes: &[u8]| CpuModel::from_bytes(&Default::default(), bytes, "it", None).unwrap();
    assert_eq!(load(&bytes).lexicon.words, model.lexicon.words);
    assert_eq!(kinora_model::contents(&bytes, "it").unwrap().words, model.lexicon.words);
    let words: Vec<&str> = model.lexicon.words.iter().map(String::as_str).collect();
    let wanted =
        ["a", "in", "knight", "left", "red", "right", "robe", "the", "to", "walks", "woman"];
    assert_eq!(words, wanted);

    model.lexicon.words.clear();
    let old = load(&model.to_bytes(Precision::F16).unwrap());
    assert!(old.lexicon.words.is_empty());
    let reading = old.lexicon.look("a knight wlaks").unwrap();
    assert_eq!(reading.understood, ["knight"]);
    assert_eq!(reading.not_understood, ["wlaks"]);
    let mut lexicon = old.lexicon;
    lexicon.learn(&["An Orc, falling".into()]).unwrap();
    assert_eq!(lexicon.words.iter().collect::<Vec<_>>(), ["an", "falling", "orc"]);

    // A typing error in one caption of many is left out; an equally rare name is kept.
    let mut captions = vec!["an elf strides, Zyxqa".to_string(); 20];
    captions.extend(["an elf sttrides", "an elf stride", "zyxqb", "zyxqb"].map(String::from));
    lexicon.learn(&captions).unwrap();
    let wanted = ["an", "elf", "falling", "orc", "stride", "strides", "zyxqa", "zyxqb"];
    assert_eq!(lexicon.words.iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn a_model_goes_with_its_table_alone() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let vectors = table(folder.path(), "vectors.safetensors");
    for reader in [Reader::Gru, Reader::Sif] {
        let encoder = EncoderConfig { vectors: vectors.clone(), reader, ..Default::default() };
        let model = of(with(encoder));
        let wanted = film(&model, "a scarlet knight");
        let path = elsewhere.join("model.safetensors");
        model.save(&path, Precision::F32).unwrap();
        let contents = kinora_model::contents(&std::fs::read(&path).unwrap(), "the model").unwrap();
        assert_eq!(contents.sources, *model.lexicon.sources());
        assert!(matches!(contents.sources.vectors, Some(Source { dim: 5, .. })));

        let load = || CpuModel::load(&path);
        assert_eq!(film(&load().unwrap(), "a scarlet knight"), wanted, "{reader:?}");

        // The table may have moved to the model's folder.
        let moved = elsewhere.join("vectors.safetensors");
        std::fs::rename(&vectors, &moved).unwrap();
        assert_eq!(film(&load().unwrap(), "a scarlet knight"), wanted, "{reader:?}");
        let text = std::fs::read(&moved).unwrap();
        let mut other = text.clone();
        *other.last_mut().unwrap() ^= 1;
        // A different table of the same name, in either place, does no harm.
        std::fs::write(&vectors, &other).unwrap();
        assert_eq!(film(&load().unwrap(), "a scarlet knight"), wanted, "{reader:?}");
        std::fs::write(&vectors, &text).unwrap();
        std::fs::write(&moved, &other).unwrap();
        assert_eq!(film(&load().unwrap(), "a scarlet knight"), wanted, "{reader:?}");
        std::fs::remove_file(&vectors).unwrap();
        std::fs::write(&moved, &other).unwrap();
        let error = load().unwrap_err();
        assert!(matches!(error, Error::Weights { .. }), "{error:?}");
        assert!(error.to_string().contains("is not the one that the model was trained with"));
        std::fs::remove_file(&moved).unwrap();
        let error = load().unwrap_err().to_string();
        assert!(error.contains("vectors.safetensors") && error.contains("beside"), "{error}");
        std::fs::write(&vectors, &text).unwrap();
    }
}

/// NaN in a table is an error before it can reach a film.
#[test]
fn vectors_that_are_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = table(folder.path(), "vectors.safetensors");
    let mut bytes = std::fs::read(&vectors).unwrap();
    // The last number of the last word, "walks".
    let last = ((29 * 29) as f32).sin().to_le_bytes();
    let at = bytes.windows(4).position(|four| four == last).unwrap();
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&vectors, &bytes).unwrap();
    let lexicon = |reader, captions: &[&str]| {
        let encoder = EncoderConfig { vectors: vectors.clone(), reader, ..Default::default() };
        let captions: Vec<String> = captions.iter().map(|text| text.to_string()).collect();
        Lexicon::new(&encoder, of(config()).lexicon.tokenizer, &captions)
    };
    let words = lexicon(Reader::Gru, &[]).unwrap();
    assert!(words.read(&["a red knight"]).is_ok());
    let error = words.read(&["a knight walks"]).unwrap_err().to_string();
    assert!(error.contains("vectors.safetensors") && error.contains("finite"), "{error}");
    let error = lexicon(Reader::Sif, &["a knight walks"]).unwrap_err().to_string();
    assert!(error.contains("finite"), "{error}");
}

#[test]
fn sources_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = table(folder.path(), "vectors.vec");
    let sif = EncoderConfig { vectors, reader: Reader::Sif, ..Default::default() };
    let sources = of(with(sif.clone())).lexicon.sources().clone();
    assert_eq!(sources.common.len(), 5);
    let tokenizer = || of(config()).lexicon.tokenizer;
    Lexicon::open(&sif, tokenizer(), &sources, None).unwrap();
    let mut short = sources.clone();
    short.common.pop();
    let mut none = sources.clone();
    none.vectors = None;
    for (sources, part) in [(short, "dimension 4, not 5"), (none, "trained with (nothing)")] {
        let error = Lexicon::open(&sif, tokenizer(), &sources, None).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let gone = EncoderConfig { vectors: "no/such/table.txt".into(), ..Default::default() };
    let error = Lexicon::new(&gone, tokenizer(), &[]).unwrap_err();
    assert!(matches!(&error, Error::Source(reason) if reason.contains("no/such/table.txt")));
    // A stranger's model may name a file that is a secret of the user.
    let secret = folder.path().join("secret.txt");
    let vectors = secret.to_str().unwrap().to_owned();
    let named = EncoderConfig { vectors, reader: Reader::Sif, ..Default::default() };
    for text in
        ["key = hunter2", "hunter2", "1 hunter2\nhunter2 1", "hunter2 1 2\nhunter2 1 2 hunter2"]
    {
        std::fs::write(&secret, text).unwrap();
        let error = Lexicon::open(&named, tokenizer(), &sources, None).unwrap_err().to_string();
        assert!(error.contains("secret.txt") && !error.contains("hunter2"), "{error}");
    }
}

/// Sentence vectors from an ONNX encoder. Without the library the test is skipped, or fails in CI.
#[cfg(feature = "onnx")]
#[test]
fn sentences_of_an_encoder() {
    use crate::written::{made, model as onnx, pieces};

    let (folder, tokenizer, table) = made();
    let write = |table: &[f32]| {
        let bytes = onnx(table, &["input_ids"], &[], pieces());
        std::fs::write(folder.path().join("model.onnx"), bytes).unwrap();
    };
    write(&table);
    let encoder = EncoderConfig {
        reader: Reader::Onnx,
        onnx: folder.path().to_str().unwrap().into(),
        ..Default::default()
    };
    let lexicon = match Lexicon::new(&encoder, tokenizer.clone(), &[]) {
        Err(Error::Source(reason)) if reason.contains("onnxruntime") => {
            assert!(std::env::var_os("CI").is_none(), "{reason}");
            eprintln!("not tested: {reason}");
            return;
        }
        lexicon => lexicon.unwrap(),
    };
    assert_eq!(lexicon.inputs().sentence, 3);
    let given = lexicon.read(&["a red knight", "a blue knight"]).unwrap().given;
    assert_eq!(given.len(), 6);
    assert_ne!(given[..3], given[3..]);
    let length = given[..3].iter().map(|x| x * x).sum::<f32>();
    assert!((length - 3.0).abs() < 1e-4, "the length is the root of {length}");

    let model = of(with(encoder.clone()));
    assert_ne!(film(&model, "a red knight"), film(&model, "a blue knight"));
    let bytes = model.to_bytes(Precision::F32).unwrap();
    let load = || CpuModel::from_bytes(&Default::default(), &bytes, "the model", None);
    assert_eq!(film(&load().unwrap(), "a red knight"), film(&model, "a red knight"));
    write(&table.iter().map(|x| x + 1.0).collect::<Vec<f32>>());
    let error = load().unwrap_err().to_string();
    assert!(error.contains("the model was trained with"), "{error}");
}

/// One to four words become English words that no caption has, or get such a word before them, the
/// same for the same random numbers.
#[test]
fn a_disturbed_sentence_has_strange_words() {
    let lexicon = |pieces| {
        let encoder = EncoderConfig { vectors: "builtin".into(), pieces, ..config().encoder };
        of(ModelConfig { encoder, ..config() }).lexicon
    };
    let full = lexicon(8);
    let lexicon = lexicon(40);
    let text = "A knight in the red robe walks, to zyxqj.";
    let except = ["knights", "strolls", "banana"].map(String::from);
    let strange = lexicon.strange(except.clone().into());
    let disturbed = |seed| lexicon.disturbed(text, &strange, &mut Random::new(seed, 0)).unwrap();
    let table = kinora_embed::Vectors::builtin();
    let words = |text: &str| -> Vec<String> {
        text.split(' ').map(|word| word.trim_end_matches([',', '.']).to_owned()).collect()
    };
    let vector = |word: &str| table.vector(word).unwrap().into_owned();
    let (mut changed, mut counts) = (std::collections::BTreeSet::new(), [0; 5]);
    let (mut before, mut near, mut far) = (0, 0, 0);
    for seed in 0..300 {
        let other = disturbed(seed);
        assert_eq!(other, disturbed(seed));
        let is = words(&other);
        let (mut at, mut count) = (0, 0);
        for was in words(text) {
            if is[at] != was {
                let new = &is[at];
                assert!(table.find(new).is_some() && !lexicon.words.contains(new), "{other}");
                assert!(!except.contains(new), "{other}");
                if is.get(at + 1) == Some(&was) {
                    at += 1;
                    before += 1;
                } else if kinora_embed::cosine(&vector(&was), &vector(new)) >= 0.6 {
                    near += 1;
                } else {
                    far += 1;
                }
                count += 1;
                changed.insert(was);
            }
            at += 1;
        }
        assert_eq!(at, is.len(), "{other}");
        counts[count] += 1;
    }
    assert!(counts[0] == 0 && counts[1..].iter().all(|&count| count > 50), "{counts:?}");
    assert!((280..480).contains(&near), "near {near}, far {far}, before {before}");
    assert!(far > 120 && before > 120, "near {near}, far {far}, before {before}");
    // A word is only replaced where another one would push the end out of the encoder's input.
    let strange_of_full = full.strange(Default::default());
    for seed in 0..40 {
        let other = full.disturbed(text, &strange_of_full, &mut Random::new(seed, 0)).unwrap();
        assert_eq!(words(&other).len(), words(text).len(), "{other}");
    }
    // Neither function words nor words that no caption has.
    assert_eq!(changed.into_iter().collect::<Vec<_>>(), ["knight", "red", "robe", "walks"]);

    let same = |lexicon: &kinora_model::Lexicon, text: &str| {
        let strange = lexicon.strange(Default::default());
        let random = &mut Random::new(0, 0);
        assert_eq!(lexicon.disturbed(text, &strange, random).unwrap(), text);
    };
    for text in ["", "to the", "zyxqj ninja", "\u{1f412}"] {
        same(&lexicon, text);
    }
    same(&of(config()).lexicon, text);
}
