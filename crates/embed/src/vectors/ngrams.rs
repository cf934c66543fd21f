/// The lengths of n-grams, in letters.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=6;

/// The letter n-grams of a word, as indices of buckets: all n-grams of 3 to 6 letters of the word
/// between `<` and `>` (Bojanowski et al., "Enriching word vectors with subword information",
/// 2017), hashed by FNV-1a of their bytes. Empty if `buckets` is 0.
pub fn ngrams(word: &str, buckets: usize) -> Vec<usize> {
    if buckets == 0 {
        return Vec::new();
    }
    let word = format!("<{word}>");
    let mut borders: Vec<usize> = word.char_indices().map(|(at, _)| at).collect();
    borders.push(word.len());
    let parts = borders.iter().enumerate().flat_map(|(i, &start)| {
        LENGTHS.filter_map({
            let (borders, word) = (&borders, &word);
            move |length| Some(&word[start..*borders.get(i + length)?])
        })
    });
    parts.map(|part| (super::fnv(part.bytes()) % buckets as u64) as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_words() {
        // <it, it>, <it>
        assert_eq!(ngrams("it", 1 << 40).len(), 3);
        assert!(ngrams("", 10).is_empty());
        assert!(ngrams("robe", 0).is_empty());
        assert!(ngrams("überträgt", 7).iter().all(|&bucket| bucket < 7));
        // <robe> has 4 of three letters, 3 of four, 2 of five and 1 of six.
        let (robe, robes) = (ngrams("robe", 1 << 40), ngrams("robes", 1 << 40));
        assert_eq!(robe.len(), 10);
        assert_eq!(robe.iter().filter(|part| robes.contains(part)).count(), 6);
    }
}
