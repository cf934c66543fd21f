//! The features of a word: its row in the vocabulary, hashed letter n-grams, and its shape.

/// Letter n-grams of a word at most; longer words keep the first ones.
pub(super) const GRAMS: usize = 24;

/// Rows of the shape table: eight shapes, each in a sentence with capitals and in one without.
pub(super) const SHAPES: usize = 2 * 8;

/// The words with embeddings of their own, and their rows in the table. Row 0 is for all other
/// words.
///
/// All words are in one string, so that loading it is cheap.
#[derive(Clone, Debug, Default)]
pub(super) struct Vocabulary {
    /// The sorted words, separated by spaces.
    words: String,
    /// The byte at which each word begins.
    starts: Vec<u32>,
}

impl Vocabulary {
    /// Words separated by spaces, as [`Vocabulary::words`] gives them; `None` unless they are
    /// sorted and distinct.
    pub fn new(words: &str) -> Option<Self> {
        let (mut starts, mut start, mut last) = (Vec::new(), 0, "");
        for word in words.split(' ').filter(|_| !words.is_empty()) {
            if word <= last {
                return None;
            }
            starts.push(u32::try_from(start).ok()?);
            start += word.len() + 1;
            last = word;
        }
        Some(Self { words: words.to_owned(), starts })
    }

    /// The words in the order of their rows, from row 1 on, separated by spaces.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Rows of the table.
    pub fn len(&self) -> usize {
        self.starts.len() + 1
    }

    pub fn row(&self, plain: &str) -> u32 {
        let from = |start: u32| {
            let rest = &self.words[start as usize..];
            &rest[..rest.find(' ').unwrap_or(rest.len())]
        };
        self.starts.binary_search_by(|&start| from(start).cmp(plain)).map_or(0, |at| at as u32 + 1)
    }
}

/// A word in lower case, with each digit replaced by 0; only the first 64 characters.
pub(super) fn plain(word: &str) -> String {
    // The limit bounds the time for absurdly long words.
    let lower = word.chars().take(64).flat_map(char::to_lowercase);
    lower.map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// The rows, below `rows`, of a word's letter n-grams: its prefixes and suffixes of one to four
/// letters, the whole word and all trigrams, hashed (after Bojanowski et al., "Enriching word
/// vectors with subword information", 2017).
pub(super) fn grams(plain: &str, rows: u32) -> Vec<u32> {
    let letters: Vec<char> = plain.chars().collect();
    let mut found = Vec::with_capacity(GRAMS);
    let mut add = |kind: u8, piece: &[char]| {
        if found.len() < GRAMS {
            found.push(hash(kind, piece) % rows);
        }
    };
    for len in 1..=letters.len().min(4) {
        add(b'<', &letters[..len]);
        add(b'>', &letters[letters.len() - len..]);
    }
    add(b'=', &letters);
    letters.windows(3).for_each(|piece| add(b'-', piece));
    found
}

/// The 64-bit FNV-1a hash, folded to 32 bits.
fn hash(kind: u8, piece: &[char]) -> u32 {
    let letters = piece.iter().flat_map(|&c| u32::from(c).to_le_bytes());
    let hash =
        std::iter::once(kind).chain(letters).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
    (hash ^ (hash >> 32)) as u32
}

/// Whether no word has a capital. In such a sentence a lower-case word may still be a name.
pub(super) fn without_capitals(words: &[&str]) -> bool {
    !words.iter().any(|word| word.chars().any(char::is_uppercase))
}

/// The row of a word's shape in the shape table: its capitals, digits and signs.
pub(super) fn shape(word: &str, without_capitals: bool) -> u32 {
    let (mut upper, mut lower, mut digits, mut others) = (0, 0, 0, 0);
    for c in word.chars().take(64) {
        match c {
            _ if c.is_uppercase() => upper += 1,
            _ if c.is_alphabetic() => lower += 1,
            _ if c.is_numeric() => digits += 1,
            _ => others += 1,
        }
    }
    let kind = match (upper, lower, digits, others) {
        (0, 0, 0, _) => 0,
        (0, 0, _, 0) => 1,
        (0, 0, _, _) => 2,
        (_, _, 1.., _) => 3,
        (0, ..) => 4,
        (1, ..) if word.starts_with(char::is_uppercase) && upper + lower > 1 => 5,
        (_, 0, ..) => 6,
        _ => 7,
    };
    2 * kind + u32::from(without_capitals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_alike_share_pieces() {
        let of = |word: &str| grams(&plain(word), 1 << 20);
        let shared = |a: &str, b: &str| of(a).iter().filter(|g| of(b).contains(g)).count();
        assert_eq!(of("Walking"), of("walking"));
        assert_eq!(of("1984"), of("2001"));
        assert!(shared("walking", "talking") >= 8, "{}", shared("walking", "talking"));
        assert_eq!(shared("walking", "cat"), 0);
        for word in ["", "a", "騎士", &"x".repeat(1_000_000)] {
            assert!(of(word).len() <= GRAMS, "{}", of(word).len());
        }
    }

    #[test]
    fn known_words_have_rows() {
        let vocabulary = Vocabulary::new("a cat é").unwrap();
        assert_eq!(vocabulary.len(), 4);
        assert_eq!(
            ["a", "cat", "é", "b", "", "ca"].map(|word| vocabulary.row(word)),
            [1, 2, 3, 0, 0, 0]
        );
        assert_eq!(Vocabulary::new("").unwrap().len(), 1);
        for wrong in [" ", "a  b", "b a", "a a", "a "] {
            assert!(Vocabulary::new(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn shapes_of_words() {
        let words = [
            ("...", 0),
            ("12", 1),
            ("1,5", 2),
            ("B2b", 3),
            ("red", 4),
            ("Red", 5),
            ("I", 6),
            ("iPad", 7),
        ];
        for (word, kind) in words {
            assert_eq!(shape(word, false), 2 * kind, "{word}");
            assert!((shape(word, true) as usize) < SHAPES);
        }
    }
}
