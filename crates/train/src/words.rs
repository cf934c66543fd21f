//! The lexicon of a training: tokenizer, vocabulary and external vectors for its captions.

use kinora_embed::EncoderConfig;
use kinora_model::{Lexicon, Model};
use kinora_tensor::Tensor;
use kinora_video::{Dataset, Draw, Split};

use crate::{Config, Error, Result};

/// The captions from which a training learns its vocabulary.
pub(crate) fn captions(config: &Config, dataset: &dyn Dataset) -> Result<Vec<String>> {
    let caption = |index| dataset.caption(Split::Train, Draw { seed: config.seed, index });
    (0..config.tokenizer.captions).map(|index| Ok(caption(index)?.text)).collect()
}

/// The lexicon of the model that a training starts from, with the tables and the sentence encoder
/// of the config, and with the words of the new captions.
pub(crate) fn lexicon_of<T: Tensor>(
    config: &Config,
    model: &Model<T>,
    dataset: &dyn Dataset,
) -> Result<Lexicon> {
    let captions = captions(config, dataset)?;
    let mut lexicon = with_sources(config, model, &captions)?;
    lexicon.learn(&captions)?;
    Ok(lexicon)
}

fn with_sources<T: Tensor>(
    config: &Config,
    model: &Model<T>,
    captions: &[String],
) -> Result<Lexicon> {
    let (wanted, was) = (&config.encoder, &model.config.encoder);
    let asks =
        |encoder: &EncoderConfig| (encoder.reader, encoder.vectors.clone(), encoder.onnx.clone());
    if asks(wanted) == asks(was) {
        return Ok(model.lexicon.with(wanted));
    }
    let mut lexicon = Lexicon::new(wanted, model.lexicon.tokenizer.clone(), captions)?;
    lexicon.words.extend(model.lexicon.words.iter().cloned());
    let (old, new) = (model.lexicon.sources(), lexicon.sources());
    for (what, key, trained, other) in [
        ("table of word vectors", "vectors", &old.vectors, &new.vectors),
        ("sentence encoder", "onnx", &old.encoder, &new.encoder),
    ] {
        if trained.is_some() && other.is_some() && trained != other {
            let name = &model.card.name;
            return Err(Error::Config(format!(
                "encoder.{key} names another {what} than the model {name:?} was trained with; use the \
                 same one, or start without --init"
            )));
        }
    }
    let is_same = (&old.vectors, &old.encoder) == (&new.vectors, &new.encoder);
    // The same files under other paths: keep the lexicon that the model's weights were trained
    // with.
    Ok(if is_same && wanted.reader == was.reader { model.lexicon.with(wanted) } else { lexicon })
}
