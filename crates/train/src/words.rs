//! The lexicon of a training: tokenizer, vocabulary and external vectors for its captions.

use std::sync::Arc;

use kinora_embed::EncoderConfig;
use kinora_model::{Lexicon, Model, Strange};
use kinora_tensor::Tensor;
use kinora_video::{Dataset, Draw, Split};

use crate::{Config, Error, Result};

/// Captions of a split of the dataset. From those of the training split a training learns its
/// vocabulary.
pub(crate) fn captions(
    config: &Config,
    dataset: &dyn Dataset,
    split: Split,
) -> Result<Vec<String>> {
    let caption = |index| dataset.caption(split, Draw { seed: config.seed, index });
    (0..config.tokenizer.captions).map(|index| Ok(caption(index)?.text)).collect()
}

/// The lexicon of the model that a training starts from, with the tables and the sentence encoder
/// of the config, and with the words of the new captions.
pub(crate) fn lexicon_of<T: Tensor>(
    config: &Config,
    model: &Model<T>,
    dataset: &dyn Dataset,
) -> Result<Lexicon> {
    let captions = captions(config, dataset, Split::Train)?;
    let mut lexicon = with_sources(config, model, &captions)?;
    lexicon.learn(&captions)?;
    Ok(lexicon)
}

/// The words that disturb captions. Words of held-out captions are left out, because an evaluation
/// says how well a model follows words that the training did not have.
pub(crate) fn strange(
    config: &Config,
    lexicon: &Lexicon,
    dataset: &dyn Dataset,
) -> Result<Arc<Strange>> {
    if config.encoder.vectors == "none" {
        return Ok(Arc::default()); // nothing is disturbed without a table
    }
    let held_out = captions(config, dataset, Split::HeldOut)?;
    Ok(Arc::new(lexicon.strange(lexicon.words_of(&held_out)?)))
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
                "encoder.{key} names another {what} than the model {name:?} was trained with; name the \
                 same {what}, or start without --init"
            )));
        }
    }
    let is_same = (&old.vectors, &old.encoder) == (&new.vectors, &new.encoder);
    // The same files under other paths: keep the lexicon that the model's weights were trained
    // with.
    Ok(if is_same && wanted.reader == was.reader { model.lexicon.with(wanted) } else { lexicon })
}
