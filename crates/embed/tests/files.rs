//! Files of word vectors: genuine files, conversion between all formats, and errors of broken
//! files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use kinora_embed::{Error, Form, Loaded, Vectors, cosine, read, write};

/// The folder of genuine files. If it is missing, the test is skipped, or fails in CI.
fn genuine() -> Option<PathBuf> {
    let named = std::env::var_os("KINORA_DATA").map(PathBuf::from);
    let shared = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = named.unwrap_or_else(shared).join("word_vector_formats");
    if folder.is_dir() {
        return Some(folder);
    }
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!ci, "{} is missing; set KINORA_DATA", folder.display());
    println!("skipped: {} is missing; set KINORA_DATA", folder.display());
    None
}

const NAMES: [&str; 9] = [
    "a.txt",
    "a.bin",
    "a.vec",
    "glove.txt",
    "a.safetensors",
    "a.txt.gz",
    "a.bin.gz",
    "a.vec.gz",
    "glove.txt.gz",
];

fn same(a: &Vectors, b: &Vectors) {
    assert_eq!(a.dim(), b.dim());
    assert_eq!(a.words().collect::<Vec<_>>(), b.words().collect::<Vec<_>>());
    assert!(a.values() == b.values());
}

#[test]
fn genuine_files_have_what_their_source_says() {
    let Some(folder) = genuine() else { return };
    for (name, count, dim, first) in [
        ("test_glove.txt", 76, 50, "the"),
        ("EN.1-10.cbow1_wind5_hs0_neg10_size300_smpl1e-05.txt", 20, 300, "one"),
        ("word2vec_pre_kv_c", 1750, 10, "the"),
        ("high_precision.kv.txt", 2, 2, "kangaroo.n.01"),
        ("euclidean_vectors.bin", 2747, 10, "the"),
        ("high_precision.kv.bin", 2, 2, "kangaroo.n.01"),
        ("lee_fasttext.vec", 1762, 10, "the"),
        ("pang_lee_polarity_fasttext.vec", 1694, 100, "."),
        ("toy-model.vec", 22, 5, "the"),
        ("crime-and-punishment.vec", 291, 5, "и"),
    ] {
        let path = folder.join(name);
        let Loaded { vectors, skipped } = read(&path, None).unwrap();
        assert_eq!((vectors.len() + skipped, vectors.dim()), (count, dim), "{name}");
        if name != "crime-and-punishment.vec" {
            assert_eq!(vectors.word(0), first, "{name}");
        }
        for (index, word) in vectors.words().enumerate() {
            assert_eq!(vectors.index(word), Some(index), "{name}: {word}");
        }
        let few = read(&path, Some(2)).unwrap().vectors;
        assert_eq!(few.len(), 2, "{name}");
        assert_eq!(few.values(), &vectors.values()[..2 * dim], "{name}");
        // Binary files come back with the same bytes.
        let again = tempfile::tempdir().unwrap();
        let copy = again.path().join(name);
        write(&vectors, &copy, Form::of(&path).unwrap_or(Form::Word2Vec)).unwrap();
        if name.ends_with(".bin") {
            assert!(fs::read(&copy).unwrap() == fs::read(&path).unwrap(), "{name}");
        }
    }
    // Its first line promises more words than it has.
    let error = read(&folder.join("pretrained.vec"), None).unwrap_err();
    assert!(error.to_string().contains("says 3 words, but the file has 1"), "{error}");
    let error = read(&folder.join("crime-and-punishment.bin"), None).unwrap_err();
    assert!(error.to_string().contains("this is a fastText model (.bin)"), "{error}");
}

#[test]
fn every_form_carries_every_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Rng::with_seed(3);
    let words: Vec<String> =
        (0..500).map(|i| format!("{}{i}", ["wört", "字", "#", "1.5", "e\u{301}"][i % 5])).collect();
    let value = |_| match random.u8(0..8) {
        0 => f32::from_bits(random.u32(..)).clamp(-1e38, 1e38),
        1 => 0.0,
        2 => f32::MIN_POSITIVE / 2.0,
        _ => random.f32() - 0.5,
    };
    let values: Vec<f32> =
        (0..500 * 7).map(value).map(|x| if x.is_nan() { 1.0 } else { x }).collect();
    let vectors = Vectors::new(&words, 7, values).unwrap();
    for from in NAMES {
        let first = folder.path().join(from);
        write(&vectors, &first, Form::of(&first).unwrap()).unwrap();
        let loaded = read(&first, None).unwrap();
        assert_eq!(loaded.skipped, 0);
        same(&loaded.vectors, &vectors);
        for to in NAMES {
            let folder = tempfile::tempdir().unwrap();
            let second = folder.path().join(to);
            write(&loaded.vectors, &second, Form::of(&second).unwrap()).unwrap();
            same(&read(&second, None).unwrap().vectors, &vectors);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            // Text and binary files are the same bytes whatever they were converted from.
            if from == to && !to.ends_with(".gz") {
                assert!(fs::read(&second).unwrap() == fs::read(&first).unwrap(), "{to}");
            }
        }
    }
}

