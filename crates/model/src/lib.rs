//! A trained kinora model: load, save, and sample a sentence into a clip
