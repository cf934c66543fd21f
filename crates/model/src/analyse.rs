use std::sync::OnceLock;

use kinora_embed::EncoderConfig;
use kinora_text::{Analysis, Engine, Tagger, Tokenizer};

use crate::Result;

static TAGGER: OnceLock<Tagger> = OnceLock::new();

/// What an encoder is told of sentences: their pieces and, if it looks at them, the parts of speech
/// and names that the built-in tagger finds.
///
/// # Errors
/// If a sentence cannot be read.
pub fn analyse(
    tokenizer: &Tokenizer,
    config: &EncoderConfig,
    texts: &[&str],
) -> Result<Vec<Analysis>> {
    let cut = texts.iter().map(|text| tokenizer.analyse(text));
    let mut analyses = cut.collect::<Result<Vec<_>, _>>()?;
    if config.tags > 0 {
        let tagger = match TAGGER.get() {
            Some(tagger) => tagger,
            None => {
                let tagger = Tagger::builtin()?;
                TAGGER.get_or_init(|| tagger)
            }
        };
        for (analysis, tagged) in analyses.iter_mut().zip(tagger.analyse(texts)?) {
            analysis.adopt(tagged);
        }
    }
    Ok(analyses)
}
