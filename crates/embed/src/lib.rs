//! From tokens to word vectors and a sentence vector
