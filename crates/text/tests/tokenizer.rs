//! The tokenizer: words, pieces and spans of any text, training, and its JSON.

use kinora_text::{Analysis, Error, Tokenizer};

const CAPTIONS: [&str; 6] = [
    "a knight with red hair walks to the left",
    "a woman in a blue robe casts a spell, facing us",
    "a skeleton shoots an arrow to the right",
    "digit 3 is moving up and down",
    "a big red circle moves left on a dark-green ground",
    "a café under a naïve moon ☾",
];

fn trained() -> Tokenizer {
    Tokenizer::train(CAPTIONS.into_iter(), 600).unwrap()
}

fn words(analysis: &Analysis) -> Vec<&str> {
    analysis.tokens.iter().map(|token| analysis.word(token)).collect()
}

#[test]
fn words_and_marks() {
    let tokenizer = trained();
    let rows: [(&str, &[&str]); 8] = [
        ("", &[]),
        (" \t\n ", &[]),
        ("\u{301}\u{200d}", &[]),
        ("A KNIGHT  walks", &["A", "KNIGHT", "walks"]),
        ("dark-green, isn't it?", &["dark", "-", "green", ",", "isn", "'", "t", "it", "?"]),
        ("café", &["café"]),
        ("騎士 walks", &["騎", "士", "walks"]),
        ("ok🙂 no", &["ok🙂", "no"]),
    ];
    for (text, expected) in rows {
        assert_eq!(words(&tokenizer.analyse(text).unwrap()), expected, "{text:?}");
    }
}

#[test]
fn known_words_are_one_piece_and_unknown_ones_fall_into_pieces() {
    let tokenizer = trained();
    let pieces = |text: &str| tokenizer.analyse(text).unwrap().pieces().collect::<Vec<_>>();
    for word in CAPTIONS.iter().flat_map(|caption| caption.split([' ', ',', '-'])) {
        assert!(pieces(word).len() <= 1, "{word:?}");
    }
    assert_eq!(pieces("Café"), pieces("cafe"));
    for word in ["knightly", "zyzzyva", "x7q9", "a", "Z", "0", "~"] {
        let pieces = pieces(word);
        assert!(!pieces.is_empty() && !pieces.contains(&Tokenizer::UNK), "{word:?}: {pieces:?}");
    }
    for word in ["🙂", "ж", &"long".repeat(100)] {
        assert_eq!(pieces(word), [Tokenizer::UNK], "{word:?}");
    }
    // The names of the two special pieces are ordinary text in a sentence.
    assert!(!pieces("[PAD] [UNK]").iter().any(|&piece| piece <= Tokenizer::UNK));
}

#[test]
fn spans_slice_any_text() {
    let tokenizer = trained();
    let mut rng = fastrand::Rng::with_seed(7);
    let odd: Vec<char> = "a Z9-\u{301}\u{327}\u{200d}👩🏽‍🚀🇩🇪éßİfiǅ\u{1f8}\u{ac01}각騎\u{f900}\u{2f800}\u{e000}\u{fffd}\0\u{7f}\u{ad}\u{202e}\u{37e}≮ᾳⅷ".chars().collect();
    for round in 0..3000 {
        let text: String = (0..rng.usize(0..40))
            .map(|_| match rng.u8(0..4) {
                0 => rng.char(..),
                1 => rng.char(' '..='~'),
                _ => odd[rng.usize(0..odd.len())],
            })
            .collect();
        let analysis = tokenizer.analyse(&text).unwrap();
        assert_eq!(analysis.text, text);
        let mut end = 0;
        for token in &analysis.tokens {
            let word = text.get(token.span.clone());
            assert!(word.is_some_and(|word| !word.is_empty()), "{round}: {text:?} {token:?}");
            assert!(token.span.start >= end, "{round}: {text:?} {token:?} after {end}");
            assert!(!token.pieces.is_empty());
            assert!(token.pieces.iter().all(|&piece| (piece as usize) < tokenizer.vocab_size()));
            assert!(token.tag.is_none());
            end = token.span.end;
        }
        assert!(analysis.entities.is_empty());
    }
}

