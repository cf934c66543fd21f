use kinora_model::{ClipConfig, Model};
use kinora_tensor::Tensor;
use kinora_video::{Clip, Dataset, Draw, Example, Palette, Split};

use crate::Result;

/// Films side by side.
const COLUMNS: usize = 8;

/// The first `count` examples of the stream `seed`, scaled to the size and frames of `clip`.
///
/// # Errors
/// If an example cannot be drawn.
pub fn examples(
    dataset: &dyn Dataset,
    split: Split,
    seed: u64,
    count: u64,
    clip: &ClipConfig,
) -> Result<Vec<Example>> {
    let draw = |index| {
        let mut example = dataset.example(split, Draw { seed, index })?;
        example.clip = example.clip.to_dims(clip.dims())?;
        Ok(example)
    };
    (0..count).map(draw).collect()
}

/// A grid that shows how far a model has come: each real clip above the model's film of the clip's
/// caption, cleaned into a sprite, with the caption below.
///
/// Film k has the seed `seed + k`.
///
/// # Errors
/// If there is no example, a film cannot be made, or the sheet would be too large.
pub fn sheet<T: Tensor>(model: &Model<T>, examples: &[Example], seed: u64) -> Result<Clip> {
    let prompts: Vec<(&str, u64)> =
        examples.iter().zip(seed..).map(|(e, seed)| (e.caption.text.as_str(), seed)).collect();
    Ok(arrange(examples, Some(&model.sample_batch(&prompts)?))?)
}

/// A grid of real clips with their captions, to inspect a dataset before training.
///
/// # Errors
/// If there is no example, or the sheet would be too large.
pub fn preview(examples: &[Example]) -> Result<Clip> {
    Ok(arrange(examples, None)?)
}

/// Each real clip, above the film of its caption if there are films, scaled up so that the caption
/// is readable.
fn arrange(examples: &[Example], films: Option<&[Clip]>) -> kinora_video::Result<Clip> {
    let cells = examples.iter().enumerate().map(|(k, example)| {
        let film = films.map(|films| films[k].clean(&Palette::Auto).over([255; 3]));
        let pair: Vec<Clip> = [example.clip.over([255; 3])].into_iter().chain(film).collect();
        let pair = kinora_video::grid(&pair, 1, 1)?;
        let [_, _, width, _] = pair.dims();
        pair.scale(128usize.div_ceil(width))?.captioned(&example.caption.text, 5)
    });
    kinora_video::grid(
        &cells.collect::<kinora_video::Result<Vec<_>>>()?,
        COLUMNS,
        kinora_video::GAP,
    )
}
