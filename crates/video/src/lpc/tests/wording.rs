//! The words of captions: how they vary, and which are held out.

use std::collections::BTreeSet;

use super::told::{self, lies, told, words};
use super::*;

#[test]
fn most_captions_tell_action_and_direction_and_wording_varies() {
    let lpc = without_sheets(universal::wardrobe());
    let (mut actions, mut directions, mut texts) = (0, 0, BTreeSet::new());
    for index in 0..2000 {
        let caption = lpc.caption(Split::Train, Draw { seed: SEED, index }).unwrap();
        let told = told(&caption.text);
        actions += u32::from(told.contains_key("action"));
        let fall = caption.attributes["action"] == "hurt";
        directions += u32::from(fall || told.contains_key("direction"));
        texts.insert(caption.text);
    }
    assert!(actions >= 1800 && directions >= 1800, "{actions} {directions}");
    assert!(texts.len() > 1900, "{}", texts.len());
}

#[test]
fn some_figures_have_names() {
    let (mut all, mut named) = (0, 0);
    each(6000, |_, _, _, caption| {
        let names = caption.text.split(' ').filter(|word| {
            ["Mira", "Anna", "Lena", "Zoe", "Priya", "Ines"].contains(word)
                || ["Tom", "Omar", "Arthur", "Ivan", "Diego", "Kenji"].contains(word)
        });
        let names: Vec<&str> = names.collect();
        all += 1;
        named += usize::from(!names.is_empty());
        for name in names {
            assert!(caption.text.contains(&format!("{name} the ")), "{:?}", caption.text);
        }
    });
    assert!((all / 40..all / 20).contains(&named), "{named} of {all}");
}

/// The held-out phrases of the tables.
fn held_out_phrases() -> BTreeSet<&'static str> {
    let sources = [
        include_str!("../words.rs"),
        include_str!("../noun.rs"),
        include_str!("../caption.rs"),
        include_str!("../universal.rs"),
        include_str!("../universal/clothes.rs"),
        include_str!("../li2018.rs"),
    ];
    let marked = sources.into_iter().flat_map(|source| source.split("\"~").skip(1));
    let phrases = marked.filter_map(|rest| rest.split('"').next()).chain(["we see", "can be seen"]);
    phrases.filter(|phrase| !phrase.is_empty()).collect()
}

#[test]
fn training_never_says_a_held_out_phrase() {
    let phrases = held_out_phrases();
    assert!(phrases.len() > 30, "{phrases:?}");
    let mut heard: BTreeSet<&str> = BTreeSet::new();
    let (mut odd, mut with) = (0, 0);
    each(8000, |lpc, split, draw, _| {
        let (text, wrong) = untyped(lpc, split, draw, 2);
        for (place, text) in wrong.into_iter().map(|wrong| wrong.0).chain([text]).enumerate() {
            let text = format!(" {} ", words(&text).join(" "));
            let says = |phrase: &&str| text.contains(&format!(" {phrase} "));
            let found: Vec<&str> = phrases.iter().copied().filter(says).collect();
            let new = split == Split::HeldOut && draw.index % 2 == 1;
            assert!(new || found.is_empty(), "{text:?} says {found:?}");
            if new && place == 2 {
                (odd, with) = (odd + 1, with + usize::from(!found.is_empty()));
            }
            heard.extend(found);
        }
    });
    let missing: Vec<_> = phrases.iter().filter(|phrase| !heard.contains(**phrase)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(with * 10 > odd * 9, "{with} of {odd} sentences in held-out wording");
}

/// So that a model draws "a man with red hair" standing or walking, and not falling.
#[test]
fn some_captions_have_neither_action_nor_direction() {
    let (mut neither, mut all) = (0, 0);
    each(8000, |lpc, split, draw, caption| {
        let said = |key: &str| caption.said.contains(key);
        let tells_fight =
            ["attack", "fight", "strik"].iter().any(|verb| caption.text.contains(verb));
        all += 1;
        neither += usize::from(!said("action") && !said("direction") && !tells_fight);
        // A caption that states nothing would be true of every clip. A role, such as "knight", states
        // clothes.
        let (figure, voice) = (lpc.figure(split, draw), Voice::draw(split, draw, 1));
        assert!(sentence(&figure, voice).1 != mention::Told::default(), "{:?}", caption.text);
    });
    assert!((all * 3 / 100..all * 8 / 100).contains(&neither), "{neither} of {all}");
}

#[test]
fn words_are_plain_english_and_some_are_kept_for_later() {
    let banned = "scarlet crimson azure violet jewfro longhawk darkelf redhead raven jacket wc sc \
                  png";
    let banned: BTreeSet<_> = banned.split_whitespace().collect();
    let (mut words, mut trained) = (BTreeSet::new(), BTreeSet::new());
    each(4000, |lpc, split, draw, _| {
        let (text, wrong) = untyped(lpc, split, draw, 1);
        for text in wrong.into_iter().map(|wrong| wrong.0).chain([text]) {
            assert!(!text.contains("  ") && text.trim() == text, "{text:?}");
            assert!(!text.contains(['~', '_']) && !text.ends_with([',', ':']), "{text:?}");
            assert!(![",,", ", ,", ",.", ":,"].iter().any(|bad| text.contains(bad)), "{text:?}");
            if split == Split::Train {
                trained.extend(told::words(&text));
            }
            words.extend(told::words(&text));
        }
    });
    assert!(words.is_disjoint(&banned.iter().map(|w| (*w).to_owned()).collect()));
    assert!(words.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    assert!(trained.len() < 440, "{} words: {trained:?}", trained.len());
}

#[test]
fn few_captions_have_a_typing_error_and_no_colour_becomes_another() {
    let (mut all, mut wrong) = (0, 0);
    each(8000, |lpc, split, draw, caption| {
        let text = untyped(lpc, split, draw, 0).0;
        all += 1;
        if text != caption.text {
            wrong += 1;
            let pairs = text.split(' ').zip(caption.text.split(' '));
            let typed: Vec<_> = pairs.filter(|(right, wrong)| right != wrong).collect();
            assert_eq!(typed.len(), 1, "{text:?} {:?}", caption.text);
            assert!(lies(&caption.text, &caption.attributes).is_empty(), "{:?}", caption.text);
        }
    });
    assert!((all / 50..all / 25).contains(&wrong), "{wrong} of {all}");
}
