//! From a sentence to tokens with byte spans
