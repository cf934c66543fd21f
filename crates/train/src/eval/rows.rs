//! All metrics of a split of the data, in the order of the report.

use super::binding::{Pair, choice, swap};
use super::film::{Film, Set};
use super::interval::{Figure, mean};
use super::report::{Row, Unit};
use super::spread::Spread;
use super::{Labels, accuracy, colour, distance, diversity};

/// The films and the real clips of a split.
pub(super) struct Measured<'a> {
    /// The films of the prompts.
    pub films: Set,
    /// The variance of the films; `None` if each prompt has one film.
    pub spread: Option<Spread>,
    /// The films of the captions of the pairs.
    pub film_pairs: Set,
    /// The real clips of the prompts.
    pub real: &'a Set,
    /// Other real clips, for the distances.
    pub other: &'a Set,
    /// The real clips of the first captions of the pairs.
    pub real_pairs: &'a Set,
    pub pairs: &'a [Pair],
    /// For each prompt, whether it has words that none of the learnt captions has; empty for the side
    /// that is as in training.
    pub new_words: &'a [bool],
}

/// The rows of a split; metrics without a figure are left out.
pub(super) fn rows(measured: &Measured, labels: &Labels) -> Vec<Row> {
    let Measured { films, spread, film_pairs, real, other, real_pairs, pairs, .. } = measured;
    let mut rows = Vec::new();
    let value = |figure: Option<Figure>| figure.map(|figure| figure.value);
    let mut add = |metric, of: &str, unit, [films, real, second]: [Option<Figure>; 3]| {
        if films.is_some() {
            rows.push(Row { metric, of: of.into(), unit, films, real, second: value(second) });
        }
    };
    let mut accuracies = |metric, films: &Set, real: &Set| {
        for name in labels.names() {
            let of = |set, net| accuracy::attribute(set, labels, name, net);
            add(metric, name, Unit::Share, [of(films, 0), of(real, 0), of(films, 1)]);
        }
        let of = |set, net| accuracy::all_said(set, labels, net);
        add(metric, "all that is said", Unit::Share, [of(films, 0), of(real, 0), of(films, 1)]);
    };
    accuracies("accuracy", films, real);
    if measured.new_words.contains(&true) {
        for (metric, new) in [("accuracy_known_words", false), ("accuracy_new_words", true)] {
            let part = |set: &Set| set.of_captions(|caption| measured.new_words[caption] == new);
            accuracies(metric, &part(films), &part(real));
        }
    }
    for ((name, films), (_, real)) in
        colour::accuracy(films).into_iter().zip(colour::accuracy(real))
    {
        add("pixel_colour", name, Unit::Share, [films, real, None]);
    }
    let of = |set, net| choice(set, labels, net);
    add("choice_of_nine", "", Unit::Share, [of(films, 0), of(real, 0), of(films, 1)]);
    let [first, second] = [0, 1].map(|net| swap(film_pairs, pairs, labels, net));
    let real_swap = swap(real_pairs, pairs, labels, 0);
    add("swap", "own colours", Unit::Share, [first.own, real_swap.own, second.own]);
    add(
        "swap",
        "colours of the other",
        Unit::Share,
        [first.crossed, real_swap.crossed, second.crossed],
    );
    add("swap", "both films own", Unit::Share, [first.both, None, second.both]);
    for (region, figure) in spread.iter().flat_map(Spread::by_prompt) {
        add("variance_by_prompt", region, Unit::Share, [figure, None, None]);
    }
    for name in labels.names() {
        let of = |set| diversity::entropy(set, labels, name);
        add("bits_of_unsaid", name, Unit::Number, [of(films), of(real), None]);
    }
    for name in labels.names() {
        let of = |set| diversity::within_prompt(set, labels, name);
        add("unsaid_differs", name, Unit::Share, [of(films), of(real), None]);
    }
    if !labels.is_empty() {
        let of = accuracy::in_order;
        add("in_order", "", Unit::Share, [of(films, 0), of(real, 0), of(films, 1)]);
    }
    let of = |set| distance::frechet(set, other);
    add("frechet_distance", "", Unit::Number, [of(films), of(real), None]);
    let of = |set| distance::mmd(set, other);
    add("mmd", "", Unit::Number, [of(films), of(real), None]);
    for (metric, of, unit, number) in NUMBERS {
        let figure = |set: &Set| {
            let numbers = set.films.iter().filter_map(|film| Some((film.prompt, number(film)?)));
            mean(&numbers.collect::<Vec<_>>())
        };
        add(metric, of, unit, [figure(films), figure(real), None]);
    }
    rows
}

/// A measurement of a film.
type Number = fn(&Film) -> Option<f64>;

/// The metrics that are means over films: metric, subject, unit, measurement.
const NUMBERS: [(&str, &str, Unit, Number); 7] = [
    ("clean", "loose pieces a frame", Unit::Number, |film| Some(film.clean?.loose)),
    ("clean", "colours a film", Unit::Number, |film| Some(film.clean?.colours)),
    ("clean", "half-transparent pixels", Unit::Share, |film| film.clean?.half_transparent),
    ("motion", "change a frame", Unit::Number, |film| Some(film.motion?.change)),
    ("motion", "warping error", Unit::Number, |film| Some(film.motion?.warp)),
    ("motion", "flicker", Unit::Number, |film| Some(film.motion?.flicker)),
    ("motion", "frozen frames", Unit::Share, |film| Some(film.motion?.frozen)),
];
