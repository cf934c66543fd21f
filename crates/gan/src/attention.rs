use kinora_nn::{Fill, Init, Module, join};
use kinora_tensor::{Result, Shape, Tensor};

/// Attention over the words: score(q, V) = qᵀ W_a Vᵀ / √word, A = softmax(score), c = A V, for V `[m, word]`
/// (Luong et al., "Effective approaches to attention-based neural machine translation", 2015,
/// equation 8, "general"). The scale 1 / √word comes from Vaswani et al., "Attention is all you
/// need", 2017, equation 1; it keeps the softmax from saturating when word vectors are wide.
///
/// The generator computes the attention anew at every frame, with the sentence and the recurrent
/// state in the query q.
#[derive(Clone, Debug)]
pub struct Attention<T> {
    /// W_a, `[query, word]`.
    pub weight: T,
}

impl<T> Attention<T> {
    /// Attention for queries of width `query` and word vectors of width `word`.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, query: usize, word: usize) -> Result<Self> {
        let std = (1.0 / query as f32).sqrt();
        Ok(Self { weight: init.tensor([query, word].into(), Fill::Normal(std))? })
    }
}

impl<T: Tensor> Attention<T> {
    /// The context of each query, and the attention weight of each word.
    ///
    /// # Shapes
    /// query `[n, query]`, words `[n, m, word]`, bias `[n, m]` (0 for a word, a large negative
    /// number for padding); returns the context `[n, word]` and the weights A `[n, m]`.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn forward(&self, query: &T, words: &T, bias: &T) -> Result<(T, T)> {
        let [n, m, word] = [words.shape()[0], words.shape()[1], words.shape()[2]];
        let query = query.reshape([n, 1, query.shape()[1]])?;
        let (context, weights) = self.many(&query, words, bias)?;
        Ok((context.reshape([n, word])?, weights.reshape(Shape::from([n, m]))?))
    }

    /// Like [`Attention::forward`], for q queries per sentence.
    ///
    /// # Shapes
    /// query `[n, q, query]`, words `[n, m, word]`, bias `[n, m]`; returns the contexts
    /// `[n, q, word]` and the weights `[n, q, m]`.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn many(&self, query: &T, words: &T, bias: &T) -> Result<(T, T)> {
        let [n, m, word] = [words.shape()[0], words.shape()[1], words.shape()[2]];
        let [q, width] = [query.shape()[1], query.shape()[2]];
        let asked = query.reshape([n * q, width])?.matmul(&self.weight)?.reshape([n, q, word])?;
        let scale = (word as f32).sqrt().recip();
        let score = asked.matmul_t(false, words, true)?.affine(scale, 0.0)?;
        let weights = score.add(&bias.reshape([n, 1, m])?)?.softmax()?;
        Ok((weights.matmul(words)?, weights))
    }
}

impl<T> Module<T> for Attention<T> {
    type Of<U> = Attention<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Attention<U>, E> {
        Ok(Attention { weight: f(&join(path, "weight"), &self.weight)? })
    }
}
