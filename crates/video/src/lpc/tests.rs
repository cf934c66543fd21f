//! What needs the inside: the captions are held against the attributes by their words alone, and
//! the table against its own rules.

use super::*;

/// An `Lpc` whose sheets are not there: captions need none.
fn without_sheets(wardrobe: Wardrobe) -> Lpc {
    let info = Info {
        spec: "lpc:nowhere".to_owned(),
        dims: [FRAMES, CELL, CELL, 4],
        fps: 8.0,
        licence: String::new(),
        credits: String::new(),
    };
    let held_out = HeldOut::new(&wardrobe);
    Lpc { root: PathBuf::new(), info, wardrobe, held_out, cache: Cache::new(CACHE) }
}

fn both() -> [Lpc; 2] {
    [universal::wardrobe(), li2018::wardrobe()].map(without_sheets)
}

#[test]
fn held_out_pairs_never_meet_in_training_and_always_in_the_rest() {
    for lpc in both() {
        for index in 0..20_000 {
            for split in [Split::Train, Split::HeldOut] {
                let a = lpc.caption(split, Draw { seed: 5, index }).unwrap().attributes;
                let (hair, torso) = (a["hair"].as_str(), a["torso"].as_str());
                let pairs = lpc.held_out.hair_torso.iter().any(|pair| *pair == (hair, torso))
                    || lpc
                        .held_out
                        .body_action
                        .iter()
                        .any(|pair| *pair == (a["body"].as_str(), a["action"].as_str()));
                assert_eq!(pairs, split == Split::HeldOut, "{a:?}");
            }
        }
    }
}