#[test]
fn a_long_text_is_read_whole() {
    let text = "a knight walks ".repeat(20_000);
    assert_eq!(trained().analyse(&text).unwrap().tokens.len(), 60_000);
}

#[test]
fn the_same_captions_give_the_same_bytes() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut captions: Vec<String> = (0..500)
        .map(|_| (0..6).map(|_| format!("{}{} ", rng.lowercase(), rng.lowercase())).collect())
        .collect();
    captions.extend(CAPTIONS.map(String::from));
    let train = |captions: &[String]| {
        Tokenizer::train(captions.iter().map(String::as_str), 300).unwrap().to_json()
    };
    let first = train(&captions);
    for _ in 0..5 {
        assert_eq!(train(&captions), first);
    }
    rng.shuffle(&mut captions);
    assert_eq!(train(&captions), first);
    captions.push("an entirely other vocabulary, vocabulary, vocabulary".into());
    assert_ne!(train(&captions), first);
}

#[test]
fn the_size_is_kept() {
    let size = |n| Tokenizer::train(CAPTIONS.into_iter(), n).map(|t| t.vocab_size());
    let least = match size(0) {
        Err(Error::Vocabulary { wanted: 0, least }) => least,
        other => panic!("{other:?}"),
    };
    assert!(size(least - 1).is_err());
    assert_eq!(size(least).unwrap(), least);
    assert_eq!(size(least + 50).unwrap(), least + 50);
    // Six captions give fewer than 600 pieces, however many are requested.
    assert!(size(100_000).unwrap() < 600);
    assert_eq!(Tokenizer::train(std::iter::empty(), 300).unwrap().vocab_size(), least);
}

#[test]
fn json_round_trip() {
    let tokenizer = trained();
    let json = tokenizer.to_json();
    let again = Tokenizer::from_json(&json).unwrap();
    assert_eq!(again.to_json(), json);
    assert_eq!(again.vocab_size(), tokenizer.vocab_size());
    for text in ["a knight walks", "naïve zyzzyva 🙂", ""] {
        assert_eq!(again.analyse(text).unwrap(), tokenizer.analyse(text).unwrap());
    }
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["model"]["type"], "WordPiece");
    assert_eq!(value["model"]["vocab"]["[PAD]"], Tokenizer::PAD);
    assert_eq!(value["model"]["vocab"]["[UNK]"], Tokenizer::UNK);
}

#[test]
fn a_broken_json_is_an_error() {
    let json = trained().to_json();
    let with = |from: &str, to: &str| {
        assert!(json.contains(from), "{from}");
        json.replace(from, to)
    };
    let rows = [
        (json[..json.len() / 2].to_owned(), "line"),
        (String::new(), "line 1 column 0"),
        ("{}".to_owned(), "added_tokens must be []"),
        ("[1, 2]".to_owned(), "the tokenizer must be"),
        ("3".to_owned(), "the tokenizer must be"),
        (with("\"version\": \"1.0\"", "\"version\": \"9\""), "version must be \"1.0\""),
        (with("\"WordPiece\"", "\"Bee\""), "model.type"),
        (with("\"decoder\": null", "\"decoder\": {\"type\": \"Fuse\"}"), "decoder must be null"),
        (with("\"lowercase\": true", "\"lowercase\": false"), "normalizer.lowercase"),
        (with("\"clean_text\"", "\"content\": \"aaaaaaaa\", \"clean_text\""), "normalizer.content"),
        (with("\"added_tokens\": []", "\"added_tokens\": [{\"id\": 0}]"), "added_tokens"),
        (with("\"[PAD]\": 0", "\"[PADDING]\": 0"), "[PAD]"),
        (with("\"[UNK]\": 1", "\"[UNKNOWN]\": 1"), "[UNK]"),
        (with("\"#\": 6,", "\"#\": 4294967295,"), "piece 6"),
        (with("\"#\": 6,", "\"#\": -1,"), "-1"),
        (with("\"#\": 6,", "\"#\": 7,"), "piece 7"),
    ];
    for (json, expected) in rows {
        let error = Tokenizer::from_json(&json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }
}
