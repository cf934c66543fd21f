//! Shared by the built-in datasets: the random numbers of a draw, wording, and held-out pairs.

use std::collections::BTreeSet;

use crate::{Draw, Split};

/// The random numbers of a draw; different values of `salt` give independent numbers.
pub(crate) fn rng(split: Split, draw: Draw, salt: u64) -> fastrand::Rng {
    let split = match split {
        Split::Train => 1,
        Split::HeldOut => 2,
    };
    let seed = [draw.seed, draw.index, split, salt].into_iter().fold(0, |h, word| mix(h ^ word));
    fastrand::Rng::with_seed(seed)
}

/// A random element of `values`.
pub(crate) fn pick<T: Copy>(rng: &mut fastrand::Rng, values: &[T]) -> T {
    values[rng.usize(..values.len())]
}

/// Marks a held-out phrase, which no training caption has.
const HELD_OUT: char = '~';

/// The wording of a caption, apart from its content. Each thing has random numbers of its own, so
/// that another hair colour changes only the words for the hair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Voice {
    seed: u64,
    /// Whether held-out phrases are used wherever there are some.
    new: bool,
}

impl Voice {
    /// The voice of a draw: in the held-out split, draws with an odd index use held-out phrases.
    pub fn draw(split: Split, draw: Draw, salt: u64) -> Self {
        let new = split == Split::HeldOut && draw.index % 2 == 1;
        Self { seed: rng(split, draw, salt).u64(..), new }
    }

    /// Another voice, with held-out phrases if this one has them.
    pub fn other(self) -> Self {
        Self { seed: mix(self.seed), ..self }
    }

    pub fn is_new(self) -> bool {
        self.new
    }

    /// The random numbers for the words of one thing.
    pub fn rng(self, thing: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(mix(self.seed ^ mix(thing)))
    }

    /// A random one of `words`; those that begin with `~` are held out.
    pub fn pick(self, rng: &mut fastrand::Rng, words: &[&'static str]) -> &'static str {
        self.choose(rng, words, |word| word).trim_start_matches(HELD_OUT)
    }

    /// A random one of `values`; a value is held out if its `word` begins with `~`.
    pub fn choose<T: Copy>(
        self,
        rng: &mut fastrand::Rng,
        values: &[T],
        word: impl Fn(&T) -> &'static str,
    ) -> T {
        let held_out = |value: &&T| word(value).starts_with(HELD_OUT);
        let new = self.new && values.iter().any(|value| held_out(&value));
        let fits = || values.iter().filter(|value| held_out(value) == new);
        let place = rng.usize(..fits().count().max(1));
        *fits().nth(place).unwrap_or(&values[0])
    }
}

/// A tenth of the pairs of `a` and `b`, as indices into the two lists: the pairs with the lowest
/// hashes, except pairs that would leave one of their values without a pair in training.
pub(crate) fn held_out(a: &[&str], b: &[&str]) -> BTreeSet<(usize, usize)> {
    let mut pairs: Vec<(u64, (usize, usize))> = a
        .iter()
        .enumerate()
        .flat_map(|(i, x)| {
            b.iter().enumerate().map(move |(j, y)| (hash(&format!("{x}/{y}")), (i, j)))
        })
        .collect();
    pairs.sort_unstable();
    let wanted = (pairs.len() + 5) / 10;
    let mut held = BTreeSet::new();
    for (_, (i, j)) in pairs {
        let lonely = held.iter().filter(|pair: &&(usize, usize)| pair.0 == i).count() + 1
            >= b.len()
            || held.iter().filter(|pair| pair.1 == j).count() + 1 >= a.len();
        if held.len() < wanted && !lonely {
            held.insert((i, j));
        }
    }
    held
}

/// FNV-1a, then [`mix`]. Unlike the standard hasher, it is fixed for all machines and versions.
pub(crate) fn hash(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(fnv)
}

/// The finaliser of SplitMix64 (Steele et al. 2014), after its step.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_held_out_and_every_value_stays() {
        for (rows, columns) in [(8, 8), (8, 11), (2, 40), (2, 5), (1, 30), (3, 7)] {
            let names: Vec<String> = (0..40).map(|i| format!("value {i}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let held = held_out(&names[..rows], &names[..columns]);
            // With a single row, every pair is the only one of its column.
            let expected = if rows == 1 { 0 } else { (rows * columns + 5) / 10 };
            assert_eq!(held.len(), expected, "{rows}x{columns}");
            assert!((0..rows).all(|i| (0..columns).any(|j| !held.contains(&(i, j)))));
            assert!((0..columns).all(|j| (0..rows).any(|i| !held.contains(&(i, j)))));
        }
    }

    #[test]
    fn draws_differ_in_each_of_their_parts() {
        let first = |split, seed, index, salt| rng(split, Draw { seed, index }, salt).u64(..);
        let one = first(Split::Train, 1, 2, 3);
        assert_eq!(one, first(Split::Train, 1, 2, 3));
        for other in [
            first(Split::HeldOut, 1, 2, 3),
            first(Split::Train, 2, 2, 3),
            first(Split::Train, 1, 3, 3),
            first(Split::Train, 1, 2, 4),
            first(Split::Train, 2, 1, 3),
        ] {
            assert_ne!(one, other);
        }
    }
}