#[test]
fn words_with_spaces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("glove.txt");
    fs::write(&path, "a 1 2\n. . 0.5 1\nat name@domain 3 4\n").unwrap();
    let vectors = read(&path, None).unwrap().vectors;
    assert_eq!(vectors.words().collect::<Vec<_>>(), ["a", ". .", "at name@domain"]);
    let binary = folder.path().join("x.bin");
    let error = write(&vectors, &binary, Form::Word2VecBinary).unwrap_err();
    assert!(error.to_string().contains("\". .\""), "{error}");
    assert!(!binary.exists());
    // The first line says how many numbers follow the word.
    fs::write(&path, "3 3\ntop 10 1 2 3\nking 1 2 3\ntop 20 2 3 4\n").unwrap();
    let vectors = read(&path, None).unwrap().vectors;
    assert_eq!(vectors.words().collect::<Vec<_>>(), ["top 10", "king", "top 20"]);
    // A byte order mark is not part of the text.
    fs::write(&path, "\u{feff}2 1\na 1\nb 2\n").unwrap();
    assert_eq!(read(&path, None).unwrap().vectors.len(), 2);
    let bad = Vectors::new(&["a", "b"], 1, vec![1.0, f32::NAN]).unwrap();
    let error = write(&bad, &path, Form::Own).unwrap_err().to_string();
    assert!(error.contains("\"b\" holds NaN"), "{error}");
}

#[test]
fn what_is_left_out_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, b"4 1\na 1\n\xff\xfe 2\na 3\nb 4\n").unwrap();
    let Loaded { vectors, skipped } = read(&path, None).unwrap();
    assert_eq!(skipped, 2);
    assert_eq!(vectors.words().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(vectors.values(), [1.0, 4.0]);
    fs::write(&path, "4 2\na 1 2\n  5 6\n\u{a0} 1 1\nb 3 4\n").unwrap();
    let Loaded { vectors, skipped } = read(&path, None).unwrap();
    assert_eq!((skipped, vectors.values()), (2, &[1.0, 2.0, 3.0, 4.0][..]));
    fs::write(&path, "  0.5 0.6\na 0.1 0.2\n").unwrap();
    let Loaded { vectors, skipped } = read(&path, None).unwrap();
    assert_eq!((skipped, vectors.values()), (1, &[0.1, 0.2][..]));
    let path = folder.path().join("a.bin");
    let mut bytes = b"3 1\na ".to_vec();
    for (word, x) in [(&b""[..], 1f32), (b"\n\xff ", 2.0), (b"\nb ", 4.0)] {
        bytes.extend(word);
        bytes.extend(x.to_le_bytes());
    }
    fs::write(&path, &bytes).unwrap();
    let Loaded { vectors, skipped } = read(&path, None).unwrap();
    assert_eq!((skipped, vectors.values()), (1, &[1.0, 4.0][..]));
}

#[test]
fn broken_files() {
    let folder = tempfile::tempdir().unwrap();
    let rows: [(&str, &[u8], &str); 26] = [
        ("empty.txt", b"", "no rows in the file"),
        ("blank.txt", b"\n\n", "no rows in the file"),
        ("word.txt", b"word\n", "word.txt:1: "),
        ("zero.txt", b"1 0\na\n", "zero.txt:1: "),
        ("short.txt", b"2 3\na 1 2 3\nb 1 2\n", "short.txt:3: there are 2 numbers"),
        ("short2.txt", b"2 3\na 1 2 3\nbbbbbb 1 2\n", "short2.txt:3: "),
        ("nan.txt", b"1 2\na 1 NaN\n", "nan.txt:2: number 2, \"NaN\""),
        ("inf.txt", b"1 2\na 1e39 1\n", "inf.txt:2: number 1"),
        ("text.txt", b"1 2\na x 1\n", "text.txt:2: number 1, \"x\""),
        ("noword.txt", b"1 2\n 1 2\n", "no word"),
        ("few.txt", b"3 1\na 1\nb 2\n", "says 3 words, but the file has 2"),
        ("many.txt", b"1 1\na 1\nb 2\n", "says 1 words, but the file has 2"),
        ("none.txt", b"0 3333333333333333\n", "no word"),
        ("none.bin", b"0 3333333333333333\n", "no word"),
        ("less.txt", b"2 2\nking 1 2 3\nqueen 1 2 3\n", "less.txt:2: there are 3 numbers"),
        ("first.txt", b"the 0.5\nof 1 2 3\n", "first.txt:2: there are 3 numbers"),
        ("huge.txt", b"1 18446744073709551615\na 1\n", "huge.txt:2: "),
        ("glove.txt", b"a 1 2\nb 1\n", "glove.txt:2: "),
        ("packed.txt", &[0x1f, 0x8b, 8], "gzip"),
        ("plain.txt.gz", b"1 1\na 1\n", "not compressed"),
        ("cut.txt.gz", &[0x1f, 0x8b, 8, 0], "cannot read"),
        ("text.bin", b"hello\n", "byte 0"),
        ("cut.bin", b"1 2\na \0\0\0\0", "byte 6: the file ends within"),
        ("short.bin", b"2 1\na \0\0\0\0b", "byte 10: the file ends at word 2 of 2"),
        ("long.bin", b"1 1\na \0\0\0\0b \0\0\0\0", "byte 10: the file has more data"),
        ("huge.bin", b"9 4000000000000000000\na \0\0", "byte 24: the file ends within"),
    ];
    for (name, bytes, part) in rows {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = read(&path, None).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(part) && text.contains(name), "{name}: {text}");
    }
    let path = folder.path().join("nan.bin");
    let mut bytes = b"1 2\na ".to_vec();
    bytes.extend([1f32, f32::NAN].iter().flat_map(|x| x.to_le_bytes()));
    fs::write(&path, bytes).unwrap();
    let error = read(&path, None).unwrap_err().to_string();
    assert!(error.contains("byte 10: number 2"), "{error}");
    assert!(matches!(read(Path::new("nowhere.vec"), None), Err(Error::Read { .. })));
}

