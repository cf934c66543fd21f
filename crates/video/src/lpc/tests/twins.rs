//! Twins, and the figure for a sentence and a reference.

use super::*;

#[test]
fn a_sentence_and_a_twin_leave_nothing_open() {
    let lpc = without_sheets(li2018::wardrobe());
    for index in 0..2000 {
        let draw = Draw { seed: SEED, index };
        let figure = lpc.figure(Split::Train, draw);
        let told = sentence(&figure, Voice::draw(Split::Train, draw, 1)).1;
        let other = lpc.figure(Split::Train, Draw { seed: SEED + 1, index });
        let complete = lpc.wardrobe.complete(&figure, &told, &other);
        assert!(lpc.wardrobe.is_possible(&complete), "{told:?} {other:?} {complete:?}");
        assert_eq!(lpc.wardrobe.complete(&complete, &told, &other), complete, "{told:?} {other:?}");
        let [own, completed] = [&figure, &complete].map(Figure::attributes);
        for key in told.attributes(&figure) {
            let role = key == "torso" && !told.torso;
            assert!(role || completed[key] == own[key], "{key}: {told:?} {other:?} {complete:?}");
        }
        for reference in [&lpc.figure_of_twin(Split::Train, draw), &figure] {
            assert_eq!(
                lpc.wardrobe.complete(&figure, &told, reference),
                figure,
                "{told:?} {reference:?}"
            );
        }
    }
    let lpc = without_sheets(universal::wardrobe());
    let keys = [
        "sex",
        "kind",
        "skin",
        "hair",
        "hair_style",
        "torso",
        "legs",
        "feet",
        "headwear",
        "weapon",
        "action",
        "direction",
    ];
    // Of each attribute: among sentences that leave it open, and among those that state it, how
    // many twins have the same value, and how many there are.
    let mut same: BTreeMap<(&str, bool), [f32; 2]> = BTreeMap::new();
    let mut actions: BTreeMap<(String, String), f32> = BTreeMap::new();
    let mut equal = 0;
    for index in 0..20_000 {
        let draw = Draw { seed: SEED, index };
        let Caption { attributes: own, said, .. } = lpc.caption(Split::Train, draw).unwrap();
        let figure = lpc.figure(Split::Train, draw);
        let told = sentence(&figure, Voice::draw(Split::Train, draw, 1)).1;
        let twin = lpc.figure_of_twin(Split::Train, draw);
        assert_eq!(twin, lpc.figure_of_twin(Split::Train, draw));
        assert!(!lpc.held_out.has(&twin), "{twin:?}");
        for reference in [&twin, &figure] {
            let complete = lpc.wardrobe.complete(&figure, &told, reference);
            assert_eq!(complete, figure, "{told:?} {reference:?}");
        }
        equal += usize::from(twin == figure);
        // The completion by any other figure fits the sentence.
        let other = lpc.figure(Split::Train, Draw { seed: SEED + 1, index });
        let complete = lpc.wardrobe.complete(&figure, &told, &other);
        assert!(lpc.wardrobe.is_possible(&complete), "{told:?} {other:?} {complete:?}");
        let completed = complete.attributes();
        // It does not depend on what the sentence leaves open.
        assert_eq!(lpc.wardrobe.complete(&complete, &told, &other), complete, "{told:?} {other:?}");
        for key in &said {
            let role = key == "torso" && !told.torso;
            assert!(role || completed[key] == own[key], "{key}: {told:?} {other:?} {complete:?}");
        }
        let twin = twin.attributes();
        // "Barefoot" and "bald" fit few figures; hidden and missing things are not stated.
        for key in keys.into_iter().filter(|key| !["none", "hidden", "bald"].contains(&&*own[*key]))
        {
            let [equal, all] = same.entry((key, said.contains(key))).or_default();
            *equal += f32::from(u8::from(own[key] == twin[key]));
            *all += 1.0;
        }
        if said.contains("action") {
            let pair = (own["action"].clone(), twin["action"].clone());
            *actions.entry(pair).or_default() += 1.0;
            *actions.entry((own["action"].clone(), String::new())).or_default() += 1.0;
        }
    }
    println!("{equal} twins are equal to their figure");
    assert!(equal < 1000, "{equal}");
    // The twin's action does not tell the figure's own.
    for own in Action::ALL.map(Action::name) {
        for twin in Action::ALL.map(Action::name) {
            let of = |twin: &str| actions.get(&(own.into(), twin.into())).copied().unwrap_or(0.0);
            let share: f32 = of(twin) / of("");
            assert!(share > 0.1, "{own} has a twin that does {twin} in {share:.3} of cases");
        }
    }
    let share = |key, said| same[&(key, said)][0] / same[&(key, said)][1];
    for (key, kept, chance) in [
        ("sex", 0.7, 0.65),
        ("kind", 0.95, 0.5),
        ("skin", 0.7, 0.25),
        ("hair", 0.99, 0.12),
        ("hair_style", 0.95, 0.12),
        ("torso", 0.75, 0.1),
        ("legs", 0.9, 0.2),
        ("feet", 0.95, 0.25),
        ("headwear", 0.99, 0.08),
        ("weapon", 0.6, 0.2),
        ("action", 0.8, 0.25),
        ("direction", 0.5, 0.3),
    ] {
        let (open, stated) = (share(key, false), share(key, true));
        println!("{key}: the same in {open:.3} of open cases, {stated:.3} of stated ones");
        assert!(open >= kept, "{key}: {open}");
        assert!(stated <= chance, "{key}: {stated}");
    }
}

#[test]
fn a_reference_counts_as_what_it_shows() {
    let lpc = without_sheets(universal::wardrobe());
    let (mut buns, mut suits) = (0, 0);
    for index in 0..4000 {
        let draw = Draw { seed: SEED, index };
        let figure = lpc.figure(Split::Train, draw);
        let told = sentence(&figure, Voice::draw(Split::Train, draw, 1)).1;
        let mut reference = lpc.figure(Split::Train, Draw { seed: SEED + 1, index });
        reference.headwear = None;
        reference.head = Head::Hair("high ponytail", "red");
        let complete = lpc.wardrobe.complete(&figure, &told, &reference);
        // From the front, a high ponytail looks like a bun; but not in a film from the front, either.
        if let (false, Head::Hair(style, _), None) =
            (told.hair_style, complete.head, complete.headwear)
        {
            let [was, is] = [reference.direction, complete.direction];
            let hides = was == Direction::Front && is != Direction::Front;
            assert_eq!(style, if hides { "bun" } else { "high ponytail" }, "{was:?} {is:?}");
            buns += usize::from(hides);
        }
        let metal = complete.torso.filter(|_| complete.is_knight()).map(|torso| torso.colour);
        if metal.is_some() && complete.torso != reference.torso && !told.legs {
            assert_eq!(complete.legs.map(|legs| legs.colour), metal, "{told:?} {reference:?}");
            suits += 1;
        }
    }
    assert!(buns > 100 && suits > 100, "{buns} {suits}");
}
