use kinora_nn::{Gru, Init, Linear, Module, join};
use kinora_tensor::{Result, Tensor};

/// s = f(V): a bidirectional GRU reads the words; the sentence is made of what it holds at both
/// ends and of the mean word.
///
/// The mean says at once which words there are, the GRU which belongs to which: "a woman with red
/// hair in a blue robe" is not "a woman with blue hair in a red robe".
#[derive(Clone, Debug)]
pub struct Sentence<T> {
    /// Reads from the first word on.
    pub forward: Gru<T>,
    /// Reads from the last word back.
    pub backward: Gru<T>,
    /// From both ends and the mean to s.
    pub join: Linear<T>,
}

impl<T> Sentence<T> {
    /// Reads words of `inputs` numbers into words of `word` numbers and a sentence of `sentence`
    /// numbers.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        inputs: usize,
        word: usize,
        sentence: usize,
    ) -> Result<Self> {
        let half = word / 2;
        Ok(Self {
            forward: Gru::new(init, inputs, half)?,
            backward: Gru::new(init, inputs, word - half)?,
            join: Linear::new(init, word + inputs, sentence, true)?,
        })
    }
}

impl<T: Tensor> Sentence<T> {
    /// The words in their context, and the sentence.
    ///
    /// # Shapes
    /// words `[n, m, inputs]`, zeros where the mask is; mask `[n, m]`, m at least 1; gives
    /// `[n, m, word]` and `[n, sentence]`.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn read(&self, words: &T, mask: &T) -> Result<(T, T)> {
        let [n, m, d] = [words.shape()[0], words.shape()[1], words.shape()[2]];
        let ahead = self.forward.run(words, Some(mask), false)?;
        let back = self.backward.run(words, Some(mask), true)?;
        let count = mask.sum(&[1])?; // [n, 1]
        // An empty sentence has no mean; 1e-6 makes it zero.
        let mean = words.sum(&[1])?.reshape([n, d])?.div(&count.affine(1.0, 1e-6)?)?;
        let ends = T::concat(&[&ahead[m - 1], &back[0], &mean], 1)?;
        let stack = |states: &[T]| T::stack(&states.iter().collect::<Vec<_>>(), 1);
        let context = T::concat(&[&stack(&ahead)?, &stack(&back)?], 2)?;
        Ok((context, self.join.forward(&ends)?))
    }
}

impl<T> Module<T> for Sentence<T> {
    type Of<U> = Sentence<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Sentence<U>, E> {
        Ok(Sentence {
            forward: self.forward.try_map(&join(path, "forward"), f)?,
            backward: self.backward.try_map(&join(path, "backward"), f)?,
            join: self.join.try_map(&join(path, "join"), f)?,
        })
    }
}