#[test]
fn broken_files_of_the_own_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let vectors = Vectors::new(&["b", "a", "ü"], 2, (0..6).map(|x| x as f32).collect()).unwrap();
    write(&vectors, &path, Form::Own).unwrap();
    let whole = fs::read(&path).unwrap();
    same(
        &read(&path, Some(2)).unwrap().vectors,
        &Vectors::new(&["b", "a"], 2, vec![0.0, 1.0, 2.0, 3.0]).unwrap(),
    );
    let mut random = Rng::with_seed(1);
    let mut refused = 0;
    for round in 0..2000 {
        let mut bytes = whole.clone();
        match round % 2 {
            0 => bytes.truncate(random.usize(..bytes.len())),
            _ => {
                let at = random.usize(..bytes.len());
                bytes[at] ^= 1 << random.u8(..8);
            }
        }
        let spoilt = folder.path().join("b.safetensors");
        fs::File::create(&spoilt).unwrap().write_all(&bytes).unwrap();
        match read(&spoilt, None) {
            // A changed number is not an error. Every table that is read can be queried.
            Ok(Loaded { vectors, .. }) => {
                vectors.words().for_each(|word| {
                    let _ = vectors.get(word);
                });
                vectors.near(&vec![1.0; vectors.dim()], 2, &[]);
            }
            Err(error) => {
                assert!(error.to_string().contains("b.safetensors"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_devices_stay() {
    let folder = tempfile::tempdir().unwrap();
    let [real, link] = ["real.txt", "link.txt"].map(|name| folder.path().join(name));
    fs::write(&real, "old").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let vectors = Vectors::new(&["a"], 1, vec![1.0]).unwrap();
    write(&vectors, &link, Form::Word2Vec).unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), "1 1\na 1\n");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let null = folder.path().join("null.bin");
    std::os::unix::fs::symlink("/dev/null", &null).unwrap();
    write(&vectors, &null, Form::Word2VecBinary).unwrap();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    assert_eq!(Form::of(Path::new("a.json")), None);
    assert_eq!(Form::of(Path::new("a.safetensors.gz")), None);
}

#[test]
fn tables_that_are_none() {
    for (words, dim, values) in [
        (&["a", "b"][..], 2, vec![0.0; 3]),
        (&["a"], 0, vec![]),
        (&["a", "a"], 1, vec![0.0; 2]),
        (&["a", ""], 1, vec![0.0; 2]),
    ] {
        assert!(matches!(Vectors::new(words, dim, values), Err(Error::Table(_))), "{words:?}");
    }
}

#[test]
fn questions() {
    let words = ["man", "woman", "king", "queen", "apple", "nothing"];
    #[rustfmt::skip]
    let values = vec![
        1.0, 0.0, 0.1,
        1.0, 1.0, 0.1,
        0.0, 0.0, 1.0,
        0.0, 1.0, 1.0,
        -1.0, 0.2, -1.0,
        0.0, 0.0, 0.0,
    ];
    let vectors = Vectors::new(&words, 3, values).unwrap();
    let index = |word| vectors.index(word).unwrap();
    let near = vectors.near(vectors.get("king").unwrap(), 2, &[index("king")]);
    assert_eq!(near.iter().map(|near| near.word.as_str()).collect::<Vec<_>>(), ["queen", "man"]);
    assert!((near[0].cosine - 0.5f32.sqrt()).abs() < 1e-6);
    let found = vectors.analogy(["man", "king", "woman"].map(index), 1);
    assert_eq!(found[0].word, "queen");
    assert_eq!(cosine(vectors.row(5), vectors.row(0)), 0.0);
    assert_eq!(vectors.near(vectors.row(0), 100, &[]).len(), 6);
    assert!(vectors.near(vectors.row(0), 0, &[]).is_empty());
    assert_eq!(vectors.index("pear"), None);
}
