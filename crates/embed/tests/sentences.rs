//! Sentence vectors from tables of words, and distilled tables.

use kinora_embed::{Form, Sif, Vectors, cosine, distil, read, write};

#[test]
fn the_table_of_the_crate() {
    let vectors = Vectors::builtin();
    assert_eq!((vectors.len(), vectors.dim()), (30_000, 64));
    assert!(vectors.values().iter().all(|x| x.is_finite()));
    for word in ["red", "scarlet", "knight", "strolls", "maiden", "robe"] {
        assert_eq!(vectors.word(vectors.index(word).unwrap()), word);
    }
    let near = |a: &str, b: &str| cosine(&vectors.mean(a).0, &vectors.mean(b).0);
    assert!(near("strolls", "walks") > near("strolls", "sits") + 0.2);
    assert!(
        near("a knight strolls", "a soldier walks") > near("a knight strolls", "a tax law") + 0.2
    );
    // Capitals, an empty sentence, and an unknown word.
    assert_eq!(vectors.mean("").0, [0.0; 64]);
    assert_eq!(vectors.find("Strolls"), vectors.index("strolls"));
    assert_eq!(vectors.mean("xqzzy walks").1, ["xqzzy"]);
}

/// Words with a common direction; the first counts as the most frequent.
fn table() -> Vectors {
    let words = ["the", "red", "blue", "knight", "maiden"];
    #[rustfmt::skip]
    let values = vec![
        5.0, 1.0, 0.0, 0.0,
        5.0, 0.0, 1.0, 0.2,
        5.0, 0.0, 1.0, -0.2,
        5.0, 0.0, -1.0, 1.0,
        5.0, 0.0, -1.0, -1.0,
    ];
    Vectors::new(&words, 4, values).unwrap()
}

#[test]
fn what_sentences_have_in_common_is_left_out() {
    let vectors = table();
    let sentences = ["the red", "the blue", "the knight", "the maiden"];
    let sif = Sif::new(&vectors, &sentences);
    let of = |sentence: &str| sif.sentence(sentence);
    let mean = |sentence: &str| vectors.mean(sentence).0;
    assert!(cosine(&mean("the red"), &mean("the knight")) > 0.9);
    assert!(cosine(&of("the red"), &of("the knight")) < 0.0);
    assert!(cosine(&of("the red"), &of("the blue")) > 0.5);
    assert_eq!(of("nothing that is known"), [0.0; 4]);
    assert_eq!(Sif::new(&vectors, &[""; 0]).sentence("").len(), 4);
    assert!(Sif::new(&vectors, &[""; 0]).sentence("red").iter().all(|x| x.is_finite()));
}

#[test]
fn a_table_is_distilled() {
    let vectors = table();
    let small = distil(&vectors, 3).unwrap();
    assert_eq!((small.len(), small.dim()), (5, 3));
    // The first number is the same for all words, so three components lose nothing. Rarer words are
    // longer.
    let mean: Vec<f32> =
        (0..4).map(|k| (0..5).map(|i| vectors.row(i)[k]).sum::<f32>() / 5.0).collect();
    let centred = |i: usize| -> Vec<f32> { (0..4).map(|k| vectors.row(i)[k] - mean[k]).collect() };
    let length = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>().sqrt();
    let mut last = 0.0;
    for i in 0..5 {
        for j in 0..5 {
            let (found, wanted) =
                (cosine(small.row(i), small.row(j)), cosine(&centred(i), &centred(j)));
            assert!((found - wanted).abs() < 1e-5, "{i} {j}: {found} {wanted}");
        }
        let weight = length(small.row(i)) / length(&centred(i));
        assert!(weight > last && weight < 1.0, "{i}: {weight}");
        last = weight;
    }
    assert!(distil(&vectors, 0).is_err());
    assert_eq!(distil(&vectors, 5).unwrap_err().to_string().lines().count(), 1);
}

#[test]
fn half_as_large() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.safetensors");
    let vectors = table();
    write(&vectors, &path, Form::OwnHalf).unwrap();
    let again = read(&path, None).unwrap().vectors;
    assert!(again.words().eq(vectors.words()));
    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 2e-4;
    assert!(again.values().iter().zip(vectors.values()).all(near));
    write(&again, &path, Form::OwnHalf).unwrap();
    assert_eq!(read(&path, None).unwrap().vectors.values(), again.values());

    let large = Vectors::new(&["a"], 1, vec![7e4]).unwrap();
    let error = write(&large, &path, Form::OwnHalf).unwrap_err().to_string();
    assert!(error.contains("half.safetensors") && error.contains("70000"), "{error}");
    assert_eq!(read(&path, None).unwrap().vectors.len(), 5);
}

#[test]
fn an_inflected_word_has_the_vector_of_its_stem() {
    let vectors = Vectors::builtin();
    for (word, stem) in [
        ("wanders", "wander"),
        ("Wanders", "wander"),
        ("pokes", "poke"),
        ("tumbles", "tumble"),
        ("hiked", "hike"),
        ("swatting", "swat"),
        ("fainting", "faint"),
        ("flourishes", "flourish"),
        ("unifies", "unify"),
    ] {
        assert_eq!(vectors.find(word), None, "{word} is in the table itself");
        assert_eq!(vectors.vector(word).as_deref(), vectors.get(stem), "{word}");
        assert!(vectors.get(stem).is_some(), "{stem}");
    }
    // Not every ending is an inflection.
    for word in ["zzzs", "ssssed", "xqzzying", "é́s", ""] {
        assert!(vectors.vector(word).is_none(), "{word}");
    }
}
