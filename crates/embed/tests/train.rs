//! Learning word vectors from text.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;
use kinora_embed::{Corpus, Error, Form, Glove, Vectors, Word2Vec, cosine, read, write};

fn corpus(folder: &tempfile::TempDir) -> Corpus {
    corpus_of(folder, ["a", "b", "c"])
}

/// A text of three groups of words; each sentence has words of a single group.
fn corpus_of(folder: &tempfile::TempDir, stems: [&str; 3]) -> Corpus {
    let mut random = Rng::with_seed(5);
    let mut text = String::new();
    for _ in 0..4000 {
        let group = random.usize(..3);
        let words: Vec<String> =
            (0..12).map(|_| format!("{}{}", stems[group], random.u8(..8))).collect();
        text += &words.join(" ");
        text += "\n";
    }
    // Rare words, an empty line, invalid UTF-8, and no line break at the end.
    let mut bytes = text.into_bytes();
    bytes.extend(b"rare\n\n\xff\xfe\nlast");
    let path = folder.path().join("text.txt");
    fs::write(&path, bytes).unwrap();
    Corpus::new(&[path]).unwrap()
}

/// Some corpora are a single line; a file of a few bytes can also unpack to a line without end.
#[test]
fn a_long_line_is_read_in_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..500_000).map(|i| format!("word{} ", i % 977)).collect();
    let path = folder.path().join("line.txt");
    fs::write(&path, &text).unwrap();
    let (mut whole, mut longest) = (String::new(), 0);
    let mut add = |block: String| {
        longest = longest.max(block.len());
        assert!(block.ends_with(' '), "a word is split: {:?}", &block[block.len() - 9..]);
        whole += &block;
        true
    };
    Corpus::new(&[path]).unwrap().blocks(&mut add).unwrap();
    assert!(whole == text && longest < 2 << 20, "{longest} of {} bytes", text.len());

    let path = folder.path().join("word.txt.gz");
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&vec![b'a'; 20 << 20]).unwrap();
    fs::write(&path, packed.finish().unwrap()).unwrap();
    let error = Corpus::new(&[path]).unwrap().words(1).unwrap_err().to_string();
    assert!(
        error.ends_with("word.txt.gz: 1048576 bytes without white space are no text"),
        "{error}"
    );
}

fn train(config: &Word2Vec, corpus: &Corpus) -> Vectors {
    let mut last = 0;
    let vectors = config
        .train(corpus, &mut |progress| {
            assert!(progress.words >= last && progress.words <= progress.total);
            last = progress.words;
            true
        })
        .unwrap();
    assert!(vectors.values().iter().all(|x| x.is_finite()));
    vectors
}

/// The mean cosine within groups minus the mean cosine between groups.
fn apart(vectors: &Vectors) -> f32 {
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for a in vectors.words() {
        for b in vectors.words().filter(|b| *b != a) {
            let of = cosine(vectors.get(a).unwrap(), vectors.get(b).unwrap());
            if a[..1] == b[..1] { same.push(of) } else { other.push(of) }
        }
    }
    let mean = |all: &[f32]| all.iter().sum::<f32>() / all.len() as f32;
    mean(&same) - mean(&other)
}

#[test]
fn words_of_one_kind_come_together() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(&folder);
    for (cbow, threads, dim) in [(false, 1, 16), (true, 1, 16), (false, 2, 15), (true, 3, 1)] {
        let config = Word2Vec { dim, cbow, threads, sample: 0.0, ..Word2Vec::default() };
        let vectors = train(&config, &corpus);
        assert_eq!((vectors.len(), vectors.dim()), (24, dim));
        // Rare words have no vector.
        assert!(vectors.index("rare").is_none());
        if dim > 1 {
            let apart = apart(&vectors);
            assert!(apart > 0.5, "cbow {cbow}, {threads} threads: {apart}");
        }
    }
}

