//! What a training reads captions with.

use kinora_embed::EncoderConfig;
use kinora_model::{Lexicon, Model};
use kinora_tensor::Tensor;
use kinora_video::{Dataset, Draw, Split};

use crate::{Config, Error, Result};

/// What a training learns its words from.
pub(crate) fn captions(config: &Config, dataset: &dyn Dataset) -> Result<Vec<String>> {
    let caption = |index| dataset.caption(Split::Train, Draw { seed: config.seed, index });
    (0..config.tokenizer.captions).map(|index| Ok(caption(index)?.text)).collect()
}

/// The tokenizer of a model to start from, with what the config asks for beside it, and with the words
/// of the new captions.
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
                "encoder.{key} names another {what} than the model {name:?} was trained with; keep that \
                 one, or start afresh without it"
            )));
        }
    }
    let is_same = (&old.vectors, &old.encoder) == (&new.vectors, &new.encoder);
    // The same under another path: what the model has learnt of its captions goes with its weights.
    Ok(if is_same && wanted.reader == was.reader { model.lexicon.with(wanted) } else { lexicon })
}
