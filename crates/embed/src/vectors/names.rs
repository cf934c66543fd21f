use rayon::prelude::*;

/// Words by index, and indices by word.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// All words, without separators.
    pub text: String,
    /// The byte in `text` at which each word ends.
    pub ends: Vec<u32>,
    /// The words' indices in alphabetical order.
    pub order: Vec<u32>,
}

impl Names {
    pub fn word(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[index] as usize]
    }

    /// Appends a word; the error says why it cannot be added.
    pub fn push(&mut self, word: &str) -> Result<(), String> {
        if word.is_empty() {
            return Err("the word is empty".into());
        }
        self.text += word;
        let end = u32::try_from(self.text.len());
        self.ends.push(end.map_err(|_| "all words together exceed 4 GiB".to_owned())?);
        Ok(())
    }

    /// Sorts the words; returns the indices of repetitions, in increasing order.
    pub fn sort(&mut self) -> Vec<usize> {
        let mut order: Vec<u32> = (0..self.ends.len() as u32).collect();
        let word = |index: &u32| self.word(*index as usize);
        order.par_sort_by_key(word);
        // The sort is stable, so of two equal words the later one is the repetition.
        let pairs = order.windows(2).filter(|pair| word(&pair[0]) == word(&pair[1]));
        let mut twice: Vec<usize> = pairs.map(|pair| pair[1] as usize).collect();
        twice.sort_unstable();
        self.order = order;
        twice
    }
}