/// A word that the text lacks has the mean of its n-grams' vectors, which similar words share.
#[test]
fn parts_of_words_stand_for_unknown_ones() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus_of(&folder, ["alpha", "bravo", "gamma"]);
    for cbow in [false, true] {
        let config = Word2Vec { dim: 15, cbow, buckets: 5000, sample: 0.0, ..Word2Vec::default() };
        let vectors = train(&config, &corpus);
        assert!(vectors.values() == train(&config, &corpus).values(), "the same bits");
        assert_eq!(vectors.len(), 24);
        assert!(apart(&vectors) > 0.5);
        assert!(vectors.find("alpha9").is_none());
        let like = |other: &str| {
            cosine(&vectors.vector("alpha9").unwrap(), &vectors.vector(other).unwrap())
        };
        assert!(like("alpha0") > like("bravo0") + 0.5, "{} {}", like("alpha0"), like("bravo0"));
        assert_eq!(vectors.vector("ALPHA1").unwrap(), vectors.vector("alpha1").unwrap());
        assert!(vectors.mean("alpha9 bravo8").1.is_empty());

        // Kinora's own format keeps the n-gram vectors, in 32 or 16 bits; other formats do not.
        let wanted = vectors.vector("alpha9").unwrap().into_owned();
        let mut found = vec![vectors.fingerprint()];
        let mut back = |name: &str, form| {
            let path = folder.path().join(name);
            write(&vectors, &path, form).unwrap();
            let vectors = read(&path, None).unwrap().vectors;
            found.push(vectors.fingerprint());
            vectors.vector("alpha9").map(|vector| vector.into_owned())
        };
        assert_eq!(back("own.safetensors", Form::Own), Some(wanted.clone()));
        let half = back("half.safetensors", Form::OwnHalf).unwrap();
        assert!(half.iter().zip(&wanted).all(|(a, b)| (a - b).abs() <= 1e-3 * (1.0 + b.abs())));
        assert_eq!(back("vectors.txt", Form::Word2Vec), None);
        // A table without n-gram vectors has another fingerprint.
        assert!(found[0] == found[1] && found[0] != found[3]);
    }
    let plain = train(&Word2Vec { dim: 15, ..Word2Vec::default() }, &corpus);
    assert!(plain.vector("alpha9").is_none());
}

#[test]
fn one_thread_gives_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(&folder);
    let config = Word2Vec { dim: 9, epochs: 1, ..Word2Vec::default() };
    let first = train(&config, &corpus);
    assert!(first.values() == train(&config, &corpus).values());
    let other = Word2Vec { seed: 1, ..config };
    assert!(first.values() != train(&other, &corpus).values());
}

#[test]
fn glove_finds_kinds_and_gives_the_same_bits_on_any_threads() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(&folder);
    let config = Glove { dim: 9, ..Glove::default() };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| config.train(&corpus, &mut |_| true)).unwrap()
    };
    let vectors = on(1);
    assert_eq!((vectors.len(), vectors.dim()), (24, 9));
    let apart = apart(&vectors);
    assert!(apart > 0.5, "{apart}");
    assert!(vectors.values() == on(3).values());
    let few = Glove { least: 1_000_000, ..Glove::default() };
    assert!(few.train(&corpus, &mut |_| true).is_err());
    assert_eq!(config.train(&corpus, &mut |_| false).unwrap().len(), 24);
}

#[test]
fn a_training_stops_when_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(&folder);
    let config = Word2Vec { epochs: 1_000_000, ..Word2Vec::default() };
    let vectors = config.train(&corpus, &mut |_| false).unwrap();
    assert_eq!(vectors.len(), 24);
}

#[test]
fn trainings_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(&folder);
    let plain = Word2Vec::default;
    for (config, part) in [
        (Word2Vec { dim: 0, ..plain() }, "dim"),
        (Word2Vec { window: 0, ..plain() }, "window"),
        (Word2Vec { threads: 0, ..plain() }, "threads"),
        (Word2Vec { least: 1_000_000, ..plain() }, "1000000 times"),
    ] {
        let error = config.train(&corpus, &mut |_| true).unwrap_err();
        assert!(matches!(error, Error::Table(_)) && error.to_string().contains(part), "{error}");
    }
    let error = Corpus::new(&[PathBuf::from("nowhere")]).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    let many = Word2Vec { buckets: 1 << 33, ..plain() }.train(&corpus, &mut |_| true).unwrap_err();
    assert!(many.to_string().contains("buckets"), "{many}");
    let binary = folder.path().join("model.bin");
    fs::write(&binary, b"words and \0 bytes").unwrap();
    let error = plain().train(&Corpus::new(&[binary]).unwrap(), &mut |_| true).unwrap_err();
    assert!(error.to_string().contains("model.bin"), "{error}");
    if cfg!(unix) {
        let error = Corpus::new(&[PathBuf::from("/dev/null")]).unwrap_err();
        assert!(error.to_string().contains("regular file"), "{error}");
    }
}

#[test]
fn a_text_in_gzip_is_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let text = "one two three two one\nthree two one\n".repeat(50);
    let [plain_path, packed_path] = ["text.txt", "text.gz"].map(|name| folder.path().join(name));
    fs::write(&plain_path, &text).unwrap();
    let mut packed = GzEncoder::new(fs::File::create(&packed_path).unwrap(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap();
    let of = |path| {
        train(&Word2Vec { threads: 1, ..Word2Vec::default() }, &Corpus::new(&[path]).unwrap())
    };
    let (plain, packed) = (of(plain_path), of(packed_path));
    assert_eq!(plain.len(), 3);
    assert_eq!(plain.values(), packed.values());
}

#[test]
fn a_mark_before_all_text_is_no_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marked.txt");
    std::fs::write(&path, "\u{feff}knight rides\nknight rests\n").unwrap();
    let words = Corpus::new(&[path]).unwrap().words(1).unwrap();
    assert_eq!(words, ["knight", "rides", "rests"]);
}
