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

/// The tokenizer of a model to start from, with what the config asks for beside it.
pub(crate) fn lexicon_of<T: Tensor>(
    config: &Config,
    model: &Model<T>,
    captions: &[String],
) -> Result<Lexicon> {
    let (tokenizer, sources) = (model.lexicon.tokenizer.clone(), model.lexicon.sources());
    let (wanted, was) = (&config.encoder, &model.config.encoder);
    let asks =
        |encoder: &EncoderConfig| (encoder.reader, encoder.vectors.clone(), encoder.onnx.clone());
    if asks(wanted) == asks(was) {
        return Ok(Lexicon::open(wanted, tokenizer, sources, None)?);
    }
    let lexicon = Lexicon::new(wanted, tokenizer, captions)?;
    let new = lexicon.sources();
    for (what, key, trained, other) in [
        ("table of word vectors", "vectors", &sources.vectors, &new.vectors),
        ("sentence encoder", "onnx", &sources.encoder, &new.encoder),
    ] {
        if trained.is_some() && other.is_some() && trained != other {
            let name = &model.card.name;
            return Err(Error::Config(format!(
                "encoder.{key} names another {what} than the model {name:?} was trained with; keep that \
                 one, or start afresh without it"
            )));
        }
    }
    Ok(lexicon)
}
